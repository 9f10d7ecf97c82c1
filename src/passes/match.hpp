// What passes that recognise patterns share: finding producers and readers, reading constants, reporting.
#pragma once
#include <initializer_list>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "graph/patch.hpp"
#include "ops/op_args.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {

/// A graph seen from its values: who reads them, and what they are. It shows the graph as it was when made.
class Matcher {
 public:
  explicit Matcher(const graph::Graph& graph);

  const graph::Graph& graph() const noexcept { return graph_; }
  const graph::Value& value(graph::ValueId id) const { return graph_.value(id); }
  const graph::Node& node(graph::NodeId id) const { return graph_.node(id); }
  graph::NodeId producer(graph::ValueId id) const { return graph_.value(id).producer; }
  /// The node that makes a value, if it is one of these operators and the value its first output; or no_node.
  graph::NodeId producer(graph::ValueId id, std::initializer_list<std::string_view> ops) const;
  /// How often the value is read, as a graph output too.
  int uses(graph::ValueId id) const { return uses_[static_cast<size_t>(id)]; }
  /// Nodes that read the value, subgraphs' captures included, in order.
  const std::vector<graph::NodeId>& readers(graph::ValueId id) const {
    return readers_[static_cast<size_t>(id)];
  }
  /// The node that alone reads the value, or no_node.
  graph::NodeId only_reader(graph::ValueId id) const;

  /// The number that a float constant of one element is.
  std::optional<double> scalar(graph::ValueId id) const;
  /// The elements of a constant int64 or int32 tensor.
  std::optional<std::vector<int64_t>> ints(graph::ValueId id) const;
  /// The rank of a tensor, or -1.
  int rank(graph::ValueId id) const;
  bool has_input(const graph::Node& node, size_t index) const {
    return index < node.inputs.size() && node.inputs[index] != graph::no_value;
  }

 private:
  const graph::Graph& graph_;
  std::vector<int> uses_;
  std::vector<std::vector<graph::NodeId>> readers_;
};

/// Whether both are tensors of the same type and of equal dims.
bool same_type(const graph::Value& a, const graph::Value& b);
bool same_shape(const graph::Shape& a, const graph::Shape& b);
/// Whether two constants are the same number as far as the type they were rounded to can tell.
bool same_constant(double a, double b, DType dtype);
/// A whole number among a node's attributes as their text has them.
int64_t int_attribute(const graph::Node& node, std::string_view name, int64_t fallback);
/// An operator of the table in its newest version. Throws as ops::need_op.
graph::OpPtr make_table_op(std::string_view name,
                           std::map<std::string, ops::Attribute, std::less<>> attributes, size_t inputs);

/// Several rewrites of one graph as one patch, in topological order: what a later one reads is what an
/// earlier one has put there.
class Rewrite {
 public:
  explicit Rewrite(graph::Graph& graph) : graph_(graph), patch_(graph) {}

  graph::Patch& patch() noexcept { return patch_; }
  size_t count() const noexcept { return replaced_.size(); }
  /// A node that makes `y` from now on, under the same type.
  graph::ValueId node(graph::NodeId named_as, graph::OpPtr op, std::string attributes,
                      std::vector<graph::ValueId> inputs, graph::ValueId y,
                      const std::vector<graph::NodeId>& replaces);
  /// A node that makes a new value.
  graph::ValueId new_node(graph::NodeId named_as, std::string_view suffix, graph::OpPtr op,
                          std::string attributes, std::vector<graph::ValueId> inputs, graph::ValueType type,
                          const std::vector<graph::NodeId>& replaces);
  void replace(graph::ValueId old_value, graph::ValueId new_value);
  /// What stands for the value by now.
  graph::ValueId now(graph::ValueId id) const;
  /// Applies everything and drops what is dead; returns count().
  size_t apply();

 private:
  graph::Graph& graph_;
  graph::Patch patch_;
  std::map<graph::ValueId, graph::ValueId> replaced_;
};

/// Tells the report of a change, or why a candidate was left as it is.
void note_change(const Settings& settings, const graph::Node& node, std::string text);
void note_refusal(const Settings& settings, const graph::Node& node, std::string reason);
/// Tells the report how many nodes of an operator there are now, subgraphs included.
void note_count(const Settings& settings, const graph::Graph& graph, std::string_view op);

}  // namespace spinel::passes
