// The pass configuration applied to one graph: which of its nodes and inputs stay in float32.
#include <algorithm>

#include "base/text.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::Node;

bool has_float32(const Graph& graph) {
  return std::ranges::any_of(graph.values, [](const graph::Value& value) {
    return value.type.is_tensor() && value.type.dtype == DType::float32;
  });
}

/// Whether the name is the node's, or its operator's.
bool names(const std::string& name, const Node& node) {
  return name == node.name || name == node.op->name() ||
         std::ranges::find(node.sources, name) != node.sources.end();
}

/// Whether the node turns the sums of a product of 8-bit integers into floats, or makes a scale for that:
/// sums lie far outside float16 until they are scaled.
bool scales_integers(const Graph& graph, const Node& node) {
  const auto made_by = [&](graph::ValueId id, std::initializer_list<std::string_view> ops) -> const Node* {
    if (id == graph::no_value || graph.value(id).producer == graph::no_node) return nullptr;
    const Node& producer = graph.node(graph.value(id).producer);
    return std::ranges::find(ops, producer.op->name()) != ops.end() ? &producer : nullptr;
  };
  const auto is_cast_of_sums = [&](const Node& cast) {
    return cast.op->name() == "Cast" && made_by(cast.inputs[0], {"ConvInteger", "MatMulInteger"}) != nullptr;
  };
  if (node.op->name() == "DynamicQuantizeLinear" || is_cast_of_sums(node)) return true;
  if (node.op->name() != "Mul") return false;
  return std::ranges::any_of(node.inputs, [&](graph::ValueId id) {
    const Node* cast = made_by(id, {"Cast"});
    return (cast != nullptr && is_cast_of_sums(*cast)) || made_by(id, {"DynamicQuantizeLinear"}) != nullptr;
  });
}

class Keeper {
 public:
  Keeper(const PassConfig& config, std::set<std::string, std::less<>>& kept) : config_(config), kept_(kept) {}

  void run(const Graph& graph) {
    for (const Node& node : graph.nodes) {
      for (const auto& subgraph : node.subgraphs) run(*subgraph);
      if (!stays_float32(graph, node)) continue;
      if (!node.subgraphs.empty())
        fail(ErrorCode::unsupported,
             "node '{}' ({}) is to stay in float32, but has subgraphs; name the nodes inside instead",
             node.name, node.op->name());
      kept_.insert(node.name);
      kept_.insert(node.sources.begin(), node.sources.end());
    }
  }

  /// Names of the configuration that no node has.
  std::vector<std::string> unused() const {
    std::vector<std::string> out;
    for (const std::string& name : config_.skip_ops)
      if (!used_.contains(name)) out.push_back(name);
    for (const auto& [name, dtype] : config_.specified_op_dtype)
      if (!used_.contains(name)) out.push_back(name);
    return out;
  }

 private:
  bool stays_float32(const Graph& graph, const Node& node) {
    bool stays =
        !config_.convert_all && (is_kept_by_default(node.op->name()) || scales_integers(graph, node));
    for (const std::string& name : config_.skip_ops)
      if (names(name, node)) {
        used_.insert(name);
        stays = true;
      }
    // A node's own name says more than its operator's.
    for (const bool by_type : {true, false})
      for (const auto& [name, dtype] : config_.specified_op_dtype)
        if (names(name, node) && (name == node.op->name()) == by_type) {
          used_.insert(name);
          stays = dtype == DType::float32;
        }
    return stays;
  }

  const PassConfig& config_;
  std::set<std::string, std::less<>>& kept_;
  std::set<std::string> used_;
};

}  // namespace

Settings resolve_config(const Graph& graph, const Settings& settings) {
  Settings out = settings;
  const PassConfig& config = settings.config;
  if (config.need_convert == true) {
    if (settings.dtype != DType::undefined && settings.dtype != DType::float16)
      fail(ErrorCode::invalid_argument,
           "the pass configuration says need_convert (to float16), but dtype is {}; leave one of them out",
           dtype_name(settings.dtype));
    out.dtype = DType::float16;
  }
  if (config.need_convert == false && settings.dtype == DType::float16) {
    if (has_float32(graph))
      fail(ErrorCode::invalid_argument,
           "dtype is float16 and the model computes in float32, but the pass configuration says need_convert "
           "false");
    out.dtype = DType::undefined;
  }
  for (const std::string& name : config.skip_input_name) {
    std::vector<std::string> known;
    for (graph::ValueId id : graph.inputs) known.push_back(graph.value(id).name);
    if (std::ranges::find(known, name) == known.end())
      fail(ErrorCode::not_found, "skip_input_name lists '{}', which is no input of the model; it has '{}'",
           name, fmt::join(known, "', '"));
  }
  if (out.dtype != DType::float16) return out;
  Keeper keeper(config, out.keep_float32);
  keeper.run(graph);
  if (const auto unused = keeper.unused(); !unused.empty() && settings.log)
    settings.log(LogLevel::warning,
                 fmt::format("the pass configuration names operators that the model lacks: '{}'",
                             fmt::join(unused, "', '")));
  return out;
}

}  // namespace spinel::passes
