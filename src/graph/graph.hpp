// The graph: values, nodes, and subgraphs with captures.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graph/op.hpp"

namespace spinel::graph {

using ValueId = int32_t;
using NodeId = int32_t;
constexpr ValueId no_value = -1;
constexpr NodeId no_node = -1;

class Graph;

struct Value {
  std::string name;  ///< The ONNX name, or one made from it ("conv1_out.fused").
  ValueType type;
  Tensor constant;                       ///< Defined if the value is known before running.
  std::optional<std::vector<Dim>> ints;  ///< Known elements of an integer value that is not a constant.
  NodeId producer = no_node;
  /// The ONNX value that this one equals, up to rounding; empty: none. Set once the passes have begun.
  std::string origin;
  /// Axis i of this value is axis origin_axes[i] of the ONNX value; -1: an axis of one element that the ONNX
  /// value lacks. Empty: they are the same.
  std::vector<int> origin_axes;

  bool is_constant() const noexcept { return constant.defined(); }
};

struct Node {
  std::string name;  ///< The ONNX name, or "Conv_12" made from operator and position.
  OpPtr op;
  std::string attributes;        ///< As canonical text: equal operator name and text mean the same function.
  std::vector<ValueId> inputs;   ///< no_value where an optional input is omitted.
  std::vector<ValueId> outputs;  ///< no_value where an output is not wanted.
  std::vector<std::shared_ptr<Graph>> subgraphs;
  std::vector<std::string> sources;  ///< The ONNX nodes that this one stands for.
};

/// A value of the enclosing graph that a subgraph reads.
struct Capture {
  ValueId outer;
  ValueId inner;
};

/// Nodes stand in topological order once sort() has run. Ids are indices and stay valid; compact() renumbers.
class Graph {
 public:
  std::string name;
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<std::string> output_names;  ///< The model's names; a rewrite may let an output be any value.
  std::vector<Capture> captures;          ///< Of a subgraph.

  Value& value(ValueId id) { return values[static_cast<size_t>(id)]; }
  const Value& value(ValueId id) const { return values[static_cast<size_t>(id)]; }
  Node& node(NodeId id) { return nodes[static_cast<size_t>(id)]; }
  const Node& node(NodeId id) const { return nodes[static_cast<size_t>(id)]; }

  ValueId add_value(Value value);
  ValueId add_constant(std::string name, Tensor tensor);
  /// Appends a node and makes it the producer of its outputs.
  NodeId add_node(Node node);
  ValueId find_value(std::string_view name) const;

  /// Calls fn(ValueId) for every value that the node reads, captures of its subgraphs included.
  template <class Fn>
  static void for_each_use(const Node& node, Fn&& fn);
  /// How often each value is read, by nodes and as a graph output.
  std::vector<int> use_counts() const;
  bool is_output(ValueId id) const;
};

/// Orders nodes so that producers come first, keeping the given order where it is valid. Subgraphs too.
/// Throws Error(bad_model) naming a node on a cycle.
void sort_topologically(Graph& graph);

/// Removes nodes whose outputs nobody reads and values that nobody refers to; renumbers ids.
/// Returns the number of nodes removed, those of subgraphs included.
size_t remove_dead(Graph& graph);

/// Checks every id, producer, order, capture and type. Throws Error(internal) that says which pass or step
/// left the graph broken.
void verify(const Graph& graph, std::string_view after);

/// The graph as text: a line a node, with types.
std::string to_text(const Graph& graph);

template <class Fn>
void Graph::for_each_use(const Node& node, Fn&& fn) {
  for (ValueId id : node.inputs)
    if (id != no_value) fn(id);
  for (const auto& subgraph : node.subgraphs)
    for (const Capture& capture : subgraph->captures) fn(capture.outer);
}

}  // namespace spinel::graph
