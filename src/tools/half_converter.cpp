#include "tools/half_converter.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "passes/half_constant.hpp"
#include "passes/pass_config.hpp"
#include "tools/edit.hpp"
#include "tools/float16_rules.hpp"

namespace spinel::tools {
namespace {

constexpr auto onnx_float32 = static_cast<int32_t>(DType::float32);
constexpr auto onnx_float16 = static_cast<int32_t>(DType::float16);

bool has_subgraph(const onnx::Node& node) {
  bool found = false;
  onnx::for_each_subgraph(node, [&](const onnx::Graph&) { found = true; });
  return found;
}

void collect(const onnx::Graph& graph, std::set<std::string>& ops, std::set<std::string>& nodes) {
  for (const onnx::Node& node : graph.nodes) {
    ops.insert(full_name(node));
    nodes.emplace(node.name);
    onnx::for_each_subgraph(node, [&](const onnx::Graph& inner) { collect(inner, ops, nodes); });
  }
}

void convert_nested(onnx::Type& type) {
  if (type.elem_type == onnx_float32) type.elem_type = onnx_float16;
  if (type.element) convert_nested(*type.element);
}

}  // namespace

void HalfConverter::run() {
  check_names();
  onnx::Graph& graph = model_.model().graph;
  survey(graph, analysis_.top(), true);
  rewrite(graph, analysis_.top(), nullptr);
}

void HalfConverter::check_names() {
  std::set<std::string> ops;
  std::set<std::string> nodes;
  std::set<std::string> inputs;
  collect(model_.model().graph, ops, nodes);
  for (const onnx::ValueInfo& info : model_.model().graph.inputs) inputs.emplace(info.name);
  const auto require = [](const std::set<std::string>& wanted, const std::set<std::string>& known,
                          std::string_view what) {
    for (const std::string& name : wanted)
      if (!known.contains(name)) fail(ErrorCode::not_found, "the model has no {} '{}'", what, name);
  };
  require(options_.keep_ops, ops, "operator");
  require(options_.convert_ops, ops, "operator");
  require(options_.keep_nodes, nodes, "node");
  require(options_.keep_inputs, inputs, "input");
}

bool HalfConverter::is_kept(const onnx::Node& node) const {
  const std::string name = full_name(node);
  const bool is_named =
      options_.keep_ops.contains(name) || options_.keep_nodes.contains(std::string(node.name));
  if (has_subgraph(node)) {
    if (is_named)
      fail(ErrorCode::unsupported,
           "node '{}' ({}) is to stay in float32, but has subgraphs; name the nodes inside instead",
           node.name, name);
    return analysis_.op(node) == nullptr;
  }
  if (is_named) return true;
  const bool is_asked_for = options_.convert_ops.contains(name);
  if (analysis_.is_custom(node)) return !is_asked_for && ops::stays_in_float32(*analysis_.op(node));
  if (!onnx::plain_domain(node.domain).empty()) return !is_asked_for;
  if (!takes_float16(node.op_type, model_.opset())) return true;
  if (is_asked_for) return false;
  if (passes::is_kept_by_default(node.op_type)) return true;
  return analysis_.op(node) == nullptr && !is_standard(node, "Constant");
}

bool HalfConverter::wants_half(const onnx::Node& node, size_t input) const {
  return !is_kept(node) && !needs_float32(node, analysis_.op(node), input);
}

void HalfConverter::survey(onnx::Graph& graph, Scope& scope, bool is_main) {
  for (const onnx::Tensor& tensor : graph.initializers)
    if (const Fact* fact = scope.find_own(tensor.name); is_float32(fact) && !fact->is_input)
      literals_.insert(fact);
  if (is_main)
    for (const onnx::ValueInfo& info : graph.inputs)
      if (options_.keep_io_types || options_.keep_inputs.contains(std::string(info.name)))
        if (const Fact* fact = scope.find_own(info.name); is_float32(fact)) full_.insert(fact);
  for (onnx::Node& node : graph.nodes) {
    const bool kept = is_kept(node);
    const bool is_constant = is_standard(node, "Constant");
    if (kept) report_.kept.push_back(fmt::format("{} ({})", node.name, full_name(node)));
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const Fact* fact = scope.find_own(node.outputs[i]);
      if (!is_float32(fact)) continue;
      if (is_constant && !kept)
        literals_.insert(fact);
      else if (kept || makes_float32(node, i))
        full_.insert(fact);
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Fact* fact = input_fact(node, i, scope);
      if (fact != nullptr && !fact->is_known() && !kept)
        fail(ErrorCode::unsupported,
             "node '{}' ({}): the type of its input '{}' is not known; state it in the model's value_info",
             node.name, full_name(node), node.inputs[i]);
      if (is_float32(fact) && literals_.contains(fact)) want(fact, wants_half(node, i));
    }
    onnx::for_each_subgraph(node, [&](onnx::Graph& inner) {
      if (scope.has_inner(inner)) survey(inner, scope.inner(inner), false);
    });
  }
  for (const onnx::ValueInfo& info : graph.outputs) {
    const Fact* fact = scope.find(info.name);
    if (!is_float32(fact) || !literals_.contains(fact)) continue;
    if (is_main && options_.keep_io_types) {
      literals_.erase(fact);  // Under its name it stays what it is; who wants float16 reads a Cast.
      half_.erase(fact);
      float32_.erase(fact);
      full_.insert(fact);
    } else {
      want(fact, true);
    }
  }
}

std::string_view HalfConverter::twin(const Fact* fact, std::string_view name) {
  const auto [place, is_new] = twins_.try_emplace(fact);
  if (is_new) place->second = model_.unused_name(std::string(name) + "_float32");
  return place->second;
}

void HalfConverter::add_cast(Level& level, std::string_view from, std::string_view to, bool half) {
  onnx::Node cast = onnx::make_node("Cast", {from}, {to}, model_.unused_name(std::string(to) + "_cast"));
  cast.attributes.push_back(onnx::make_attribute("to", half ? onnx_float16 : onnx_float32));
  level.nodes.push_back(std::move(cast));
}

std::string_view HalfConverter::read(Level& level, std::string_view name, bool half) {
  const Fact* fact = name.empty() ? nullptr : level.scope.find(name);
  if (!is_float32(fact)) return name;
  if (literals_.contains(fact)) return half || !half_.contains(fact) ? name : twin(fact, name);
  if (const auto renamed = renamed_.find(fact); renamed != renamed_.end()) name = renamed->second;
  if (half == is_half(fact)) return name;
  for (Level* at = &level; at != nullptr; at = at->parent)
    if (const auto found = at->casts.find({fact, half}); found != at->casts.end()) return found->second;
  const std::string_view to = model_.unused_name(fmt::format("{}_{}", name, half ? "float16" : "float32"));
  add_cast(level, name, to, half);
  level.casts[{fact, half}] = to;
  return to;
}

void HalfConverter::rewrite(onnx::Graph& graph, Scope& scope, Level* parent) {
  Level level{parent, graph, scope, {}, {}};
  const bool is_main = parent == nullptr;
  // An output whose form changes on the way out keeps its name; the value behind it gets another.
  if (is_main)
    for (const onnx::ValueInfo& info : graph.outputs)
      if (const Fact* fact = scope.find_own(info.name);
          is_float32(fact) && !fact->is_input && !literals_.contains(fact) &&
          is_half(fact) == options_.keep_io_types && fact->initializer == nullptr)
        renamed_[fact] =
            model_.unused_name(fmt::format("{}_{}", info.name, is_half(fact) ? "float16" : "float32"));
  for (onnx::Node& node : graph.nodes) {
    const bool kept = is_kept(node);
    if (is_standard(node, "Constant") && !kept) {
      rewrite_constant(level, std::move(node));
      continue;
    }
    for (size_t i = 0; i < node.inputs.size(); ++i)
      node.inputs[i] = read(level, node.inputs[i], wants_half(node, i));
    onnx::for_each_subgraph(node, [&](onnx::Graph& inner) {
      if (scope.has_inner(inner)) rewrite(inner, scope.inner(inner), &level);
    });
    if (!kept) convert_attributes(node);
    for (std::string_view& name : node.outputs)
      if (const auto found = renamed_.find(scope.find_own(name)); found != renamed_.end())
        name = found->second;
    level.nodes.push_back(std::move(node));
  }
  rewrite_outputs(level);
  rewrite_literals(level);
  graph.nodes = std::move(level.nodes);
  for (onnx::ValueInfo& info : graph.inputs) convert_type(info, scope.find_own(info.name));
  graph.value_infos.clear();
}

void HalfConverter::rewrite_outputs(Level& level) {
  for (onnx::ValueInfo& info : level.graph.outputs) {
    const Fact* fact = level.scope.find(info.name);
    if (level.parent != nullptr) {
      convert_type(info, fact);
      if (is_float32(fact) && info.type) info.type->elem_type = onnx_float16;
      info.name = read(level, info.name, true);
      continue;
    }
    if (const auto found = renamed_.find(fact); found != renamed_.end()) {
      add_cast(level, found->second, info.name, !options_.keep_io_types);
      if (info.type) info.type->elem_type = options_.keep_io_types ? onnx_float32 : onnx_float16;
      continue;
    }
    convert_type(info, fact);
  }
}

void HalfConverter::convert_type(onnx::ValueInfo& info, const Fact* fact) const {
  if (!info.type || fact == nullptr) return;
  if (is_float32(fact)) {
    info.type->elem_type = is_half(fact) ? onnx_float16 : onnx_float32;
  } else if (!fact->type.is_tensor()) {
    convert_nested(*info.type);
  }
}

Tensor HalfConverter::converted(std::string_view name, const Tensor& tensor) {
  passes::HalfConstant half = passes::to_half_constant(cpu::best_isa(), tensor);
  ++report_.converted_tensors;
  const auto [clamped, flushed] = half.rounding;
  if (clamped + flushed > 0)
    report_.clamped.push_back({std::string(name), tensor.element_count(), clamped, flushed});
  return half.tensor;
}

void HalfConverter::rewrite_literals(Level& level) {
  std::vector<onnx::Tensor> twins;
  for (onnx::Tensor& tensor : level.graph.initializers) {
    const Fact* fact = level.scope.find_own(tensor.name);
    const bool is_default = fact != nullptr && fact->is_input && is_half(fact);
    if (tensor.data_type != onnx_float32 || (!half_.contains(fact) && !is_default)) continue;
    const Tensor value = model_.tensor(tensor);
    if (float32_.contains(fact)) twins.push_back(model_.message(twin(fact, tensor.name), value));
    tensor = model_.message(tensor.name, converted(tensor.name, value));
  }
  for (onnx::Tensor& tensor : twins) level.graph.initializers.push_back(std::move(tensor));
}

void HalfConverter::rewrite_constant(Level& level, onnx::Node node) {
  const Fact* fact = node.outputs.empty() ? nullptr : level.scope.find_own(node.outputs[0]);
  if (!is_float32(fact) || !half_.contains(fact)) {
    level.nodes.push_back(std::move(node));
    return;
  }
  const Tensor value = analysis_.value(*fact);
  if (float32_.contains(fact)) {
    onnx::Node full = model_.copy(node);
    full.outputs[0] = twin(fact, node.outputs[0]);
    if (!full.name.empty()) full.name = model_.unused_name(std::string(node.name) + "_float32");
    level.nodes.push_back(std::move(full));
  }
  onnx::Attribute attribute;
  attribute.name = "value";
  attribute.type = onnx::AttributeType::tensor;
  attribute.t = std::make_unique<onnx::Tensor>(model_.message({}, converted(node.outputs[0], value)));
  node.attributes.clear();
  node.attributes.push_back(std::move(attribute));
  level.nodes.push_back(std::move(node));
}

/// Attributes that state the type of what the node makes.
void HalfConverter::convert_attributes(onnx::Node& node) {
  if (!onnx::plain_domain(node.domain).empty()) return;
  for (const std::string_view name : {"to", "dtype", "output_datatype", "output_dtype"})
    if (onnx::Attribute* attribute = onnx::find_attribute(node, name))
      if (attribute->i == onnx_float32) attribute->i = onnx_float16;
  const auto state = [&](std::string_view name, std::initializer_list<std::string_view> ops) {
    if (std::ranges::find(ops, node.op_type) != ops.end() && onnx::find_attribute(node, name) == nullptr)
      node.attributes.push_back(onnx::make_attribute(name, onnx_float16));
  };
  state("dtype", {"RandomNormal", "RandomUniform", "SequenceEmpty"});
  state("output_datatype", {"BlackmanWindow", "HannWindow", "HammingWindow", "MelWeightMatrix"});
  if (node.op_type != "ConstantOfShape") return;
  onnx::Attribute* value = onnx::find_attribute(node, "value");
  if (value == nullptr) {
    value = &node.attributes.emplace_back();
    value->name = "value";
    value->type = onnx::AttributeType::tensor;
    value->t = std::make_unique<onnx::Tensor>(model_.message({}, Tensor(DType::float16, {1})));
  } else if (value->t && value->t->data_type == onnx_float32) {
    *value->t = model_.message(value->t->name, converted(node.outputs[0], model_.tensor(*value->t)));
  }
}

}  // namespace spinel::tools
