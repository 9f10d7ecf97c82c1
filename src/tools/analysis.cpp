#include "tools/analysis.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "graph/infer.hpp"
#include "graph/interpret.hpp"
#include "onnx/import_attributes.hpp"
#include "ops/constant.hpp"
#include "ops/op_table.hpp"
#include "tools/node_inference.hpp"

namespace spinel::tools {
namespace {

/// Initializers up to this size are decoded once and shown to shape rules; larger ones are weights.
constexpr uint64_t max_shape_bytes = uint64_t{64} << 10;
/// A constant that nobody has stored yet may have as many bytes as those it is computed from, or these.
constexpr uint64_t max_computed_bytes = uint64_t{64} << 20;

bool has_subgraph(const onnx::Node& node) {
  return std::ranges::any_of(node.attributes, [](const onnx::Attribute& attribute) {
    return attribute.g != nullptr || !attribute.graphs.empty();
  });
}

/// Their values are meant to be computed: folding them would undo the quantisation.
bool is_quantization(std::string_view op) { return op == "QuantizeLinear" || op == "DequantizeLinear"; }

Fact constant_fact(Tensor value) {
  Fact fact;
  fact.type = graph::ValueType::tensor(value.dtype(), graph::to_shape(value.dims()));
  fact.computed = value.owned() ? std::move(value) : value.clone();
  return fact;
}

}  // namespace

const Fact* Scope::find_own(std::string_view name) const {
  const auto found = facts_.find(name);
  return found == facts_.end() ? nullptr : &found->second;
}

const Fact* Scope::find(std::string_view name) const {
  const Fact* own = find_own(name);
  return own != nullptr || parent_ == nullptr ? own : parent_->find(name);
}

std::string full_name(const onnx::Node& node) {
  const std::string_view domain = onnx::plain_domain(node.domain);
  return domain.empty() ? std::string(node.op_type) : fmt::format("{}::{}", domain, node.op_type);
}

Analysis::Analysis(const onnx::EditableModel& model, const ops::CustomOpTable& custom_ops)
    : model_(model), custom_ops_(custom_ops) {
  const Opsets opsets = opsets_of(model.model().opset_imports);
  graph(model.model().graph, top_, {opsets, nullptr, 0}, nullptr);
}

Analysis::Opsets Analysis::opsets_of(const std::vector<onnx::OpsetImport>& imports) {
  Opsets opsets;
  for (const onnx::OpsetImport& each : imports) opsets[onnx::plain_domain(each.domain)] = each.version;
  return opsets;
}

const graph::Op* Analysis::op(const onnx::Node& node) const {
  const auto found = ops_.find(&node);
  return found == ops_.end() ? nullptr : found->second.get();
}

const onnx::Function* Analysis::function(const onnx::Node& node) const {
  const auto& functions = model_.model().functions;
  const auto found = std::ranges::find_if(functions, [&](const onnx::Function& f) {
    return onnx::plain_domain(f.domain) == onnx::plain_domain(node.domain) && f.name == node.op_type &&
           f.overload == node.overload;
  });
  return found == functions.end() ? nullptr : &*found;
}

Tensor Analysis::value(const Fact& fact) const {
  return fact.computed.defined() ? fact.computed : model_.tensor(*fact.initializer);
}

uint64_t Analysis::bytes(const Fact& fact) {
  if (fact.computed.defined()) return fact.computed.size_bytes();
  const auto dims = fact.type.shape ? graph::constant_dims(*fact.type.shape) : std::nullopt;
  return dims ? tensor_bytes(fact.type.dtype, *dims) : 0;
}

const onnx::Attribute* Analysis::resolve(const onnx::Attribute& attribute, const Body& body) const {
  if (attribute.ref_attr_name.empty()) return &attribute;
  if (body.call == nullptr) return nullptr;
  const auto found = body.call->find(attribute.ref_attr_name);
  return found == body.call->end() ? nullptr : found->second;
}

graph::ValueType Analysis::declared_type(const onnx::Type* type, std::string_view name) {
  if (type == nullptr) return {};
  try {
    graph::ValueType out = onnx::import_type(*type, name);
    if (type->shape && out.shape)
      for (size_t i = 0; i < type->shape->size(); ++i) {
        const onnx::Dim& dim = (*type->shape)[i];
        const graph::Dim& found = (*out.shape)[i];
        const bool is_said = dim.kind == onnx::Dim::Kind::param && found.text() == dim.param;
        if (!is_said && !found.is_constant()) made_symbols_.insert(found.text());
      }
    return out;
  } catch (const Error&) {
    return {};  // Kinds of values that Spinel does not have.
  }
}

void Analysis::graph(const onnx::Graph& graph, Scope& scope, const Body& body,
                     const std::vector<graph::ValueType>* inputs) {
  for (const onnx::Tensor& tensor : graph.initializers) {
    Fact fact;
    fact.initializer = &tensor;
    if (is_known_dtype(tensor.data_type))
      fact.type =
          graph::ValueType::tensor(static_cast<DType>(tensor.data_type), graph::to_shape(tensor.dims));
    if (bytes(fact) <= max_shape_bytes) {
      fact.computed = model_.tensor(tensor);
      if (!fact.computed.owned()) fact.computed = fact.computed.clone();
    }
    scope.set(tensor.name, std::move(fact));
  }
  for (const onnx::SparseTensor& tensor : graph.sparse_initializers) {
    Fact fact;
    if (is_known_dtype(tensor.values.data_type))
      fact.type =
          graph::ValueType::tensor(static_cast<DType>(tensor.values.data_type), graph::to_shape(tensor.dims));
    scope.set(tensor.values.name, std::move(fact));
  }
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const onnx::ValueInfo& info = graph.inputs[i];
    Fact fact;
    fact.is_input = true;
    fact.type = inputs != nullptr && i < inputs->size()
                    ? (*inputs)[i]
                    : declared_type(info.type ? &*info.type : nullptr, info.name);
    scope.set(info.name, std::move(fact));
  }
  Declared declared;
  for (const auto* infos : {&graph.value_infos, &graph.outputs})
    for (const onnx::ValueInfo& info : *infos)
      if (info.type) declared[info.name] = &*info.type;
  for (const onnx::Node& each : graph.nodes) node(each, scope, body, declared);
}

graph::OpPtr Analysis::make_op(const onnx::Node& node, const Body& body) {
  const std::string_view domain = onnx::plain_domain(node.domain);
  const auto opset = body.opsets.find(domain);
  if (opset == body.opsets.end()) return nullptr;
  const auto version = static_cast<int>(opset->second);
  const ops::OpDef* def = ops::find_op(domain, node.op_type);
  auto custom = custom_ops_.find(domain, node.op_type, version);
  if (def == nullptr && custom == nullptr) return nullptr;
  const ops::OpArgs args =
      onnx::import_arguments(node, version, node.name, model_.source(),
                             [&](const onnx::Attribute& each) { return resolve(each, body); });
  return custom != nullptr ? ops::make_custom_op(std::move(custom), args) : ops::make_op(*def, args);
}

void Analysis::node(const onnx::Node& node, Scope& scope, const Body& body, const Declared& declared) {
  std::vector<Fact> outputs(node.outputs.size());
  try {
    const auto opset = body.opsets.find("");
    if (const onnx::Function* called = function(node);
        called != nullptr && !custom_ops_.has(onnx::plain_domain(node.domain), node.op_type)) {
      call(*called, node, scope, body, outputs);
    } else if (node.op_type == "Constant" && onnx::plain_domain(node.domain).empty() &&
               opset != body.opsets.end() && outputs.size() == 1) {
      const ops::OpArgs args =
          onnx::import_arguments(node, static_cast<int>(opset->second), node.name, model_.source(),
                                 [&](const onnx::Attribute& each) { return resolve(each, body); });
      auto value = ops::constant_value(args);
      if (!value) value = args.get_tensor("sparse_value");
      if (value) outputs[0] = constant_fact(*value);
    } else if (const graph::OpPtr op = make_op(node, body)) {
      ops_[&node] = op;
      is_random_ |= !op->deterministic();
      known_node(node, op, scope, body, outputs);
    } else {
      unknown_.insert(full_name(node));
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::unsupported)
      unknown_.insert(full_name(node));
    else
      contradictions_.push_back(fmt::format("node '{}' ({}): {}", node.name, full_name(node), error.what()));
    outputs.assign(node.outputs.size(), Fact{});
  }
  // Subgraphs that no operator has asked for are looked at under the types that they declare.
  onnx::for_each_subgraph(node, [&](const onnx::Graph& inner) {
    if (!scope.has_inner(inner)) graph(inner, scope.make_inner(inner), body, nullptr);
  });
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    const auto found = declared.find(node.outputs[i]);
    if (found != declared.end()) {
      const graph::ValueType said = declared_type(found->second, node.outputs[i]);
      graph::ValueType& type = outputs[i].type;
      if (!outputs[i].is_known()) {
        type = said;
      } else if (type.is_tensor() && said.is_tensor() && said.dtype == type.dtype && said.shape) {
        if (!type.shape) type.shape = said.shape;
        for (size_t axis = 0; axis < type.shape->size() && axis < said.shape->size(); ++axis)
          if ((*type.shape)[axis].is_unknown()) (*type.shape)[axis] = (*said.shape)[axis];
      }
    }
    scope.set(node.outputs[i], std::move(outputs[i]));
  }
}

void Analysis::known_node(const onnx::Node& node, const graph::OpPtr& op, Scope& scope, const Body& body,
                          std::vector<Fact>& outputs) {
  std::vector<const Fact*> inputs;
  bool all_constant = true;
  for (const std::string_view name : node.inputs) {
    const Fact* fact = name.empty() ? nullptr : scope.find(name);
    if (!name.empty() && (fact == nullptr || !fact->is_known())) return;
    all_constant &= name.empty() || fact->is_constant();
    inputs.push_back(fact);
  }
  std::vector<const onnx::Graph*> subgraphs;
  for (const std::string_view name : {"then_branch", "else_branch", "body"})
    if (const onnx::Attribute* found = onnx::find_attribute(node, name))
      if (const onnx::Attribute* resolved = resolve(*found, body); resolved != nullptr && resolved->g)
        subgraphs.push_back(resolved->g.get());
  NodeInference inference(inputs, outputs, [&](size_t index, const std::vector<graph::ValueType>& types) {
    const onnx::Graph& inner = *subgraphs.at(index);
    Scope& inside = scope.make_inner(inner);
    graph(inner, inside, body, &types);
    std::vector<graph::ValueType> results;
    for (const onnx::ValueInfo& info : inner.outputs) {
      const Fact* fact = inside.find(info.name);
      results.push_back(fact != nullptr ? fact->type : graph::ValueType{});
    }
    return results;
  });
  op->infer(inference);
  if (is_quantization(op->name())) return;
  if (outputs.size() == 1) {
    if (Tensor known = graph::known_tensor(outputs[0].type, outputs[0].ints); known.defined()) {
      outputs[0] = constant_fact(std::move(known));
      return;
    }
  }
  if (!all_constant || !op->deterministic() || has_subgraph(node)) return;
  std::vector<Tensor> results = evaluate(op, inputs, outputs);
  for (size_t i = 0; i < results.size(); ++i)
    if (results[i].defined()) outputs[i] = constant_fact(std::move(results[i]));
}

void Analysis::call(const onnx::Function& function, const onnx::Node& node, Scope& scope, const Body& body,
                    std::vector<Fact>& outputs) {
  const size_t max_depth = model_.source().limits.max_nesting;
  if (max_depth != 0 && body.depth > max_depth)
    fail(ErrorCode::limit_exceeded, "functions are nested deeper than the limit max_nesting, {}",
         model_.source().limits.max_nesting);
  Scope inside(nullptr);
  for (size_t i = 0; i < function.inputs.size() && i < node.inputs.size(); ++i)
    if (const Fact* fact = scope.find(node.inputs[i])) inside.set(function.inputs[i], *fact);
  Call attributes;
  for (const onnx::Attribute& fallback : function.attribute_protos) attributes[fallback.name] = &fallback;
  for (const onnx::Attribute& given : node.attributes)
    if (const onnx::Attribute* resolved = resolve(given, body)) attributes[given.name] = resolved;
  const Opsets opsets = opsets_of(function.opset_imports);
  Declared declared;
  const Body inner{opsets, &attributes, body.depth + 1};
  for (const onnx::Node& each : function.nodes) this->node(each, inside, inner, declared);
  for (size_t i = 0; i < outputs.size() && i < function.outputs.size(); ++i)
    if (const Fact* fact = inside.find(function.outputs[i])) {
      outputs[i] = *fact;
      outputs[i].is_input = false;
    }
}

std::vector<Tensor> Analysis::evaluate(const graph::OpPtr& op, const std::vector<const Fact*>& inputs,
                                       const std::vector<Fact>& outputs) const {
  graph::Graph graph;
  graph::Node node;
  node.op = op;
  uint64_t input_bytes = 0;
  for (const Fact* fact : inputs) {
    node.inputs.push_back(fact == nullptr ? graph::no_value : graph.add_constant({}, value(*fact)));
    if (fact != nullptr) input_bytes += bytes(*fact);
  }
  for (const Fact& fact : outputs) {
    graph::Value value;
    value.type = fact.type;
    node.outputs.push_back(graph.add_value(std::move(value)));
  }
  graph::RunServices services;
  services.max_tensor_bytes = std::max(max_computed_bytes, input_bytes);
  std::vector<graph::RuntimeValue> values(graph.values.size());
  try {
    graph::run_node(graph, node, values, services);
  } catch (const Error&) {
    return {};  // Left to fail when it is run, if it ever is.
  }
  std::vector<Tensor> results;
  for (const graph::ValueId id : node.outputs) {
    graph::RuntimeValue& value = values[static_cast<size_t>(id)];
    results.push_back(value.is_tensor() ? value.tensor() : Tensor());
  }
  return results;
}

}  // namespace spinel::tools
