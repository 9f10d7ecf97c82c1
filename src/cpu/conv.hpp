// Convolution over channels-last tensors, with what follows it fused in.
#pragma once
#include "cpu/isa.hpp"
#include "cpu/kernels.hpp"
#include "cpu/product.hpp"
#include "ops/window.hpp"

namespace spinel::cpu {

enum class ConvAlgorithm {
  product,    ///< The input's patches times the weights.
  depthwise,  ///< Of groups of 1, 2, 4, 8 or 16 channels, in as out, tap by tap.
  winograd,   ///< F(4x4, 3x3): see winograd.cpp.
};

/// What is known of a convolution when it is compiled.
struct ConvLayer {
  DType dtype = DType::float32;        ///< float32 or float16, of X, Y and the residual.
  int64_t half_chunk = 0;              ///< See Product; 0: arithmetic in float32.
  ops::WindowAttrs window;             ///< Of two axes, lists filled in.
  ops::WindowAttrs depth_window = {};  ///< Of the axis before them; without lists there is none.
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t group = 1;
  int64_t in_channels = 1;   ///< Of all groups.
  int64_t out_channels = 1;  ///< Of all groups.
  ConvAlgorithm algorithm = ConvAlgorithm::product;
  bool finite_weights = false;  ///< They hold no Inf and no NaN.
  Activation activation = Activation::none;
  float low = 0;  ///< Parameters of the activation.
  float high = 0;

  bool has_depth() const { return !depth_window.kernel_shape.empty(); }
  int64_t kernel_d() const { return has_depth() ? depth_window.kernel_shape[0] : 1; }
  size_t rank() const { return has_depth() ? 5 : 4; }  ///< Of X and Y.
  int64_t taps() const { return kernel_d() * kernel_h * kernel_w; }
  /// Of a group.
  int64_t depth() const { return taps() * in_channels / group; }
};

/// Those that can compute a layer; none for one of as many groups as channels whose kernel has a depth.
std::vector<ConvAlgorithm> conv_algorithms(const ConvLayer& layer);
const char* conv_algorithm_name(ConvAlgorithm algorithm);

/// The algorithm for a layer without timing. It depends on the layer and the input's height and width alone
/// (0: not known).
ConvAlgorithm choose_conv_algorithm(const ConvLayer& layer, int64_t height, int64_t width);

/// Whether the layer's patches are the input itself.
bool is_pointwise(const ConvLayer& layer);

/// W [M, C / group, kernel_h, kernel_w], or with a depth before them, in the order that the layer's algorithm
/// reads.
Tensor pack_conv_weights(const Isa& isa, const ConvLayer& layer, const Tensor& weights);

/// Inputs X [N, H, W, C] or [N, D, H, W, C], packed weights, optional bias [M], optional residual of the
/// output's dims; output [N, out_h, out_w, M], or with out_d, = activation(conv(X) + bias + residual).
class NhwcConv final : public graph::Op {
 public:
  NhwcConv(const Isa& isa, ConvLayer layer) : isa_(isa), layer_(std::move(layer)) {}
  const ConvLayer& layer() const noexcept { return layer_; }
  /// The same with an activation behind it.
  std::shared_ptr<const NhwcConv> with_activation(Activation activation, float low, float high) const;
  /// What is known before running of the product that ConvAlgorithm::product is.
  Product product() const;

  std::string_view name() const override { return "NhwcConv"; }
  std::string_view kernel() const override;
  void infer(graph::InferContext& context) const override;
  void batch(graph::BatchContext& context) const override;
  graph::Scratch scratch(const graph::ScratchContext& context) const override;
  bool may_overwrite(size_t input) const override { return input == 3; }
  void run(graph::RunContext& context) const override;

 private:
  void run_product(graph::RunContext& context, const Tensor& x, Tensor& y) const;
  void run_depthwise(graph::RunContext& context, const Tensor& x, Tensor& y) const;
  Epilogue epilogue(const graph::RunContext& context) const;

  const Isa& isa_;
  ConvLayer layer_;
};

/// Canonical text of a layer, for Node::attributes.
std::string conv_text(const ConvLayer& layer);

}  // namespace spinel::cpu
