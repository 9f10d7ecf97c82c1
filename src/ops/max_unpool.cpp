// MaxUnpool: maxima put back where MaxPool found them.
#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/window.hpp"

namespace spinel::ops {
namespace {

/// Inputs X [N, C, spatial...], I (where each element was in the tensor that was pooled, row-major over the
/// whole) and optionally the shape of the output, [N, C, out...]; all that is not put there is 0.
///
/// Without output_shape the pooled tensor is the smallest that the window's attributes allow. With another
/// output_shape I counts in the output, as MaxPool made it and as in ONNX Runtime; ONNX's own test counts in
/// the smallest tensor even then, which lies in the output's corner. That is taken only if every position
/// lies in its window there and not in the output.
class MaxUnpool final : public Op {
 public:
  explicit MaxUnpool(WindowAttrs window) : window_(std::move(window)) {}

  std::string_view name() const override { return "MaxUnpool"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    require_movable(context.dtype(0));
    const Shape* x = context.shape(0);
    if (x == nullptr) return context.set_tensor(0, context.dtype(0));
    const size_t rank = spatial_rank(x->size(), ErrorCode::bad_model);
    if (context.has_input(2)) {
      const auto shape = known_or_unknown_ints(context, 2);
      return context.set_tensor(0, context.dtype(0), shape ? *shape : Shape(x->size(), Dim::unknown()));
    }
    const WindowAttrs full = window_.at_rank(rank);
    Shape y{(*x)[0], (*x)[1]};
    for (size_t i = 0; i < rank; ++i)
      y.push_back(((*x)[2 + i] - Dim(1)) * Dim(full.strides[i]) +
                  Dim(full.kernel_shape[i] - full.pads[i] - full.pads[rank + i]));
    context.set_tensor(0, context.dtype(0), std::move(y));
  }

  void batch(BatchContext& context) const override {
    context.block("input I counts through the whole batch");
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Tensor& indices = context.input(1);
    if (indices.dims() != x.dims())
      fail(ErrorCode::invalid_argument, "I {} and X {} must have the same dims", describe(indices),
           describe(x));
    const size_t rank = spatial_rank(x.dims().size(), ErrorCode::invalid_argument);
    const WindowAttrs full = window_.at_rank(rank);
    Dims smallest{x.dim(0), x.dim(1)};
    for (size_t i = 0; i < rank; ++i)
      smallest.push_back((x.dims()[2 + i] - 1) * full.strides[i] + full.kernel_shape[i] - full.pads[i] -
                         full.pads[rank + i]);
    const Dims dims = context.has_input(2) ? to_int64s(context.input(2)) : smallest;
    if (dims.size() != x.dims().size() || dims[0] != x.dim(0) || dims[1] != x.dim(1) ||
        *std::ranges::min_element(dims) < 0)
      fail(ErrorCode::invalid_argument, "X {} cannot be unpooled to {}", describe(x), dims_text(dims));
    Tensor& y = context.output(0, x.dtype(), dims);
    const int64_t* at = indices.data<int64_t>().data();
    const Dims& counted =
        dims != smallest && !in_windows(at, x.dims(), dims, full) && in_windows(at, x.dims(), smallest, full)
            ? smallest
            : dims;
    const int64_t end = dim_product(counted, 0, counted.size());
    const std::vector<int64_t> strides = row_major_strides(dims);
    with_storage_type(x.dtype(), [&](const auto& type) {
      using T = std::decay_t<decltype(type)>;
      std::fill_n(storage<T>(y), y.element_count(), T{});
      for (int64_t i = 0; i < x.element_count(); ++i) {
        if (at[i] < 0 || at[i] >= end)
          fail(ErrorCode::invalid_argument, "position {} is outside of {}", at[i], dims_text(counted));
        int64_t rest = at[i], to = 0;
        for (size_t axis = counted.size(); axis-- > 0; rest /= counted[axis])
          to += rest % counted[axis] * strides[axis];
        if (to < y.element_count()) storage<T>(y)[to] = storage<T>(x)[i];
      }
    });
  }

 private:
  size_t spatial_rank(size_t rank, ErrorCode code) const {
    if (rank != window_.kernel_shape.size() + 2)
      fail(code, "X of rank {} does not fit kernel_shape {}: it must be [N, C, spatial...]", rank,
           dims_text(window_.kernel_shape));
    return rank - 2;
  }

  /// Whether each position, counted in a tensor of `dims`, lies in its own plane and window.
  static bool in_windows(const int64_t* at, const Dims& pooled, const Dims& dims, const WindowAttrs& window) {
    const int64_t count = dim_product(pooled, 0, pooled.size());
    for (int64_t i = 0; i < count; ++i) {
      int64_t position = at[i], output = i;
      if (position < 0) return false;
      for (size_t axis = dims.size(); axis-- > 0;
           position /= std::max<int64_t>(dims[axis], 1), output /= pooled[axis]) {
        const int64_t place = position % std::max<int64_t>(dims[axis], 1);
        const int64_t which = output % pooled[axis];
        const int64_t begin = axis < 2 ? which : which * window.strides[axis - 2] - window.pads[axis - 2];
        if (place < begin || place >= begin + (axis < 2 ? 1 : window.kernel_shape[axis - 2])) return false;
      }
      if (position != 0) return false;
    }
    return true;
  }

  WindowAttrs window_;
};

}  // namespace

OpPtr make_max_unpool(const OpArgs& args) {
  args.require("kernel_shape");
  return std::make_shared<MaxUnpool>(read_window(args));
}

}  // namespace spinel::ops
