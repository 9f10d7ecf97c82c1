// QLinearConv as the channels-last layer of cpu/quant_conv.hpp.
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

}  // namespace spinel::passes
