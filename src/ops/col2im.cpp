// Col2Im: blocks of columns added up to the picture that they were cut from.
#include "ops/compute_type.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/window.hpp"

namespace spinel::ops {
namespace {

/// Inputs input [N, C * block elements, blocks], image_shape and block_shape (one element a spatial axis);
/// output [N, C, image_shape...].
class Col2Im final : public Op {
 public:
  explicit Col2Im(WindowAttrs window) : window_(std::move(window)) {}

  std::string_view name() const override { return "Col2Im"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 3);
    require_float(context, 0, "input");
    require_rank(context, 0, "input", 3, 3);
    const Shape* x = context.shape(0);
    const auto image = known_or_unknown_ints(context, 1);
    if (x == nullptr || !image) return context.set_tensor(0, context.dtype(0));
    Shape y{(*x)[0], Dim::unknown()};
    if (const auto blocks = known_ints(context, 2)) {
      Dim elements(1);
      for (const Dim& dim : *blocks) elements = elements * dim;
      y[1] = floor_div((*x)[1], elements);
    }
    y.insert(y.end(), image->begin(), image->end());
    context.set_tensor(0, context.dtype(0), std::move(y));
  }

  void batch(BatchContext& context) const override {
    if (!require_fixed_inputs(context, 1)) return;
    batch_keep_axis(context, {1, 2}, "the columns of axis");
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    require_float(x, "input");
    const std::vector<int64_t> image = to_int64s(context.input(1));
    const std::vector<int64_t> kernel = to_int64s(context.input(2));
    if (image.empty() || image.size() != kernel.size() || *std::ranges::min_element(kernel) < 1 ||
        *std::ranges::min_element(image) < 0)
      fail(ErrorCode::invalid_argument, "image_shape {} and block_shape {} must be as many sizes",
           dims_text(image), dims_text(kernel));
    Dims picture{1, 1};
    picture.insert(picture.end(), image.begin(), image.end());
    const std::vector<WindowAxis> axes = make_windows(window_, picture, kernel);
    int64_t blocks = 1;
    for (const WindowAxis& axis : axes) blocks *= axis.output;
    const int64_t taps = dim_product(kernel, 0, kernel.size());
    if (x.rank() != 3 || x.dim(1) % taps != 0 || x.dim(2) != blocks)
      fail(ErrorCode::invalid_argument,
           "the input {} must be [N, C * {}, {}] for pictures of {} cut into blocks of {}", describe(x), taps,
           blocks, dims_text(image), dims_text(kernel));
    compute_in(x.dtype(), [&](auto type) { compute<decltype(type)>(context, image, axes, taps, blocks); });
  }

 private:
  template <class T>
  static void compute(RunContext& context, const Dims& image, const std::vector<WindowAxis>& axes,
                      int64_t taps, int64_t blocks) {
    const Tensor& x = context.input(0);
    Dims dims{x.dim(0), x.dim(1) / taps};
    dims.insert(dims.end(), image.begin(), image.end());
    const ComputeInput<T> from(x);
    ComputeOutput<T> y(context, 0, x.dtype(), dims);
    const int64_t plane = dim_product(image, 0, image.size());
    context.parallel_for(y.count() == 0 ? 0 : dims[0] * dims[1], [&](int64_t at) {
      T* to = y.data() + at * plane;
      std::fill_n(to, plane, T{0});
      for (int64_t tap = 0; tap < taps; ++tap)
        add_tap(from.data() + (at * taps + tap) * blocks, axes, tap, blocks, to);
    });
    y.store();
  }

  /// Adds the element that every block has for one place of the kernel.
  template <class T>
  static void add_tap(const T* from, const std::vector<WindowAxis>& axes, int64_t tap, int64_t blocks,
                      T* to) {
    const size_t last = axes.size() - 1;
    std::vector<int64_t> place(axes.size());  // Where block 0 has the element, on each axis.
    for (size_t i = axes.size(); i-- > 0; tap /= axes[i].kernel)
      place[i] = tap % axes[i].kernel * axes[i].dilation - axes[i].pad_begin;
    for (int64_t row = 0; row < blocks; row += axes[last].output) {
      int64_t offset = 0, rest = row / axes[last].output, stride = axes[last].input;
      bool inside = true;
      for (size_t i = last; i-- > 0; rest /= axes[i].output, stride *= axes[i].input) {
        const int64_t at = place[i] + rest % axes[i].output * axes[i].stride;
        inside = inside && at >= 0 && at < axes[i].input;
        offset += at * stride;
      }
      if (!inside) continue;
      for (int64_t k = 0; k < axes[last].output; ++k) {
        const int64_t at = place[last] + k * axes[last].stride;
        if (at >= 0 && at < axes[last].input) to[offset + at] += from[row + k];
      }
    }
  }

  WindowAttrs window_;
};

}  // namespace

OpPtr make_col2im(const OpArgs& args) { return std::make_shared<Col2Im>(read_window(args)); }

}  // namespace spinel::ops
