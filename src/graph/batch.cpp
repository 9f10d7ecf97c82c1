#include "graph/batch.hpp"

#include <algorithm>
#include <optional>

#include "base/cancel.hpp"

namespace spinel::graph {
namespace {

constexpr int shared_axis = -1;

struct Candidate {
  Dim batch_dim;
  std::vector<int> input_axes;
};

class NodeBatch final : public BatchContext {
 public:
  NodeBatch(const Graph& graph, const Node& node, const Dim& batch_dim, std::vector<BatchState>& states)
      : graph_(graph),
        node_(node),
        batch_dim_(batch_dim),
        states_(states),
        set_(node.outputs.size(), false) {}

  size_t input_count() const override { return node_.inputs.size(); }
  size_t output_count() const override { return node_.outputs.size(); }
  bool has_input(size_t i) const override { return i < node_.inputs.size() && node_.inputs[i] != no_value; }
  BatchState input(size_t i) const override {
    return has_input(i) ? states_[static_cast<size_t>(node_.inputs[i])] : BatchState::shared();
  }
  const Shape* input_shape(size_t i) const override {
    return has_input(i) ? shape_of(node_.inputs[i]) : nullptr;
  }
  const Shape* output_shape(size_t i) const override {
    return i < node_.outputs.size() && node_.outputs[i] != no_value ? shape_of(node_.outputs[i]) : nullptr;
  }
  std::optional<std::vector<Dim>> input_ints(size_t i) const override {
    if (!has_input(i)) return std::nullopt;
    const Value& value = graph_.value(node_.inputs[i]);
    if (!value.is_constant()) return value.ints;
    if (value.constant.dtype() != DType::int64 || value.constant.rank() > 1) return std::nullopt;
    std::vector<Dim> elements;
    for (int64_t v : value.constant.data<int64_t>()) elements.emplace_back(v);
    return elements;
  }
  const Dim& batch_dim() const override { return batch_dim_; }
  void set_output(size_t i, BatchState state) override {
    if (i >= node_.outputs.size()) return;
    set_[i] = true;
    if (node_.outputs[i] != no_value) states_[static_cast<size_t>(node_.outputs[i])] = state;
  }
  void block(std::string reason) override {
    if (reason_.empty()) reason_ = std::move(reason);
  }

  /// Empty if the rule set every output and blocked nothing.
  std::string failure() const {
    if (!reason_.empty()) return reason_;
    for (size_t i = 0; i < set_.size(); ++i)
      if (node_.outputs[i] != no_value && !set_[i]) return "its batch rule is silent about an output";
    return {};
  }

 private:
  const Shape* shape_of(ValueId id) const {
    const ValueType& type = graph_.value(id).type;
    return type.is_tensor() && type.shape ? &*type.shape : nullptr;
  }

  const Graph& graph_;
  const Node& node_;
  const Dim& batch_dim_;
  std::vector<BatchState>& states_;
  std::vector<bool> set_;
  std::string reason_;
};

/// Operators that turn a size into data: they judge for themselves what a size means.
bool makes_data_from_size(std::string_view op) {
  return op == "ConstantOfShape" || op == "Expand" || op == "Tile" || op == "Range";
}

/// An output computed from shapes alone: it varies with the batch size unless its elements are known not to.
BatchState state_of_size_output(const Value& value, const Dim& batch_dim) {
  if (!value.ints) return value.is_constant() ? BatchState::shared() : BatchState::size();
  const std::string symbol = batch_dim.text();
  const bool depends = std::ranges::any_of(
      *value.ints, [&](const Dim& element) { return element.is_unknown() || element.mentions(symbol); });
  return depends ? BatchState::size() : BatchState::shared();
}

BatchAnalysis try_candidate(const Graph& graph, const Candidate& candidate) {
  BatchAnalysis result;
  result.batch_dim = candidate.batch_dim;
  result.input_axes = candidate.input_axes;
  std::vector<BatchState> states(graph.values.size());
  for (size_t i = 0; i < graph.inputs.size(); ++i)
    if (candidate.input_axes[i] != shared_axis)
      states[static_cast<size_t>(graph.inputs[i])] = BatchState::batched(candidate.input_axes[i]);

  for (const Node& node : graph.nodes) {
    check_load_cancelled();
    bool any_batched = false;
    bool any_size = false;
    Graph::for_each_use(node, [&](ValueId id) {
      any_batched |= states[static_cast<size_t>(id)].is_batched();
      any_size |= states[static_cast<size_t>(id)].is_size();
    });
    if (!any_batched && !any_size) continue;
    const bool has_subgraph = !node.subgraphs.empty();
    if (!any_batched && !has_subgraph && !makes_data_from_size(node.op->name())) {
      for (ValueId id : node.outputs)
        if (id != no_value)
          states[static_cast<size_t>(id)] = state_of_size_output(graph.value(id), candidate.batch_dim);
      continue;
    }
    NodeBatch context(graph, node, candidate.batch_dim, states);
    if (has_subgraph)
      context.block("control flow may mix the rows of the batch");
    else
      node.op->batch(context);
    if (std::string failure = context.failure(); !failure.empty()) {
      result.blocking_node = node.name;
      result.reason = std::string(node.op->name()) + ": " + failure;
      return result;
    }
  }

  bool any_output = false;
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    const BatchState state = states[static_cast<size_t>(graph.outputs[i])];
    if (state.is_size()) {
      result.reason = "output '" + graph.output_names[i] + "' depends on the batch size";
      return result;
    }
    result.output_axes.push_back(state.is_batched() ? state.axis : shared_axis);
    any_output |= state.is_batched();
  }
  if (!any_output) {
    result.reason = "no output depends on the batch";
    return result;
  }
  result.proven = true;
  return result;
}

/// The inputs whose dim at `axis` is the first such dim; where no symbol is shared, all dynamic ones.
std::vector<Candidate> candidates_for_axis(const Graph& graph, size_t axis) {
  std::vector<const Shape*> shapes;
  for (ValueId id : graph.inputs) {
    const ValueType& type = graph.value(id).type;
    shapes.push_back(type.is_tensor() && type.shape && type.shape->size() > axis ? &*type.shape : nullptr);
  }
  std::vector<Candidate> found;
  auto add = [&](const Dim& dim, auto&& belongs) {
    Candidate candidate{dim, {}};
    for (const Shape* shape : shapes)
      candidate.input_axes.push_back(shape && belongs((*shape)[axis]) ? static_cast<int>(axis) : shared_axis);
    const bool known = std::ranges::any_of(
        found, [&](const Candidate& other) { return other.input_axes == candidate.input_axes; });
    if (!known) found.push_back(std::move(candidate));
  };
  for (const bool dynamic : {true, false})
    for (const Shape* shape : shapes)
      if (shape && (*shape)[axis].is_constant() != dynamic && !(*shape)[axis].is_unknown()) {
        const Dim dim = (*shape)[axis];
        add(dim, [&](const Dim& other) { return equal(other, dim); });
      }
  return found;
}

}  // namespace

BatchAnalysis analyze_batch(const Graph& graph) {
  std::optional<BatchAnalysis> first_failure;
  for (size_t axis : {size_t{0}, size_t{1}}) {
    for (const Candidate& candidate : candidates_for_axis(graph, axis)) {
      // A constant other than the batch is no reason to look at axis 1: channels are constant, too.
      if (axis > 0 && candidate.batch_dim.is_constant()) continue;
      BatchAnalysis result = try_candidate(graph, candidate);
      if (result.proven) return result;
      if (!first_failure) first_failure = std::move(result);
    }
  }
  if (first_failure) return *first_failure;
  BatchAnalysis none;
  none.input_axes.assign(graph.inputs.size(), shared_axis);
  none.reason =
      graph.inputs.empty() ? "the model has no inputs" : "no input has an axis that could be the batch";
  return none;
}

}  // namespace spinel::graph
