// Normalisations of com.microsoft, with the sums before them.
#include "base/text.hpp"
#include "onnx/lowering.hpp"

namespace spinel::onnx {

using graph::no_value;
using graph::ValueId;

void lower_simplified_layer_normalization(Lowering& node) {
  node.refuse_outputs(1);
  node.set_output(0, node.add("RMSNormalization", {node.require_input(0), node.require_input(1)},
                              {{"axis", node.args.get_int("axis", -1)},
                               {"epsilon", node.args.get_float("epsilon", 1e-5f)},
                               {"stash_type", node.args.get_int("stash_type", 1)}}));
}

/// SkipLayerNormalization: X, skip, gamma, beta, bias; SkipSimplifiedLayerNormalization has no beta. Output 3
/// is the sum that is normalised.
void lower_skip_layer_normalization(Lowering& node) {
  const bool simplified = node.args.op_type().find("Simplified") != std::string::npos;
  const size_t bias = simplified ? 3 : 4;
  ValueId sum = node.add("Add", {node.require_input(0), node.require_input(1)});
  if (node.has_input(bias)) sum = node.add("Add", {sum, node.input(bias)});
  const ops::Attributes attributes{{"epsilon", node.args.get_float("epsilon", simplified ? 1e-5f : 1e-12f)},
                                   {"axis", int64_t{-1}}};
  std::vector<ValueId> inputs{sum, node.require_input(2)};
  if (!simplified && node.has_input(3)) inputs.push_back(node.input(3));
  const size_t statistics = !simplified && (node.wants_output(1) || node.wants_output(2)) ? 3 : 1;
  if (simplified && (node.wants_output(1) || node.wants_output(2)))
    fail(ErrorCode::unsupported, "the statistics of {} are not supported", node.args.op_type());
  const auto values =
      node.add_many(simplified ? "RMSNormalization" : "LayerNormalization", statistics, inputs, attributes);
  for (size_t i = 0; i < statistics; ++i) node.set_output(i, values[i]);
  node.set_output(3, sum);
}

/// input_ids, segment_ids, word, position and segment embeddings, gamma, beta, mask, position_ids. Outputs
/// the normalised sum, how many tokens the mask keeps, and the sum.
void lower_embed_layer_normalization(Lowering& node) {
  const ValueId ids = node.require_input(0);
  ValueId sum = node.add("Gather", {node.require_input(2), ids});
  if (node.has_input(8)) {
    sum = node.add("Add", {sum, node.add("Gather", {node.require_input(3), node.input(8)})});
  } else {
    const ValueId length = node.add("Shape", {ids}, {{"start", int64_t{1}}, {"end", int64_t{2}}});
    sum = node.add("Add",
                   {sum, node.add("Slice", {node.require_input(3), node.ints({0}), length, node.ints({0})})});
  }
  if (node.has_input(1))
    sum = node.add("Add", {sum, node.add("Gather", {node.require_input(4), node.input(1)})});
  node.set_output(0, node.add("LayerNormalization", {sum, node.require_input(5), node.require_input(6)},
                              {{"epsilon", node.args.get_float("epsilon", 1e-12f)}, {"axis", int64_t{-1}}}));
  node.args.ignore("mask_index_type");
  if (node.wants_output(1)) {
    const auto int32 = static_cast<int64_t>(DType::int32);
    if (node.has_input(7)) {
      node.set_output(
          1, node.add("Cast",
                      {node.add("ReduceSum", {node.input(7), node.ints({1})}, {{"keepdims", int64_t{0}}})},
                      {{"to", int32}}));
    } else {
      const ValueId batch = node.add("Shape", {ids}, {{"start", int64_t{0}}, {"end", int64_t{1}}});
      node.set_output(1, node.add("ConstantOfShape", {batch}, {{"value", Tensor::from<int32_t>({1}, {0})}}));
    }
  }
  node.set_output(2, sum);
}

/// GroupNorm: X, gamma, beta; SkipGroupNorm has the summands skip and bias besides, and gives out the sum. X
/// is [N, H, W, C] if channels_last.
void lower_group_norm(Lowering& node) {
  const bool skips = node.args.op_type() == "SkipGroupNorm";
  const bool last = node.args.get_flag("channels_last", true);
  ValueId x = node.require_input(0);
  if (skips) {
    if (!last) fail(ErrorCode::unsupported, "SkipGroupNorm with channels_last = 0 is not supported");
    x = node.add("Add", {x, node.require_input(3)});
    if (node.has_input(4)) x = node.add("Add", {x, node.input(4)});
    node.set_output(1, x);
  }
  node.args.require("groups");
  const ValueId planes = last ? node.add("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 3, 1, 2}}}) : x;
  ValueId y = node.add(
      "GroupNormalization", {planes, node.require_input(1), node.require_input(2)},
      {{"epsilon", node.args.get_float("epsilon", 1e-5f)}, {"num_groups", node.args.get_int("groups", 1)}});
  const int64_t activation = node.args.get_int("activation", 0);
  if (activation != 0 && activation != 1)
    fail(ErrorCode::bad_model, "activation is {}; it is 0 (none) or 1 (SiLU)", activation);
  if (activation == 1) y = node.add("Swish", {y});
  if (last) y = node.add("Transpose", {y}, {{"perm", std::vector<int64_t>{0, 2, 3, 1}}});
  node.set_output(0, y);
}

}  // namespace spinel::onnx
