// Programs out of files are the programs that were saved, and what is damaged or does not fit is refused.
#include "engine_file/engine_file.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/text.hpp"
#include "engine_file/checksum.hpp"
#include "engine_file/test_models.hpp"
#include "graph/infer.hpp"
#include "graph/interpret.hpp"
#include "onnx/import.hpp"

namespace spinel::engine_file {
namespace {

namespace fs = std::filesystem;
using graph::Graph;
using graph::RuntimeValue;
using test::EngineModel;

/// A folder of its own, gone with the test.
struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "spinel-engine-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
};

Graph compile(const EngineModel& model, const cpu::Isa& isa) {
  const auto bytes = std::make_shared<std::vector<std::byte>>(model.onnx);
  Graph graph = onnx::import_model({{*bytes, bytes}, std::nullopt}, {}, nullptr);
  graph::infer(graph);
  passes::Settings settings;
  settings.dtype = model.dtype;
  settings.isa = &isa;
  passes::run_pipeline(graph, settings);
  return graph;
}

Stamp stamp_of(const EngineModel& model, const cpu::Isa& isa) {
  Stamp stamp;
  stamp.isa = isa.name;
  stamp.dtype = model.dtype;
  stamp.input_size = {{"x", {0, 3, 20, 18}}};
  stamp.passes = "{}";
  stamp.model_bytes = model.onnx.size();
  return stamp;
}

Graph load_graph(const std::string& path, const cpu::Isa& isa = cpu::best_isa()) {
  return load(path, {.isa = &isa, .verify_weights = true, .limits = {}, .custom_ops = {}},
              [](const Stamp&) {})
      .graph;
}

std::vector<RuntimeValue> run(const Graph& graph, const EngineModel& model) {
  return graph::interpret(graph, {model.inputs.begin(), model.inputs.end()}, {}, {});
}

void require_same(const Tensor& a, const Tensor& b) {
  REQUIRE(a.dtype() == b.dtype());
  REQUIRE(a.dims() == b.dims());
  if (a.dtype() == DType::string) {
    for (size_t i = 0; i < a.data<std::string>().size(); ++i)
      REQUIRE(a.data<std::string>()[i] == b.data<std::string>()[i]);
  } else if (a.size_bytes() > 0) {
    REQUIRE(std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0);
  }
}

std::set<std::string, std::less<>> operators_of(const Graph& graph) {
  std::set<std::string, std::less<>> names;
  for (const graph::Node& node : graph.nodes) {
    names.emplace(node.op->name());
    for (const auto& subgraph : node.subgraphs) names.merge(operators_of(*subgraph));
  }
  return names;
}

void require_equal_graphs(const Graph& a, const Graph& b) {
  REQUIRE(graph::to_text(a) == graph::to_text(b));
  REQUIRE(a.nodes.size() == b.nodes.size());
  for (size_t n = 0; n < a.nodes.size(); ++n) {
    CHECK(a.nodes[n].sources == b.nodes[n].sources);
    CHECK(a.nodes[n].op->kernel() == b.nodes[n].op->kernel());
    for (size_t s = 0; s < a.nodes[n].subgraphs.size(); ++s)
      require_equal_graphs(*a.nodes[n].subgraphs[s], *b.nodes[n].subgraphs[s]);
  }
  for (size_t v = 0; v < a.values.size(); ++v) {
    CHECK(a.values[v].origin == b.values[v].origin);
    CHECK(a.values[v].origin_axes == b.values[v].origin_axes);
  }
}

std::vector<char> read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write_all(const std::string& path, const std::vector<char>& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

TEST_CASE("a program out of a file is the one that was saved, on every instruction set") {
  const Folder folder;
  for (const cpu::Isa& isa : cpu::isas()) {
    if (!isa.available()) continue;
    for (const EngineModel& model : test::engine_models()) {
      INFO(model.name << " " << isa.name);
      const Graph graph = compile(model, isa);
      const auto operators = operators_of(graph);
      for (const std::string& name : model.operators) {
        INFO(name);
        CHECK(operators.contains(name));
      }
      const std::string path = folder.file(model.name + ".spinel");
      save(path, graph, stamp_of(model, isa));
      const Graph loaded = load_graph(path, isa);
      require_equal_graphs(graph, loaded);
      const auto expected = run(graph, model);
      const auto results = run(loaded, model);
      REQUIRE(results.size() == expected.size());
      for (size_t i = 0; i < results.size(); ++i) require_same(results[i].tensor(), expected[i].tensor());
      // What was loaded can be saved again, as the same bytes.
      save(path + "2", loaded, stamp_of(model, isa));
      CHECK(read_all(path) == read_all(path + "2"));
    }
  }
}

TEST_CASE("large constants are views into the file, at multiples of 64 bytes") {
  const Folder folder;
  const EngineModel model = test::convolutions(DType::undefined);
  save(folder.file("e.spinel"), compile(model, cpu::best_isa()), stamp_of(model, cpu::best_isa()));
  const Graph graph = load_graph(folder.file("e.spinel"));
  size_t large = 0;
  const void* owner = nullptr;
  for (const graph::Value& value : graph.values) {
    if (!value.is_constant() || value.constant.size_bytes() < 512) continue;
    ++large;
    CHECK(reinterpret_cast<uintptr_t>(value.constant.raw()) % 64 == 0);
    if (owner == nullptr) owner = value.constant.owner().get();
    CHECK(value.constant.owner().get() == owner);
  }
  CHECK(large >= 5);
}

TEST_CASE("a stamp that does not fit is refused, and what to do is said") {
  const Folder folder;
  const EngineModel model = test::chains();
  const cpu::Isa& isa = cpu::best_isa();
  const Graph graph = compile(model, isa);
  const std::string path = folder.file("e.spinel");
  const auto message = [&](const Stamp& stamp, const cpu::Isa& wanted) {
    save(path, graph, stamp);
    try {
      load_graph(path, wanted);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::unsupported);
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message(stamp_of(model, isa), isa).empty());
  Stamp stamp = stamp_of(model, isa);
  stamp.version = "0.0.9";
  CHECK_THAT(message(stamp, isa), Catch::Contains("0.0.9") && Catch::Contains("spinel build"));
  stamp = stamp_of(model, isa);
  ++stamp.fingerprint;
  CHECK_THAT(message(stamp, isa), Catch::Contains("build"));
  const cpu::Isa& portable = cpu::find_isa("portable");
  stamp.isa = "portable";
  stamp.fingerprint = build_fingerprint;
  if (std::string_view(isa.name) != "portable")
    CHECK_THAT(message(stamp, isa), Catch::Contains("'portable'") && Catch::Contains("--isa"));
  stamp.isa = "mmx";
  CHECK_THAT(message(stamp, portable), Catch::Contains("'mmx'"));

  save(path, graph, stamp_of(model, isa));
  const Loaded loaded = load(path, {}, [&](const Stamp& found) {
    CHECK(found.input_size == stamp_of(model, isa).input_size);
    CHECK(found.passes == "{}");
    CHECK(found.model_bytes == model.onnx.size());
  });
  CHECK(loaded.graph.nodes.size() == graph.nodes.size());
  CHECK_THROWS_AS(load(path, {}, [](const Stamp&) { fail(ErrorCode::unsupported, "no"); }), Error);
}

TEST_CASE("a truncated or damaged file is an error, never a crash") {
  const Folder folder;
  for (const EngineModel& model : {test::chains(), test::control_flow()}) {
    const std::string path = folder.file("e.spinel");
    const Graph graph = compile(model, cpu::best_isa());
    save(path, graph, stamp_of(model, cpu::best_isa()));
    const std::vector<char> good = read_all(path);
    const std::string text = graph::to_text(graph);
    const std::string bad = folder.file("bad.spinel");
    const auto loads = [&](const std::vector<char>& bytes) {
      write_all(bad, bytes);
      try {
        const Graph loaded = load_graph(bad);
        CHECK(graph::to_text(loaded) == text);
        return true;
      } catch (const Error& error) {
        CHECK(error.code() != ErrorCode::internal);
        return false;
      }
    };
    REQUIRE(loads(good));
    for (size_t size = 0; size < good.size(); size += size < 128 ? 1 : 61)
      CHECK_FALSE(loads({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}));
    uint64_t program = 0;
    std::memcpy(&program, good.data() + 24, sizeof program);
    for (size_t at = 0; at < 64 + program; ++at) {
      std::vector<char> changed = good;
      changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
      CHECK_FALSE(loads(changed));
    }
    std::vector<char> longer = good;
    longer.push_back(0);
    CHECK_FALSE(loads(longer));
  }
}

TEST_CASE("a program whose checksum is right is not believed either") {
  for (const EngineModel& model : test::engine_models()) {
    INFO(model.name);
    const cpu::Isa& isa = cpu::find_isa("portable");
    const Graph graph = compile(model, isa);
    const EncodedProgram encoded = encode_program(graph, stamp_of(model, isa));
    auto block = std::make_shared<std::vector<std::byte>>(encoded.weight_bytes);
    const Bytes weights{*block, block};
    const auto attempt = [&](const std::string& program) {
      try {
        decode_program(std::as_bytes(std::span(program)), weights, isa, {});
      } catch (const Error& error) {
        CHECK(error.code() != ErrorCode::internal);
      }
    };
    CHECK_NOTHROW(decode_program(std::as_bytes(std::span(encoded.program)), weights, isa, {}));
    for (size_t at = 0; at < encoded.program.size(); ++at) {
      for (const int change : {1, 0x80, 0xFF}) {
        std::string changed = encoded.program;
        changed[at] = static_cast<char>(changed[at] ^ change);
        attempt(changed);
      }
      if (at % 7 == 0) attempt(encoded.program.substr(0, at));
    }
    // Weights that are cut short.
    if (encoded.weight_bytes > 0) {
      const Bytes fewer{std::span(*block).first(block->size() - 64), block};
      CHECK_THROWS_AS(decode_program(std::as_bytes(std::span(encoded.program)), fewer, isa, {}), Error);
    }
  }
}

TEST_CASE("constants of another size than their layer's are refused") {
  const cpu::Isa& isa = cpu::best_isa();
  for (const EngineModel& model :
       {test::convolutions(DType::undefined), test::convolutions(DType::float16), test::encoder()}) {
    const Graph good = compile(model, isa);
    size_t tried = 0;
    for (size_t n = 0; n < good.nodes.size(); ++n) {
      const std::string_view op = good.nodes[n].op->name();
      if (op != "NhwcConv" && op != "PlanarConv" && op != "Linear") continue;
      for (size_t input = 1; input < 3; ++input) {
        if (input >= good.nodes[n].inputs.size() || good.nodes[n].inputs[input] == graph::no_value) continue;
        INFO(good.nodes[n].name << " input " << input);
        Graph graph = good;
        const graph::ValueId id = graph.nodes[n].inputs[input];
        const Tensor& old = graph.value(id).constant;
        graph.nodes[n].inputs[input] =
            graph.add_constant("smaller", Tensor(old.dtype(), {old.element_count() - 1}));
        const EncodedProgram encoded = encode_program(graph, stamp_of(model, isa));
        auto block = std::make_shared<std::vector<std::byte>>(encoded.weight_bytes);
        CHECK_THROWS_AS(
            decode_program(std::as_bytes(std::span(encoded.program)), Bytes{*block, block}, isa, {}), Error);
        ++tried;
      }
    }
    CHECK(tried >= 5);
  }
}

TEST_CASE("changed weights are found where they are verified") {
  const Folder folder;
  const EngineModel model = test::convolutions(DType::undefined);
  const std::string path = folder.file("e.spinel");
  save(path, compile(model, cpu::best_isa()), stamp_of(model, cpu::best_isa()));
  std::vector<char> bytes = read_all(path);
  bytes[bytes.size() - 600] = static_cast<char>(bytes[bytes.size() - 600] ^ 4);
  write_all(path, bytes);
  CHECK_NOTHROW(load(path, {}, [](const Stamp&) {}));
  CHECK_THROWS_WITH(load_graph(path), Catch::Contains("checksum of its weights"));
}

TEST_CASE("a file that cannot be written leaves nothing") {
  const Folder folder;
  const EngineModel model = test::chains();
  const Graph graph = compile(model, cpu::best_isa());
  CHECK_THROWS_AS(save(folder.file("missing/e.spinel"), graph, stamp_of(model, cpu::best_isa())), Error);
  // A folder in the file's place: renaming fails after everything was written.
  fs::create_directory(folder.path / "e.spinel");
  fs::create_directory(folder.path / "e.spinel" / "full");
  CHECK_THROWS_AS(save(folder.file("e.spinel"), graph, stamp_of(model, cpu::best_isa())), Error);
  CHECK(std::distance(fs::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("limits hold for engine files") {
  const Folder folder;
  const EngineModel model = test::control_flow();
  const std::string path = folder.file("e.spinel");
  save(path, compile(model, cpu::best_isa()), stamp_of(model, cpu::best_isa()));
  const auto code = [&](void (*change)(Limits&)) {
    LoadOptions options;
    change(options.limits);
    try {
      load(path, options, [](const Stamp&) {});
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::internal;
  };
  CHECK(code([](Limits& limits) { limits.max_model_bytes = 100; }) == ErrorCode::limit_exceeded);
  CHECK(code([](Limits& limits) { limits.max_nodes = 3; }) == ErrorCode::limit_exceeded);
}

TEST_CASE("the checksum is XXH64") {
  const auto of = [](std::string_view text, size_t piece) {
    Checksum sum;
    for (size_t at = 0; at < text.size(); at += piece)
      sum.add(std::as_bytes(std::span(text.substr(at, piece))));
    return sum.value();
  };
  CHECK(Checksum().value() == 0xEF46DB3751D8E999);
  CHECK(of("a", 1) == 0xD24EC4F1A98C6E5B);
  CHECK(of("abc", 2) == 0x44BC2CF5AD770999);
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 37);
  for (size_t piece : {1, 3, 31, 32, 33, 64, 999}) CHECK(of(text, piece) == of(text, 1000));
}

}  // namespace
}  // namespace spinel::engine_file
