#include <functional>
#include <numeric>

#include "backend/cpu/profile.hpp"
#include "cpu/attention.hpp"
#include "cpu/conv.hpp"
#include "cpu/conv_pair.hpp"
#include "cpu/conv_transpose.hpp"
#include "cpu/linear.hpp"
#include "cpu/planar_conv.hpp"

namespace spinel::backend {
namespace {

double product(std::span<const int64_t> dims) {
  return std::accumulate(dims.begin(), dims.end(), 1.0,
                         [](double a, int64_t b) { return a * static_cast<double>(b); });
}

/// Multiply-adds behind each of `outputs` elements: the dims of a convolution's weights but the first.
double weights_a_filter(const Dims& weights) {
  return weights.size() < 2 ? 0 : product(std::span(weights).subspan(1));
}

double attention_keys(const cpu::AttentionLayer& layer, std::span<const Dims> inputs) {
  const cpu::AttentionAxis& rows = layer.k.row;
  if (rows.size > 0) return static_cast<double>(rows.size);
  const auto axis = static_cast<size_t>(rows.axis);
  return inputs.size() > 1 && rows.axis >= 0 && axis < inputs[1].size() ? static_cast<double>(inputs[1][axis])
                                                                        : 0;
}

}  // namespace

double count_flops(const graph::Op& op, std::span<const Dims> inputs, std::span<const Dims> outputs) {
  if (outputs.empty() || inputs.empty() || outputs[0].empty() || inputs[0].empty()) return 0;
  const double out = product(outputs[0]);
  const double in = product(inputs[0]);
  if (const auto* conv = dynamic_cast<const cpu::NhwcConv*>(&op))
    return 2 * out * static_cast<double>(conv->layer().depth());
  if (const auto* pair = dynamic_cast<const cpu::NhwcConvPair*>(&op))
    return 2 * (in * static_cast<double>(pair->pair().pointwise.out_channels) +
                out * static_cast<double>(pair->pair().depthwise.taps()));
  if (const auto* planar = dynamic_cast<const cpu::PlanarConv*>(&op))
    return 2 * out * static_cast<double>(planar->layer().depth());
  if (const auto* transposed = dynamic_cast<const cpu::NhwcConvTranspose*>(&op)) {
    const cpu::ConvTransposeLayer& layer = transposed->layer();
    return 2 * in *
           static_cast<double>(layer.out_channels / layer.attrs.group * layer.kernel_h * layer.kernel_w);
  }
  if (const auto* linear = dynamic_cast<const cpu::Linear*>(&op))
    return 2 * out * static_cast<double>(linear->layer().depth);
  // Two products over the keys, of equal cost where keys and values are equally wide.
  if (const auto* attention = dynamic_cast<const cpu::Attention*>(&op))
    return 4 * out * attention_keys(attention->layer(), inputs);
  if (inputs.size() < 2) return 0;
  if (op.name() == "Conv") return 2 * out * weights_a_filter(inputs[1]);
  if (op.name() == "ConvTranspose") return 2 * in * weights_a_filter(inputs[1]);
  if (op.name() == "MatMul") return 2 * out * static_cast<double>(inputs[0].back());
  if (op.name() == "Gemm") return out == 0 ? 0 : 2 * out * in / static_cast<double>(outputs[0][0]);
  return 0;
}

}  // namespace spinel::backend
