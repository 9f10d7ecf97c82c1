// For tests and benchmarks of tuned kernels: cases from text files, and the tuned operator of a case.
//
// A line of src/cpu/shapes/*.txt is one case:  Operator[@opset] [name=value ...] input input ...
// An input is dims ("2x3x5", "-" for a scalar; "!2x3" for a constant), "@1.5" (a constant float), "@[1,2]"
// (constant int64s),
// "@s[1,0.5]" (constant float32s whatever the case's type) or "none". Values of attributes: 3, 0.5, text,
// [1,2]. '#' begins a comment.
#pragma once
#include <fstream>
#include <sstream>

#include "cpu/isa.hpp"
#include "cpu/kernel_list.hpp"
#include "ops/op_harness.hpp"

namespace spinel::cpu::testing {

struct CaseInput {
  enum class Kind { data, number, integers, floats, none } kind = Kind::data;
  Dims dims;
  bool constant = false;  ///< Of data.
  double number = 0;
  std::vector<int64_t> integers;
  std::vector<float> floats;
};

struct KernelCase {
  std::string line;
  std::string op;
  int version = 22;
  ops::testing::Attributes attributes;
  std::vector<CaseInput> inputs;
};

inline std::vector<int64_t> parse_integers(std::string text, char separator) {
  std::vector<int64_t> out;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) out.push_back(std::stoll(part));
  return out;
}

inline ops::Attribute parse_attribute(const std::string& text) {
  if (text.front() == '[') return parse_integers(text.substr(1, text.size() - 2), ',');
  if (text.find_first_not_of("-0123456789") == std::string::npos) return int64_t{std::stoll(text)};
  if (text.find_first_not_of("-.e0123456789") == std::string::npos) return std::stof(text);
  return text;
}

inline CaseInput parse_input(const std::string& text) {
  CaseInput out;
  if (text == "none") {
    out.kind = CaseInput::Kind::none;
  } else if (text.front() == '@' && text[1] == '[') {
    out.kind = CaseInput::Kind::integers;
    out.integers = parse_integers(text.substr(2, text.size() - 3), ',');
  } else if (text.rfind("@s[", 0) == 0) {
    out.kind = CaseInput::Kind::floats;
    std::stringstream stream(text.substr(3, text.size() - 4));
    for (std::string part; std::getline(stream, part, ',');) out.floats.push_back(std::stof(part));
  } else if (text.front() == '@') {
    out.kind = CaseInput::Kind::number;
    out.number = std::stod(text.substr(1));
  } else if (text != "-") {
    out.constant = text.front() == '!';
    out.dims = parse_integers(text.substr(out.constant ? 1 : 0), 'x');
  }
  return out;
}

inline std::vector<KernelCase> read_cases(const std::string& file) {
  const bool elsewhere = file.find('/') != std::string::npos;
  std::ifstream stream(elsewhere ? file : fmt::format("{}/src/cpu/shapes/{}", SPINEL_SOURCE_DIR, file));
  if (!stream) fail(ErrorCode::not_found, "there is no src/cpu/shapes/{}", file);
  std::vector<KernelCase> cases;
  for (std::string line; std::getline(stream, line);) {
    std::stringstream words(line.substr(0, line.find('#')));
    KernelCase one;
    one.line = line;
    for (std::string word; words >> word;) {
      if (one.op.empty()) {
        const size_t at = word.find('@');
        one.op = word.substr(0, at);
        if (at != std::string::npos) one.version = std::stoi(word.substr(at + 1));
      } else if (const size_t equals = word.find('='); equals != std::string::npos) {
        one.attributes.emplace(word.substr(0, equals), parse_attribute(word.substr(equals + 1)));
      } else {
        one.inputs.push_back(parse_input(word));
      }
    }
    if (!one.op.empty()) cases.push_back(std::move(one));
  }
  return cases;
}

/// Inputs of a case: data inputs are noise in [low, high).
inline std::vector<Tensor> make_inputs(const KernelCase& c, DType dtype, double low = -3, double high = 3) {
  std::vector<Tensor> out;
  for (const CaseInput& input : c.inputs) {
    switch (input.kind) {
      case CaseInput::Kind::none:
        out.emplace_back();
        break;
      case CaseInput::Kind::number:
        out.push_back(convert(Tensor::scalar(input.number), dtype));
        break;
      case CaseInput::Kind::integers:
        out.push_back(Tensor::from<int64_t>({static_cast<int64_t>(input.integers.size())}, input.integers));
        break;
      case CaseInput::Kind::floats:
        out.push_back(Tensor::from<float>({static_cast<int64_t>(input.floats.size())}, input.floats));
        break;
      case CaseInput::Kind::data:
        out.push_back(
            ops::testing::noise(input.dims, static_cast<uint32_t>(out.size() + 1), low, high, dtype));
    }
  }
  return out;
}

/// The operator that the kernel list puts in the place of the case's own; nullptr if it takes none. Inputs
/// that are not `data` are constants of the graph.
inline graph::OpPtr tuned_op(const KernelCase& c, const Isa& isa, const std::vector<Tensor>& inputs,
                             size_t outputs = 1) {
  graph::Graph graph;
  graph::Node node;
  node.op = ops::testing::make(c.op, c.version, c.attributes, inputs.size(), outputs);
  std::vector<ops::testing::InferInput> types;
  for (size_t i = 0; i < inputs.size(); ++i) {
    types.emplace_back(inputs[i]);
    if (!inputs[i].defined()) {
      node.inputs.push_back(graph::no_value);
      continue;
    }
    graph::Value value;
    value.name = fmt::format("x{}", i);
    value.type = types.back().type;
    if (c.inputs[i].kind != CaseInput::Kind::data || c.inputs[i].constant) value.constant = inputs[i];
    node.inputs.push_back(graph.add_value(std::move(value)));
  }
  const ops::testing::InferResult inferred = ops::testing::infer(*node.op, types, outputs);
  for (const graph::ValueType& type : inferred.types) {
    graph::Value value;
    value.name = fmt::format("y{}", node.outputs.size());
    value.type = type;
    node.outputs.push_back(graph.add_value(std::move(value)));
  }
  for (const KernelEntry& entry : kernel_list()) {
    if (c.op != entry.op) continue;
    std::string refusal;
    if (graph::OpPtr op = entry.make({graph, node, *isa.kernels, *isa.byte_kernels}, refusal)) return op;
  }
  return nullptr;
}

/// |actual - expected| <= rtol * max(|expected|, floor), with what float16 rounds away added if the result is
/// of that type; NaN equals NaN.
inline void expect_near(const Tensor& actual, const Tensor& expected, double rtol, double floor = 1e-3) {
  REQUIRE(actual.dims() == expected.dims());
  const bool half = actual.dtype() == DType::float16;
  const Tensor a = convert(actual, DType::float64);
  const Tensor b = convert(half ? convert(expected, DType::float16) : expected, DType::float64);
  for (size_t i = 0; i < a.data<double>().size(); ++i) {
    const double x = a.data<double>()[i];
    const double y = b.data<double>()[i];
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    const double slack = half ? std::max(std::abs(y) * 0x1p-10, 0x1p-24) : 0;
    if (std::abs(x - y) <= rtol * std::max(std::abs(y), floor) + slack) continue;
    if (half && std::isinf(x) && std::abs(y) >= 65503) continue;
    INFO("element " << i << " of " << describe(actual));
    CHECK(x == y);
    FAIL("elements differ by more than the tolerance");
  }
}

/// Runs fn(isa) for each instruction set of this machine, in a section that bears its name.
template <class Fn>
void for_each_isa(Fn fn) {
  for (const Isa& isa : isas())
    if (isa.available()) DYNAMIC_SECTION(isa.name) {
        fn(isa);
      }
}

/// Likewise, without those that differ from another one in the products of float16 and of bytes alone.
template <class Fn>
void for_each_kernels(Fn fn) {
  for (const Isa& isa : isas())
    if (isa.available() && isa.half_kernels == nullptr) DYNAMIC_SECTION(isa.name) {
        fn(isa);
      }
}

/// Every case of a file on every instruction set, float32 and float16, against the reference in float64.
/// Results that are sums of greater numbers need a floor of that size.
inline void check_cases(const std::string& file, double rtol, double low = -3, double high = 3,
                        double floor = 1e-3) {
  const std::vector<KernelCase> cases = read_cases(file);
  for_each_isa([&](const Isa& isa) {
    for (const KernelCase& c : cases)
      for (const DType dtype : {DType::float32, DType::float16}) {
        INFO(c.line << ", " << dtype_name(dtype) << " on " << isa.name);
        const std::vector<Tensor> inputs = make_inputs(c, dtype, low, high);
        const graph::OpPtr op = tuned_op(c, isa, inputs);
        REQUIRE(op != nullptr);
        std::vector<Tensor> wide;
        for (size_t i = 0; i < inputs.size(); ++i)
          wide.push_back(inputs[i].defined() && inputs[i].dtype() == dtype &&
                                 c.inputs[i].kind != CaseInput::Kind::floats
                             ? convert(inputs[i], DType::float64)
                             : inputs[i]);
        const std::vector<Tensor> expected = ops::testing::run_op(c.op, c.version, c.attributes, wide);
        expect_near(ops::testing::run(*op, inputs)[0], expected[0], rtol, floor);
      }
  });
}

}  // namespace spinel::cpu::testing
