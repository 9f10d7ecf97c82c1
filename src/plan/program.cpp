#include "plan/program.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spinel::plan {

using graph::Graph;
using graph::Value;
using graph::ValueId;

Program::Program(Graph graph, ProgramOptions options)
    : graph_(std::move(graph)),
      options_(std::move(options)),
      batch_(graph::analyze_batch(graph_)),
      sizes_(graph_),
      storage_(analyze_storage(graph_, options_.aliases)),
      dying_after_(graph_.nodes.size()) {
  for (const Value& value : graph_.values)
    if (value.is_constant()) weight_bytes_ += value.constant.size_bytes();
  for (size_t i = 0; i < graph_.values.size(); ++i) {
    const int last = storage_.last[static_cast<size_t>(storage_.root[i])];
    if (!graph_.values[i].is_constant() && last >= 0 && last < static_cast<int>(graph_.nodes.size()))
      dying_after_[static_cast<size_t>(last)].push_back(static_cast<ValueId>(i));
  }
}

std::shared_ptr<const Binding> Program::bind(std::span<const Dims> input_dims) const {
  return bind(input_dims.size(), [&](size_t i) -> const Dims& { return input_dims[i]; });
}

std::shared_ptr<const Binding> Program::bind(std::span<const graph::RuntimeValue> inputs) const {
  static const Dims none;
  return bind(inputs.size(), [&](size_t i) -> const Dims& {
    return inputs[i].is_tensor() ? inputs[i].tensor().dims() : none;
  });
}

std::shared_ptr<const Binding> Program::bind(size_t count, DimsOf dims_of) const {
  auto is_key = [&](const std::vector<Dims>& key) {
    if (key.size() != count) return false;
    for (size_t i = 0; i < count; ++i)
      if (key[i] != dims_of(i)) return false;
    return true;
  };
  {
    const std::lock_guard lock(mutex_);
    for (auto it = cache_.begin(); it != cache_.end(); ++it) {
      if (!is_key(it->key)) continue;
      cache_.splice(cache_.begin(), cache_, it);
      return it->binding;
    }
  }
  std::vector<Dims> key;
  for (size_t i = 0; i < count; ++i) key.push_back(dims_of(i));
  auto binding = make_binding(*this, sizes_, bind_symbols(count, dims_of));
  const std::lock_guard lock(mutex_);
  // Another thread may have been faster; all users of one shape share one binding.
  for (const Cached& cached : cache_)
    if (cached.key == key) return cached.binding;
  cache_.push_front({std::move(key), binding});
  if (cache_.size() > max_cached_bindings) cache_.pop_back();
  return binding;
}

graph::Bindings Program::bind_symbols(size_t count, DimsOf dims_of) const {
  if (count != graph_.inputs.size())
    fail(ErrorCode::invalid_argument, "the model takes {} inputs, {} were given", graph_.inputs.size(),
         count);
  graph::Bindings bindings;
  std::map<std::string, std::string> bound_by;
  for (size_t i = 0; i < count; ++i) {
    const Value& value = graph_.value(graph_.inputs[i]);
    if (!value.type.is_tensor() || !value.type.shape) continue;
    const graph::Shape& shape = *value.type.shape;
    const Dims& dims = dims_of(i);
    if (dims.size() != shape.size())
      fail(ErrorCode::invalid_argument, "input '{}' has dims {}; the model takes {}", value.name,
           dims_text(dims), value.type.text());
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      const graph::Dim& dim = shape[axis];
      if (dim.is_constant()) {
        if (dim.constant() != dims[axis])
          fail(ErrorCode::invalid_argument, "input '{}' has dims {}; the model takes {}", value.name,
               dims_text(dims), value.type.text());
        continue;
      }
      const std::string symbol = dim.text();
      const auto [found, inserted] = bindings.try_emplace(symbol, dims[axis]);
      if (inserted)
        bound_by[symbol] = value.name;
      else if (found->second != dims[axis])
        fail(ErrorCode::invalid_argument,
             "input '{}' has dims {}, so that '{}' is {}, but input '{}' made it {}", value.name,
             dims_text(dims), symbol, dims[axis], bound_by[symbol], found->second);
    }
  }
  return bindings;
}

std::optional<Dims> Program::known_dims(const Binding& binding, ValueId id) const {
  if (!binding.sized[static_cast<size_t>(id)]) return std::nullopt;
  const auto known = dims(binding, id);
  return Dims(known.begin(), known.end());
}

std::vector<std::string> Program::unplanned(const Binding& binding) const {
  std::vector<std::string> names;
  for (size_t i = 0; i < graph_.values.size(); ++i) {
    const Value& value = graph_.values[i];
    const auto id = static_cast<ValueId>(i);
    if (value.producer == graph::no_node || value.is_constant() || storage_.root[i] != id ||
        graph_.is_output(id))
      continue;
    if (binding.places[i].base == Place::Base::none) names.push_back(value.name);
  }
  return names;
}

}  // namespace spinel::plan
