#include "onnx/import.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "base/allocate.hpp"
#include "base/cancel.hpp"
#include "base/text.hpp"
#include "onnx/editable_model.hpp"
#include "onnx/import_attributes.hpp"
#include "onnx/lowering.hpp"
#include "onnx/model.hpp"
#include "onnx/tensor_data.hpp"
#include "ops/constant.hpp"
#include "ops/gradient.hpp"
#include "ops/op_table.hpp"

namespace spinel::onnx {
namespace {

using graph::no_value;
using graph::ValueId;
using Opsets = std::map<std::string, int64_t, std::less<>>;

Opsets read_opsets(const std::vector<OpsetImport>& imports) {
  Opsets opsets;
  for (const OpsetImport& each : imports) opsets[std::string(plain_domain(each.domain))] = each.version;
  return opsets;
}

/// What the whole import shares.
struct Context {
  const Model& model;
  const TensorSource& source;
  const Limits& limits;
  const ops::CustomOpTable& custom_ops;
  std::map<std::pair<std::string, std::string>, std::vector<std::string>>
      unsupported;  ///< (operator, why): nodes
  size_t nodes = 0;

  const Function* find_function(const Node& node) const {
    const auto found = std::ranges::find_if(model.functions, [&](const Function& f) {
      return plain_domain(f.domain) == plain_domain(node.domain) && f.name == node.op_type &&
             f.overload == node.overload;
    });
    return found == model.functions.end() ? nullptr : &*found;
  }
};

/// The names that a graph's nodes see; lookups that reach an enclosing graph become captures.
struct Scope {
  graph::Graph& graph;
  Scope* parent;  ///< The enclosing graph's scope; nullptr at the top and in a function, which sees no outer
                  ///< names.
  std::map<std::string, ValueId, std::less<>> names;

  /// The value of that name; no_value for an input that a function call leaves out; empty if there is none.
  std::optional<ValueId> find(std::string_view name) {
    if (const auto found = names.find(name); found != names.end()) return found->second;
    if (parent == nullptr) return std::nullopt;
    const std::optional<ValueId> outer = parent->find(name);
    if (!outer || *outer == no_value) return outer;
    graph::Value inner;
    inner.name = std::string(name);
    inner.type = parent->graph.value(*outer).type;
    const ValueId id = graph.add_value(std::move(inner));
    graph.captures.push_back({*outer, id});
    names.emplace(name, id);
    return id;
  }
  void declare(std::string_view name, ValueId id) {
    if (!names.emplace(name, id).second)
      fail(ErrorCode::bad_model, "graph '{}' defines the value '{}' twice", graph.name, name);
  }
};

/// The call of a function whose body is being imported.
struct Call {
  const Function& function;
  std::map<std::string_view, const Attribute*>
      attributes;  ///< Given by the call or by the function's defaults.
};

/// Imports a list of nodes into a scope: a graph's, or a function body's under its own names and attributes.
class NodeImporter {
 public:
  /// `call` is nullptr outside of functions.
  NodeImporter(Context& context, const Opsets& opsets, const Call* call, std::string prefix, size_t depth)
      : context_(context), opsets_(opsets), call_(call), prefix_(std::move(prefix)), depth_(depth) {
    if (context.limits.max_nesting != 0 && depth > context.limits.max_nesting)
      fail(ErrorCode::limit_exceeded,
           "subgraphs and functions are nested deeper than the limit max_nesting, {}",
           context.limits.max_nesting);
  }

  void import_nodes(const std::vector<Node>& nodes, Scope& scope) {
    // Outputs first: the file's order need not be topological.
    for (const Node& node : nodes)
      for (std::string_view name : node.outputs)
        if (!name.empty() && !predeclared(scope, name)) scope.declare(name, new_value(scope.graph, name));
    for (size_t i = 0; i < nodes.size(); ++i) import_node(nodes[i], i, scope);
  }

  void import_graph(const Graph& wire, graph::Graph& out, Scope* parent) {
    out.name = std::string(wire.name);
    Scope scope{out, parent, {}};
    std::set<std::string_view> initialized;
    auto add_initializer = [&](std::string_view name, spinel::Tensor tensor) {
      if (!initialized.insert(name).second)
        fail(ErrorCode::bad_model, "initializer '{}' is there twice", name);
      scope.declare(name, out.add_constant(std::string(name), std::move(tensor)));
    };
    for (const Tensor& tensor : wire.initializers)
      add_initializer(tensor.name, to_tensor(tensor, context_.source));
    for (const SparseTensor& tensor : wire.sparse_initializers)
      add_initializer(tensor.values.name, to_dense_tensor(tensor, context_.source));
    for (const ValueInfo& info : wire.inputs) {
      // Before IR version 4 every initializer is listed as an input, too; later such an input has a default.
      if (initialized.contains(info.name)) continue;
      graph::Value value;
      value.name = std::string(info.name);
      if (info.type)
        value.type = import_type(*info.type, info.name);
      else if (parent == nullptr)
        fail(ErrorCode::bad_model, "input '{}' has no type", info.name);
      const ValueId id = out.add_value(std::move(value));
      out.inputs.push_back(id);
      scope.declare(info.name, id);
    }
    import_nodes(wire.nodes, scope);
    for (const ValueInfo& info : wire.outputs) {
      const ValueId id = scope.find(info.name).value_or(no_value);
      if (id == no_value)
        fail(ErrorCode::bad_model, "graph '{}': output '{}' is computed by no node", wire.name, info.name);
      out.outputs.push_back(id);
      out.output_names.emplace_back(info.name);
    }
  }

 private:
  /// In a function body the outputs' names are bound to the caller's values beforehand.
  bool predeclared(Scope& scope, std::string_view name) const {
    if (call_ == nullptr) return false;
    const auto& outputs = call_->function.outputs;
    return std::ranges::find(outputs, name) != outputs.end() && scope.names.contains(name);
  }
  ValueId new_value(graph::Graph& graph, std::string_view name) const {
    graph::Value value;
    value.name = prefix_ + std::string(name);
    return graph.add_value(std::move(value));
  }

  void import_node(const Node& node, size_t index, Scope& scope) {
    check_load_cancelled();
    if (context_.limits.max_nodes != 0 && ++context_.nodes > context_.limits.max_nodes)
      fail(ErrorCode::limit_exceeded, "the model has more nodes than the limit max_nodes, {}",
           context_.limits.max_nodes);
    const std::string name =
        prefix_ + (node.name.empty() ? fmt::format("{}_{}", node.op_type, index) : std::string(node.name));
    try {
      import_named(node, name, scope);
    } catch (const Error& error) {
      if (!error.node().empty()) throw;
      throw Error(error.code(), fmt::format("node '{}' ({}): {}", name, node.op_type, error.what()), name);
    }
  }

  void import_named(const Node& node, const std::string& name, Scope& scope) {
    std::vector<ValueId> inputs;
    for (std::string_view input : node.inputs) {
      const std::optional<ValueId> found = input.empty() ? no_value : scope.find(input);
      if (!found)
        fail(ErrorCode::bad_model, "input '{}' is computed by no node and is no input or initializer", input);
      inputs.push_back(*found);
    }
    std::vector<ValueId> outputs;
    for (std::string_view output : node.outputs)
      outputs.push_back(output.empty() ? no_value : scope.find(output).value_or(no_value));

    const std::string_view domain = plain_domain(node.domain);
    const auto opset = opsets_.find(domain);
    std::shared_ptr<const CustomOp> custom;
    if (opset != opsets_.end())
      custom = context_.custom_ops.find(domain, node.op_type, static_cast<int>(opset->second));
    if (const Function* called = context_.find_function(node); called != nullptr && custom == nullptr)
      return expand(*called, node, name, inputs, outputs, scope);
    const std::string full_name =
        domain.empty() ? std::string(node.op_type) : fmt::format("{}::{}", domain, node.op_type);
    if (custom == nullptr && domain.empty() && node.op_type == "Constant" && opset != opsets_.end())
      return import_constant(read_arguments(node, static_cast<int>(opset->second), name), outputs, scope);
    if (const int newest = ops::newest_opset(domain);
        custom == nullptr && newest != 0 && opset != opsets_.end() && opset->second > newest) {
      const std::string why =
          fmt::format("opset {} is not known; export the model for opset {} or older", opset->second, newest);
      context_.unsupported[{full_name, why}].push_back(name);
      return;
    }
    const ops::OpDef* def = ops::find_op(domain, node.op_type);
    const LoweringEntry* lowering =
        def == nullptr && custom == nullptr ? find_lowering(domain, node.op_type) : nullptr;
    if (def == nullptr && custom == nullptr && lowering == nullptr &&
        !context_.custom_ops.has(domain, node.op_type)) {
      const bool left_out = ops::left_out_of_build(domain, node.op_type);
      context_.unsupported[{full_name, left_out ? "left out of this build" : "unknown operator"}].push_back(
          name);
      return;
    }
    if (opset == opsets_.end())
      fail(ErrorCode::bad_model, "the model imports no opset of domain '{}'",
           domain.empty() ? "ai.onnx" : domain);
    if (def == nullptr && custom == nullptr && lowering == nullptr) {
      context_
          .unsupported[{full_name, fmt::format("registered for newer versions than the model's {} alone",
                                               opset->second)}]
          .push_back(name);
      return;
    }

    const ops::OpArgs args = read_arguments(node, static_cast<int>(opset->second), name);
    if (lowering != nullptr) return lower(*lowering, args, name, full_name, inputs, outputs, scope);
    graph::Node out;
    out.name = name;
    out.inputs = std::move(inputs);
    out.outputs = std::move(outputs);
    out.sources = {name};
    import_subgraphs(node, name, scope, out);
    try {
      out.op = custom != nullptr ? ops::make_custom_op(std::move(custom), args) : ops::make_op(*def, args);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported) throw;
      context_.unsupported[{full_name, error.what()}].push_back(name);
      return;
    }
    if (const auto* gradient = dynamic_cast<const ops::GradientOp*>(out.op.get()))
      for (const std::string& tensor : gradient->names()) {
        const ValueId id = scope.find(tensor).value_or(no_value);
        if (id == no_value)
          fail(ErrorCode::bad_model, "the tensor '{}' is computed by no node and is no input or initializer",
               tensor);
        out.inputs.push_back(id);
      }
    out.attributes = args.text();
    if (call_ != nullptr) out.attributes += fmt::format(" opset={}", opset->second);
    scope.graph.add_node(std::move(out));
  }

  void lower(const LoweringEntry& entry, const ops::OpArgs& args, const std::string& name,
             const std::string& full_name, const std::vector<ValueId>& inputs,
             const std::vector<ValueId>& outputs, Scope& scope) {
    if (args.version() < entry.since_version)
      fail(ErrorCode::bad_model, "{} of opset {} does not exist; the oldest is {}", full_name, args.version(),
           entry.since_version);
    Lowering lowering(scope.graph, name, args, inputs, outputs);
    try {
      entry.lower(lowering);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported) throw;
      context_.unsupported[{full_name, error.what()}].push_back(name);
      return;
    }
    if (const auto unread = args.unread(); !unread.empty())
      fail(ErrorCode::bad_model, "{} has no attribute '{}'", full_name, fmt::join(unread, "', '"));
  }

  void import_constant(const ops::OpArgs& args, const std::vector<ValueId>& outputs, Scope& scope) const {
    auto value = ops::constant_value(args);
    if (!value) value = args.get_tensor("sparse_value");
    if (!value || outputs.size() != 1 || outputs[0] == no_value)
      fail(ErrorCode::bad_model, "a Constant needs one value attribute and one output");
    graph::Value& constant = scope.graph.value(outputs[0]);
    constant.constant = *value;
    constant.type = graph::ValueType::tensor(value->dtype(), graph::to_shape(value->dims()));
  }

  /// The attribute itself, or what a reference inside a function body stands for; nullptr if the call leaves
  /// it out.
  const Attribute* resolve(const Attribute& attribute) const {
    if (attribute.ref_attr_name.empty()) return &attribute;
    if (call_ == nullptr)
      fail(ErrorCode::bad_model, "attribute '{}' refers to '{}' outside of a function", attribute.name,
           attribute.ref_attr_name);
    const auto found = call_->attributes.find(attribute.ref_attr_name);
    return found == call_->attributes.end() ? nullptr : found->second;
  }

  ops::OpArgs read_arguments(const Node& node, int version, std::string_view name) const {
    return import_arguments(node, version, name, context_.source,
                            [this](const Attribute& attribute) { return resolve(attribute); });
  }

  /// Subgraphs in the order then_branch, else_branch, body, score_mod, prob_mod.
  void import_subgraphs(const Node& node, const std::string& name, Scope& scope, graph::Node& out) {
    for (std::string_view wanted : {"then_branch", "else_branch", "body", "score_mod", "prob_mod"}) {
      for (const Attribute& attribute : node.attributes) {
        if (attribute.name != wanted) continue;
        const Attribute* resolved = resolve(attribute);
        if (resolved == nullptr) continue;
        if (!resolved->g) fail(ErrorCode::bad_model, "attribute '{}' holds no graph", wanted);
        auto inner = std::make_shared<graph::Graph>();
        NodeImporter(context_, opsets_, call_, name + "/", depth_ + 1)
            .import_graph(*resolved->g, *inner, &scope);
        out.subgraphs.push_back(std::move(inner));
      }
    }
  }

  /// Puts the function's nodes in place of the call.
  void expand(const Function& called, const Node& node, const std::string& name,
              const std::vector<ValueId>& inputs, const std::vector<ValueId>& outputs, Scope& scope) {
    if (inputs.size() > called.inputs.size() || outputs.size() > called.outputs.size())
      fail(ErrorCode::bad_model, "function {}::{} has {} inputs and {} outputs, the call {} and {}",
           called.domain, called.name, called.inputs.size(), called.outputs.size(), inputs.size(),
           outputs.size());
    Scope body{scope.graph, nullptr, {}};
    for (size_t i = 0; i < called.inputs.size(); ++i)
      body.declare(called.inputs[i], i < inputs.size() ? inputs[i] : no_value);
    const Opsets opsets = read_opsets(called.opset_imports);
    // An output that is an input of the function unchanged needs a node that passes it on.
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i] == no_value) continue;
      if (const auto found = body.names.find(called.outputs[i]); found != body.names.end()) {
        graph::Node identity;
        identity.name = name + "/" + std::string(called.outputs[i]);
        identity.op = ops::make_op(ops::need_op("", "Identity"), ops::OpArgs("Identity", 13, {}, 1, 1));
        identity.inputs = {found->second};
        identity.outputs = {outputs[i]};
        identity.sources = {name};
        scope.graph.add_node(std::move(identity));
      } else {
        body.declare(called.outputs[i], outputs[i]);
      }
    }
    Call call{called, {}};
    for (const Attribute& fallback : called.attribute_protos) call.attributes[fallback.name] = &fallback;
    for (const Attribute& given : node.attributes)
      if (const Attribute* resolved = resolve(given)) call.attributes[given.name] = resolved;
    NodeImporter(context_, opsets, &call, name + "/", depth_ + 1).import_nodes(called.nodes, body);
  }

  Context& context_;
  const Opsets& opsets_;
  const Call* call_;
  std::string prefix_;
  size_t depth_;
};

[[noreturn]] void fail_unsupported(const Context& context) {
  std::string list;
  size_t nodes = 0;
  for (const auto& [operator_and_reason, names] : context.unsupported) {
    list += fmt::format("\n  {} ({}): node{} '{}'", operator_and_reason.first, operator_and_reason.second,
                        names.size() == 1 ? "" : "s", fmt::join(names, "', '"));
    nodes += names.size();
  }
  fail(
      ErrorCode::unsupported,
      "the model uses {} operator{} that this version does not support, at {} node{}:{}\nReplace them when "
      "exporting, or register them as custom operators: EngineOptions::custom_ops, or --custom-op LIBRARY of "
      "the command.",
      context.unsupported.size(), context.unsupported.size() == 1 ? "" : "s", nodes, nodes == 1 ? "" : "s",
      list);
}

}  // namespace

ModelSource open_model(const std::filesystem::path& path, const Limits& limits) {
  return {read_file(path, "model", limits.max_model_bytes, "max_model_bytes"), path.parent_path()};
}

ModelSource open_model_for_import(const std::filesystem::path& path, const Limits& limits) {
  // A host's allocator may hand out what it has not got until it is touched, or not.
  if (has_host_allocator()) return open_model(path, limits);
  auto file = std::make_shared<const ModelFile>(path, limits);
  return {file->bytes(), path.parent_path(), file};
}

graph::Graph import_model(const ModelSource& source, const Limits& limits, const LogCallback& log,
                          const ops::CustomOpTable& custom_ops) {
  const Model model = parse_model(source.bytes.data, limits);
  const Opsets opsets = read_opsets(model.opset_imports);
  if (opsets.empty())
    fail(ErrorCode::bad_model, "the model imports no opset; it cannot be told what its operators mean");
  if (!model.training_infos.empty() && log)
    log(LogLevel::info, "the model carries training information, which inference ignores");
  TensorSource tensors;
  tensors.owner = source.bytes.owner;
  tensors.file = source.file;
  tensors.folder = source.folder;
  tensors.limits = limits;
  tensors.model_bytes = source.bytes.data.size();
  Context context{model, tensors, limits, custom_ops, {}, 0};
  graph::Graph out;
  NodeImporter(context, opsets, nullptr, "", 0).import_graph(model.graph, out, nullptr);
  if (!context.unsupported.empty()) fail_unsupported(context);
  graph::sort_topologically(out);
  graph::verify(out, "import");
  return out;
}

}  // namespace spinel::onnx
