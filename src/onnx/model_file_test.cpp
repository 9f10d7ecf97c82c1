// Large payloads come from the file when they are asked for; all else is as if the file had been read whole.
#include "onnx/model_file.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <spinel/error.hpp>

#include "onnx/import.hpp"
#include "onnx/test_model.hpp"

namespace spinel::onnx {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "spinel-model-file-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  fs::path write(std::span<const std::byte> bytes) const {
    std::ofstream file(path_ / "m.onnx", std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path_ / "m.onnx";
  }

 private:
  fs::path path_;
};

/// Large and small tensors, as initializers, in nodes and in a subgraph; names of growing length, so that
/// payloads begin at all distances from a multiple of their size.
std::vector<std::byte> sample() {
  test::ModelGraph branches[2];
  for (int i = 0; i < 2; ++i)
    branches[i]
        .constant("inner", test::random_floats({150, 150}, 40 + i))
        .node("Add", {"x", "inner"}, {"z"})
        .output("z", DType::float32);
  test::ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{150}, int64_t{150}}).input("c", DType::boolean, {});
  std::string sum = "x";
  for (int i = 0; i < 5; ++i) {
    const std::string name(static_cast<size_t>(i + 1), 'w');
    graph.constant(name, test::random_floats({150, 150}, i))
        .node("Constant", {}, {name + ".node"}, {{"value", test::random_floats({150, 150}, 10 + i)}})
        .constant(name + ".small", test::random_floats({150}, 20 + i));
    for (const char* suffix : {"", ".node", ".small"}) {
      graph.node("Add", {sum, name + suffix}, {"s" + name + suffix});
      sum = "s" + name + suffix;
    }
  }
  graph.node("If", {"c"}, {"y"}, {{"then_branch", &branches[0]}, {"else_branch", &branches[1]}})
      .output("y", DType::float32)
      .output(sum, DType::float32);
  return graph.model();
}

/// The bytes of all constants, subgraphs included.
std::vector<std::string> constants(const graph::Graph& graph) {
  std::vector<std::string> out;
  for (const graph::Value& value : graph.values)
    if (value.is_constant())
      out.emplace_back(static_cast<const char*>(value.constant.raw()), value.constant.size_bytes());
  for (const graph::Node& node : graph.nodes)
    for (const auto& inner : node.subgraphs)
      for (std::string& each : constants(*inner)) out.push_back(std::move(each));
  return out;
}

std::vector<std::string> constants(const ModelSource& source) {
  return constants(import_model(source, {}, nullptr));
}

std::string failure(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("the payloads of large tensors stay in the file until they are imported", "[model_file]") {
  const Folder folder;
  const std::vector<std::byte> model = sample();
  const fs::path path = folder.write(model);
  const ModelSource source = open_model_for_import(path, {});
  REQUIRE(source.file != nullptr);
  REQUIRE(source.bytes.data.size() == model.size());
  // Of 12 large payloads all but the few bytes that were read with what stands before them.
  size_t missing = 0;
  for (size_t i = 0; i < model.size(); ++i)
    missing += source.bytes.data[i] == std::byte{0} && model[i] != std::byte{0};
  CHECK(missing > 12 * (size_t{150} * 150 * 4 - 8192) * 9 / 10);
  CHECK_FALSE(source.file->leaves_out(source.bytes.data.first(1)));
  CHECK(source.file->leaves_out(source.bytes.data));

  const std::vector<std::string> expected = constants(open_model(path, {}));
  REQUIRE(expected.size() >= 17);
  CHECK(constants(source) == expected);
  CHECK(constants(source) == expected);  // A source can be imported again.
}

TEST_CASE("a damaged model file is refused as one that was read whole", "[model_file]") {
  const Folder folder;
  const std::vector<std::byte> model = sample();
  for (size_t size = 1; size < model.size(); size += model.size() / 97) {
    const fs::path path = folder.write(std::span(model).first(size));
    const std::string whole = failure([&] { constants(open_model(path, {})); });
    CHECK(!whole.empty());
    CHECK(failure([&] { constants(open_model_for_import(path, {})); }) == whole);
  }
  // Where the structure is damaged, though not the length.
  for (size_t at = 0; at < 400; ++at) {
    std::vector<std::byte> damaged = model;
    damaged[at] ^= std::byte{0x55};
    const fs::path path = folder.write(damaged);
    INFO("byte " << at);
    CHECK(failure([&] { constants(open_model_for_import(path, {})); }) ==
          failure([&] { constants(open_model(path, {})); }));
  }
  const fs::path empty = folder.write({});
  CHECK(failure([&] { constants(open_model_for_import(empty, {})); }) ==
        failure([&] { constants(open_model(empty, {})); }));
}

TEST_CASE("a model file that shrinks before its payloads are read is an error", "[model_file]") {
  const Folder folder;
  const std::vector<std::byte> model = sample();
  const fs::path path = folder.write(model);
  const ModelSource source = open_model_for_import(path, {});
  fs::resize_file(path, model.size() / 2);
  try {
    import_model(source, {}, nullptr);
    FAIL("imported");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::io);
  }
}

}  // namespace spinel::onnx
