// Writes an Einsum of two operands that is a stack of matrix products as MatMul, with transposes around it:
// there are kernels for those, and passes that look for attention know them.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "graph/recipe.hpp"
#include "passes/match.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::NodeId;
using graph::ValueId;

/// "bik,bjk->bij" with one index each that only the first, only the second, and only the operands have.
struct Product {
  std::string a, b, out;
  std::string batch;  ///< In the output's order.
  char row = 0, column = 0, depth = 0;
};

bool is_letters(const std::string& text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

bool has(const std::string& labels, char label) { return labels.find(label) != std::string::npos; }

bool has_repeats(std::string text) {
  std::ranges::sort(text);
  return std::ranges::adjacent_find(text) != text.end();
}

/// Nothing for other equations, ellipses and implicit outputs among them.
std::optional<Product> parse(std::string equation) {
  std::erase(equation, ' ');
  const size_t comma = equation.find(',');
  const size_t arrow = equation.find("->");
  if (comma == std::string::npos || arrow == std::string::npos || arrow < comma) return std::nullopt;
  Product p{.a = equation.substr(0, comma),
            .b = equation.substr(comma + 1, arrow - comma - 1),
            .out = equation.substr(arrow + 2),
            .batch = {}};
  for (const std::string* text : {&p.a, &p.b, &p.out})
    if (!is_letters(*text) || has_repeats(*text)) return std::nullopt;
  const auto one = [](char& to, char label) { return std::exchange(to, label) == 0; };
  for (char label : p.out) {
    const bool in_a = has(p.a, label);
    const bool in_b = has(p.b, label);
    if (in_a && in_b)
      p.batch += label;
    else if (!(in_a ? one(p.row, label) : in_b && one(p.column, label)))
      return std::nullopt;
  }
  for (char label : p.a)
    if (!has(p.out, label) && !(has(p.b, label) && one(p.depth, label))) return std::nullopt;
  for (char label : p.b)
    if (!has(p.out, label) && label != p.depth) return std::nullopt;
  if (p.row == 0 || p.column == 0 || p.depth == 0) return std::nullopt;
  return p;
}

std::vector<int64_t> order_of(const std::string& from, const std::string& to) {
  std::vector<int64_t> order;
  for (char label : to) order.push_back(static_cast<int64_t>(from.find(label)));
  return order;
}

/// MatMul broadcasts as Einsum does but for the index that is summed over.
bool fits(const Graph& graph, const Node& node, const Product& p) {
  const graph::ValueType& a = graph.value(node.inputs[0]).type;
  const graph::ValueType& b = graph.value(node.inputs[1]).type;
  return a.shape && b.shape && a.shape->size() == p.a.size() && b.shape->size() == p.b.size() &&
         (a.dtype == DType::float32 || a.dtype == DType::float16) && a.dtype == b.dtype &&
         equal((*a.shape)[p.a.find(p.depth)], (*b.shape)[p.b.find(p.depth)]);
}

}  // namespace

size_t lower_einsum(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += lower_einsum(*subgraph, settings);
  Rewrite rewrite(graph);
  for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n) {
    const Node& node = graph.node(n);
    if (node.op->name() != "Einsum" || node.inputs.size() != 2 || node.op->recipe() == nullptr) continue;
    const auto equation = node.op->recipe()->attributes.find("equation");
    if (equation == node.op->recipe()->attributes.end()) continue;
    const auto* text = std::get_if<std::string>(&equation->second);
    const auto p = text != nullptr ? parse(*text) : std::nullopt;
    if (!p || !fits(graph, node, *p)) continue;
    const auto type = graph::ValueType::tensor(graph.value(node.outputs[0]).type.dtype);
    const auto transpose = [](const std::string& from, const std::string& to) {
      const std::vector<int64_t> order = order_of(from, to);
      return std::pair(make_table_op("Transpose", {{"perm", order}}, 1),
                       fmt::format("perm={}", dims_text(order)));
    };
    const auto turned = [&](size_t index, const std::string& from, const std::string& to,
                            const char* suffix) {
      const ValueId id = rewrite.now(node.inputs[index]);
      if (from == to) return id;
      auto [op, attributes] = transpose(from, to);
      return rewrite.new_node(n, suffix, std::move(op), std::move(attributes), {id}, type, {n});
    };
    const ValueId a = turned(0, p->a, p->batch + p->row + p->depth, ".a");
    const ValueId b = turned(1, p->b, p->batch + p->depth + p->column, ".b");
    graph::OpPtr multiply = make_table_op("MatMul", {}, 2);
    const std::string result = p->batch + p->row + p->column;
    if (result == p->out) {
      rewrite.node(n, std::move(multiply), "", {a, b}, node.outputs[0], {n});
      continue;
    }
    const ValueId product = rewrite.new_node(n, ".product", std::move(multiply), "", {a, b}, type, {n});
    auto [op, attributes] = transpose(result, p->out);
    rewrite.node(n, std::move(op), std::move(attributes), {product}, node.outputs[0], {n});
  }
  return changes + rewrite.apply();
}

}  // namespace spinel::passes
