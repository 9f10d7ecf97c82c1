#include "cpu/element_ops.hpp"

#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "cpu/tasks.hpp"
#include "ops/batch_normalization.hpp"
#include "ops/binary.hpp"
#include "ops/clip.hpp"
#include "ops/shape_rules.hpp"
#include "ops/unary.hpp"

namespace spinel::cpu {
namespace {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::Value;
using Function = ElementFunction;
using Step = ElementProgram::Step;

constexpr float infinity = std::numeric_limits<float>::infinity();

Step unary_step(Function function, float p = 0, float q = 0) {
  return {.function = function, .p = p, .q = q, .operands = {ElementProgram::input(0)}};
}
Step binary_step(Function function) {
  return {.function = function, .operands = {ElementProgram::input(0), ElementProgram::input(1)}};
}

const Tensor* constant_input(const Graph& graph, const Node& node, size_t index) {
  if (index >= node.inputs.size() || node.inputs[index] == no_value) return nullptr;
  const Value& value = graph.value(node.inputs[index]);
  return value.is_constant() ? &value.constant : nullptr;
}

std::optional<Step> unary_of(std::string_view name, const ops::UnaryAttrs& attrs) {
  struct Plain {
    std::string_view name;
    Function function;
  };
  static constexpr Plain plain[] = {
      {"Abs", Function::abs},           {"Erf", Function::erf},
      {"Exp", Function::exp},           {"HardSwish", Function::hard_swish},
      {"Log", Function::log},           {"Mish", Function::mish},
      {"Neg", Function::neg},           {"Reciprocal", Function::reciprocal},
      {"Sigmoid", Function::sigmoid},   {"Softplus", Function::softplus},
      {"Softsign", Function::softsign}, {"Sqrt", Function::sqrt},
      {"Tanh", Function::tanh},
  };
  for (const Plain& each : plain)
    if (each.name == name) return unary_step(each.function);
  if (name == "Relu") return unary_step(Function::clamp, 0, infinity);
  if (name == "Gelu") return unary_step(attrs.tanh_approximation ? Function::gelu_tanh : Function::gelu);
  if (name == "HardSigmoid") return unary_step(Function::hard_sigmoid, attrs.alpha, attrs.beta);
  if (name == "LeakyRelu") return unary_step(Function::leaky_relu, attrs.alpha);
  if (name == "Swish") return unary_step(Function::silu, attrs.alpha);
  if (name == "Elu") return unary_step(Function::elu, attrs.alpha, 1);
  if (name == "Selu") return unary_step(Function::elu, attrs.alpha * attrs.beta, attrs.beta);
  return std::nullopt;
}

std::optional<Function> binary_of(std::string_view name) {
  if (name == "Add" || name == "Sum") return Function::add;
  if (name == "Sub") return Function::sub;
  if (name == "Mul") return Function::mul;
  if (name == "Div") return Function::div;
  if (name == "Max") return Function::max;
  if (name == "Min") return Function::min;
  if (name == "PRelu") return Function::prelu;
  return std::nullopt;
}

/// x ^ e for the exponents that networks have.
std::optional<ElementNode> power_of(const Tensor* exponent, size_t rank, std::string& refusal) {
  if (exponent == nullptr || exponent->element_count() != 1 || exponent->dims().size() > rank) {
    refusal = "the exponent is not one constant";
    return std::nullopt;
  }
  const float e = convert(*exponent, DType::float32).data<float>()[0];
  ElementNode out;
  const auto square =
      Step{.function = Function::mul, .operands = {ElementProgram::input(0), ElementProgram::input(0)}};
  if (e == 2) {
    out.steps = {square};
  } else if (e == 3) {
    out.steps = {square, Step{.function = Function::mul,
                              .operands = {{ElementProgram::Source::step, 0}, ElementProgram::input(0)}}};
  } else if (e == 0.5F) {
    out.steps = {unary_step(Function::sqrt)};
  } else if (e == -1) {
    out.steps = {unary_step(Function::reciprocal)};
  } else if (e == 1) {
    out.steps = {unary_step(Function::copy)};
  } else {
    refusal = fmt::format("the exponent is {}", e);
    return std::nullopt;
  }
  return out;
}

std::optional<float> bound(const Graph& graph, const Node& node, size_t input, std::optional<float> attribute,
                           float missing) {
  if (node.inputs.size() <= input || node.inputs[input] == no_value) return attribute.value_or(missing);
  const Tensor* tensor = constant_input(graph, node, input);
  if (tensor == nullptr || tensor->element_count() != 1) return std::nullopt;
  return ops::to_float32(*tensor).data<float>()[0];
}

/// x * s + (B - mean * s), s = scale / sqrt(var + epsilon), with both factors as constants of dims [C, 1...].
std::optional<ElementNode> batch_normalization_of(const Graph& graph, const Node& node,
                                                  const ops::BatchNormalizationAttrs& attrs,
                                                  std::string& refusal) {
  const Value& x = graph.value(node.inputs[0]);
  if (!attrs.per_channel || !x.type.shape || x.type.shape->size() < 2) {
    refusal = "the channels are not axis 1";
    return std::nullopt;
  }
  Tensor parameters[4];
  for (size_t i = 0; i < 4; ++i) {
    const Tensor* tensor = constant_input(graph, node, i + 1);
    if (tensor == nullptr) {
      refusal = "a parameter is not a constant";
      return std::nullopt;
    }
    parameters[i] = ops::to_float32(*tensor);
  }
  Dims dims(x.type.shape->size() - 1, 1);
  dims[0] = parameters[0].element_count();
  ElementNode out;
  out.constants = {Tensor(DType::float32, dims), Tensor(DType::float32, dims)};
  const auto scale = out.constants[0].data<float>();
  const auto shift = out.constants[1].data<float>();
  for (size_t c = 0; c < scale.size(); ++c) {
    scale[c] = parameters[0].data<float>()[c] / std::sqrt(parameters[3].data<float>()[c] + attrs.epsilon);
    shift[c] = parameters[1].data<float>()[c] - parameters[2].data<float>()[c] * scale[c];
  }
  out.steps = {Step{.function = Function::mul_add,
                    .p = -infinity,
                    .q = infinity,
                    .operands = {ElementProgram::input(0),
                                 {ElementProgram::Source::constant, 0},
                                 {ElementProgram::Source::constant, 1}}}};
  return out;
}

/// PRelu broadcasts its slope to x, never x to the slope.
bool slope_fits(const std::optional<graph::Shape>& x, const graph::Shape& slope, std::string& refusal) {
  bool fits = x && slope.size() <= x->size();
  for (size_t back = 1; fits && back <= slope.size(); ++back) {
    const graph::Dim& dim = slope[slope.size() - back];
    fits = dim.is_constant(1) || equal(dim, (*x)[x->size() - back]);
  }
  // Before opset 7 a slope of one dim counts the channels.
  if (fits && slope.size() == 1 && x->size() > 1) fits = slope[0].is_constant(1);
  if (!fits) refusal = "the slope is not known to have x's dims or 1";
  return fits;
}

class ElementOp final : public KernelOp {
 public:
  ElementOp(graph::OpPtr reference, const Kernels& kernels, ElementProgram program)
      : KernelOp(std::move(reference)), kernels_(kernels), program_(std::move(program)) {}

  std::string_view kernel() const override { return "elementwise"; }
  graph::Scratch scratch(const graph::ScratchContext&) const override { return program_.scratch(); }
  bool may_overwrite(size_t input) const override { return program_.reads_input(input); }
  void run(graph::RunContext& context) const override { program_.run(kernels_, context); }

 private:
  const Kernels& kernels_;
  ElementProgram program_;
};

/// float32 to float16, or back.
class CastKernel final : public KernelOp {
 public:
  CastKernel(graph::OpPtr reference, const Kernels& kernels, DType to)
      : KernelOp(std::move(reference)), kernels_(*kernels.vector), to_(to) {}

  std::string_view kernel() const override { return "elementwise"; }
  void run(graph::RunContext& context) const override {
    const Tensor& x = context.input(0);
    Tensor& y = context.output_or(0, to_, [&] { return x.dims(); });
    parallel_rows(context, y.element_count(), 1, [&](int64_t begin, int64_t count) {
      ElementStep step;
      step.function = ElementFunction::copy;
      step.operands[0].data = element_at(x, begin);
      step.operands[0].half = is_half(x);
      step.to = element_at(y, begin);
      step.to_half = is_half(y);
      step.rows = 1;
      step.columns = count;
      kernels_.elementwise(step);
    });
  }

 private:
  const VectorKernels& kernels_;
  DType to_;
};

std::optional<NumberType> number_type(DType dtype) {
  switch (dtype) {
    case DType::boolean:
      return NumberType::boolean;
    case DType::int8:
      return NumberType::int8;
    case DType::uint8:
      return NumberType::uint8;
    case DType::int32:
      return NumberType::int32;
    case DType::int64:
      return NumberType::int64;
    case DType::float32:
      return NumberType::float32;
    default:
      return std::nullopt;
  }
}

/// From and to integers.
class NumberCastKernel final : public KernelOp {
 public:
  NumberCastKernel(graph::OpPtr reference, const Kernels& kernels, NumberType from, DType to)
      : KernelOp(std::move(reference)), kernels_(*kernels.vector), from_(from), to_(to) {}

  std::string_view kernel() const override { return "elementwise"; }
  void run(graph::RunContext& context) const override {
    const Tensor& x = context.input(0);
    if (number_type(x.dtype()) != from_)
      fail(ErrorCode::invalid_argument, "{} is not of the type that was compiled for", describe(x));
    Tensor& y = context.output_or(0, to_, [&] { return x.dims(); });
    parallel_rows(context, y.element_count(), 1, [&](int64_t begin, int64_t count) {
      kernels_.cast(element_at(x, begin), from_, count, *number_type(to_), element_at(y, begin));
    });
  }

 private:
  const VectorKernels& kernels_;
  NumberType from_;
  DType to_;
};

}  // namespace

std::optional<ElementNode> element_node(const Graph& graph, const Node& node, std::string& refusal) {
  if (node.inputs.empty() || node.inputs[0] == no_value || !node.subgraphs.empty()) return std::nullopt;
  if (node.outputs.empty() || node.outputs[0] == no_value) return std::nullopt;
  const Value& x = graph.value(node.inputs[0]);
  if (!x.type.is_tensor() || !ElementProgram::takes(x.type.dtype)) {
    refusal = "it is neither float32 nor float16";
    return std::nullopt;
  }
  if (!graph.value(node.outputs[0]).type.shape || graph.value(node.outputs[0]).type.shape->size() > 8) {
    refusal = "the rank is not known, or above 8";
    return std::nullopt;
  }
  const std::string_view name = node.op->name();
  if (const auto* unary = dynamic_cast<const ops::Unary*>(node.op.get())) {
    const auto step = unary_of(name, unary->attrs());
    if (!step) return std::nullopt;
    return ElementNode{.steps = {*step}, .constants = {}, .inputs = 1};
  }
  if (const auto* clip = dynamic_cast<const ops::Clip*>(node.op.get())) {
    const auto low = bound(graph, node, 1, clip->attrs().min, -infinity);
    const auto high = bound(graph, node, 2, clip->attrs().max, infinity);
    if (!low || !high) {
      refusal = "a bound is not a constant";
      return std::nullopt;
    }
    return ElementNode{.steps = {unary_step(Function::clamp, *low, *high)}, .constants = {}, .inputs = 1};
  }
  if (const auto* bn = dynamic_cast<const ops::BatchNormalizationOp*>(node.op.get()))
    return batch_normalization_of(graph, node, bn->attrs(), refusal);
  if (name == "Pow")
    return power_of(constant_input(graph, node, 1), x.type.shape ? x.type.shape->size() : 0, refusal);
  const auto function = binary_of(name);
  if (!function || node.inputs.size() != 2 || node.inputs[1] == no_value) return std::nullopt;
  if (const auto* binary = dynamic_cast<const ops::Binary*>(node.op.get());
      binary != nullptr && !binary->attrs().legacy.is_numpy()) {
    refusal = "it broadcasts as opset 6 did";
    return std::nullopt;
  }
  const Value& b = graph.value(node.inputs[1]);
  if (!b.type.is_tensor() || b.type.dtype != x.type.dtype || !b.type.shape) {
    refusal = "the second operand's type or rank is not known";
    return std::nullopt;
  }
  if (name == "PRelu" && !slope_fits(x.type.shape, *b.type.shape, refusal)) return std::nullopt;
  return ElementNode{.steps = {binary_step(*function)}, .constants = {}, .inputs = 2};
}

graph::OpPtr make_element_op(const Candidate& candidate, std::string& refusal) {
  auto node = element_node(candidate.graph, candidate.node, refusal);
  if (!node) return nullptr;
  ElementProgram program;
  for (Tensor& constant : node->constants) program.constant(std::move(constant));
  for (const Step& step : node->steps) program.step(step);
  program.finish(node->inputs);
  return std::make_shared<ElementOp>(candidate.node.op, candidate.kernels, std::move(program));
}

graph::OpPtr make_cast_kernel(const Candidate& candidate, std::string& refusal) {
  if (!candidate.has_input(0)) return nullptr;
  const DType from = candidate.input_type(0).dtype;
  const DType to = candidate.graph.value(candidate.node.outputs[0]).type.dtype;
  if (ElementProgram::takes(from) && ElementProgram::takes(to))
    return std::make_shared<CastKernel>(candidate.node.op, candidate.kernels, to);
  const auto number = number_type(from);
  if (number && from != to && (to == DType::int32 || to == DType::int64 || to == DType::float32))
    return std::make_shared<NumberCastKernel>(candidate.node.op, candidate.kernels, *number, to);
  refusal = "neither between float32 and float16 nor to int32, int64 or float32";
  return nullptr;
}

}  // namespace spinel::cpu
