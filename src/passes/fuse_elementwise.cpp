// Fuses elementwise nodes whose results only other elementwise nodes read into one node.
//
// A group grows backwards from a node: a producer joins if it computes elementwise, its output has the dims
// and type of the group's output, and every reader of it is in the group already. A product followed by a sum
// becomes a multiply-add, and a clamp behind it its limits.
#include <algorithm>
#include <limits>
#include <map>

#include "base/text.hpp"
#include "cpu/chain.hpp"
#include "cpu/element_grid.hpp"
#include "cpu/element_ops.hpp"
#include "passes/match.hpp"

namespace spinel::passes {
namespace {

using cpu::ElementNode;
using cpu::ElementProgram;
using graph::Graph;
using graph::no_node;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::ValueId;
using Function = cpu::ElementFunction;
using Operand = ElementProgram::Operand;
using Source = ElementProgram::Source;
using Step = ElementProgram::Step;

constexpr float infinity = std::numeric_limits<float>::infinity();

struct Group {
  std::vector<NodeId> nodes;  ///< The root last.
  std::vector<ValueId> inputs;
  std::vector<Tensor> constants;  ///< Become inputs after these.
  std::vector<Step> steps;
};

class Builder {
 public:
  explicit Builder(const Graph& graph) : graph_(graph), matcher_(graph) {
    for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n) {
      std::string refusal;
      auto element = cpu::element_node(graph, graph.node(n), refusal);
      if (element && element->inputs > 0) elements_.emplace(n, std::move(*element));
    }
  }

  /// Groups of at least two nodes, in topological order.
  std::vector<Group> groups() {
    std::vector<Group> found;
    for (NodeId n = static_cast<NodeId>(graph_.nodes.size()); n-- > 0;) {
      if (!elements_.contains(n) || taken_.contains(n)) continue;
      Group group = grow(n);
      if (group.nodes.size() < 2) continue;
      for (NodeId each : group.nodes) taken_.insert({each, true});
      found.push_back(std::move(group));
    }
    std::ranges::reverse(found);
    return found;
  }

 private:
  bool fits(const std::vector<NodeId>& nodes) const {
    size_t steps = 0;
    size_t constants = 0;
    std::vector<ValueId> inputs;
    for (NodeId n : nodes) {
      const ElementNode& element = elements_.at(n);
      steps += element.steps.size();
      constants += element.constants.size();
      for (size_t i = 0; i < element.inputs; ++i) {
        const ValueId id = graph_.node(n).inputs[i];
        if (std::ranges::find(nodes, matcher_.producer(id)) == nodes.end() &&
            std::ranges::find(inputs, id) == inputs.end())
          inputs.push_back(id);
      }
    }
    return steps <= ElementProgram::max_steps && inputs.size() + constants <= cpu::ElementGrid::max_operands;
  }

  Group grow(NodeId root) const {
    Group group;
    group.nodes = {root};
    const graph::Value& y = graph_.value(graph_.node(root).outputs[0]);
    for (bool grown = true; grown;) {
      grown = false;
      for (size_t at = 0; at < group.nodes.size() && !grown; ++at) {
        const NodeId member = group.nodes[at];
        for (size_t i = 0; i < elements_.at(member).inputs && !grown; ++i) {
          const ValueId id = graph_.node(member).inputs[i];
          const NodeId producer = matcher_.producer(id);
          if (producer == no_node || !elements_.contains(producer) || taken_.contains(producer)) continue;
          if (std::ranges::find(group.nodes, producer) != group.nodes.end()) continue;
          if (!same_type(graph_.value(id), y) || graph_.is_output(id)) continue;
          const auto& readers = matcher_.readers(id);
          if (!std::ranges::all_of(readers, [&](NodeId reader) {
                return std::ranges::find(group.nodes, reader) != group.nodes.end() &&
                       graph_.node(reader).subgraphs.empty();
              }))
            continue;
          std::vector<NodeId> more = group.nodes;
          more.push_back(producer);
          if (!fits(more)) continue;
          group.nodes = std::move(more);
          grown = true;
        }
      }
    }
    std::ranges::sort(group.nodes);  // The graph is sorted, so this is an order of computing.
    write_steps(group);
    return group;
  }

  void write_steps(Group& group) const {
    std::map<ValueId, Operand> made;
    for (NodeId n : group.nodes) {
      const ElementNode& element = elements_.at(n);
      const auto first_step = static_cast<uint32_t>(group.steps.size());
      for (Step step : element.steps) {
        for (int i = 0; i < operand_count(step.function); ++i) {
          Operand& operand = step.operands[i];
          if (operand.source == Source::step) {
            operand.index += first_step;
          } else if (operand.source == Source::constant) {
            operand.index += static_cast<uint32_t>(group.constants.size());
          } else {
            const ValueId id = graph_.node(n).inputs[operand.index];
            if (const auto found = made.find(id); found != made.end()) {
              operand = found->second;
            } else {
              operand = ElementProgram::input(group.inputs.size());
              made.emplace(id, operand);
              group.inputs.push_back(id);
            }
          }
        }
        group.steps.push_back(step);
      }
      group.constants.insert(group.constants.end(), element.constants.begin(), element.constants.end());
      made.emplace(graph_.node(n).outputs[0],
                   Operand{Source::step, static_cast<uint32_t>(group.steps.size() - 1)});
    }
  }

  const Graph& graph_;
  Matcher matcher_;
  std::map<NodeId, ElementNode> elements_;
  std::map<NodeId, bool> taken_;
};

/// How often each step's result is read.
std::vector<int> step_uses(const std::vector<Step>& steps) {
  std::vector<int> uses(steps.size(), 0);
  for (const Step& step : steps)
    for (int i = 0; i < operand_count(step.function); ++i)
      if (step.operands[i].source == Source::step) ++uses[step.operands[i].index];
  return uses;
}

/// Drops a step that nobody reads any more; later ones move up.
void remove_step(std::vector<Step>& steps, uint32_t removed) {
  steps.erase(steps.begin() + removed);
  for (Step& step : steps)
    for (Operand& operand : step.operands)
      if (operand.source == Source::step && operand.index > removed) --operand.index;
}

/// a * b + c in one step, if the kernel can: its last two operands are of one type.
bool join_multiply_add(std::vector<Step>& steps, const std::vector<bool>& input_is_half) {
  const std::vector<int> uses = step_uses(steps);
  const auto is_half = [&](const Operand& operand) {
    return operand.source == Source::input && input_is_half[operand.index];
  };
  for (size_t s = 0; s < steps.size(); ++s) {
    if (steps[s].function != Function::add) continue;
    for (int side = 0; side < 2; ++side) {
      const Operand factor = steps[s].operands[side];
      const Operand summand = steps[s].operands[1 - side];
      if (factor.source != Source::step || uses[factor.index] != 1 ||
          steps[factor.index].function != Function::mul || summand == factor)
        continue;
      Operand a = steps[factor.index].operands[0];
      Operand b = steps[factor.index].operands[1];
      if (is_half(b) != is_half(summand)) std::swap(a, b);
      if (is_half(b) != is_half(summand)) continue;
      steps[s] = {.function = Function::mul_add, .p = -infinity, .q = infinity, .operands = {a, b, summand}};
      remove_step(steps, factor.index);
      return true;
    }
  }
  return false;
}

bool join_clamp(std::vector<Step>& steps) {
  const std::vector<int> uses = step_uses(steps);
  for (size_t s = 0; s < steps.size(); ++s) {
    const Operand from = steps[s].operands[0];
    if (steps[s].function != Function::clamp || from.source != Source::step || uses[from.index] != 1)
      continue;
    const Step& product = steps[from.index];
    if (product.function != Function::mul_add || product.p != -infinity || product.q != infinity) continue;
    Step joined = product;
    joined.p = steps[s].p;
    joined.q = steps[s].q;
    steps[s] = joined;
    remove_step(steps, from.index);
    return true;
  }
  return false;
}

}  // namespace

size_t fuse_elementwise(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += fuse_elementwise(*subgraph, settings);
  Builder builder(graph);
  Rewrite rewrite(graph);
  for (Group& group : builder.groups()) {
    const NodeId root = group.nodes.back();
    const ValueId y = graph.node(root).outputs[0];
    std::vector<bool> halves;
    std::vector<ValueId> inputs;
    for (ValueId id : group.inputs) {
      inputs.push_back(rewrite.now(id));
      halves.push_back(graph.value(id).type.dtype == DType::float16);
    }
    for (Step& step : group.steps)
      for (Operand& operand : step.operands)
        if (operand.source == Source::constant)
          operand = ElementProgram::input(group.inputs.size() + operand.index);
    for (size_t i = 0; i < group.constants.size(); ++i) {
      inputs.push_back(rewrite.patch().constant(fmt::format("{}.factor{}", graph.node(root).name, i),
                                                std::move(group.constants[i])));
      halves.push_back(false);
    }
    while (join_multiply_add(group.steps, halves)) {
    }
    while (join_clamp(group.steps)) {
    }
    ElementProgram program;
    for (const Step& step : group.steps) program.step(step);
    program.finish(inputs.size());
    std::string text = program.text();
    note_change(settings, graph.node(root), fmt::format("{} elementwise nodes in one", group.nodes.size()));
    rewrite.node(root, std::make_shared<cpu::ElementwiseChain>(*settings.isa->kernels, std::move(program)),
                 std::move(text), std::move(inputs), y, group.nodes);
  }
  return changes + rewrite.apply();
}

}  // namespace spinel::passes
