// Runs the ONNX project's own test folders (model.onnx, test_data_set_N/input_K.pb, output_K.pb) through the
// compiler and the executor, and compares with the expected outputs at the ONNX project's tolerances (rtol
// 1e-3, atol 1e-7).
//
// passing.txt lists the cases that must pass. A listed case that does not, an unlisted one that does, and any
// wrong result that failing.txt does not explain make the test fail.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>

#include "backend/backend.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "graph/infer.hpp"
#include "onnx/import.hpp"
#include "onnx/model.hpp"
#include "onnx/tensor_data.hpp"
#include "passes/pipeline.hpp"
#include "plan/program.hpp"
#include "runtime/executor.hpp"

namespace fs = std::filesystem;
using namespace spinel;
using graph::RuntimeValue;

namespace {

constexpr double rtol = 1e-3;
constexpr double atol = 1e-7;

onnx::TensorSource source_of(const Bytes& bytes) {
  onnx::TensorSource source;
  source.owner = bytes.owner;
  return source;
}

RuntimeValue to_value(const onnx::Sequence& sequence, const onnx::TensorSource& source) {
  graph::Sequence out;
  for (const auto& each : sequence.tensors) out.emplace_back(onnx::to_tensor(each, source));
  for (const auto& each : sequence.sequences) out.push_back(to_value(each, source));
  return RuntimeValue(std::move(out));
}

RuntimeValue load_value(const fs::path& path, const graph::ValueType& type) {
  const Bytes bytes = read_file(path, "test data");
  const auto source = source_of(bytes);
  if (type.kind == graph::ValueType::Kind::sequence)
    return to_value(onnx::parse_sequence(bytes.data, {}), source);
  if (type.kind == graph::ValueType::Kind::optional) {
    const auto optional = onnx::parse_optional(bytes.data, {});
    if (optional.tensor) return RuntimeValue(onnx::to_tensor(*optional.tensor, source));
    if (optional.sequence) return to_value(*optional.sequence, source);
    return {};
  }
  Tensor tensor = onnx::to_tensor(onnx::parse_tensor(bytes.data, {}), source);
  // The data's authors had no bfloat16 in numpy: such files say uint16.
  if (type.dtype == DType::bfloat16 && tensor.dtype() == DType::uint16)
    tensor = Tensor::view(DType::bfloat16, tensor.dims(), tensor.raw(), tensor.owner());
  return RuntimeValue(std::move(tensor));
}

bool close(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (std::isinf(a) || std::isinf(b)) return a == b;
  return std::fabs(a - b) <= atol + rtol * std::fabs(b);
}

/// Empty if equal, else the first difference.
std::string difference(const RuntimeValue& got, const RuntimeValue& wanted) {
  if (got.empty() && wanted.empty()) return {};
  if (got.is_sequence() && wanted.is_sequence()) {
    if (got.sequence().size() != wanted.sequence().size())
      return fmt::format("sequence of {}, expected {}", got.sequence().size(), wanted.sequence().size());
    for (size_t i = 0; i < got.sequence().size(); ++i)
      if (auto d = difference(got.sequence()[i], wanted.sequence()[i]); !d.empty())
        return fmt::format("[{}]: {}", i, d);
    return {};
  }
  if (!got.is_tensor() || !wanted.is_tensor()) return "another kind of value";
  const Tensor& a = got.tensor();
  const Tensor& b = wanted.tensor();
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) return describe(a) + ", expected " + describe(b);
  if (a.dtype() == DType::string)
    return std::ranges::equal(a.data<std::string>(), b.data<std::string>()) ? "" : "strings differ";
  const bool is_float = a.dtype() == DType::float32 || a.dtype() == DType::float16 ||
                        a.dtype() == DType::float64 || a.dtype() == DType::bfloat16;
  if (!is_float) return std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0 ? "" : "elements differ";
  const Tensor x = convert(a, DType::float64);
  const Tensor y = convert(b, DType::float64);
  for (size_t i = 0; i < x.data<double>().size(); ++i)
    if (!close(x.data<double>()[i], y.data<double>()[i]))
      return fmt::format("element {} is {}, expected {}", i, x.data<double>()[i], y.data<double>()[i]);
  return {};
}

struct Outcome {
  std::string status;  // "pass", "fail" or "unsupported"
  std::string reason;
};

Outcome run_case(const fs::path& folder) {
  try {
    const onnx::ModelSource source = onnx::open_model(folder / "model.onnx", {});
    graph::Graph graph = onnx::import_model(source, {}, nullptr);
    graph::infer(graph);
    passes::run_pipeline(graph, {});
    const auto program = std::make_shared<const plan::Program>(std::move(graph));
    runtime::Replica replica(program);
    for (int set = 0; fs::exists(folder / fmt::format("test_data_set_{}", set)); ++set) {
      const fs::path data = folder / fmt::format("test_data_set_{}", set);
      std::vector<RuntimeValue> inputs;
      std::vector<Dims> dims;
      const graph::Graph& compiled = program->graph();
      for (size_t i = 0; i < compiled.inputs.size(); ++i) {
        inputs.push_back(
            load_value(data / fmt::format("input_{}.pb", i), compiled.value(compiled.inputs[i]).type));
        dims.push_back(inputs.back().is_tensor() ? inputs.back().tensor().dims() : Dims{});
      }
      std::vector<RuntimeValue> outputs(compiled.outputs.size());
      replica.run(program->bind(dims), inputs, outputs, {});
      for (size_t i = 0; i < outputs.size(); ++i) {
        const RuntimeValue wanted =
            load_value(data / fmt::format("output_{}.pb", i), compiled.value(compiled.outputs[i]).type);
        if (const auto d = difference(outputs[i], wanted); !d.empty())
          return {"fail", fmt::format("data set {}, output {}: {}", set, i, d)};
      }
    }
    return {"pass", ""};
  } catch (const Error& error) {
    return {error.code() == ErrorCode::unsupported ? "unsupported" : "fail", error.what()};
  }
}

std::set<std::string> read_list(const fs::path& path) {
  std::set<std::string> names;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && line[0] != '#') names.insert(line.substr(0, line.find(' ')));
  return names;
}

}  // namespace

TEST_CASE("conformance: the ONNX test data", "[conformance]") {
  const fs::path root = SPINEL_ONNX_TEST_DATA;
  if (!fs::exists(root)) {
    WARN("skipped: no ONNX test data at " << root << " (Debian package libonnx-testdata)");
    return;
  }
  const fs::path here = fs::path(SPINEL_SOURCE_DIR) / "tests/conformance";
  const auto must_pass = read_list(here / "passing.txt");
  const auto may_fail = read_list(here / "failing.txt");
  std::map<std::string, int> counts;
  std::ofstream report(fs::path(SPINEL_BINARY_DIR) / "conformance.txt");
  std::vector<std::string> wrong;
  for (const char* suite : {"node", "simple", "pytorch-converted", "pytorch-operator"}) {
    std::vector<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(root / suite))
      if (fs::exists(entry.path() / "model.onnx")) folders.push_back(entry.path());
    std::ranges::sort(folders);
    for (const fs::path& folder : folders) {
      const std::string name = fmt::format("{}/{}", suite, folder.filename().string());
      const Outcome outcome = run_case(folder);
      ++counts[outcome.status];
      std::string reason = outcome.reason;
      std::ranges::replace(reason, '\n', ' ');
      report << outcome.status << ' ' << name << ' ' << reason << '\n';
      if (must_pass.contains(name) != (outcome.status == "pass"))
        wrong.push_back(fmt::format("{}: {} {}", name,
                                    outcome.status == "pass" ? "unexpected" : "expected to pass, but:",
                                    outcome.status + " " + reason));
      else if (outcome.status == "fail" && !may_fail.contains(name))
        wrong.push_back(fmt::format("{}: {}", name, reason));
    }
  }
  std::cout << fmt::format("conformance: {} pass, {} fail, {} unsupported\n", counts["pass"], counts["fail"],
                           counts["unsupported"]);
  INFO(fmt::format("{}", fmt::join(wrong, "\n")));
  CHECK(wrong.empty());
}
