// Attention, QAttention and MultiHeadAttention of com.microsoft, as Attention of ai.onnx.
#include <limits>

#include "base/text.hpp"
#include "onnx/lowering.hpp"

namespace spinel::onnx {

using graph::no_value;
using graph::ValueId;

namespace {

struct Operands {
  ValueId q, k, v;
  ValueId mask = no_value;  ///< What is added to the scores.
  ValueId past_k = no_value, past_v = no_value;
};

/// `mask` and `bias` are inputs of the node: which keys there are, and a summand of the scores. `keys` is
/// [batch, keys, ..].
void take_mask(Lowering& node, size_t mask, size_t bias, ValueId keys, Operands& to) {
  const float filter = node.args.get_float("mask_filter_value", -10000.0f);
  if (node.has_input(mask)) to.mask = node.add("MaskBias", {node.input(mask), keys}, {{"hidden", filter}});
  if (node.has_input(bias))
    to.mask = to.mask == no_value ? node.input(bias) : node.add("Add", {to.mask, node.input(bias)});
}

std::vector<ValueId> attend(Lowering& node, const Operands& from, size_t outputs) {
  node.args.require("num_heads");
  const int64_t heads = node.args.get_int("num_heads", 0);
  if (heads <= 0) fail(ErrorCode::bad_model, "num_heads is {}", heads);
  ops::Attributes attributes{
      {"q_num_heads", heads}, {"kv_num_heads", heads}, {"is_causal", node.args.get_int("unidirectional", 0)}};
  if (const float scale = node.args.get_float("scale", 0); scale != 0) attributes["scale"] = scale;
  return node.add_many("Attention", outputs, {from.q, from.k, from.v, from.mask, from.past_k, from.past_v},
                       std::move(attributes));
}

}  // namespace

namespace {

/// From the three projections of X, packed along the last axis; `mask`, `bias` and `past` are inputs of the
/// node.
void attend_packed(Lowering& node, ValueId packed, size_t mask, size_t bias, size_t past) {
  if (node.args.get_flag("do_rotary", false) || node.args.get_flag("past_present_share_buffer", false))
    fail(ErrorCode::unsupported, "{} with do_rotary or a shared buffer of the past is not supported",
         node.args.op_type());
  const std::vector<int64_t> sizes = node.args.get_ints("qkv_hidden_sizes");
  if (!sizes.empty() && sizes.size() != 3)
    fail(ErrorCode::bad_model, "qkv_hidden_sizes has {} elements, not 3", sizes.size());
  const auto parts =
      sizes.empty()
          ? node.add_many("Split", 3, {packed}, {{"axis", int64_t{-1}}, {"num_outputs", int64_t{3}}})
          : node.add_many("Split", 3, {packed, node.ints(sizes)}, {{"axis", int64_t{-1}}});
  Operands operands{parts[0], parts[1], parts[2]};
  take_mask(node, mask, bias, packed, operands);
  if (node.has_input(past)) {
    const auto past_part = [&](int64_t which) {
      return node.add("Gather", {node.input(past), node.constant(Tensor::scalar(which))},
                      {{"axis", int64_t{0}}});
    };
    operands.past_k = past_part(0);
    operands.past_v = past_part(1);
  }
  const auto values = attend(node, operands, node.wants_output(1) ? 3 : 1);
  node.set_output(0, values[0]);
  if (!node.wants_output(1)) return;
  const auto stacked = [&](ValueId value) { return node.add("Unsqueeze", {value, node.ints({0})}); };
  node.set_output(1, node.add("Concat", {stacked(values[1]), stacked(values[2])}, {{"axis", int64_t{0}}}));
}

}  // namespace

/// X, packed weights of the three projections, their bias, mask_index, past [2, batch, heads, past, columns],
/// attention_bias; outputs Y and the present, packed like the past.
void lower_packed_attention(Lowering& node) {
  if (node.has_input(6))
    fail(ErrorCode::unsupported, "Attention with a shared buffer of the past is not supported");
  node.args.ignore("rotary_embedding_dim");
  ValueId packed = node.add("MatMul", {node.require_input(0), node.require_input(1)});
  if (node.has_input(2)) packed = node.add("Add", {packed, node.input(2)});
  attend_packed(node, packed, 3, 5, 4);
}

/// X and the packed weights as 8-bit integers, bias, scale of X, scale of the weights (one or one a column),
/// mask_index, zero points of both, past.
void lower_quantized_attention(Lowering& node) {
  std::vector<ValueId> operands{node.require_input(0), node.require_input(1)};
  if (node.has_input(6) || node.has_input(7)) operands.push_back(node.input(6));
  if (node.has_input(7)) operands.push_back(node.input(7));
  const ValueId scale = node.add("Mul", {node.require_input(3), node.require_input(4)});
  const ValueId sums = node.add("CastLike", {node.add("MatMulInteger", operands), scale});
  const ValueId packed = node.add("Add", {node.add("Mul", {sums, scale}), node.require_input(2)});
  constexpr size_t none = std::numeric_limits<size_t>::max();
  attend_packed(node, packed, 5, none, 8);
}

/// query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value. Without key, query is
/// [batch, length, heads, 3, columns]; without value, key is [batch, length, heads, 2, columns].
void lower_multi_head_attention(Lowering& node) {
  if (node.has_input(8) || node.has_input(9))
    fail(ErrorCode::unsupported, "MultiHeadAttention with a shared buffer of the past is not supported");
  const auto unpacked = [&](ValueId packed, int64_t count) {
    auto parts = node.add_many("Split", static_cast<size_t>(count), {packed},
                               {{"axis", int64_t{3}}, {"num_outputs", count}});
    for (ValueId& part : parts) part = node.add("Reshape", {part, node.ints({0, 0, -1})});
    return parts;
  };
  Operands operands{node.require_input(0), node.input(1), node.input(2)};
  if (!node.has_input(1)) {
    const auto parts = unpacked(operands.q, 3);
    operands = {parts[0], parts[1], parts[2]};
  } else if (!node.has_input(2)) {
    const auto parts = unpacked(operands.k, 2);
    operands.k = parts[0];
    operands.v = parts[1];
  }
  if (node.has_input(3)) {
    const auto parts =
        node.add_many("Split", 3, {node.input(3)}, {{"axis", int64_t{0}}, {"num_outputs", int64_t{3}}});
    operands.q = node.add("Add", {operands.q, parts[0]});
    operands.k = node.add("Add", {operands.k, parts[1]});
    operands.v = node.add("Add", {operands.v, parts[2]});
  }
  take_mask(node, 4, 5, operands.k, operands);
  operands.past_k = node.input(6);
  operands.past_v = node.input(7);
  const size_t outputs = node.wants_output(3) ? 4 : node.wants_output(1) || node.wants_output(2) ? 3 : 1;
  const auto values = attend(node, operands, outputs);
  for (size_t i = 0; i < outputs; ++i) node.set_output(i, values[i]);
}

}  // namespace spinel::onnx
