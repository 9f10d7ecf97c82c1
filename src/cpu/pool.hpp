// Pools over channels-last tensors.
#pragma once
#include "cpu/isa.hpp"
#include "cpu/kernels.hpp"
#include "ops/window.hpp"

namespace spinel::cpu {

struct PoolLayer {
  enum class Kind { max, average, average_counting_padding };
  Kind kind = Kind::max;
  ops::WindowAttrs window;        ///< Of two axes, lists filled in.
  ops::WindowAttrs depth_window;  ///< Of the axis before them; without lists there is none.

  size_t rank() const { return depth_window.kernel_shape.empty() ? 4 : 5; }  ///< Of X and Y.
};

/// Input X [N, H, W, C] or [N, D, H, W, C], output likewise; for the greatest element of a window of two axes
/// X may be int8 or uint8, too.
class NhwcPool final : public graph::Op {
 public:
  NhwcPool(const Isa& isa, PoolLayer layer) : isa_(isa), layer_(std::move(layer)) {}
  const PoolLayer& layer() const noexcept { return layer_; }
  std::string_view name() const override { return "NhwcPool"; }
  std::string_view kernel() const override { return "channels_last"; }
  void infer(graph::InferContext& context) const override;
  void batch(graph::BatchContext& context) const override { ops::batch_axis_0(context); }
  void run(graph::RunContext& context) const override;

 private:
  const Isa& isa_;
  PoolLayer layer_;
};

/// Input X [N, H, W, C] or [N, D, H, W, C], output [N, 1, 1, C] or [N, 1, 1, 1, C]: the mean over all pixels,
/// summed one after another in float32.
class NhwcGlobalAveragePool final : public graph::Op {
 public:
  explicit NhwcGlobalAveragePool(const Isa& isa) : isa_(isa) {}
  std::string_view name() const override { return "NhwcGlobalAveragePool"; }
  std::string_view kernel() const override { return "channels_last"; }
  void infer(graph::InferContext& context) const override;
  void batch(graph::BatchContext& context) const override { ops::batch_axis_0(context); }
  void run(graph::RunContext& context) const override;

 private:
  const Isa& isa_;
};

}  // namespace spinel::cpu
