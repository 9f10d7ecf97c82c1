// Attention (opset 23 on): types, shapes and the batch; the kernel is attention_kernel.cpp.
#include "ops/attention.hpp"

#include "base/text.hpp"
#include "ops/compute_type.hpp"

namespace spinel::ops {
namespace {

/// [batch, heads, length, columns] of an operand; nothing while its rank is unknown.
std::optional<Shape> heads_apart(const InferContext& context, size_t input, int64_t heads) {
  const Shape* shape = context.shape(input);
  if (shape == nullptr) return std::nullopt;
  if (shape->size() == 4) return *shape;
  if (heads <= 0)
    fail(ErrorCode::bad_model, "input {} has 3 dims, but its number of heads is not given", input);
  const Dim& width = (*shape)[2];
  if (width.is_constant() && width.constant() % heads != 0)
    fail(ErrorCode::bad_model, "{} elements of input {} cannot be cut into {} heads", width.constant(), input,
         heads);
  return Shape{(*shape)[0], Dim(heads), (*shape)[1],
               width.is_constant() ? Dim(width.constant() / heads) : Dim::unknown()};
}

void require_fitting(const Dim& a, const Dim& b, const char* what) {
  if (a.is_constant() && b.is_constant() && a.constant() != b.constant())
    fail(ErrorCode::bad_model, "{} differ: {} and {}", what, a.constant(), b.constant());
}

}  // namespace

void AttentionOp::infer(InferContext& context) const {
  require_only_tensors(context, 3);
  for (const size_t i : {q, k, v, past_key, past_value})
    if (context.has_input(i)) {
      require_float(context, i, "an operand");
      require_rank(context, i, "an operand", i < mask ? 3 : 4, 4);
    }
  if (context.has_input(past_key) != context.has_input(past_value))
    fail(ErrorCode::bad_model, "past_key and past_value must be given together");
  if (context.has_input(past_key) && context.has_input(key_lengths))
    fail(ErrorCode::bad_model, "nonpad_kv_seqlen cannot be given together with past_key");
  const auto queries = heads_apart(context, q, attrs_.q_heads);
  const auto keys = heads_apart(context, k, attrs_.kv_heads);
  const auto values = heads_apart(context, v, attrs_.kv_heads);
  if (queries && keys) require_fitting((*queries)[3], (*keys)[3], "the columns of Q and K");
  if (keys && values) require_fitting((*keys)[2], (*values)[2], "the lengths of K and V");
  const Shape* past = context.shape(past_key);
  Dim total = keys ? (*keys)[2] : Dim::unknown();
  if (context.has_input(past_key)) total = past != nullptr ? (*past)[2] + total : Dim::unknown();
  const auto present = [&](const std::optional<Shape>& from) {
    return from ? std::optional<Shape>({(*from)[0], (*from)[1], total, (*from)[3]}) : std::nullopt;
  };

  std::optional<Shape> y;
  if (queries && values) {
    y = Shape{(*queries)[0], (*queries)[1], (*queries)[2], (*values)[3]};
    if (context.shape(q)->size() == 3) {
      const Dim& columns = (*values)[3];
      y = Shape{(*queries)[0], (*queries)[2],
                columns.is_constant() ? Dim(attrs_.q_heads * columns.constant()) : Dim::unknown()};
    }
  }
  context.set_tensor(0, context.dtype(q), std::move(y));
  if (context.output_count() > 1) context.set_tensor(1, context.dtype(k), present(keys));
  if (context.output_count() > 2) context.set_tensor(2, context.dtype(v), present(values));
  if (context.output_count() > 3)
    context.set_tensor(
        3, context.dtype(q),
        queries ? std::optional<Shape>({(*queries)[0], (*queries)[1], (*queries)[2], total}) : std::nullopt);
}

void AttentionOp::batch(BatchContext& context) const {
  for (const size_t i : {q, k, v, past_key, past_value, key_lengths})
    if (context.has_input(i) && (!context.input(i).is_batched() || context.input(i).axis != 0))
      return context.block("the batch is not axis 0 of every operand of the attention");
  if (context.has_input(mask)) {
    const BatchState state = context.input(mask);
    if (!context.has_rank(mask) || state.is_size()) return context.block("the mask's rank is not known");
    const bool repeats = context.rank(mask) < 4 || (*context.input_shape(mask))[0].is_constant(1);
    if (state.is_batched() ? context.rank(mask) != 4 || state.axis != 0 : !repeats)
      return context.block("the mask does not follow the batch along its first of four axes");
  }
  context.set_all_outputs(BatchState::batched(0));
}

OpPtr make_attention(const OpArgs& args) {
  AttentionAttrs attrs;
  attrs.q_heads = args.get_int("q_num_heads", 0);
  attrs.kv_heads = args.get_int("kv_num_heads", 0);
  if (args.has("scale")) attrs.scale = args.get_float("scale", 0);
  attrs.softcap = args.get_float("softcap", 0);
  attrs.causal = args.get_flag("is_causal", false);
  attrs.scores_output = args.get_int("qk_matmul_output_mode", 0);
  attrs.pads_mask = args.version() >= 24;
  if (args.version() >= 25) {
    attrs.left_window = args.get_int("left_window_size", -1);
    attrs.right_window = args.get_int("right_window_size", -1);
  }
  if (attrs.scores_output < 0 || attrs.scores_output > 3)
    fail(ErrorCode::bad_model, "qk_matmul_output_mode is {}; it is one of 0 to 3", attrs.scores_output);
  if (attrs.left_window < -1 || attrs.right_window < -1)
    fail(ErrorCode::bad_model, "a window of {} and {} keys makes no sense; -1 leaves a side open",
         attrs.left_window, attrs.right_window);
  if (args.has("softmax_precision")) {
    attrs.softmax_dtype = static_cast<DType>(args.get_int("softmax_precision", 1));
    if (!is_float_dtype(attrs.softmax_dtype))
      fail(ErrorCode::bad_model, "softmax_precision={} is no float type",
           static_cast<int32_t>(attrs.softmax_dtype));
  }
  return std::make_shared<AttentionOp>(attrs);
}

}  // namespace spinel::ops
