// Changes the model's float precision: every float32 value to float16, or every 16-bit one to float32.
// Sequences and optionals keep their type, and so does what makes or reads them, a Loop over them with its
// whole body.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/half.hpp"
#include "base/text.hpp"
#include "graph/origin.hpp"
#include "ops/custom_op.hpp"
#include "ops/op_table.hpp"
#include "passes/half_constant.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::Value;
using graph::ValueId;

Tensor converted_constant(const Value& value, DType to, const Settings& settings) {
  if (to != DType::float16 || value.constant.dtype() != DType::float32) return convert(value.constant, to);
  const HalfConstant half = to_half_constant(*settings.isa, value.constant);
  if (half.rounding.clamped > 0 && settings.log)
    settings.log(LogLevel::warning,
                 fmt::format("constant '{}': {} of {} elements lie outside float16 and were clamped "
                             "to +-65504",
                             value.name, half.rounding.clamped, half.tensor.element_count()));
  return half.tensor;
}

graph::OpPtr make_cast(DType to) {
  return ops::make_op(ops::need_op("", "Cast"),
                      ops::OpArgs("Cast", 13, {{"to", static_cast<int64_t>(to)}}, 1, 1));
}

class Converter {
 public:
  Converter(DType from, DType to, const Settings& settings) : from_(from), to_(to), settings_(settings) {}

  size_t run(Graph& graph, bool is_main = true) {
    size_t changes = 0;
    for (const Node& node : graph.nodes)
      if (handles_lists(graph, node)) keeps_lists_.insert(node.op.get());
    for (Node& node : graph.nodes)
      if (!is_kept(node))
        for (auto& subgraph : node.subgraphs) changes += run(*subgraph, false);
    find_kept(graph, is_main);
    keep_constants(graph);
    changes += convert_constants(graph);
    changes += convert_operators(graph);
    changes += cast_kept_values(graph);
    changes += keep_inputs(graph);
    return changes;
  }

  /// Inputs take the new type unless they are kept, outputs too, or get a Cast behind them.
  size_t convert_edges(Graph& graph, bool keep) {
    size_t changes = 0;
    for (ValueId id : graph.inputs) {
      Value& value = graph.value(id);
      if (!value.type.is_tensor() || value.type.dtype != from_ || stays(graph, id)) continue;
      ++changes;
      value.type.dtype = to_;
    }
    if (!keep) return changes;
    for (size_t i = 0; i < graph.outputs.size(); ++i) {
      const ValueId id = graph.outputs[i];
      if (!graph.value(id).type.is_tensor() || graph.value(id).type.dtype != from_) continue;
      Value cast;
      cast.name = graph.value(id).name + ".cast";
      cast.type = graph.value(id).type;
      const ValueId out = graph.add_value(std::move(cast));
      Node node;
      node.name = graph.value(out).name;
      node.op = make_cast(from_);
      node.attributes = fmt::format("to={}", static_cast<int>(from_));
      node.inputs = {id};
      node.outputs = {out};
      graph.add_node(std::move(node));
      graph.outputs[i] = out;
      ++changes;
    }
    return changes;
  }

 private:
  /// Whether the value is a sequence or optional, perhaps of these, of tensors of the old type.
  bool is_list(const graph::ValueType& type) const {
    const graph::ValueType* inner = &type;
    while (!inner->is_tensor() && inner->element != nullptr) inner = inner->element.get();
    return inner != &type && inner->is_tensor() && inner->dtype == from_;
  }
  /// Whether one goes into the node or its subgraphs, or comes out.
  bool handles_lists(const Graph& graph, const Node& node) const {
    const auto any = [&](const Graph& owner, const std::vector<ValueId>& ids) {
      return std::ranges::any_of(ids,
                                 [&](ValueId id) { return id != no_value && is_list(owner.value(id).type); });
    };
    if (any(graph, node.inputs) || any(graph, node.outputs)) return true;
    return std::ranges::any_of(node.subgraphs, [&](const auto& inner) {
      return any(*inner, inner->inputs) || any(*inner, inner->outputs) ||
             std::ranges::any_of(inner->captures, [&](const graph::Capture& capture) {
               return is_list(graph.value(capture.outer).type);
             });
    });
  }
  /// Whether the node's work stays in the old type: the configuration wants it, its operator knows nothing
  /// else, or it has to do with sequences.
  bool is_kept(const Node& node) const {
    if (keeps_lists_.contains(node.op.get())) return true;
    if (from_ != DType::float32 || !node.subgraphs.empty()) return false;
    if (ops::stays_in_float32(*node.op)) return true;
    const auto& kept = settings_.keep_float32;
    return kept.contains(node.name) ||
           std::ranges::any_of(node.sources, [&](const std::string& name) { return kept.contains(name); });
  }
  /// Whether the node reads this input in the old type.
  bool wants_old(const Node& node, size_t input) const {
    return is_kept(node) || (from_ == DType::float32 && node.op->keeps_float32(input));
  }
  /// Calls fn(ValueId&) for whatever the node reads in the old type, captures of a kept node's subgraphs
  /// included.
  template <class Fn>
  void for_each_old_use(Node& node, Fn&& fn) const {
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (node.inputs[i] != no_value && wants_old(node, i)) fn(node.inputs[i]);
    if (!is_kept(node)) return;
    for (auto& subgraph : node.subgraphs)
      for (graph::Capture& capture : subgraph->captures) fn(capture.outer);
  }
  bool stays(const Graph& graph, ValueId id) const { return stays_.contains({&graph, id}); }
  bool has_old_type(const Value& value) const { return value.type.is_tensor() && value.type.dtype == from_; }

  /// Values that keep their type: results of kept nodes, and inputs of the model that do.
  void find_kept(Graph& graph, bool is_main) {
    for (const Node& node : graph.nodes)
      if (is_kept(node))
        for (ValueId id : node.outputs)
          if (id != no_value && has_old_type(graph.value(id))) stays_.insert({&graph, id});
    if (!is_main) return;
    const auto& skipped = settings_.config.skip_input_name;
    for (ValueId id : graph.inputs)
      if (has_old_type(graph.value(id)) &&
          (settings_.keep_io_types || std::ranges::find(skipped, graph.value(id).name) != skipped.end()))
        stays_.insert({&graph, id});
  }

  /// Everyone reads a Cast of a kept value but those who want its type.
  size_t cast_kept_values(Graph& graph) {
    std::vector<ValueId> ids;
    for (const auto& [owner, id] : stays_)
      if (owner == &graph) ids.push_back(id);
    size_t changes = 0;
    const size_t node_count = graph.nodes.size();
    for (ValueId id : ids) {
      Value cast;
      cast.name = graph.value(id).name + ".cast";
      graph::inherit_origin(cast, graph.value(id));
      cast.type = graph.value(id).type;
      ValueId converted = no_value;
      const auto redirect = [&](ValueId& read) {
        if (read != id) return;
        if (converted == no_value) converted = graph.add_value(std::move(cast));
        read = converted;
      };
      for (size_t n = 0; n < node_count; ++n) {
        Node& node = graph.nodes[n];
        for (size_t i = 0; i < node.inputs.size(); ++i)
          if (!wants_old(node, i)) redirect(node.inputs[i]);
        if (is_kept(node)) continue;
        for (auto& subgraph : node.subgraphs)
          for (graph::Capture& capture : subgraph->captures) redirect(capture.outer);
      }
      for (ValueId& output : graph.outputs) redirect(output);
      if (converted == no_value) continue;
      Node node;
      node.name = graph.value(converted).name;
      node.op = make_cast(to_);
      node.attributes = fmt::format("to={}", static_cast<int>(to_));
      node.inputs = {id};
      node.outputs = {converted};
      graph.add_node(std::move(node));
      ++changes;
    }
    return changes;
  }

  /// Constants that an operator wants in the old type keep their full precision: the operator gets a copy of
  /// its own.
  void keep_constants(Graph& graph) {
    for (Node& node : graph.nodes)
      for_each_old_use(node, [&](ValueId& id) {
        if (!graph.value(id).is_constant() || graph.value(id).constant.dtype() != from_) return;
        id = graph.add_constant(fmt::format("{}.{}", graph.value(id).name, dtype_name(from_)),
                                graph.value(id).constant);
        kept_.insert({&graph, id});
      });
  }

  size_t convert_constants(Graph& graph) {
    size_t changes = 0;
    for (ValueId id = 0; id < static_cast<ValueId>(graph.values.size()); ++id) {
      Value& value = graph.value(id);
      if (!value.is_constant() || value.constant.dtype() != from_ || kept_.contains({&graph, id})) continue;
      value.constant = converted_constant(value, to_, settings_);
      value.type.dtype = to_;
      ++changes;
    }
    return changes;
  }

  size_t convert_operators(Graph& graph) {
    size_t changes = 0;
    for (Node& node : graph.nodes) {
      if (is_kept(node)) continue;
      if (auto changed = node.op->with_float_type(from_, to_)) {
        if (const auto& recipe = node.op->recipe()) {
          graph::Recipe now = *recipe;
          now.float_types.emplace_back(from_, to_);
          changed->set_recipe(std::make_shared<const graph::Recipe>(std::move(now)));
        }
        node.op = std::move(changed);
        node.attributes += fmt::format("{}floats={}", node.attributes.empty() ? "" : ", ", dtype_name(to_));
        ++changes;
      }
    }
    return changes;
  }

  /// What is read in the old type (by a kept node, or a Resize's scales) gets it back.
  size_t keep_inputs(Graph& graph) {
    size_t changes = 0;
    const size_t node_count = graph.nodes.size();
    std::map<ValueId, ValueId> casts;
    for (size_t n = 0; n < node_count; ++n) {
      // The casts are put behind the nodes, which moves these.
      std::vector<Node> added;
      for_each_old_use(graph.nodes[n], [&](ValueId& id) {
        const graph::ValueType& type = graph.value(id).type;
        if (graph.value(id).is_constant() || stays(graph, id) || !type.is_tensor() ||
            (type.dtype != to_ && type.dtype != from_))
          return;
        auto [found, inserted] = casts.try_emplace(id, no_value);
        if (inserted) {
          Value cast;
          cast.name = fmt::format("{}.{}", graph.value(id).name, dtype_name(from_));
          cast.type = graph::ValueType::tensor(from_, type.shape);
          found->second = graph.add_value(std::move(cast));
          Node& node = added.emplace_back();
          node.name = graph.value(found->second).name;
          node.op = make_cast(from_);
          node.attributes = fmt::format("to={}", static_cast<int>(from_));
          node.inputs = {id};
          node.outputs = {found->second};
          ++changes;
        }
        id = found->second;
      });
      for (Node& node : added) graph.add_node(std::move(node));
    }
    return changes;
  }

  DType from_;
  DType to_;
  const Settings& settings_;
  std::set<const graph::Op*> keeps_lists_;            ///< Of nodes that handle_lists().
  std::set<std::pair<const Graph*, ValueId>> kept_;   ///< Constants that keep their type.
  std::set<std::pair<const Graph*, ValueId>> stays_;  ///< Other values that do.
};

}  // namespace

size_t convert_floats(Graph& graph, const Settings& settings) {
  if (settings.dtype == DType::undefined) return 0;
  size_t changes = 0;
  std::vector<DType> sources;
  if (settings.dtype == DType::float16)
    sources = {DType::float32};
  else
    sources = {DType::float16, DType::bfloat16};
  for (DType from : sources) {
    Converter converter(from, settings.dtype, settings);
    // The casts at the edges come last: what they convert to is not converted again.
    changes += converter.run(graph);
    changes += converter.convert_edges(graph, settings.keep_io_types);
  }
  if (changes > 0) graph::sort_topologically(graph);
  return changes;
}

}  // namespace spinel::passes
