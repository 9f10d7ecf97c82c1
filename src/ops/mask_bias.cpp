// MaskBias: the masks of com.microsoft's attention as summands of the scores. Not an operator of ONNX.
#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

/// Inputs: the mask, and X [batch, keys, ..], whose type the result has: 0 for a key that is seen, `hidden`
/// for others. The mask [batch, keys] or [batch, rows, keys] is 0 where a key is hidden; [batch] says how
/// many keys there are, [2 * batch] where they end and, after that, where they begin. The result is [batch,
/// 1, rows or 1, keys].
class MaskBias final : public Op {
 public:
  explicit MaskBias(float hidden) : hidden_(hidden) {}
  std::string_view name() const override { return "MaskBias"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 2);
    require_float(context, 1, "X");
    require_rank(context, 0, "mask", 1, 3);
    if (context.dtype(0) != DType::undefined && context.dtype(0) != DType::int32 &&
        context.dtype(0) != DType::int64 && context.dtype(0) != DType::boolean)
      fail(ErrorCode::bad_model, "the mask is {}, not whole numbers", dtype_name(context.dtype(0)));
    const Shape* mask = context.shape(0);
    const Shape* x = context.shape(1);
    std::optional<Shape> shape;
    if (mask != nullptr && mask->size() > 1)
      shape = Shape{(*mask)[0], Dim(1), mask->size() == 3 ? (*mask)[1] : Dim(1), mask->back()};
    else if (mask != nullptr && x != nullptr && x->size() > 1)
      shape = Shape{(*x)[0], Dim(1), Dim(1), (*x)[1]};
    context.set_tensor(0, context.dtype(1), std::move(shape));
  }

  void batch(BatchContext& context) const override {
    if (!context.has_rank(0) || !context.input(0).is_batched() || context.input(0).axis != 0 ||
        (context.rank(0) == 1 &&
         (!context.has_rank(1) || !context.input(1).is_batched() || context.input(1).axis != 0 ||
          !equal((*context.input_shape(0))[0], (*context.input_shape(1))[0]))))
      return context.block("the mask does not follow the batch along axis 0");
    context.set_output(0, BatchState::batched(0));
  }

  void run(RunContext& context) const override {
    const Tensor& mask = context.input(0);
    const Tensor& x = context.input(1);
    const std::vector<int64_t> values =
        to_int64s(mask.dtype() == DType::boolean ? convert(mask, DType::int64) : mask);
    Dims dims{mask.dim(0), 1, mask.rank() == 3 ? mask.dim(1) : 1, mask.dim(-1)};
    const int64_t batches = x.dim(0);
    if (mask.rank() == 1) {
      dims = {batches, 1, 1, x.dim(1)};
      if (mask.dim(0) != batches && mask.dim(0) != 2 * batches)
        fail(ErrorCode::unsupported, "the mask {} of {} samples has no form that is supported",
             describe(mask), batches);
    }
    Tensor bias(DType::float32, dims);
    const auto out = bias.data<float>();
    for (size_t i = 0; i < out.size(); ++i) {
      bool seen = false;
      if (mask.rank() == 1) {
        const auto sample = static_cast<int64_t>(i) / x.dim(1);
        const int64_t key = static_cast<int64_t>(i) % x.dim(1);
        const int64_t first = mask.dim(0) == batches ? 0 : values[static_cast<size_t>(batches + sample)];
        seen = key >= first && key < values[static_cast<size_t>(sample)];
      } else {
        seen = values[i] != 0;
      }
      out[i] = seen ? 0 : hidden_;
    }
    copy_elements(convert(bias, x.dtype()), context.output(0, x.dtype(), dims));
  }

 private:
  float hidden_;
};

}  // namespace

OpPtr make_mask_bias(const OpArgs& args) {
  return std::make_shared<MaskBias>(args.get_float("hidden", -10000.0f));
}

}  // namespace spinel::ops
