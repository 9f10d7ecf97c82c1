#include "graph/infer.hpp"

#include <algorithm>

#include "base/cancel.hpp"
#include "base/text.hpp"
#include "graph/node_error.hpp"

namespace spinel::graph {
namespace {

/// Longer integer tensors are data, not shapes.
constexpr int64_t max_known_elements = 1024;

using Check = FunctionRef<void(const Node& node, const InferContext& context)>;

void infer_nodes(Graph& graph, Check check);

class NodeInference final : public InferContext {
 public:
  NodeInference(Graph& graph, Node& node, Check check)
      : graph_(graph), node_(node), check_(check), set_(node.outputs.size(), false) {}

  size_t input_count() const override { return node_.inputs.size(); }
  size_t output_count() const override { return node_.outputs.size(); }
  bool has_input(size_t index) const override {
    return index < node_.inputs.size() && node_.inputs[index] != no_value;
  }
  const ValueType& input(size_t index) const override {
    if (!has_input(index)) fail(ErrorCode::bad_model, "input {} is missing", index);
    return graph_.value(node_.inputs[index]).type;
  }
  const Tensor* constant(size_t index) const override {
    if (!has_input(index)) return nullptr;
    const Value& value = graph_.value(node_.inputs[index]);
    return value.is_constant() ? &value.constant : nullptr;
  }
  std::optional<std::vector<Dim>> ints(size_t index) const override {
    if (!has_input(index)) return std::nullopt;
    const Value& value = graph_.value(node_.inputs[index]);
    return value.is_constant() ? known_ints(value.constant) : value.ints;
  }
  void set_output(size_t index, ValueType type) override {
    if (index >= node_.outputs.size()) return;
    set_[index] = true;
    if (node_.outputs[index] == no_value) return;
    Value& value = graph_.value(node_.outputs[index]);
    value.type = std::move(type);
    value.ints.reset();
  }
  void set_output_ints(size_t index, std::vector<Dim> elements) override {
    if (index >= node_.outputs.size() || node_.outputs[index] == no_value) return;
    if (elements.size() > static_cast<size_t>(max_known_elements)) return;
    graph_.value(node_.outputs[index]).ints = std::move(elements);
  }
  std::vector<ValueType> infer_subgraph(size_t index, const std::vector<ValueType>& inputs) override {
    Graph& inner = *node_.subgraphs.at(index);
    if (inputs.size() != inner.inputs.size())
      fail(ErrorCode::bad_model, "subgraph '{}' takes {} inputs, the node gives {}", inner.name,
           inner.inputs.size(), inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) inner.value(inner.inputs[i]).type = inputs[i];
    for (const Capture& capture : inner.captures) {
      const Value& outer = graph_.value(capture.outer);
      Value& value = inner.value(capture.inner);
      value.type = outer.type;
      value.ints = outer.ints;
      value.constant = outer.constant;
    }
    infer_nodes(inner, check_);
    std::vector<ValueType> types;
    for (ValueId id : inner.outputs) types.push_back(inner.value(id).type);
    return types;
  }

  void require_all_set() const {
    for (size_t i = 0; i < set_.size(); ++i)
      if (node_.outputs[i] != no_value && !set_[i])
        fail(ErrorCode::bad_model, "{} has no output {}", node_.op->name(), i);
  }

 private:
  Graph& graph_;
  Node& node_;
  Check check_;
  std::vector<bool> set_;
};

void infer_nodes(Graph& graph, Check check) {
  for (Node& node : graph.nodes) {
    check_load_cancelled();
    try {
      NodeInference context(graph, node, check);
      check(node, context);
      node.op->infer(context);
      context.require_all_set();
    } catch (const Error& error) {
      if (!error.node().empty()) throw;
      throw at_node(error, graph, node);
    }
  }
}

}  // namespace

std::optional<std::vector<Dim>> known_ints(const Tensor& constant) {
  if (constant.element_count() > max_known_elements || constant.rank() > 1) return std::nullopt;
  std::vector<Dim> elements;
  if (constant.dtype() == DType::int64)
    for (int64_t v : constant.data<int64_t>()) elements.emplace_back(v);
  else if (constant.dtype() == DType::int32)
    for (int32_t v : constant.data<int32_t>()) elements.emplace_back(v);
  else
    return std::nullopt;
  return elements;
}

Tensor known_tensor(const ValueType& type, const std::optional<std::vector<Dim>>& ints) {
  if (!ints || !type.shape || !type.is_tensor()) return {};
  if (type.dtype != DType::int64 && type.dtype != DType::int32) return {};
  const auto dims = constant_dims(*type.shape);
  if (!dims || static_cast<size_t>(element_count(*dims)) != ints->size()) return {};
  if (!std::ranges::all_of(*ints, [](const Dim& element) { return element.is_constant(); })) return {};
  Tensor tensor(DType::int64, *dims);
  auto elements = tensor.data<int64_t>();
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = (*ints)[i].constant();
  return convert(tensor, type.dtype);
}

void infer(Graph& graph) {
  infer_nodes(graph, [](const Node&, const InferContext&) {});
}
void infer(Graph& graph, Check check) { infer_nodes(graph, check); }

}  // namespace spinel::graph
