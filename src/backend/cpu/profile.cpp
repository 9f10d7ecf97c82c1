#include "backend/cpu/profile.hpp"

#include <chrono>
#include <utility>

namespace spinel::backend {
namespace {

using graph::no_value;
using graph::ValueId;

std::vector<Dims> dims_of(const plan::Program& program, const plan::Binding& binding,
                          std::span<const ValueId> ids) {
  std::vector<Dims> dims;
  for (ValueId id : ids) {
    if (id == no_value)
      dims.emplace_back();
    else if (const graph::Value& value = program.graph().value(id); value.is_constant())
      dims.push_back(value.constant.dims());
    else
      dims.push_back(program.known_dims(binding, id).value_or(Dims{}));
  }
  return dims;
}

LayerTime describe_layer(const plan::Program& program, const plan::Binding& binding,
                         const graph::Node& node) {
  LayerTime layer;
  layer.name = node.name;
  layer.op = node.op->name();
  layer.kernel = node.op->kernel();
  layer.sources = node.sources;
  layer.inputs = dims_of(program, binding, node.inputs);
  layer.outputs = dims_of(program, binding, node.outputs);
  layer.flops = count_flops(*node.op, layer.inputs, layer.outputs);
  return layer;
}

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

RunProfile profile_program(const std::shared_ptr<const plan::Program>& program,
                           const runtime::ReplicaOptions& options,
                           std::span<const graph::RuntimeValue> inputs, graph::RunServices services) {
  const auto binding = program->bind(inputs);
  runtime::Replica replica(program, options);
  std::vector<graph::RuntimeValue> outputs(program->graph().outputs.size());
  replica.run(binding, inputs, outputs, services);

  struct Event {
    const graph::Node* node;
    int64_t begin_ns;
    int64_t end_ns;
  };
  std::vector<Event> events;
  events.reserve(program->graph().nodes.size());
  services.observe = [&events](const graph::Node& node, int64_t begin_ns, int64_t end_ns) {
    events.push_back({&node, begin_ns, end_ns});
  };
  const int64_t start_ns = now_ns();
  replica.run(binding, inputs, outputs, services);
  RunProfile profile;
  profile.duration_ns = now_ns() - start_ns;
  for (const Event& event : events) {
    LayerTime layer = describe_layer(*program, *binding, *event.node);
    layer.start_ns = event.begin_ns - start_ns;
    layer.duration_ns = event.end_ns - event.begin_ns;
    profile.layers.push_back(std::move(layer));
  }
  return profile;
}

}  // namespace spinel::backend
