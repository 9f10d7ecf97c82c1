// Takes what follows a convolution or linear layer into its kernel: a bias, a sum with another tensor of the
// same dims, an activation, in this order.
#include <algorithm>
#include <limits>
#include <optional>

#include "cpu/conv.hpp"
#include "cpu/conv_transpose.hpp"
#include "cpu/linear.hpp"
#include "cpu/planar_conv.hpp"
#include "cpu/quant_conv.hpp"
#include "cpu/quant_linear.hpp"
#include "graph/patch.hpp"
#include "ops/clip.hpp"
#include "ops/shape_rules.hpp"
#include "ops/unary.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {
namespace {

using cpu::Activation;
using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::Value;
using graph::ValueId;

struct Fused {
  Activation activation;
  float low = 0, high = 0;
};

std::optional<float> bound(const Graph& graph, const Node& node, size_t input, std::optional<float> attribute,
                           float missing) {
  if (node.inputs.size() <= input || node.inputs[input] == no_value) return attribute.value_or(missing);
  const Value& value = graph.value(node.inputs[input]);
  if (!value.is_constant() || value.constant.element_count() != 1) return std::nullopt;
  return ops::to_float32(value.constant).data<float>()[0];
}

/// The activation that a node is, if a kernel can follow a product with it.
std::optional<Fused> activation_of(const Graph& graph, const Node& node) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  if (const auto* clip = dynamic_cast<const ops::Clip*>(node.op.get())) {
    const auto low = bound(graph, node, 1, clip->attrs().min, -infinity);
    const auto high = bound(graph, node, 2, clip->attrs().max, infinity);
    if (!low || !high) return std::nullopt;
    return Fused{Activation::clamp, *low, *high};
  }
  const auto* unary = dynamic_cast<const ops::Unary*>(node.op.get());
  if (unary == nullptr) return std::nullopt;
  const std::string_view name = unary->name();
  if (name == "Relu") return Fused{Activation::clamp, 0, infinity};
  if (name == "Sigmoid") return Fused{Activation::sigmoid};
  if (name == "Swish" && unary->attrs().alpha == 1) return Fused{Activation::silu};
  if (name == "HardSigmoid")
    return Fused{Activation::hard_sigmoid, unary->attrs().alpha, unary->attrs().beta};
  if (name == "HardSwish") return Fused{Activation::hard_swish};
  if (name == "Gelu")
    return Fused{unary->attrs().tanh_approximation ? Activation::gelu_tanh : Activation::gelu};
  if (name == "Tanh") return Fused{Activation::tanh};
  return std::nullopt;
}

bool same_type(const Value& a, const Value& b) {
  return a.type.dtype == b.type.dtype && a.type.shape && b.type.shape &&
         std::ranges::equal(*a.type.shape, *b.type.shape,
                            [](const graph::Dim& x, const graph::Dim& y) { return equal(x, y); });
}

/// A layer node seen alike, whichever kind it is.
struct Layer {
  const cpu::NhwcConv* conv;
  const cpu::PlanarConv* planar;
  const cpu::Linear* linear;
  const cpu::NhwcConvTranspose* transposed;
  const cpu::QuantLinear* quantized;
  const cpu::NhwcQuantConv* quantized_conv = nullptr;  ///< To floats.

  explicit Layer(const Node& node)
      : conv(dynamic_cast<const cpu::NhwcConv*>(node.op.get())),
        planar(dynamic_cast<const cpu::PlanarConv*>(node.op.get())),
        linear(dynamic_cast<const cpu::Linear*>(node.op.get())),
        transposed(dynamic_cast<const cpu::NhwcConvTranspose*>(node.op.get())),
        quantized(dynamic_cast<const cpu::QuantLinear*>(node.op.get())) {
    const auto* bytes = dynamic_cast<const cpu::NhwcQuantConv*>(node.op.get());
    if (bytes != nullptr && bytes->layer().result == cpu::QuantProduct::Result::floats)
      quantized_conv = bytes;
  }
  bool is_layer() const {
    return conv != nullptr || planar != nullptr || linear != nullptr || transposed != nullptr ||
           quantized != nullptr || quantized_conv != nullptr;
  }
  bool takes_residual() const { return planar == nullptr && transposed == nullptr; }
  bool activates() const {
    if (linear != nullptr) return linear->layer().activation != Activation::none;
    if (transposed != nullptr) return transposed->layer().activation != Activation::none;
    if (quantized != nullptr) return quantized->layer().activation != Activation::none;
    if (quantized_conv != nullptr) return quantized_conv->layer().activation != Activation::none;
    return conv_layer().activation != Activation::none;
  }
  int64_t columns() const {
    if (linear != nullptr) return linear->layer().columns;
    if (quantized != nullptr) return quantized->layer().columns;
    if (quantized_conv != nullptr) return quantized_conv->layer().out_channels;
    return transposed != nullptr ? transposed->layer().out_channels : conv_layer().out_channels;
  }
  const cpu::ConvLayer& conv_layer() const { return conv != nullptr ? conv->layer() : planar->layer(); }
};

std::string layer_text(const cpu::ConvLayer& layer) { return cpu::conv_text(layer); }
std::string layer_text(const cpu::ConvTransposeLayer& layer) { return cpu::conv_transpose_text(layer); }
std::string layer_text(const cpu::LinearLayer& layer) { return cpu::linear_text(layer); }
std::string layer_text(const cpu::QuantConvLayer& layer) { return cpu::quant_conv_text(layer); }
std::string layer_text(const cpu::QuantLinearLayer& layer) { return cpu::quant_linear_text(layer); }

template <class LayerOp>
void set_activation(Node& node, const LayerOp& old, const Fused& fused) {
  const auto op = old.with_activation(fused.activation, fused.low, fused.high);
  node.attributes = layer_text(op->layer());
  node.op = op;
}

class Fuser {
 public:
  explicit Fuser(Graph& graph) : graph_(graph), uses_(graph.use_counts()) {
    readers_.resize(graph.values.size(), graph::no_node);
    for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n)
      Graph::for_each_use(graph.node(n), [&](ValueId id) { readers_[static_cast<size_t>(id)] = n; });
  }

  size_t run() {
    size_t changes = 0;
    for (NodeId n = 0; n < static_cast<NodeId>(graph_.nodes.size()); ++n)
      while (Layer(graph_.node(n)).is_layer() && fuse_next(n)) ++changes;
    if (changes > 0) {
      graph::sort_topologically(graph_);
      graph::remove_dead(graph_);
    }
    return changes;
  }

 private:
  /// Takes the only reader of the layer's output into the layer.
  bool fuse_next(NodeId n) {
    const ValueId y = graph_.node(n).outputs[0];
    if (y == no_value || uses_[static_cast<size_t>(y)] != 1) return false;
    const NodeId reader = readers_[static_cast<size_t>(y)];
    if (reader == graph::no_node || Layer(graph_.node(n)).activates()) return false;
    return fuse_activation(n, reader) || fuse_sum(n, reader, y);
  }

  bool fuse_activation(NodeId n, NodeId reader) {
    const auto fused = activation_of(graph_, graph_.node(reader));
    if (!fused) return false;
    Node& node = graph_.node(n);
    const Layer layer(node);
    if (layer.conv != nullptr)
      set_activation(node, *layer.conv, *fused);
    else if (layer.planar != nullptr)
      set_activation(node, *layer.planar, *fused);
    else if (layer.transposed != nullptr)
      set_activation(node, *layer.transposed, *fused);
    else if (layer.quantized != nullptr)
      set_activation(node, *layer.quantized, *fused);
    else if (layer.quantized_conv != nullptr)
      set_activation(node, *layer.quantized_conv, *fused);
    else
      set_activation(node, *layer.linear, *fused);
    absorb(n, reader);
    return true;
  }

  bool fuse_sum(NodeId n, NodeId reader, ValueId y) {
    const Node& sum = graph_.node(reader);
    if (sum.op->name() != "Add" || sum.inputs[0] == sum.inputs[1]) return false;
    Node& node = graph_.node(n);
    node.inputs.resize(std::max<size_t>(node.inputs.size(), 4), no_value);
    const ValueId other = sum.inputs[sum.inputs[0] == y ? 1 : 0];
    const Value& summand = graph_.value(other);
    if (summand.is_constant()) {
      const int64_t columns = Layer(node).columns();
      if (node.inputs[2] != no_value || node.inputs[3] != no_value ||
          summand.constant.element_count() != columns || summand.constant.dim(-1) != columns ||
          !same_type(graph_.value(y), graph_.value(sum.outputs[0])))
        return false;
      node.inputs[2] = summand.constant.dtype() == DType::float32
                           ? other
                           : graph_.add_constant(summand.name + ".wide", ops::to_float32(summand.constant));
      absorb(n, reader);
      return true;
    }
    if (!Layer(node).takes_residual() || node.inputs[3] != no_value || !same_type(summand, graph_.value(y)) ||
        !same_type(summand, graph_.value(sum.outputs[0])))
      return false;
    node.inputs[3] = other;
    readers_[static_cast<size_t>(other)] = n;
    absorb(n, reader);
    return true;
  }

  /// The layer now makes the reader's output.
  void absorb(NodeId n, NodeId reader) {
    Node& node = graph_.node(n);
    Node& gone = graph_.node(reader);
    const ValueId y = gone.outputs[0];
    for (const std::string& source : gone.sources)
      if (std::ranges::find(node.sources, source) == node.sources.end()) node.sources.push_back(source);
    gone.outputs[0] = no_value;
    node.outputs[0] = y;
    graph_.value(y).producer = n;
  }

  Graph& graph_;
  std::vector<int> uses_;
  std::vector<NodeId> readers_;  ///< By value: its last reader.
};

}  // namespace

size_t fuse_epilogue(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (graph::Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += fuse_epilogue(*subgraph, settings);
  return changes + Fuser(graph).run();
}

}  // namespace spinel::passes
