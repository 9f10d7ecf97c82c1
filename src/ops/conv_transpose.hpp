// ConvTranspose: what compiled kernels read of it.
#pragma once
#include "ops/window.hpp"

namespace spinel::ops {

struct ConvTransposeAttrs {
  WindowAttrs window;
  int64_t group = 1;
  std::vector<int64_t> output_padding;  ///< Empty: 0.
  std::vector<int64_t> output_shape;    ///< Spatial dims; empty: computed from pads.
};

/// The windows that slide over the output, for X of dims [N, C, spatial...] (`input` and `output` of
/// WindowAxis change roles: `output` counts the positions, which are the elements of X, and `input` the
/// elements of Y). Throws Error(invalid_argument) if the pads cut off more than there is.
std::vector<WindowAxis> make_transposed(const ConvTransposeAttrs& attrs, const Dims& x,
                                        const std::vector<int64_t>& kernel);

/// The output's spatial dims of an input shape [N, C, spatial...], symbolically.
Shape transposed_output(const ConvTransposeAttrs& attrs, const Shape& input, const Shape& kernel);

/// Inputs X [N, C, spatial...] (1 to 3 spatial axes), W [C, M / group, kernel...], optional B [M]; output
/// [N, M, out...]. W may be computed at run time.
class ConvTransposeOp final : public Op {
 public:
  explicit ConvTransposeOp(ConvTransposeAttrs attrs) : attrs_(std::move(attrs)) {}
  const ConvTransposeAttrs& attrs() const noexcept { return attrs_; }
  std::string_view name() const override { return "ConvTranspose"; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override { batch_axis_0(context); }
  void run(RunContext& context) const override;

 private:
  void check_lists(size_t rank, ErrorCode code) const;
  template <class T>
  void run_typed(RunContext& context) const;

  ConvTransposeAttrs attrs_;
};

}  // namespace spinel::ops
