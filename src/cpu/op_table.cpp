#include "cpu/op_table.hpp"

#include "base/text.hpp"
#include "cpu/chain.hpp"
#include "cpu/conv_pair.hpp"
#include "cpu/kernel_list.hpp"
#include "cpu/op_checks.hpp"
#include "cpu/op_fields.hpp"
#include "cpu/planar_conv.hpp"
#include "ops/op_table.hpp"
#include "ops/regroup.hpp"
#include "ops/transpose.hpp"

namespace spinel::cpu {
namespace {

using graph::Attributes;
using graph::Op;
using graph::OpPtr;
using ops::OpArgs;

constexpr int64_t max_step = int64_t{1} << 30;

template <class ConvOp>
bool describe_conv(const Op& op, Attributes& attributes) {
  const auto* conv = dynamic_cast<const ConvOp*>(&op);
  if (conv == nullptr) return false;
  FieldWriter fields(attributes);
  conv_fields(conv->layer(), fields);
  return true;
}
template <class ConvOp>
OpPtr make_conv(const OpArgs& args, const Isa& isa) {
  ConvLayer layer;
  FieldReader fields(args);
  conv_fields(layer, fields);
  return std::make_shared<const ConvOp>(isa, std::move(layer));
}

bool describe_conv_pair(const Op& op, Attributes& attributes) {
  const auto* conv = dynamic_cast<const NhwcConvPair*>(&op);
  if (conv == nullptr) return false;
  FieldWriter pointwise(attributes, "pointwise_");
  conv_fields(conv->pair().pointwise, pointwise);
  FieldWriter depthwise(attributes, "depthwise_");
  conv_fields(conv->pair().depthwise, depthwise);
  return true;
}
OpPtr make_conv_pair(const OpArgs& args, const Isa& isa) {
  ConvPair pair;
  FieldReader pointwise(args, "pointwise_");
  conv_fields(pair.pointwise, pointwise);
  FieldReader depthwise(args, "depthwise_");
  conv_fields(pair.depthwise, depthwise);
  return std::make_shared<const NhwcConvPair>(isa, std::move(pair));
}

bool describe_conv_transpose(const Op& op, Attributes& attributes) {
  const auto* conv = dynamic_cast<const NhwcConvTranspose*>(&op);
  if (conv == nullptr) return false;
  FieldWriter fields(attributes);
  conv_transpose_fields(conv->layer(), fields);
  return true;
}
OpPtr make_conv_transpose(const OpArgs& args, const Isa& isa) {
  ConvTransposeLayer layer;
  FieldReader fields(args);
  conv_transpose_fields(layer, fields);
  return std::make_shared<const NhwcConvTranspose>(isa, std::move(layer));
}

bool describe_linear(const Op& op, Attributes& attributes) {
  const auto* linear = dynamic_cast<const Linear*>(&op);
  if (linear == nullptr) return false;
  FieldWriter fields(attributes);
  linear_fields(linear->layer(), fields);
  return true;
}
OpPtr make_linear(const OpArgs& args, const Isa& isa) {
  LinearLayer layer;
  FieldReader fields(args);
  linear_fields(layer, fields);
  return std::make_shared<const Linear>(isa, layer);
}

bool describe_quant_linear(const Op& op, Attributes& attributes) {
  const auto* linear = dynamic_cast<const QuantLinear*>(&op);
  if (linear == nullptr) return false;
  FieldWriter fields(attributes);
  quant_linear_fields(linear->layer(), fields);
  return true;
}
OpPtr make_quant_linear(const OpArgs& args, const Isa& isa) {
  QuantLinearLayer layer;
  FieldReader fields(args);
  quant_linear_fields(layer, fields);
  return std::make_shared<const QuantLinear>(isa, layer);
}

bool describe_pool(const Op& op, Attributes& attributes) {
  const auto* pool = dynamic_cast<const NhwcPool*>(&op);
  if (pool == nullptr) return false;
  FieldWriter fields(attributes);
  pool_fields(pool->layer(), fields);
  return true;
}
OpPtr make_pool(const OpArgs& args, const Isa& isa) {
  PoolLayer layer;
  FieldReader fields(args);
  pool_fields(layer, fields);
  return std::make_shared<const NhwcPool>(isa, std::move(layer));
}

bool describe_quant_conv(const Op& op, Attributes& attributes) {
  const auto* conv = dynamic_cast<const NhwcQuantConv*>(&op);
  if (conv == nullptr) return false;
  FieldWriter fields(attributes);
  quant_conv_fields(conv->layer(), fields);
  return true;
}
OpPtr make_quant_conv(const OpArgs& args, const Isa& isa) {
  QuantConvLayer layer;
  FieldReader fields(args);
  quant_conv_fields(layer, fields);
  return std::make_shared<const NhwcQuantConv>(isa, std::move(layer));
}

bool describe_global_pool(const Op& op, Attributes&) {
  return dynamic_cast<const NhwcGlobalAveragePool*>(&op) != nullptr;
}
OpPtr make_global_pool(const OpArgs&, const Isa& isa) {
  return std::make_shared<const NhwcGlobalAveragePool>(isa);
}

bool describe_attention(const Op& op, Attributes& attributes) {
  const auto* attention = dynamic_cast<const Attention*>(&op);
  if (attention == nullptr) return false;
  const auto& [q, k, v, mask, scale, undefined_is_zero] = attention->layer();
  const auto& [mask_batch, mask_head, mask_packed] = mask;
  attributes["q"] = operand_numbers(q);
  attributes["k"] = operand_numbers(k);
  attributes["v"] = operand_numbers(v);
  attributes["mask"] = std::vector<int64_t>{mask_batch, mask_head, mask_packed ? 1 : 0};
  FieldWriter fields(attributes);
  fields.number("scale", scale);
  fields.flag("undefined_is_zero", undefined_is_zero);
  return true;
}
OpPtr make_attention(const OpArgs& args, const Isa& isa) {
  AttentionLayer layer;
  layer.q = read_operand(args, "q");
  layer.k = read_operand(args, "k");
  layer.v = read_operand(args, "v");
  FieldReader fields(args);
  std::vector<int64_t> mask;
  fields.integers("mask", mask, 3, 0, 8);
  layer.mask = {static_cast<int>(mask[0]), static_cast<int>(mask[1]), mask[2] != 0};
  fields.number("scale", layer.scale);
  fields.flag("undefined_is_zero", layer.undefined_is_zero);
  return std::make_shared<const Attention>(isa, std::move(layer));
}

/// Numbers of a step: its function and three operands; p and q lie in a list of their own.
constexpr size_t step_numbers = 7;

bool describe_chain(const Op& op, Attributes& attributes) {
  const auto* chain = dynamic_cast<const ElementwiseChain*>(&op);
  if (chain == nullptr) return false;
  std::vector<int64_t> steps;
  std::vector<float> parameters;
  for (const ElementProgram::Step& step : chain->program().steps()) {
    const auto& [function, p, q, operands] = step;
    steps.push_back(static_cast<int64_t>(function));
    for (const auto& [source, index] : operands)
      steps.insert(steps.end(), {static_cast<int64_t>(source), int64_t{index}});
    parameters.insert(parameters.end(), {p, q});
  }
  attributes["steps"] = std::move(steps);
  attributes["parameters"] = std::move(parameters);
  attributes["constants"] = chain->program().constants();
  return true;
}
OpPtr make_chain(const OpArgs& args, const Isa& isa) {
  using Source = ElementProgram::Source;
  const std::vector<int64_t> steps = args.get_ints("steps");
  const std::vector<float> parameters = args.get_floats("parameters");
  const size_t count = steps.size() / step_numbers;
  const graph::Attribute* found = args.find("constants");
  const auto* constants = found != nullptr ? std::get_if<std::vector<Tensor>>(found) : nullptr;
  if (count == 0 || count > ElementProgram::max_steps || steps.size() != count * step_numbers ||
      parameters.size() != 2 * count || constants == nullptr)
    fail(ErrorCode::bad_model, "an elementwise program of {} numbers and {} parameters", steps.size(),
         parameters.size());
  ElementProgram program;
  for (const Tensor& constant : *constants) {
    if (constant.dtype() != DType::float32)
      fail(ErrorCode::bad_model, "a constant of an elementwise program is {}", describe(constant));
    program.constant(constant);
  }
  for (size_t s = 0; s < count; ++s) {
    const int64_t* number = &steps[s * step_numbers];
    if (number[0] < 0 || number[0] > static_cast<int64_t>(ElementFunction::mul_add))
      fail(ErrorCode::bad_model, "there is no elementwise function {}", number[0]);
    ElementProgram::Step step;
    step.function = static_cast<ElementFunction>(number[0]);
    step.p = parameters[2 * s];
    step.q = parameters[2 * s + 1];
    const size_t limits[] = {args.input_count(), constants->size(), s};
    for (int i = 0; i < operand_count(step.function); ++i) {
      const int64_t source = number[1 + 2 * i];
      const int64_t index = number[2 + 2 * i];
      if (source < 0 || source > static_cast<int64_t>(Source::step) || index < 0 ||
          static_cast<uint64_t>(index) >= limits[source])
        fail(ErrorCode::bad_model, "step {} of an elementwise program reads what is not there", s);
      step.operands[i] = {static_cast<Source>(source), static_cast<uint32_t>(index)};
    }
    program.step(step);
  }
  program.finish(args.input_count());
  return std::make_shared<const ElementwiseChain>(*isa.kernels, std::move(program));
}

/// For each dim the number of its factors, then axis and size of each.
bool describe_regroup(const Op& op, Attributes& attributes) {
  const auto* regroup = dynamic_cast<const ops::Regroup*>(&op);
  if (regroup == nullptr) return false;
  std::vector<int64_t> numbers;
  for (const auto& factors : regroup->dims()) {
    numbers.push_back(std::ssize(factors));
    for (const auto& [axis, size] : factors) numbers.insert(numbers.end(), {axis, size});
  }
  attributes["dims"] = std::move(numbers);
  return true;
}
OpPtr make_regroup(const OpArgs& args, const Isa&) {
  const std::vector<int64_t> numbers = args.get_ints("dims");
  std::vector<std::vector<ops::RegroupFactor>> dims;
  for (size_t at = 0; at < numbers.size();) {
    const int64_t count = numbers[at++];
    if (count < 0 || static_cast<uint64_t>(count) > (numbers.size() - at) / 2)
      fail(ErrorCode::bad_model, "Regroup: the list of dims ends within one");
    dims.emplace_back();
    for (int64_t i = 0; i < count; ++i, at += 2) {
      if (numbers[at] < -1 || numbers[at] > 64 || numbers[at + 1] < 0 || numbers[at + 1] > max_step)
        fail(ErrorCode::bad_model, "Regroup: axis {} and size {} make no sense", numbers[at],
             numbers[at + 1]);
      dims.back().push_back({static_cast<int>(numbers[at]), numbers[at + 1]});
    }
  }
  return std::make_shared<const ops::Regroup>(std::move(dims));
}

constexpr NativeOp table[] = {
    {"Attention", describe_attention, make_attention, check_attention},
    {"ElementwiseChain", describe_chain, make_chain, check_chain},
    {"Linear", describe_linear, make_linear, check_linear},
    {"NhwcConv", describe_conv<NhwcConv>, make_conv<NhwcConv>, check_nhwc_conv},
    {"NhwcConvPair", describe_conv_pair, make_conv_pair, check_nhwc_conv_pair},
    {"NhwcConvTranspose", describe_conv_transpose, make_conv_transpose, check_nhwc_conv_transpose},
    {"NhwcGlobalAveragePool", describe_global_pool, make_global_pool, check_nhwc_image},
    {"NhwcPool", describe_pool, make_pool, check_nhwc_pool},
    {"NhwcQuantConv", describe_quant_conv, make_quant_conv, check_nhwc_quant_conv},
    {"PlanarConv", describe_conv<PlanarConv>, make_conv<PlanarConv>, check_planar_conv},
    {"QuantLinear", describe_quant_linear, make_quant_linear, check_quant_linear},
    {"Regroup", describe_regroup, make_regroup, check_regroup},
};

const NativeOp* find_native(std::string_view name) {
  for (const NativeOp& each : table)
    if (each.name == name) return &each;
  return nullptr;
}

}  // namespace

std::span<const NativeOp> native_ops() { return table; }

AttentionOperand read_operand(const OpArgs& args, const char* name) {
  const std::vector<int64_t> numbers = args.get_ints(name);
  if (numbers.size() < 12 || numbers.size() % 2 != 0 || numbers.size() > 32)
    fail(ErrorCode::bad_model, "Attention: operand {} of {} numbers", name, numbers.size());
  const auto number = [&](size_t index, int64_t least, int64_t most) {
    if (numbers[index] < least || numbers[index] > most)
      fail(ErrorCode::bad_model, "Attention: number {} of operand {} is {}; it must lie in [{}, {}]", index,
           name, numbers[index], least, most);
    return numbers[index];
  };
  AttentionOperand operand;
  size_t at = 0;
  for (AttentionAxis* each : {&operand.batch, &operand.head, &operand.row, &operand.column}) {
    *each = {static_cast<int>(number(at, -1, 64)), number(at + 1, 1, max_step), number(at + 2, 0, max_step)};
    at += 3;
  }
  for (; at < numbers.size(); at += 2)
    operand.begin.emplace_back(static_cast<int>(number(at, 0, 64)), number(at + 1, 0, max_step));
  return operand;
}

std::optional<graph::Recipe> recipe_of(const Op& op) {
  if (op.recipe() != nullptr) return *op.recipe();
  graph::Recipe recipe;
  if (const NativeOp* native = find_native(op.name()); native && native->describe(op, recipe.attributes)) {
    recipe.domain = native_domain;
    recipe.op = native->name;
    return recipe;
  }
  if (const auto* transpose = dynamic_cast<const ops::Transpose*>(&op)) {
    recipe.op = "Transpose";
    if (!transpose->perm().empty()) recipe.attributes["perm"] = transpose->perm();
    return recipe;
  }
  return std::nullopt;
}

OpPtr make_op(const graph::Recipe& recipe, size_t inputs, size_t outputs, const Isa& isa,
              const ops::CustomOpTable& custom_ops) {
  const OpArgs args(recipe.op, recipe.version, recipe.attributes, inputs, outputs);
  OpPtr op;
  if (recipe.domain == native_domain) {
    const NativeOp* native = find_native(recipe.op);
    if (native == nullptr) fail(ErrorCode::bad_model, "there is no operator spinel::{}", recipe.op);
    op = native->make(args, isa);
    if (const auto unread = args.unread(); !unread.empty())
      fail(ErrorCode::bad_model, "spinel::{} has no attribute '{}'", recipe.op, unread[0]);
  } else if (auto custom = custom_ops.find(recipe.domain, recipe.op, recipe.version)) {
    op = ops::make_custom_op(std::move(custom), args);
  } else {
    const ops::OpDef* def = ops::find_op(recipe.domain, recipe.op);
    if (def == nullptr)
      fail(ErrorCode::unsupported,
           "the operator {}::{} of version {} is not registered; register it before loading: "
           "EngineOptions::custom_ops, or --custom-op LIBRARY of the command",
           recipe.domain.empty() ? "ai.onnx" : recipe.domain, recipe.op, recipe.version);
    op = ops::make_op(*def, args);
  }
  for (const auto& [from, to] : recipe.float_types) {
    op = op->with_float_type(from, to);
    if (op == nullptr)
      fail(ErrorCode::bad_model, "{} does not change from {} to {}", recipe.op, dtype_name(from),
           dtype_name(to));
  }
  op->set_recipe(std::make_shared<const graph::Recipe>(recipe));
  return op;
}

void check_node(const graph::Node& node, const graph::InferContext& context, const Isa& isa) {
  if (node.op->recipe() == nullptr || node.op->recipe()->domain != native_domain) return;
  find_native(node.op->name())->check(*node.op, context, isa);
}

void put_kernel(const graph::Graph& graph, graph::Node& node, const std::string& kernel, const Isa& isa) {
  for (const KernelEntry& entry : kernel_list()) {
    if (node.op->name() != entry.op || kernel != entry.name) continue;
    std::string refusal;
    OpPtr op = entry.make({graph, node, *isa.kernels, *isa.byte_kernels}, refusal);
    if (op == nullptr)
      fail(ErrorCode::bad_model, "kernel '{}' refuses node '{}' ({}): {}", kernel, node.name, node.op->name(),
           refusal);
    graph::Recipe recipe = *recipe_of(*node.op);
    recipe.kernel = kernel;
    op->set_recipe(std::make_shared<const graph::Recipe>(std::move(recipe)));
    node.op = std::move(op);
    return;
  }
  fail(ErrorCode::bad_model, "node '{}': {} has no kernel '{}'", node.name, node.op->name(), kernel);
}

}  // namespace spinel::cpu
