// DeformConv: a convolution whose taps are moved by an offset of their own at every position.
#include <cmath>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/row_product.hpp"
#include "ops/window.hpp"

namespace spinel::ops {
namespace {

struct DeformConvAttrs {
  WindowAttrs window;
  int64_t group = 1;
  int64_t offset_group = 1;
};

/// Output positions that one task computes.
constexpr int64_t block = product_column_block;

struct Sizes {
  int64_t group, in_channels, out_channels;  ///< Channels of one group.
  int64_t offset_group, taps;
  int64_t in_plane, out_plane;
  WindowAxis h, w;
};

/// The four elements around each sampling point and their weights, -1 and 0 outside of the input.
template <class T>
struct Corners {
  std::vector<int64_t> offset;  ///< [offset_group * taps][4][block]
  std::vector<T> weight;

  /// Samples a plane at the `count` points of one tap.
  void sample(const T* plane, int64_t tap, int64_t count, T* to) const {
    const int64_t* from = offset.data() + tap * 4 * block;
    const T* factor = weight.data() + tap * 4 * block;
    std::fill_n(to, count, T{0});
    for (int64_t corner = 0; corner < 4; ++corner, from += block, factor += block)
      for (int64_t p = 0; p < count; ++p) to[p] += from[p] < 0 ? T{0} : factor[p] * plane[from[p]];
  }
};

/// `offsets` and `mask` (or nullptr) are those of one sample.
template <class T>
Corners<T> place_corners(const Sizes& s, const T* offsets, const T* mask, int64_t begin, int64_t count) {
  Corners<T> out;
  out.offset.resize(static_cast<size_t>(s.offset_group * s.taps * 4 * block));
  out.weight.resize(out.offset.size());
  for (int64_t tap = 0; tap < s.offset_group * s.taps; ++tap) {
    const int64_t kh = tap % s.taps / s.w.kernel, kw = tap % s.taps % s.w.kernel;
    const T* down = offsets + 2 * tap * s.out_plane + begin;
    const T* right = down + s.out_plane;
    for (int64_t p = 0; p < count; ++p) {
      const int64_t oh = (begin + p) / s.w.output, ow = (begin + p) % s.w.output;
      const T y = static_cast<T>(oh * s.h.stride - s.h.pad_begin + kh * s.h.dilation) + down[p];
      const T x = static_cast<T>(ow * s.w.stride - s.w.pad_begin + kw * s.w.dilation) + right[p];
      const T factor = mask == nullptr ? T{1} : mask[tap * s.out_plane + begin + p];
      const bool inside = y > -1 && y < static_cast<T>(s.h.input) && x > -1 && x < static_cast<T>(s.w.input);
      const int64_t top = inside ? static_cast<int64_t>(std::floor(y)) : -2;
      const int64_t left = inside ? static_cast<int64_t>(std::floor(x)) : -2;
      const T low_y = y - static_cast<T>(top), low_x = x - static_cast<T>(left);
      for (int64_t corner = 0; corner < 4; ++corner) {
        const int64_t row = top + corner / 2, column = left + corner % 2;
        const size_t at = static_cast<size_t>((tap * 4 + corner) * block + p);
        const bool there = row >= 0 && row < s.h.input && column >= 0 && column < s.w.input;
        out.offset[at] = there ? row * s.w.input + column : -1;
        out.weight[at] =
            factor * (corner / 2 == 0 ? 1 - low_y : low_y) * (corner % 2 == 0 ? 1 - low_x : low_x);
      }
    }
  }
  return out;
}

/// Inputs X [N, C, H, W], W [M, C / group, kH, kW], offset [N, offset_group * kH * kW * 2, oH, oW] (down,
/// then right), and optionally B [M] and mask [N, offset_group * kH * kW, oH, oW]; output [N, M, oH, oW].
class DeformConv final : public Op {
 public:
  explicit DeformConv(DeformConvAttrs attrs) : attrs_(std::move(attrs)) {}

  std::string_view name() const override { return "DeformConv"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 3);
    static constexpr const char* names[] = {"X", "W", "offset", "B", "mask"};
    for (size_t i = 0; i < 5; ++i) {
      require_float(context, i, names[i]);
      const Shape* shape = context.shape(i);
      if (i != 3 && shape != nullptr && shape->size() != 4)
        fail(ErrorCode::unsupported, "DeformConv of pictures alone is supported: {} {} must have rank 4",
             names[i], shape_text(*shape));
    }
    const Shape* x = context.shape(0);
    const Shape* w = context.shape(1);
    if (x == nullptr || w == nullptr) return context.set_tensor(0, context.dtype(0));
    Shape y{(*x)[0], (*w)[0]};
    for (const Dim& dim : window_output(attrs_.window, *x, Shape(w->begin() + 2, w->end()))) y.push_back(dim);
    context.set_tensor(0, context.dtype(0), std::move(y));
  }

  void batch(BatchContext& context) const override {
    for (size_t i = 0; i < context.input_count(); ++i) {
      if (!context.has_input(i)) continue;
      const bool weights = i == 1 || i == 3;
      const BatchState state = context.input(i);
      if (weights ? !state.is_shared() : !state.is_batched() || state.axis != 0)
        return context.block("X, offset and mask do not have the batch as axis 0, the weights none");
    }
    context.set_output(0, BatchState::batched(0));
  }

  void run(RunContext& context) const override {
    require_float(context.input(0), "X");
    const Sizes s = sizes(context);
    compute_in(context.input(0).dtype(), [&](auto type) { compute<decltype(type)>(context, s); });
  }

 private:
  Sizes sizes(RunContext& context) const {
    const Tensor& x = context.input(0);
    const Tensor& w = context.input(1);
    const auto check = [](bool fits, const char* name, const Tensor& tensor, const std::string& wanted) {
      if (!fits) fail(ErrorCode::invalid_argument, "{} {} must be {}", name, describe(tensor), wanted);
    };
    check(x.rank() == 4, "X", x, "[N, C, H, W]");
    check(w.rank() == 4 && x.dim(1) == w.dim(1) * attrs_.group && w.dim(0) % attrs_.group == 0, "W", w,
          fmt::format("[M, {} / {}, kH, kW], M a multiple of {}", x.dim(1), attrs_.group, attrs_.group));
    check(x.dim(1) % attrs_.offset_group == 0, "X", x,
          fmt::format("of a multiple of {} channels", attrs_.offset_group));
    const auto windows = make_windows(attrs_.window, x.dims(), {w.dim(2), w.dim(3)});
    Sizes s{.group = attrs_.group,
            .in_channels = w.dim(1),
            .out_channels = w.dim(0) / attrs_.group,
            .offset_group = attrs_.offset_group,
            .taps = w.dim(2) * w.dim(3),
            .in_plane = x.dim(2) * x.dim(3),
            .out_plane = windows[0].output * windows[1].output,
            .h = windows[0],
            .w = windows[1]};
    const Dims offsets{x.dim(0), s.offset_group * s.taps * 2, s.h.output, s.w.output};
    const Dims mask{x.dim(0), s.offset_group * s.taps, s.h.output, s.w.output};
    check(context.input(2).dims() == offsets, "offset", context.input(2), dims_text(offsets));
    if (context.has_input(3))
      check(context.input(3).dims() == Dims{w.dim(0)}, "B", context.input(3), fmt::format("[{}]", w.dim(0)));
    if (context.has_input(4))
      check(context.input(4).dims() == mask, "mask", context.input(4), dims_text(mask));
    return s;
  }

  template <class T>
  void compute(RunContext& context, const Sizes& s) const {
    const Tensor& x = context.input(0);
    const auto optional = [&](size_t i) {
      return context.has_input(i) ? ComputeInput<T>(context.input(i)) : ComputeInput<T>();
    };
    const ComputeInput<T> from(x), weights(context.input(1)), offsets(context.input(2));
    const ComputeInput<T> bias = optional(3), mask = optional(4);
    ComputeOutput<T> y(context, 0, x.dtype(), {x.dim(0), s.group * s.out_channels, s.h.output, s.w.output});
    if (y.count() == 0) return;
    const int64_t blocks = (s.out_plane + block - 1) / block;
    const int64_t depth = s.in_channels * s.taps;
    const int64_t offset_channels = x.dim(1) / s.offset_group;
    context.parallel_for(x.dim(0) * blocks, [&](int64_t task) {
      const int64_t n = task / blocks;
      const int64_t begin = task % blocks * block;
      const int64_t count = std::min(block, s.out_plane - begin);
      const int64_t points = s.offset_group * s.taps * s.out_plane;
      const T* factors = context.has_input(4) ? mask.data() + n * points : nullptr;
      const Corners<T> corners = place_corners(s, offsets.data() + 2 * n * points, factors, begin, count);
      std::vector<T> rows(static_cast<size_t>(product_depth_block * block));
      for (int64_t g = 0; g < s.group; ++g) {
        T* to = y.data() + (n * s.group + g) * s.out_channels * s.out_plane + begin;
        for (int64_t m = 0; m < s.out_channels; ++m) std::fill_n(to + m * s.out_plane, count, T{0});
        for (int64_t k0 = 0; k0 < depth; k0 += product_depth_block) {
          const int64_t k_count = std::min(product_depth_block, depth - k0);
          for (int64_t k = 0; k < k_count; ++k) {
            const int64_t channel = g * s.in_channels + (k0 + k) / s.taps;
            corners.sample(from.data() + (n * x.dim(1) + channel) * s.in_plane,
                           channel / offset_channels * s.taps + (k0 + k) % s.taps, count,
                           rows.data() + k * block);
          }
          for (int64_t m = 0; m < s.out_channels; ++m)
            add_row_product(count, k_count, weights.data() + (g * s.out_channels + m) * depth + k0, 1,
                            rows.data(), block, to + m * s.out_plane);
        }
        for (int64_t m = 0; m < s.out_channels && context.has_input(3); ++m)
          for (int64_t p = 0; p < count; ++p) to[m * s.out_plane + p] += bias[g * s.out_channels + m];
      }
    });
    y.store();
  }

  DeformConvAttrs attrs_;
};

}  // namespace

OpPtr make_deform_conv(const OpArgs& args) {
  DeformConvAttrs attrs;
  attrs.window = read_window(args);
  attrs.group = args.get_int("group", 1);
  attrs.offset_group = args.get_int("offset_group", 1);
  if (attrs.group < 1 || attrs.offset_group < 1)
    fail(ErrorCode::bad_model, "DeformConv: group {} and offset_group {} must be 1 or more", attrs.group,
         attrs.offset_group);
  return std::make_shared<DeformConv>(std::move(attrs));
}

}  // namespace spinel::ops
