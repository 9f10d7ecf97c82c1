// Pools over channels-last tensors.
#pragma once
#include "cpu/isa.hpp"
#include "cpu/kernels.hpp"
#include "ops/window.hpp"

namespace spinel::cpu {

struct PoolLayer {
  enum class Kind { max, average, average_counting_padding };
  Kind kind = Kind::max;
  ops::WindowAttrs window;  ///< Of two axes, lists filled in.
};

/// Input X [N, H, W, C], output [N, out_h, out_w, C]; for the greatest element X may be int8 or uint8, too.
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

/// Input X [N, H, W, C], output [N, 1, 1, C]: the mean over H and W, summed row by row in float32.
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
