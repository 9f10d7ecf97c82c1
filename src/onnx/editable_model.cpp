#include "onnx/editable_model.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "onnx/encode.hpp"
#include "onnx/import.hpp"

namespace spinel::onnx {

EditableModel::EditableModel(const std::filesystem::path& path, const Limits& limits) : limits_(limits) {
  const ModelSource opened = open_model(path, limits);
  source_.owner = opened.bytes.owner;
  source_.folder = opened.folder;
  source_.limits = limits;
  source_.model_bytes = opened.bytes.data.size();
  model_ = parse_model(opened.bytes.data, limits);
  load_external(model_.graph);
  for (Function& function : model_.functions) load_external(function.nodes);
  for (TrainingInfo& info : model_.training_infos) {
    if (info.initialization) load_external(*info.initialization);
    if (info.algorithm) load_external(*info.algorithm);
  }
}

int EditableModel::opset() const {
  int version = 0;
  for (const OpsetImport& import : model_.opset_imports)
    if (plain_domain(import.domain).empty()) version = static_cast<int>(import.version);
  return version;
}

void EditableModel::load_external(Graph& graph) {
  for (Tensor& tensor : graph.initializers) load_external(tensor);
  for (SparseTensor& tensor : graph.sparse_initializers) {
    load_external(tensor.values);
    load_external(tensor.indices);
  }
  load_external(graph.nodes);
}

void EditableModel::load_external(std::vector<Node>& nodes) {
  for (Node& node : nodes) {
    for (Attribute& attribute : node.attributes) {
      if (attribute.t) load_external(*attribute.t);
      for (Tensor& tensor : attribute.tensors) load_external(tensor);
    }
    for_each_subgraph(node, [&](Graph& inner) { load_external(inner); });
  }
}

void EditableModel::load_external(Tensor& tensor) {
  if (tensor.data_location != DataLocation::external) return;
  for (const StringPair& entry : tensor.external_data)
    if (entry.key == "location") external_files_.emplace(entry.value);
  const spinel::Tensor loaded = tensors_.emplace_back(to_tensor(tensor, source_));
  tensor.raw_data = {static_cast<const std::byte*>(loaded.raw()), loaded.size_bytes()};
  tensor.external_data.clear();
  tensor.data_location = DataLocation::in_model;
}

std::string_view EditableModel::text(std::string text) { return texts_.emplace_back(std::move(text)); }

Tensor EditableModel::message(std::string_view name, const spinel::Tensor& tensor) {
  Tensor out;
  out.name = name;
  out.dims = tensor.dims();
  out.data_type = static_cast<int32_t>(tensor.dtype());
  if (tensor.dtype() == DType::string) {
    for (const std::string& each : tensor.data<std::string>()) out.string_data.push_back(text(each));
    return out;
  }
  tensors_.push_back(tensor);
  out.raw_data = {static_cast<const std::byte*>(tensor.raw()), tensor.size_bytes()};
  return out;
}

Node EditableModel::copy(const Node& node) {
  const std::string_view bytes = text(encode(node).text());
  return parse_node(std::as_bytes(std::span(bytes)), limits_);
}

Attribute EditableModel::copy(const Attribute& attribute) {
  const std::string_view bytes = text(encode(attribute).text());
  return parse_attribute(std::as_bytes(std::span(bytes)), limits_);
}

void EditableModel::collect_names(const Graph& graph) {
  for (const Tensor& tensor : graph.initializers) names_.insert(tensor.name);
  for (const SparseTensor& tensor : graph.sparse_initializers) names_.insert(tensor.values.name);
  for (const ValueInfo& info : graph.inputs) names_.insert(info.name);
  for (const Node& node : graph.nodes) {
    names_.insert(node.name);
    names_.insert(node.outputs.begin(), node.outputs.end());
    for_each_subgraph(node, [&](const Graph& inner) { collect_names(inner); });
  }
}

std::string_view EditableModel::unused_name(const std::string& wish) {
  if (names_.empty()) collect_names(model_.graph);
  std::string name = wish;
  for (int number = 1; names_.contains(name); ++number) name = fmt::format("{}_{}", wish, number);
  const std::string_view kept = text(std::move(name));
  names_.insert(kept);
  return kept;
}

Node make_node(std::string_view op_type, std::vector<std::string_view> inputs,
               std::vector<std::string_view> outputs, std::string_view name) {
  Node node;
  node.op_type = op_type;
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  node.name = name;
  return node;
}

Attribute make_attribute(std::string_view name, int64_t value) {
  Attribute attribute;
  attribute.name = name;
  attribute.type = AttributeType::int_value;
  attribute.i = value;
  return attribute;
}

Attribute make_attribute(std::string_view name, std::vector<int64_t> values) {
  Attribute attribute;
  attribute.name = name;
  attribute.type = AttributeType::ints;
  attribute.ints = std::move(values);
  return attribute;
}

Attribute* find_attribute(Node& node, std::string_view name) {
  const auto found = std::ranges::find(node.attributes, name, &Attribute::name);
  return found == node.attributes.end() ? nullptr : &*found;
}
const Attribute* find_attribute(const Node& node, std::string_view name) {
  return find_attribute(const_cast<Node&>(node), name);
}

}  // namespace spinel::onnx
