#include "runtime/executor.hpp"

#include <new>

#include "base/text.hpp"

namespace spinel::runtime {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::RuntimeValue;
using graph::ValueId;

void Replica::reserve(uint64_t bytes) {
  if (bytes <= arena_bytes_) return;
  constexpr std::align_val_t alignment{64};
  arena_.reset();
  arena_bytes_ = 0;
  void* memory = ::operator new(bytes, alignment, std::nothrow);
  if (memory == nullptr) fail(ErrorCode::out_of_memory, "no memory for {} bytes of activations", bytes);
  arena_ = std::shared_ptr<void>(memory, [](void* p) { ::operator delete (p, std::align_val_t{64}); });
  arena_bytes_ = bytes;
}

bool Replica::in_arena(const void* data) const noexcept {
  const auto* begin = static_cast<const std::byte*>(arena_.get());
  const auto* p = static_cast<const std::byte*>(data);
  return begin != nullptr && p >= begin && p < begin + arena_bytes_;
}

void Replica::run(const plan::Binding& binding, std::span<const RuntimeValue> inputs,
                  std::span<RuntimeValue> outputs, const graph::RunServices& services) {
  const plan::Program& program = *program_;
  const Graph& graph = program.graph();
  reserve(binding.arena_bytes);
  std::vector<RuntimeValue> values(graph.values.size());
  for (size_t i = 0; i < inputs.size(); ++i) values[static_cast<size_t>(graph.inputs[i])] = inputs[i];

  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    auto planned_buffer = [&](ValueId id) -> Tensor {
      for (size_t i = 0; i < outputs.size(); ++i)
        if (graph.outputs[i] == id && outputs[i].is_tensor()) return outputs[i].tensor();
      const int64_t offset = binding.offsets[static_cast<size_t>(id)];
      if (offset < 0) return {};
      return Tensor::view(graph.value(id).type.dtype, *binding.dims[static_cast<size_t>(id)],
                          static_cast<std::byte*>(arena_.get()) + offset);
    };
    const graph::OutputBuffer buffers = [&](size_t output) { return planned_buffer(node.outputs[output]); };
    graph::run_node(graph, node, values, services, &buffers);

    // An operator may hand on an existing tensor. Unless the plan knows it as a view, whose buffer lives long
    // enough, the elements move into memory of the value's own.
    for (ValueId id : node.outputs) {
      if (id == no_value || program.storage(id) != id) continue;
      RuntimeValue& value = values[static_cast<size_t>(id)];
      if (!value.is_tensor()) continue;
      Tensor planned = planned_buffer(id);
      if (planned.defined() && planned.raw() != value.tensor().raw()) {
        copy_elements(value.tensor(), planned);
        value = std::move(planned);
      } else if (!planned.defined() && in_arena(value.tensor().raw())) {
        value = value.tensor().clone();
      }
    }
    for (ValueId id : program.dying_after(n)) values[static_cast<size_t>(id)] = {};
  }
  store_outputs(values, outputs);
}

void Replica::store_outputs(std::vector<RuntimeValue>& values, std::span<RuntimeValue> outputs) const {
  const Graph& graph = program_->graph();
  for (size_t i = 0; i < outputs.size(); ++i) {
    const ValueId id = graph.outputs[i];
    const RuntimeValue& result = graph.value(id).is_constant() ? RuntimeValue(graph.value(id).constant)
                                                               : values[static_cast<size_t>(id)];
    if (outputs[i].is_tensor()) {
      if (outputs[i].tensor().dims() != result.tensor().dims())
        fail(ErrorCode::internal, "output '{}' is {}, but {} was planned; please report this",
             graph.output_names[i], describe(result.tensor()), describe(outputs[i].tensor()));
      copy_elements(result.tensor(), outputs[i].tensor());
    } else if (result.is_tensor()) {
      outputs[i] = result.tensor().clone();
    } else {
      outputs[i] = result;
    }
  }
}

}  // namespace spinel::runtime
