// CenterCropPad: axes cut or filled with zeros to given sizes, evenly on both sides.
#include "base/text.hpp"
#include "ops/axis_gather.hpp"
#include "ops/indices.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

/// Inputs input_data of any type and shape (one size for each of the axes); output of those sizes. What
/// cannot be halved is cut from, and added to, the end.
class CenterCropPad final : public Op {
 public:
  explicit CenterCropPad(std::optional<std::vector<int64_t>> axes) : axes_(std::move(axes)) {}

  std::string_view name() const override { return "CenterCropPad"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    require_movable(context.dtype(0));
    require_index_type(context, 1);
    const Shape* x = context.shape(0);
    if (x == nullptr) return context.set_tensor(0, context.dtype(0));
    const std::vector<size_t> axes = order(x->size());
    Shape y = *x;
    for (size_t axis : axes) y[axis] = Dim::unknown();
    if (const auto sizes = known_or_unknown_ints(context, 1)) {
      check_count(sizes->size(), axes.size(), ErrorCode::bad_model);
      for (size_t i = 0; i < axes.size(); ++i) y[axes[i]] = (*sizes)[i];
    }
    context.set_tensor(0, context.dtype(0), std::move(y));
  }

  void batch(BatchContext& context) const override {
    const BatchState state = context.input(0);
    const Shape* y = context.output_shape(0);
    if (!state.is_batched() || context.input(1).is_batched() || y == nullptr)
      return context.block("the data is not batched, or the sizes are");
    const auto batch = static_cast<size_t>(state.axis);
    for (size_t i = 0; i < y->size(); ++i) {
      if (i == batch
              ? !equal((*context.input_shape(0))[i], (*y)[i])
              : depends_on_batch(context, (*y)[i]) || ((*y)[i].is_unknown() && !context.input(1).is_shared()))
        return context.block(fmt::format("axis {} of the result is not known to fit the batch", i));
    }
    context.set_output(0, state);
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const std::vector<size_t> axes = order(x.dims().size());
    const std::vector<int64_t> sizes = to_int64s(context.input(1));
    check_count(sizes.size(), axes.size(), ErrorCode::invalid_argument);
    Dims dims = x.dims();
    for (size_t i = 0; i < axes.size(); ++i) {
      if (sizes[i] < 0)
        fail(ErrorCode::invalid_argument, "the size {} of axis {} is negative", sizes[i], axes[i]);
      dims[axes[i]] = sizes[i];
    }
    Tensor& y = context.output(0, x.dtype(), dims);
    if (y.element_count() == 0) return;
    std::vector<std::vector<int64_t>> sources;
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      const int64_t size = x.dims()[axis];
      const int64_t first = size > dims[axis] ? (size - dims[axis]) / 2 : -((dims[axis] - size) / 2);
      std::vector<int64_t>& from = sources.emplace_back();
      for (int64_t i = first; i < first + dims[axis]; ++i) from.push_back(i < 0 || i >= size ? -1 : i);
    }
    with_storage_type(x.dtype(), [&](const auto& type) {
      using T = std::decay_t<decltype(type)>;
      gather_axes<T>(x, y, sources, T{});
    });
  }

 private:
  std::vector<size_t> order(size_t rank) const {
    std::vector<size_t> out;
    for (size_t i = 0; i < (axes_ ? axes_->size() : rank); ++i)
      out.push_back(axes_ ? static_cast<size_t>(normalize_axis((*axes_)[i], static_cast<int>(rank))) : i);
    return out;
  }

  static void check_count(size_t given, size_t wanted, ErrorCode code) {
    if (given != wanted) fail(code, "shape holds {} sizes for {} axes", given, wanted);
  }

  std::optional<std::vector<int64_t>> axes_;
};

}  // namespace

OpPtr make_center_crop_pad(const OpArgs& args) {
  std::optional<std::vector<int64_t>> axes;
  if (args.has("axes")) axes = args.get_ints("axes");
  return std::make_shared<CenterCropPad>(std::move(axes));
}

}  // namespace spinel::ops
