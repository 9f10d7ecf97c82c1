#include "onnx/lowering.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "ops/op_table.hpp"

// Domain, name, oldest opset, function; by domain and name.
#define SPINEL_LOWERINGS(X)                                                                   \
  X("", "SimplifiedLayerNormalization", 1, lower_simplified_layer_normalization)              \
  X("com.microsoft", "Attention", 1, lower_packed_attention)                                  \
  X("com.microsoft", "BiasGelu", 1, lower_bias_gelu)                                          \
  X("com.microsoft", "BiasSoftmax", 1, lower_bias_softmax)                                    \
  X("com.microsoft", "BiasSplitGelu", 1, lower_bias_split_gelu)                               \
  X("com.microsoft", "DynamicQuantizeLSTM", 1, lower_quantized_lstm)                          \
  X("com.microsoft", "EmbedLayerNormalization", 1, lower_embed_layer_normalization)           \
  X("com.microsoft", "ExpandDims", 1, lower_expand_dims)                                      \
  X("com.microsoft", "FastGelu", 1, lower_fast_gelu)                                          \
  X("com.microsoft", "FusedConv", 1, lower_fused_conv)                                        \
  X("com.microsoft", "FusedGemm", 1, lower_fused_gemm)                                        \
  X("com.microsoft", "Gelu", 1, lower_gelu)                                                   \
  X("com.microsoft", "GroupNorm", 1, lower_group_norm)                                        \
  X("com.microsoft", "MultiHeadAttention", 1, lower_multi_head_attention)                     \
  X("com.microsoft", "NhwcConv", 1, lower_nhwc_conv)                                          \
  X("com.microsoft", "Pad", 1, lower_pad)                                                     \
  X("com.microsoft", "QAttention", 1, lower_quantized_attention)                              \
  X("com.microsoft", "QuickGelu", 1, lower_quick_gelu)                                        \
  X("com.microsoft", "Range", 1, lower_same)                                                  \
  X("com.microsoft", "SimplifiedLayerNormalization", 1, lower_simplified_layer_normalization) \
  X("com.microsoft", "SkipGroupNorm", 1, lower_group_norm)                                    \
  X("com.microsoft", "SkipLayerNormalization", 1, lower_skip_layer_normalization)             \
  X("com.microsoft", "SkipSimplifiedLayerNormalization", 1, lower_skip_layer_normalization)   \
  X("com.microsoft", "Trilu", 1, lower_same)                                                  \
  X("com.microsoft", "Unique", 1, lower_unique)

namespace spinel::onnx {

#define SPINEL_DECLARE(domain, name, since, lower) void lower(Lowering& node);
SPINEL_LOWERINGS(SPINEL_DECLARE)
#undef SPINEL_DECLARE

namespace {

#define SPINEL_ENTRY(domain, name, since, lower) LoweringEntry{domain, name, since, lower},
constexpr LoweringEntry table[] = {SPINEL_LOWERINGS(SPINEL_ENTRY)};
#undef SPINEL_ENTRY

}  // namespace

using graph::ValueId;

std::span<const LoweringEntry> lowering_table() { return table; }

const LoweringEntry* find_lowering(std::string_view domain, std::string_view name) {
  for (const LoweringEntry& entry : table)
    if (entry.domain == domain && entry.name == name) return &entry;
  return nullptr;
}

ValueId Lowering::require_input(size_t index) const {
  if (!has_input(index)) fail(ErrorCode::bad_model, "input {} is missing", index);
  return inputs_[index];
}

void Lowering::refuse_outputs(size_t first) const {
  for (size_t i = first; i < outputs_.size(); ++i)
    if (wants_output(i)) fail(ErrorCode::unsupported, "output {} of {} is not supported", i, args.op_type());
}

ValueId Lowering::constant(Tensor value) {
  return graph_.add_constant(fmt::format("{}/constant_{}", name_, parts_++), std::move(value));
}

ValueId Lowering::ints(std::vector<int64_t> values) {
  return constant(Tensor::from<int64_t>({std::ssize(values)}, std::span<const int64_t>(values)));
}

ValueId Lowering::add(std::string_view op, std::vector<ValueId> inputs, ops::Attributes attributes) {
  return add_many(op, 1, std::move(inputs), std::move(attributes))[0];
}

std::vector<ValueId> Lowering::add_many(std::string_view op, size_t outputs, std::vector<ValueId> inputs,
                                        ops::Attributes attributes) {
  const ops::OpDef* def = ops::find_op(op == "MaskBias" ? "spinel" : "", op);
  if (def == nullptr) fail(ErrorCode::unsupported, "it consists of {}, which is left out of this build", op);
  const ops::OpArgs part(std::string(op), version, std::move(attributes), inputs.size(), outputs);
  graph::Node node;
  node.name = fmt::format("{}/{}_{}", name_, op, parts_++);
  node.op = ops::make_op(*def, part);
  node.attributes = fmt::format("{} opset={}", part.text(), version);
  node.inputs = std::move(inputs);
  node.sources = {name_};
  for (size_t i = 0; i < outputs; ++i) {
    graph::Value value;
    value.name = i == 0 ? node.name : fmt::format("{}.{}", node.name, i);
    node.outputs.push_back(graph_.add_value(std::move(value)));
  }
  const std::vector<ValueId> values = node.outputs;
  graph_.add_node(std::move(node));
  return values;
}

void Lowering::set_output(size_t index, ValueId value) {
  if (!wants_output(index)) return;
  // The part that made the value makes the output itself; other values are passed on.
  const graph::NodeId producer = graph_.value(value).producer;
  const auto parts = std::span(graph_.nodes).subspan(first_part_);
  const bool read = std::ranges::any_of(parts, [&](const graph::Node& node) {
    return std::ranges::find(node.inputs, value) != node.inputs.end();
  });
  if (!read && producer >= static_cast<graph::NodeId>(first_part_)) {
    std::ranges::replace(graph_.node(producer).outputs, value, outputs_[index]);
    graph_.value(value).producer = graph::no_node;
    graph_.value(outputs_[index]).producer = producer;
    return;
  }
  graph::Node node;
  node.name = fmt::format("{}/output_{}", name_, index);
  node.op = ops::make_op(ops::need_op("", "Identity"), ops::OpArgs("Identity", version, {}, 1, 1));
  node.inputs = {value};
  node.outputs = {outputs_[index]};
  node.sources = {name_};
  graph_.add_node(std::move(node));
}

}  // namespace spinel::onnx
