// RotaryEmbedding of ai.onnx and of com.microsoft.
#include "ops/rotary_embedding.hpp"

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/indices.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

struct RotaryAttrs {
  bool interleaved = false;
  int64_t width = 0;  ///< Elements of a head that are turned; 0: all.
  int64_t heads = 0;  ///< 0: told by the width of the caches where X has 3 dims.
  /// Where the inputs are.
  size_t cosines = 1, sines = 2, positions = 3;
};

/// X [batch, heads, length, head_size] or [batch, length, heads * head_size]. Caches [positions, width / 2]
/// where positions [batch, length] (or one number: that of the first row) are given, else [batch, length,
/// width / 2].
class RotaryEmbedding final : public Op {
 public:
  explicit RotaryEmbedding(RotaryAttrs attrs) : attrs_(attrs) {}

  std::string_view name() const override { return "RotaryEmbedding"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 3);
    require_float(context, 0, "X");
    require_rank(context, 0, "X", 3, 4);
    if (context.has_input(attrs_.positions)) require_index_type(context, attrs_.positions);
    infer_same(context);
  }

  void batch(BatchContext& context) const override {
    if (!context.input(0).is_batched() || context.input(0).axis != 0)
      return context.block("the batch is not axis 0 of X");
    const bool has_positions = context.has_input(attrs_.positions);
    for (const size_t i : {attrs_.cosines, attrs_.sines, attrs_.positions}) {
      if (!context.has_input(i) || !context.has_rank(i)) continue;
      const BatchState state = context.input(i);
      const bool follows = i == attrs_.positions || !has_positions;
      const bool one_number = i == attrs_.positions && context.rank(i) < 2;
      if (follows && !one_number ? !state.is_batched() || state.axis != 0 : !state.is_shared())
        return context.block("the caches or positions do not follow the batch");
    }
    context.set_output(0, BatchState::batched(0));
  }

  void run(RunContext& context) const override {
    compute_in(context.input(0).dtype(), [&](auto type) { rotate<decltype(type)>(context); });
  }

 private:
  template <class T>
  void rotate(RunContext& context) const {
    const Tensor& x = context.input(0);
    const Tensor& cosines = context.input(attrs_.cosines);
    const Tensor& sines = context.input(attrs_.sines);
    const Tensor* positions =
        context.has_input(attrs_.positions) ? &context.input(attrs_.positions) : nullptr;
    if (x.rank() != 3 && x.rank() != 4)
      fail(ErrorCode::invalid_argument, "X {} has neither 3 nor 4 dims", describe(x));
    const int64_t batches = x.dim(0);
    const int64_t length = x.rank() == 4 ? x.dim(2) : x.dim(1);
    const int64_t half = cosines.rank() > 0 ? cosines.dim(-1) : 0;
    const int64_t heads = x.rank() == 4      ? x.dim(1)
                          : attrs_.heads > 0 ? attrs_.heads
                          : half > 0         ? x.dim(2) / (2 * half)
                                             : 0;
    if (heads <= 0 || (x.rank() == 3 && x.dim(2) % heads != 0))
      fail(ErrorCode::invalid_argument, "X {} cannot be cut into {} heads", describe(x), heads);
    const int64_t head_size = x.rank() == 4 ? x.dim(3) : x.dim(2) / heads;
    const int64_t width = attrs_.width > 0 ? attrs_.width : head_size;
    const Dims table =
        positions != nullptr ? Dims{cosines.dim(0), width / 2} : Dims{batches, length, width / 2};
    if (width > head_size || width % 2 != 0 || cosines.dims() != table || sines.dims() != table)
      fail(ErrorCode::invalid_argument,
           "the caches {} and {} do not fit X {}: {} of {} elements of a head are turned", describe(cosines),
           describe(sines), describe(x), width, head_size);
    const bool from_first = positions != nullptr && positions->element_count() == 1;
    if (positions != nullptr && !from_first && positions->dims() != Dims{batches, length})
      fail(ErrorCode::invalid_argument, "position_ids {} do not fit X {}", describe(*positions), describe(x));

    const ComputeInput<T> from(x);
    const ComputeInput<T> c(cosines);
    const ComputeInput<T> s(sines);
    ComputeOutput<T> y(context, 0, x.dtype(), x.dims());
    for (int64_t row = 0; row < batches * length; ++row) {
      const int64_t b = row / length;
      const int64_t l = row % length;
      int64_t at = row;
      if (positions != nullptr) {
        const IndexReader ids(*positions);
        at = from_first ? ids[0] + l : ids[row];
        if (at < 0 || at >= cosines.dim(0))
          fail(ErrorCode::invalid_argument, "position {} is outside the caches of {}", at, cosines.dim(0));
      }
      for (int64_t h = 0; h < heads; ++h) {
        const int64_t head = (x.rank() == 4 ? (b * heads + h) * length + l : row * heads + h) * head_size;
        rotate_head(from.data() + head, y.data() + head, head_size, width, c.data() + at * (width / 2),
                    s.data() + at * (width / 2), attrs_.interleaved);
      }
    }
    y.store();
  }

  RotaryAttrs attrs_;
};

RotaryAttrs read_attrs(const OpArgs& args) {
  RotaryAttrs attrs;
  attrs.interleaved = args.get_flag("interleaved", false);
  attrs.width = args.get_int("rotary_embedding_dim", 0);
  attrs.heads = args.get_int("num_heads", 0);
  if (attrs.width < 0 || attrs.heads < 0)
    fail(ErrorCode::bad_model, "rotary_embedding_dim={} and num_heads={} may not be negative", attrs.width,
         attrs.heads);
  return attrs;
}

}  // namespace

OpPtr make_rotary_embedding(const OpArgs& args) {
  return std::make_shared<RotaryEmbedding>(read_attrs(args));
}

OpPtr make_contrib_rotary_embedding(const OpArgs& args) {
  RotaryAttrs attrs = read_attrs(args);
  attrs.positions = 1;
  attrs.cosines = 2;
  attrs.sines = 3;
  if (args.get_flag("is_packed_batching", false) || args.get_float("scale", 1.0f) != 1.0f)
    fail(ErrorCode::unsupported, "RotaryEmbedding with is_packed_batching or a scale is not supported");
  return std::make_shared<RotaryEmbedding>(attrs);
}

}  // namespace spinel::ops
