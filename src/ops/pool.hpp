// MaxPool, AveragePool and LpPool: what compiled kernels read of them.
#pragma once
#include "ops/window.hpp"

namespace spinel::ops {

/// Input X [N, C, spatial...] (1 to 3 spatial axes); output Y [N, C, out...] and, wanted or not, Indices of
/// the same dims: the position of each maximum in the whole of X, row-major, or with the spatial axes
/// column-major (storage_order 1). A NaN in a window is its maximum; a window without any element of X gives
/// the type's lowest value and index -1.
struct MaxPoolAttrs {
  WindowAttrs window;
  bool column_major_indices = false;
};

/// Input X as above. Padding counts for the divisor if count_include_pad is set; the part of a window that
/// lies beyond the padding (ceil_mode) never does.
struct AveragePoolAttrs {
  WindowAttrs window;
  bool count_include_pad = false;
};

class MaxPoolOp final : public Op {
 public:
  explicit MaxPoolOp(MaxPoolAttrs attrs) : attrs_(std::move(attrs)) {}
  const MaxPoolAttrs& attrs() const noexcept { return attrs_; }
  std::string_view name() const override { return "MaxPool"; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;

 private:
  MaxPoolAttrs attrs_;
};

class AveragePoolOp final : public Op {
 public:
  explicit AveragePoolOp(AveragePoolAttrs attrs) : attrs_(std::move(attrs)) {}
  const AveragePoolAttrs& attrs() const noexcept { return attrs_; }
  std::string_view name() const override { return "AveragePool"; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override { batch_axis_0(context); }
  void run(RunContext& context) const override;

 private:
  AveragePoolAttrs attrs_;
};

/// The output shape of a pool of input 0, or nothing while its rank is not known.
std::optional<Shape> infer_pool(const InferContext& context, const WindowAttrs& window);
/// The windows of a pool of input 0. Throws Error(invalid_argument) for ranks outside 3 to 5.
std::vector<WindowAxis> pool_windows(const Tensor& x, const WindowAttrs& window);
/// [N, C, out...]
Dims pool_dims(const Tensor& x, const std::vector<WindowAxis>& windows);

/// Calls fn(offset) for every element of X that the window at output position `at` (row-major in
/// the output plane) covers, in row-major order; `offset` is the element's place in its plane.
template <class Fn>
void for_each_tap(const std::array<WindowAxis, 3>& axes, int64_t at, Fn&& fn) {
  const auto& [d, h, w] = axes;
  const int64_t d0 = at / w.output / h.output * d.stride - d.pad_begin;
  const int64_t h0 = at / w.output % h.output * h.stride - h.pad_begin;
  const int64_t w0 = at % w.output * w.stride - w.pad_begin;
  for (int64_t kd = 0; kd < d.kernel; ++kd) {
    const int64_t id = d0 + kd * d.dilation;
    if (id < 0 || id >= d.input) continue;
    for (int64_t kh = 0; kh < h.kernel; ++kh) {
      const int64_t ih = h0 + kh * h.dilation;
      if (ih < 0 || ih >= h.input) continue;
      for (int64_t kw = 0; kw < w.kernel; ++kw) {
        const int64_t iw = w0 + kw * w.dilation;
        if (iw >= 0 && iw < w.input) fn((id * h.input + ih) * w.input + iw);
      }
    }
  }
}

}  // namespace spinel::ops
