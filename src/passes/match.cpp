#include "passes/match.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.hpp"
#include "ops/op_table.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::passes {

using graph::Graph;
using graph::no_node;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::Value;
using graph::ValueId;

Matcher::Matcher(const Graph& graph) : graph_(graph), uses_(graph.use_counts()) {
  readers_.resize(graph.values.size());
  for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n)
    Graph::for_each_use(graph.node(n), [&](ValueId id) {
      auto& list = readers_[static_cast<size_t>(id)];
      if (list.empty() || list.back() != n) list.push_back(n);
    });
}

NodeId Matcher::producer(ValueId id, std::initializer_list<std::string_view> ops) const {
  if (id == no_value) return no_node;
  const NodeId n = graph_.value(id).producer;
  if (n == no_node) return no_node;
  const Node& found = graph_.node(n);
  if (found.outputs[0] != id || std::ranges::find(ops, found.op->name()) == ops.end()) return no_node;
  return n;
}

NodeId Matcher::only_reader(ValueId id) const {
  if (id == no_value || uses(id) != 1 || readers(id).size() != 1) return no_node;
  return readers(id)[0];
}

std::optional<double> Matcher::scalar(ValueId id) const {
  if (id == no_value) return std::nullopt;
  const Tensor& tensor = graph_.value(id).constant;
  if (!tensor.defined() || tensor.element_count() != 1) return std::nullopt;
  if (tensor.dtype() == DType::float64) return tensor.data<double>()[0];
  if (tensor.dtype() != DType::float32 && tensor.dtype() != DType::float16 &&
      tensor.dtype() != DType::bfloat16)
    return std::nullopt;
  return static_cast<double>(ops::to_float32(tensor).data<float>()[0]);
}

std::optional<std::vector<int64_t>> Matcher::ints(ValueId id) const {
  if (id == no_value) return std::nullopt;
  const Tensor& tensor = graph_.value(id).constant;
  if (!tensor.defined() || (tensor.dtype() != DType::int64 && tensor.dtype() != DType::int32))
    return std::nullopt;
  return ops::to_int64s(tensor);
}

int Matcher::rank(ValueId id) const {
  const graph::ValueType& type = graph_.value(id).type;
  return type.is_tensor() && type.shape ? static_cast<int>(type.shape->size()) : -1;
}

bool same_shape(const graph::Shape& a, const graph::Shape& b) {
  return std::ranges::equal(a, b, [](const graph::Dim& x, const graph::Dim& y) { return equal(x, y); });
}

bool same_type(const Value& a, const Value& b) {
  return a.type.is_tensor() && b.type.is_tensor() && a.type.dtype == b.type.dtype && a.type.shape &&
         b.type.shape && same_shape(*a.type.shape, *b.type.shape);
}

bool same_constant(double a, double b, DType dtype) {
  const double precision = dtype == DType::float16 ? 0x1p-10 : dtype == DType::bfloat16 ? 0x1p-7 : 0x1p-20;
  return std::fabs(a - b) <= precision * std::fabs(b);
}

int64_t int_attribute(const Node& node, std::string_view name, int64_t fallback) {
  const std::string_view text = node.attributes;
  for (size_t at = 0; (at = text.find(name, at)) != std::string_view::npos; at += name.size()) {
    const size_t end = at + name.size();
    if ((at > 0 && text[at - 1] != ' ') || end >= text.size() || text[end] != '=') continue;
    int64_t number = 0;
    const auto [stop, error] = std::from_chars(text.data() + end + 1, text.data() + text.size(), number);
    if (error == std::errc{}) return number;
  }
  return fallback;
}

graph::OpPtr make_table_op(std::string_view name,
                           std::map<std::string, ops::Attribute, std::less<>> attributes, size_t inputs) {
  constexpr int newest = 24;
  return ops::make_op(ops::need_op("", name),
                      ops::OpArgs(std::string(name), newest, std::move(attributes), inputs, 1));
}

ValueId Rewrite::now(ValueId id) const {
  for (auto found = replaced_.find(id); found != replaced_.end(); found = replaced_.find(id))
    id = found->second;
  return id;
}

void Rewrite::replace(ValueId old_value, ValueId new_value) {
  patch_.replace(old_value, new_value);
  replaced_.emplace(old_value, new_value);
}

ValueId Rewrite::new_node(NodeId named_as, std::string_view suffix, graph::OpPtr op, std::string attributes,
                          std::vector<ValueId> inputs, graph::ValueType type,
                          const std::vector<NodeId>& replaces) {
  const std::string name = graph_.node(named_as).name + std::string(suffix);
  for (ValueId& id : inputs) id = id == no_value ? id : now(id);
  const ValueId out = patch_.value(name + ".out", std::move(type));
  patch_.node(name, std::move(op), std::move(attributes), std::move(inputs), {out}, replaces);
  return out;
}

ValueId Rewrite::node(NodeId named_as, graph::OpPtr op, std::string attributes, std::vector<ValueId> inputs,
                      ValueId y, const std::vector<NodeId>& replaces) {
  for (ValueId& id : inputs) id = id == no_value ? id : now(id);
  const Value& old = graph_.value(y);
  const ValueId out = patch_.value(fmt::format("{}.{}", old.name, op->name()), old.type);
  patch_.node(graph_.node(named_as).name, std::move(op), std::move(attributes), std::move(inputs), {out},
              replaces);
  replace(y, out);
  return out;
}

size_t Rewrite::apply() {
  const size_t count = replaced_.size();
  if (patch_.empty()) return 0;
  std::move(patch_).apply(graph_);
  graph::remove_dead(graph_);
  return count;
}

namespace {

void note(const Settings& settings, const Node& node, std::string text, bool refused) {
  if (settings.report == nullptr) return;
  PassReport& report = *settings.report;
  if (report.notes.size() < PassReport::max_notes)
    report.notes.push_back({node.name, std::move(text), refused});
  else
    ++report.notes_left_out;
}

size_t count_nodes(const Graph& graph, std::string_view op) {
  size_t count = 0;
  for (const Node& node : graph.nodes) {
    if (node.op->name() == op) ++count;
    for (const auto& subgraph : node.subgraphs) count += count_nodes(*subgraph, op);
  }
  return count;
}

}  // namespace

void note_change(const Settings& settings, const Node& node, std::string text) {
  note(settings, node, std::move(text), false);
}
void note_refusal(const Settings& settings, const Node& node, std::string reason) {
  note(settings, node, std::move(reason), true);
}
void note_count(const Settings& settings, const Graph& graph, std::string_view op) {
  if (settings.report != nullptr) settings.report->counts[std::string(op)] = count_nodes(graph, op);
}

}  // namespace spinel::passes
