// QLinearConv and ConvInteger as the channels-last layer of cpu/quant_conv.hpp.
#pragma once
#include <optional>

#include "cpu/quant_conv.hpp"
#include "graph/graph.hpp"

namespace spinel::passes {

struct QuantizedConv {
  cpu::QuantConvLayer layer;
  cpu::QuantConvConstants constants;
};

/// The layer that a node is: a QLinearConv over two axes whose parameters are constants that fit.
std::optional<QuantizedConv> quantized_conv(const graph::Graph& graph, const graph::Node& node,
                                            const cpu::Isa& isa);

/// Whether a node is a ConvInteger over two axes whose weights and their zero points are constants that fit.
bool is_int_conv(const graph::Graph& graph, const graph::Node& node);
/// Its layer, to floats by such scales (one, or one a channel) or, if they are undefined, to its sums.
QuantizedConv int_conv(const graph::Graph& graph, const graph::Node& node, const Tensor& scales,
                       const cpu::Isa& isa);

}  // namespace spinel::passes
