// Bodies of the model's functions in place of their calls.
#include <algorithm>

#include "base/text.hpp"
#include "tools/edit.hpp"

namespace spinel::tools {
namespace {

constexpr size_t max_depth = 64;

class FunctionInliner {
 public:
  explicit FunctionInliner(onnx::EditableModel& model) : model_(model) {}

  size_t run() {
    onnx::Model& model = model_.model();
    if (model.functions.empty()) return 0;
    graph(model.graph, 0);
    model.functions.clear();
    return calls_;
  }

 private:
  using Names = std::map<std::string_view, std::string_view>;

  const onnx::Function* function(const onnx::Node& node) const {
    for (const onnx::Function& each : model_.model().functions)
      if (onnx::plain_domain(each.domain) == onnx::plain_domain(node.domain) && each.name == node.op_type &&
          each.overload == node.overload)
        return &each;
    return nullptr;
  }

  void graph(onnx::Graph& graph, size_t depth) {
    std::vector<onnx::Node> nodes;
    for (onnx::Node& node : graph.nodes) expand(std::move(node), depth, nodes);
    graph.nodes = std::move(nodes);
  }

  void expand(onnx::Node node, size_t depth, std::vector<onnx::Node>& nodes) {
    if (depth > max_depth)
      fail(ErrorCode::limit_exceeded, "node '{}' ({}): functions call each other more than {} deep",
           node.name, full_name(node), max_depth);
    const onnx::Function* called = function(node);
    if (called == nullptr) {
      onnx::for_each_subgraph(node, [&](onnx::Graph& inner) { graph(inner, depth); });
      nodes.push_back(std::move(node));
      return;
    }
    ++calls_;
    import_opsets(*called);
    if (node.inputs.size() > called->inputs.size() || node.outputs.size() > called->outputs.size())
      fail(ErrorCode::bad_model,
           "node '{}': the function {} has {} inputs and {} outputs, the call {} and {}", node.name,
           full_name(node), called->inputs.size(), called->outputs.size(), node.inputs.size(),
           node.outputs.size());
    const std::string prefix = fmt::format("{}/", node.name.empty() ? node.op_type : node.name);
    Names names;
    for (size_t i = 0; i < called->inputs.size(); ++i)
      names[called->inputs[i]] = i < node.inputs.size() ? node.inputs[i] : std::string_view();
    // An output that is an input of the function unchanged needs a node that passes it on.
    std::vector<onnx::Node> passes_on;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].empty()) continue;
      const auto input = names.find(called->outputs[i]);
      if (input == names.end())
        names[called->outputs[i]] = node.outputs[i];
      else
        passes_on.push_back(onnx::make_node("Identity", {input->second}, {node.outputs[i]},
                                            model_.unused_name(prefix + "output")));
    }
    for (const onnx::Node& each : called->nodes) {
      onnx::Node copy = model_.copy(each);
      define(copy.outputs, names, prefix);
      rename(copy, names, prefix, node, *called);
      expand(std::move(copy), depth + 1, nodes);
    }
    for (onnx::Node& each : passes_on) nodes.push_back(std::move(each));
  }

  void define(const std::vector<std::string_view>& outputs, Names& names, const std::string& prefix) {
    for (const std::string_view name : outputs)
      if (!name.empty() && !names.contains(name))
        names[name] = model_.unused_name(prefix + std::string(name));
  }

  void rename(onnx::Node& node, Names& names, const std::string& prefix, const onnx::Node& call,
              const onnx::Function& called) {
    const auto now = [&](std::string_view& name) {
      if (const auto found = names.find(name); found != names.end()) name = found->second;
    };
    for (std::string_view& name : node.inputs) now(name);
    for (std::string_view& name : node.outputs) now(name);
    if (!node.name.empty()) node.name = model_.unused_name(prefix + std::string(node.name));
    resolve_references(node, call, called);
    onnx::for_each_subgraph(node, [&](onnx::Graph& inner) {
      Names inside = names;
      const auto declare = [&](std::string_view& name) {
        if (!name.empty()) name = inside[name] = model_.unused_name(prefix + std::string(name));
      };
      for (onnx::Tensor& tensor : inner.initializers) declare(tensor.name);
      for (onnx::ValueInfo& info : inner.inputs) declare(info.name);
      for (const onnx::Node& each : inner.nodes) {
        for (const std::string_view name : each.outputs) inside.erase(name);
        define(each.outputs, inside, prefix);
      }
      for (onnx::Node& each : inner.nodes) rename(each, inside, prefix, call, called);
      for (onnx::ValueInfo& info : inner.outputs)
        if (const auto found = inside.find(info.name); found != inside.end()) info.name = found->second;
      inner.value_infos.clear();
    });
  }

  /// Attributes that refer to one of the function's get what the call, or the function's default, gives.
  void resolve_references(onnx::Node& node, const onnx::Node& call, const onnx::Function& called) {
    std::vector<onnx::Attribute> attributes;
    for (onnx::Attribute& attribute : node.attributes) {
      if (attribute.ref_attr_name.empty()) {
        attributes.push_back(std::move(attribute));
        continue;
      }
      const onnx::Attribute* value = onnx::find_attribute(call, attribute.ref_attr_name);
      for (const onnx::Attribute& fallback : called.attribute_protos)
        if (value == nullptr && fallback.name == attribute.ref_attr_name) value = &fallback;
      if (value == nullptr) continue;  // Left out by the call.
      onnx::Attribute given = model_.copy(*value);
      given.name = attribute.name;
      attributes.push_back(std::move(given));
    }
    node.attributes = std::move(attributes);
  }

  void import_opsets(const onnx::Function& called) {
    auto& imports = model_.model().opset_imports;
    for (const onnx::OpsetImport& wanted : called.opset_imports) {
      const auto found = std::ranges::find_if(imports, [&](const onnx::OpsetImport& each) {
        return onnx::plain_domain(each.domain) == onnx::plain_domain(wanted.domain);
      });
      if (found == imports.end())
        imports.push_back(wanted);
      else if (found->version != wanted.version)
        fail(ErrorCode::unsupported,
             "function {}::{} is written in opset {} of domain '{}', the model in {}: it cannot be put in "
             "place of its calls",
             called.domain, called.name, wanted.version, wanted.domain, found->version);
    }
  }

  onnx::EditableModel& model_;
  size_t calls_ = 0;
};

}  // namespace

size_t inline_functions(onnx::EditableModel& model) { return FunctionInliner(model).run(); }

}  // namespace spinel::tools
