#include "plan/program.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spinel::plan {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::Value;
using graph::ValueId;

Program::Program(Graph graph, Limits limits)
    : graph_(std::move(graph)), limits_(limits), batch_(graph::analyze_batch(graph_)) {
  for (const Value& value : graph_.values)
    if (value.is_constant()) weight_bytes_ += value.constant.size_bytes();
  find_lifetimes();
}

void Program::find_lifetimes() {
  const size_t count = graph_.values.size();
  storage_.resize(count);
  for (size_t i = 0; i < count; ++i) storage_[i] = static_cast<ValueId>(i);
  first_use_.assign(count, -1);
  last_use_.assign(count, -1);
  escapes_.assign(count, false);
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    const Node& node = graph_.nodes[n];
    bool holds_inputs = !node.subgraphs.empty();
    for (ValueId id : node.outputs) holds_inputs |= id != no_value && !graph_.value(id).type.is_tensor();
    Graph::for_each_use(node, [&](ValueId id) {
      const auto root = static_cast<size_t>(storage(id));
      last_use_[root] = static_cast<int>(n);
      if (holds_inputs) escapes_[root] = true;
    });
    for (ValueId id : node.outputs)
      if (id != no_value)
        first_use_[static_cast<size_t>(id)] = last_use_[static_cast<size_t>(id)] = static_cast<int>(n);
    const int viewed = node.op->view_of();
    if (viewed >= 0 && node.outputs[0] != no_value) {
      const ValueId from = node.inputs[static_cast<size_t>(viewed)];
      if (graph_.value(from).type.is_tensor()) storage_[static_cast<size_t>(node.outputs[0])] = storage(from);
    }
  }
  const int end = static_cast<int>(graph_.nodes.size());
  for (ValueId id : graph_.outputs) last_use_[static_cast<size_t>(storage(id))] = end;
  dying_after_.resize(graph_.nodes.size());
  for (size_t i = 0; i < count; ++i) {
    const int last = last_use_[static_cast<size_t>(storage_[i])];
    if (graph_.values[i].is_constant() || last < 0 || last >= end) continue;
    dying_after_[static_cast<size_t>(last)].push_back(static_cast<ValueId>(i));
  }
}

bool Program::plannable(ValueId id) const {
  const Value& value = graph_.value(id);
  const auto i = static_cast<size_t>(id);
  return value.producer != graph::no_node && !value.is_constant() && storage(id) == id && !escapes_[i] &&
         value.type.is_tensor() && value.type.dtype != DType::string &&
         graph_.node(value.producer).subgraphs.empty();
}

graph::Bindings Program::bind_symbols(std::span<const Dims> input_dims) const {
  if (input_dims.size() != graph_.inputs.size())
    fail(ErrorCode::invalid_argument, "the model takes {} inputs, {} were given", graph_.inputs.size(),
         input_dims.size());
  graph::Bindings bindings;
  std::map<std::string, std::string> bound_by;
  for (size_t i = 0; i < input_dims.size(); ++i) {
    const Value& value = graph_.value(graph_.inputs[i]);
    if (!value.type.is_tensor() || !value.type.shape) continue;
    const graph::Shape& shape = *value.type.shape;
    const Dims& dims = input_dims[i];
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

std::shared_ptr<const Binding> Program::bind(std::span<const Dims> input_dims) const {
  const std::vector<Dims> key(input_dims.begin(), input_dims.end());
  {
    const std::lock_guard lock(mutex_);
    for (auto it = cache_.begin(); it != cache_.end(); ++it) {
      if (it->first != key) continue;
      cache_.splice(cache_.begin(), cache_, it);
      return it->second;
    }
  }
  auto binding = make_binding(input_dims);
  const std::lock_guard lock(mutex_);
  cache_.emplace_front(key, binding);
  if (cache_.size() > max_cached_bindings) cache_.pop_back();
  return binding;
}

std::shared_ptr<const Binding> Program::make_binding(std::span<const Dims> input_dims) const {
  const graph::Bindings symbols = bind_symbols(input_dims);
  auto binding = std::make_shared<Binding>();
  binding->dims.resize(graph_.values.size());
  binding->offsets.assign(graph_.values.size(), -1);
  std::vector<BufferRequest> requests;
  std::vector<ValueId> requested;
  for (ValueId id = 0; id < static_cast<ValueId>(graph_.values.size()); ++id) {
    const Value& value = graph_.value(id);
    if (!value.type.is_tensor() || !value.type.shape) continue;
    Dims dims;
    for (const graph::Dim& dim : *value.type.shape) {
      const auto size = dim.evaluate(symbols);
      if (!size) break;
      if (*size < 0)
        fail(ErrorCode::invalid_argument,
             "value '{}' would have dims {} with a negative size; the inputs are too small", value.name,
             graph::shape_text(*value.type.shape));
      dims.push_back(*size);
    }
    if (dims.size() != value.type.shape->size()) continue;
    const uint64_t bytes = tensor_bytes(value.type.dtype, dims);
    if (limits_.max_tensor_bytes != 0 && bytes > limits_.max_tensor_bytes)
      fail(ErrorCode::limit_exceeded, "value '{}' {}{} has {} bytes; the limit max_tensor_bytes is {}",
           value.name, dtype_name(value.type.dtype), dims_text(dims), bytes, limits_.max_tensor_bytes);
    if (plannable(id) && !graph_.is_output(id)) {
      const auto i = static_cast<size_t>(id);
      requests.push_back({bytes, first_use_[i], last_use_[i]});
      requested.push_back(id);
    }
    binding->dims[static_cast<size_t>(id)] = std::move(dims);
  }
  const auto offsets = place_buffers(requests, binding->arena_bytes);
  for (size_t i = 0; i < requested.size(); ++i)
    binding->offsets[static_cast<size_t>(requested[i])] = static_cast<int64_t>(offsets[i]);
  if (limits_.max_arena_bytes != 0 && binding->arena_bytes > limits_.max_arena_bytes)
    fail(ErrorCode::limit_exceeded,
         "the activations need {} bytes for these shapes; the limit max_arena_bytes is {}",
         binding->arena_bytes, limits_.max_arena_bytes);
  return binding;
}

std::vector<std::string> Program::unplanned(const Binding& binding) const {
  std::vector<std::string> names;
  for (ValueId id = 0; id < static_cast<ValueId>(graph_.values.size()); ++id) {
    const Value& value = graph_.value(id);
    if (value.producer == graph::no_node || value.is_constant() || storage(id) != id || graph_.is_output(id))
      continue;
    if (binding.offsets[static_cast<size_t>(id)] < 0) names.push_back(value.name);
  }
  return names;
}

}  // namespace spinel::plan
