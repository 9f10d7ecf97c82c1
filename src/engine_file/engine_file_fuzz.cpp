// Any bytes as the program and the weights of an engine file whose checksums are right: an Error, or a graph
// that is made ready to run and run. Input: four bytes that give the program's size, the program, the
// weights.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "engine_file/program.hpp"
#include "graph/batch.hpp"
#include "graph/interpret.hpp"

namespace {

using namespace spinel;

size_t touched = 0;

/// Dims that are open become 2; nothing for inputs that are no small tensors.
std::optional<std::vector<graph::RuntimeValue>> make_inputs(const graph::Graph& graph) {
  constexpr int64_t most_elements = 1 << 16;
  std::vector<graph::RuntimeValue> inputs;
  for (graph::ValueId id : graph.inputs) {
    const graph::ValueType& type = graph.value(id).type;
    if (!type.is_tensor() || !type.shape || type.dtype == DType::undefined) return std::nullopt;
    Dims dims;
    int64_t elements = 1;
    for (const graph::Dim& dim : *type.shape) {
      dims.push_back(dim.is_constant() ? dim.constant() : 2);
      if (dims.back() > most_elements || (elements *= std::max<int64_t>(dims.back(), 1)) > most_elements)
        return std::nullopt;
    }
    inputs.emplace_back(Tensor(type.dtype, std::move(dims)));
  }
  return inputs;
}

/// A graph with loops may run for as long as the file says.
bool has_subgraphs(const graph::Graph& graph) {
  return std::ranges::any_of(graph.nodes, [](const graph::Node& node) { return !node.subgraphs.empty(); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uint32_t program_bytes = 0;
  if (size < sizeof program_bytes) return 0;
  std::memcpy(&program_bytes, data, sizeof program_bytes);
  data += sizeof program_bytes;
  size -= sizeof program_bytes;
  program_bytes = static_cast<uint32_t>(std::min<size_t>(program_bytes, size));
  // Blocks of exactly these sizes, so that the sanitizer sees every byte read beyond them.
  const auto copy = [](const uint8_t* from, size_t count) {
    auto block = std::make_shared<std::vector<std::byte>>(count);
    if (count != 0) std::memcpy(block->data(), from, count);
    return Bytes{*block, block};
  };
  const Bytes program = copy(data, program_bytes);
  const Bytes weights = copy(data + program_bytes, size - program_bytes);
  Limits limits;
  limits.max_tensor_bytes = 1 << 20;
  limits.max_nodes = 1000;
  limits.max_nesting = 8;
  try {
    touched += engine_file::decode_stamp(program.data).isa.size();
    const graph::Graph graph =
        engine_file::decode_program(program.data, weights, cpu::find_isa("portable"), limits);
    touched += graph::to_text(graph).size() + graph::analyze_batch(graph).reason.size();
    if (has_subgraphs(graph)) return 0;
    if (auto inputs = make_inputs(graph)) {
      graph::RunServices services;
      services.max_tensor_bytes = limits.max_tensor_bytes;
      touched += graph::interpret(graph, std::move(*inputs), {}, services).size();
    }
  } catch (const Error& error) {
    // What a file says is never a fault of Spinel itself.
    if (error.code() == ErrorCode::internal) __builtin_trap();
  }
  return touched == SIZE_MAX ? 1 : 0;
}
