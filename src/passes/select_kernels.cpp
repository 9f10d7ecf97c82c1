// Gives each node the first tuned kernel that takes it; the reference kernel stays where none does.
#include "base/cancel.hpp"
#include "cpu/kernel_list.hpp"
#include "cpu/op_table.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {

size_t select_kernels(graph::Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (graph::Node& node : graph.nodes) {
    check_load_cancelled();
    for (auto& subgraph : node.subgraphs) changes += select_kernels(*subgraph, settings);
    for (const cpu::KernelEntry& entry : cpu::kernel_list()) {
      if (node.op->name() != entry.op) continue;
      std::string refusal;
      graph::OpPtr op =
          entry.make({graph, node, *settings.isa->kernels, *settings.isa->byte_kernels}, refusal);
      if (op == nullptr) continue;
      if (auto recipe = cpu::recipe_of(*node.op)) {
        recipe->kernel = entry.name;
        op->set_recipe(std::make_shared<const graph::Recipe>(std::move(*recipe)));
      }
      node.op = std::move(op);
      ++changes;
      break;
    }
  }
  return changes;
}

}  // namespace spinel::passes
