#include "plan/sizes.hpp"

#include <string>
#include <unordered_map>

#include "base/text.hpp"

namespace spinel::plan {

using graph::Graph;
using graph::Value;
using graph::ValueId;

SizeTable::SizeTable(const Graph& graph) : begin_(graph.values.size(), -1), rank_(graph.values.size(), 0) {
  std::unordered_map<std::string, int> known;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (!value.type.is_tensor() || !value.type.shape) continue;
    begin_[i] = static_cast<int>(expression_of_.size());
    rank_[i] = static_cast<int>(value.type.shape->size());
    for (const graph::Dim& dim : *value.type.shape) {
      const auto [found, inserted] = known.try_emplace(dim.text(), static_cast<int>(expressions_.size()));
      if (inserted) expressions_.push_back(dim);
      expression_of_.push_back(found->second);
    }
  }
}

std::vector<int64_t> SizeTable::evaluate(const Graph& graph, const graph::Bindings& symbols) const {
  std::vector<int64_t> results;
  results.reserve(expressions_.size());
  bool negative = false;
  for (const graph::Dim& expression : expressions_) {
    const auto size = expression.evaluate(symbols);
    negative |= size && *size < 0;
    results.push_back(!size ? unknown : *size < 0 ? unknown - 1 : *size);
  }
  std::vector<int64_t> sizes(expression_of_.size());
  for (size_t i = 0; i < sizes.size(); ++i) {
    sizes[i] = results[static_cast<size_t>(expression_of_[i])];
    if (negative && sizes[i] < unknown) fail_negative(graph, i);
  }
  return sizes;
}

void SizeTable::fail_negative(const Graph& graph, size_t entry) const {
  size_t i = 0;
  while (begin_[i] < 0 || static_cast<size_t>(begin_[i] + rank_[i]) <= entry) ++i;
  fail(ErrorCode::invalid_argument,
       "value '{}' would have dims {} with a negative size; the inputs are too small", graph.values[i].name,
       graph::shape_text(*graph.values[i].type.shape));
}

}  // namespace spinel::plan
