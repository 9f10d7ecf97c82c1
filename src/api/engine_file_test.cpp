// Engines out of engine files: the same results, and options that contradict the file.
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <spinel/engine.hpp>

#include "onnx/test_model.hpp"

namespace spinel {
namespace {

using test::ModelGraph;

/// An engine file of a network with a dynamic batch and width, gone with the test.
struct Built {
  std::filesystem::path folder;
  std::string file;
  std::vector<std::byte> model;

  explicit Built(EngineOptions options = {}) {
    std::string name = (std::filesystem::temp_directory_path() / "spinel-engine-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    file = (folder / "e.spinel").string();
    ModelGraph graph;
    graph.input("x", DType::float32, {std::string("n"), 8, 9, std::string("width")});
    graph.input("shift", DType::float32, {std::string("n"), 12, 9, std::string("width")});
    graph.constant("w", test::random_floats({12, 8, 3, 3}, 1)).constant("b", test::random_floats({12}, 2));
    graph.node("Conv", {"x", "w", "b"}, {"c"}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
    graph.node("Add", {"c", "shift"}, {"s"}).node("Sigmoid", {"s"}, {"y"}).output("y", DType::float32);
    model = graph.model();
    options.save_engine = file;
    InferEngine::from_memory(model, options);
  }
  Built(const Built&) = delete;
  Built& operator=(const Built&) = delete;
  ~Built() { std::filesystem::remove_all(folder); }

  InferEngine load(EngineOptions options = {}) const {
    options.load_engine = file;
    return InferEngine(options);
  }
  std::string refusal(const EngineOptions& options) const {
    try {
      load(options);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::unsupported);
      return error.what();
    }
    return {};
  }
};

std::vector<Tensor> inputs(int64_t batch, int64_t width) {
  return {test::random_floats({batch, 8, 9, width}, 3), test::random_floats({batch, 12, 9, width}, 4)};
}

void require_same(const Tensor& a, const Tensor& b) {
  REQUIRE(a.dims() == b.dims());
  REQUIRE(std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0);
}

TEST_CASE("a loaded engine computes what the compiled one does, whatever is chosen at loading", "[engine]") {
  const Built built;
  const InferEngine compiled = InferEngine::from_memory(built.model, {});
  for (int spas : {1, 3})
    for (bool huge_pages : {false, true}) {
      EngineOptions options;
      options.spas = spas;
      options.huge_pages = huge_pages;
      options.verify = VerifyEngine::full;
      const InferEngine loaded = built.load(options);
      CHECK(loaded.graph_text() == compiled.graph_text());
      for (int64_t width : {5, 16})
        require_same(loaded.run(inputs(5, width))[0], compiled.run(inputs(5, width))[0]);
    }
  EngineOptions options;
  options.input_name = {"shift", "x"};
  const std::vector<Tensor> given = inputs(2, 7);
  require_same(built.load(options).run({given[1], given[0]})[0], compiled.run(given)[0]);
}

TEST_CASE("options that an engine file was not built with are refused", "[engine]") {
  const Built built;
  EngineOptions options;
  options.dtype = DType::float16;
  CHECK_THAT(built.refusal(options), Catch::Contains("float16") && Catch::Contains(built.file));
  options = {};
  options.keep_io_types = true;
  CHECK_THAT(built.refusal(options), Catch::Contains("keep_io_types"));
  options = {};
  options.pass_json = "{}";
  CHECK_THAT(built.refusal(options), Catch::Contains("passes"));
  options = {};
  options.tune = true;
  CHECK_THAT(built.refusal(options), Catch::Contains("tune"));
  options = {};
  options.input_size = {{0, 8, 9, 16}, {0, 12, 9, 16}};
  CHECK_THAT(built.refusal(options), Catch::Contains("width"));

  // What was fixed may be asked for again, or left open.
  const Built fixed(options);
  CHECK(fixed.load().inputs()[0].dims == Dims{-1, 8, 9, 16});
  CHECK(fixed.load(options).inputs()[0].dims == Dims{-1, 8, 9, 16});
  options.input_size = {{0, 8, 9, 15}, {0, 12, 9, 15}};
  CHECK_THAT(fixed.refusal(options), Catch::Contains("16"));

  options = {};
  options.load_engine = built.file;
  options.save_engine = built.file;
  CHECK_THROWS_AS(InferEngine(options), Error);
  options = {};
  options.ckpt = (built.folder / "model.onnx").string();
  std::ofstream(options.ckpt) << "another";
  CHECK_THAT(built.refusal(options), Catch::Contains("7"));
}

}  // namespace
}  // namespace spinel
