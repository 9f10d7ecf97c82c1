// What is known of a model file's values: types, shapes, constants.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graph/op.hpp"
#include "onnx/editable_model.hpp"
#include "ops/custom_op.hpp"

namespace spinel::tools {

/// One value of a graph of the file.
struct Fact {
  graph::ValueType type;  ///< A tensor of dtype undefined where nothing is known.
  std::optional<std::vector<graph::Dim>> ints;
  const onnx::Tensor* initializer = nullptr;
  Tensor computed;  ///< Of a constant: the value of one that is computed, or of an initializer of few bytes.
  bool is_input = false;

  bool is_constant() const noexcept { return initializer != nullptr || computed.defined(); }
  bool is_known() const noexcept { return !type.is_tensor() || type.dtype != DType::undefined; }
};

/// The values that the nodes of one graph see.
class Scope {
 public:
  explicit Scope(Scope* parent) : parent_(parent) {}

  /// The value of that name here or in an enclosing graph; nullptr if there is none.
  const Fact* find(std::string_view name) const;
  /// The value that this graph itself has of that name.
  const Fact* find_own(std::string_view name) const;
  Fact& set(std::string_view name, Fact fact) { return facts_[name] = std::move(fact); }
  Scope* parent() const noexcept { return parent_; }

  /// The scope of a subgraph of one of this graph's nodes.
  Scope& inner(const onnx::Graph& graph) const { return *inner_.at(&graph); }
  bool has_inner(const onnx::Graph& graph) const { return inner_.contains(&graph); }
  Scope& make_inner(const onnx::Graph& graph) { return *(inner_[&graph] = std::make_unique<Scope>(this)); }

 private:
  Scope* parent_;
  std::unordered_map<std::string_view, Fact> facts_;
  std::map<const onnx::Graph*, std::unique_ptr<Scope>> inner_;
};

/// Infers types and shapes and computes constants, node by node, on the messages themselves. What it cannot
/// know stays unknown: operators of other domains, nodes that fail. It points into the messages: once they
/// are changed it is stale.
class Analysis {
 public:
  /// Throws Error only where the model cannot be read. Both must outlive this.
  Analysis(const onnx::EditableModel& model, const ops::CustomOpTable& custom_ops);

  Scope& top() noexcept { return top_; }
  const Scope& top() const noexcept { return top_; }
  /// The node's operator; nullptr where Spinel has none, or for a function.
  const graph::Op* op(const onnx::Node& node) const;
  /// Whether the node's operator is one of the host's.
  bool is_custom(const onnx::Node& node) const {
    return op(node) != nullptr && custom_ops_.has(onnx::plain_domain(node.domain), node.op_type);
  }
  /// The function of the model that the node calls, or nullptr.
  const onnx::Function* function(const onnx::Node& node) const;
  /// The value of a constant; perhaps a view that must not be written to.
  Tensor value(const Fact& fact) const;
  static uint64_t bytes(const Fact& fact);

  /// Operators that Spinel does not have, as "domain::name".
  const std::set<std::string>& unknown_operators() const noexcept { return unknown_; }
  /// Nodes that contradict themselves, and how.
  const std::vector<std::string>& contradictions() const noexcept { return contradictions_; }
  /// Whether running the model twice may give different results.
  bool is_random() const noexcept { return is_random_; }
  /// Names that inference has made for dims without one.
  const std::set<std::string>& made_symbols() const noexcept { return made_symbols_; }

 private:
  using Opsets = std::map<std::string_view, int64_t>;
  using Declared = std::map<std::string_view, const onnx::Type*>;
  /// Attributes of the call of a function whose body is analysed.
  using Call = std::map<std::string_view, const onnx::Attribute*>;
  struct Body {
    const Opsets& opsets;
    const Call* call;
    size_t depth;
  };

  static Opsets opsets_of(const std::vector<onnx::OpsetImport>& imports);
  const onnx::Attribute* resolve(const onnx::Attribute& attribute, const Body& body) const;
  graph::ValueType declared_type(const onnx::Type* type, std::string_view name);
  void graph(const onnx::Graph& graph, Scope& scope, const Body& body,
             const std::vector<graph::ValueType>* inputs);
  void node(const onnx::Node& node, Scope& scope, const Body& body, const Declared& declared);
  void known_node(const onnx::Node& node, const graph::OpPtr& op, Scope& scope, const Body& body,
                  std::vector<Fact>& outputs);
  void call(const onnx::Function& function, const onnx::Node& node, Scope& scope, const Body& body,
            std::vector<Fact>& outputs);
  graph::OpPtr make_op(const onnx::Node& node, const Body& body);
  std::vector<Tensor> evaluate(const graph::OpPtr& op, const std::vector<const Fact*>& inputs,
                               const std::vector<Fact>& outputs) const;

  const onnx::EditableModel& model_;
  const ops::CustomOpTable& custom_ops_;
  Scope top_{nullptr};
  std::unordered_map<const onnx::Node*, graph::OpPtr> ops_;
  std::set<std::string> unknown_;
  std::set<std::string> made_symbols_;
  std::vector<std::string> contradictions_;
  bool is_random_ = false;
};

/// "Conv", "com.microsoft::Gelu"
std::string full_name(const onnx::Node& node);

/// Calls fn(graph, scope) for the graph and every subgraph below it, inner ones first.
template <class Fn>
size_t for_each_graph(onnx::Graph& graph, Scope& scope, Fn&& fn) {
  size_t sum = 0;
  for (onnx::Node& node : graph.nodes)
    onnx::for_each_subgraph(node, [&](onnx::Graph& inner) {
      if (scope.has_inner(inner)) sum += for_each_graph(inner, scope.inner(inner), fn);
    });
  return sum + fn(graph, scope);
}

}  // namespace spinel::tools
