#include "backend/cpu/inspect.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "backend/value_groups.hpp"
#include "graph/origin.hpp"

namespace spinel::backend {
namespace {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::RuntimeValue;
using graph::Value;
using graph::ValueId;

struct Tap {
  LayerValue info;
  ValueId id;
  Value form;  ///< The ONNX value's name and axes alone, as Value::origin has them.
};

bool is_readable(const Value& value) {
  if (value.is_constant() || !value.type.is_tensor()) return false;
  return value.type.shape ? graph::has_readable_origin(value, value.type.shape->size())
                          : !value.origin.empty() && value.origin_axes.empty();
}

void set_dims(const plan::Program& program, const plan::Binding* binding, Tap& tap) {
  const Value& value = program.graph().value(tap.id);
  tap.info.has_rank = value.type.shape.has_value();
  if (!tap.info.has_rank) return;
  Dims dims;
  for (const graph::Dim& dim : *value.type.shape) dims.push_back(dim.is_constant() ? dim.constant() : -1);
  if (binding != nullptr) dims = program.known_dims(*binding, tap.id).value_or(dims);
  tap.info.dims = graph::origin_dims(tap.form, dims);
}

/// The ONNX values that a value of the program equals: its origin, and the model's outputs that it is.
std::vector<Value> forms_of(const Graph& graph, ValueId id) {
  std::vector<Value> forms;
  const Value& value = graph.value(id);
  const auto add = [&](const std::string& name, const std::vector<int>& axes) {
    Value& form = forms.emplace_back();
    form.name = form.origin = name;
    form.origin_axes = axes;
  };
  if (is_readable(value)) add(value.origin, value.origin_axes);
  for (size_t k = 0; k < graph.outputs.size(); ++k)
    if (graph.outputs[k] == id && value.type.is_tensor() && !value.is_constant())
      add(graph.output_names[k], {});
  return forms;
}

std::vector<std::string> inputs_of(const Graph& graph, const Node& node) {
  std::vector<std::string> names;
  Graph::for_each_use(node, [&](ValueId id) {
    const Value& value = graph.value(id);
    if (!value.is_constant() && !value.origin.empty() &&
        std::ranges::find(names, value.origin) == names.end())
      names.push_back(value.origin);
  });
  return names;
}

std::vector<Tap> taps_of(const plan::Program& program, const plan::Binding* binding) {
  const Graph& graph = program.graph();
  std::vector<Tap> taps;
  std::set<std::string> seen;
  for (ValueId id : graph.inputs) seen.insert(graph.value(id).name);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    for (ValueId id : node.outputs) {
      if (id == no_value) continue;
      for (Value& form : forms_of(graph, id)) {
        if (!seen.insert(form.origin).second) continue;
        Tap& tap = taps.emplace_back();
        tap.id = id;
        tap.info.name = form.origin;
        tap.info.dtype = graph.value(id).type.dtype;
        tap.info.layer = n;
        tap.info.node = node.name;
        tap.info.op = node.op->name();
        tap.info.sources = node.sources;
        tap.info.inputs = inputs_of(graph, node);
        tap.form = std::move(form);
        set_dims(program, binding, tap);
      }
    }
  }
  return taps;
}

/// Puts what `inspection` gives in the value's place, unless that is a buffer of somebody else.
void replace(const Inspection& inspection, const Tap& tap, const Node& node, Tensor& tensor) {
  if (!inspection.replace || node.op->view_of() >= 0) return;
  const Tensor given = inspection.replace(tap.info);
  if (!given.defined()) return;
  graph::from_origin(tap.form, given.dtype() == tensor.dtype() ? given : convert(given, tensor.dtype()),
                     tensor);
}

/// Gives a value out, and takes another for it.
void visit(const Inspection& inspection, Tap& tap, const Node& node, Tensor& tensor) {
  if (!graph::has_readable_origin(tap.form, static_cast<size_t>(tensor.rank()))) return;
  // What only running tells is known now.
  tap.info.has_rank = true;
  tap.info.dims = graph::origin_dims(tap.form, tensor.dims());
  if (inspection.value) inspection.value(tap.info, graph::to_origin(tap.form, tensor));
  replace(inspection, tap, node, tensor);
}

}  // namespace

std::vector<LayerValue> layer_values(const plan::Program& program, const plan::Binding* binding) {
  std::vector<LayerValue> values;
  for (Tap& tap : taps_of(program, binding)) values.push_back(std::move(tap.info));
  return values;
}

std::vector<RuntimeValue> inspect_program(const std::shared_ptr<const plan::Program>& program,
                                          const runtime::ReplicaOptions& options,
                                          std::span<const RuntimeValue> inputs, const Inspection& inspection,
                                          graph::RunServices services) {
  const auto binding = program->bind(inputs);
  const Graph& graph = program->graph();
  std::vector<Tap> taps = taps_of(*program, binding.get());
  if (!inspection.names.empty()) {
    std::vector<std::string> known;
    for (const Tap& tap : taps) known.push_back(tap.info.name);
    require_values(inspection.names, known);
    const std::set<std::string> wanted(inspection.names.begin(), inspection.names.end());
    std::erase_if(taps, [&](const Tap& tap) { return !wanted.contains(tap.info.name); });
  }
  std::multimap<ValueId, Tap*> by_id;
  for (Tap& tap : taps) by_id.emplace(tap.id, &tap);

  services.inspect = [&](const Node& node, std::span<RuntimeValue* const> results) {
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i] == nullptr || !results[i]->is_tensor()) continue;
      const auto [begin, end] = by_id.equal_range(node.outputs[i]);
      for (auto it = begin; it != end; ++it) visit(inspection, *it->second, node, results[i]->tensor());
    }
  };
  runtime::Replica replica(program, options);
  std::vector<RuntimeValue> outputs(graph.outputs.size());
  replica.run(binding, inputs, outputs, services);
  return outputs;
}

}  // namespace spinel::backend
