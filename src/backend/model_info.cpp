#include "backend/model_info.hpp"

#include "base/text.hpp"

namespace spinel {

// Here, for targets describe inputs, too.
std::string describe(const TensorInfo& info) {
  if (info.kind != ValueKind::tensor)
    return fmt::format("{}({})", info.kind == ValueKind::sequence ? "sequence" : "optional",
                       info.element ? describe(*info.element) : "?");
  if (!info.has_rank) return fmt::format("{}[...]", dtype_name(info.dtype));
  std::vector<std::string> dims;
  for (size_t i = 0; i < info.dims.size(); ++i)
    dims.push_back(info.dims[i] >= 0 ? std::to_string(info.dims[i]) : info.dim_names[i]);
  return fmt::format("{}[{}]", dtype_name(info.dtype), fmt::join(dims, ", "));
}

}  // namespace spinel

namespace spinel::backend {

using graph::Graph;
using graph::ValueId;

namespace {

TensorInfo tensor_info(const std::string& name, const graph::ValueType& type, int batch_axis) {
  TensorInfo info;
  info.name = name;
  if (!type.is_tensor()) {
    info.kind = type.kind == graph::ValueType::Kind::sequence ? ValueKind::sequence : ValueKind::optional;
    if (type.element) info.element = std::make_shared<const TensorInfo>(tensor_info(name, *type.element, -1));
    return info;
  }
  info.dtype = type.dtype;
  info.has_rank = type.shape.has_value();
  info.batch_axis = batch_axis;
  for (const graph::Dim& dim : type.shape.value_or(graph::Shape{})) {
    info.dims.push_back(dim.is_constant() ? dim.constant() : -1);
    info.dim_names.push_back(dim.is_constant() ? "" : dim.text());
  }
  return info;
}

}  // namespace

void apply_input_size(Graph& graph, const std::map<std::string, Dims>& input_size) {
  std::map<std::string, int64_t> fixed;
  for (ValueId id : graph.inputs) {
    const graph::Value& value = graph.value(id);
    const auto found = input_size.find(value.name);
    if (found == input_size.end() || !value.type.shape) continue;
    const graph::Shape& shape = *value.type.shape;
    const Dims& wanted = found->second;
    if (wanted.size() != shape.size())
      fail(ErrorCode::invalid_argument, "input_size {} does not fit input '{}', which takes {}",
           dims_text(wanted), value.name, value.type.text());
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      if (wanted[axis] <= 0) continue;
      if (shape[axis].is_constant() ? shape[axis].constant() != wanted[axis]
                                    : !fixed.try_emplace(shape[axis].text(), wanted[axis]).second &&
                                          fixed[shape[axis].text()] != wanted[axis])
        fail(ErrorCode::invalid_argument, "input_size {} contradicts input '{}', which takes {}",
             dims_text(wanted), value.name, value.type.text());
    }
  }
  for (ValueId id : graph.inputs) {
    graph::Value& value = graph.value(id);
    if (!value.type.shape) continue;
    for (graph::Dim& dim : *value.type.shape)
      if (const auto found = fixed.find(dim.text()); !dim.is_constant() && found != fixed.end())
        dim = found->second;
  }
}

BatchInfo batch_info(const graph::BatchAnalysis& analysis, size_t output_count) {
  BatchInfo info;
  info.proven = analysis.proven;
  info.fixed = analysis.batch_dim.is_constant() ? analysis.batch_dim.constant() : 0;
  info.input_axes = analysis.input_axes;
  info.output_axes = analysis.output_axes;
  info.output_axes.resize(output_count, -1);
  info.blocking_node = analysis.blocking_node;
  info.reason = analysis.reason;
  return info;
}

std::vector<TensorInfo> input_infos(const Graph& graph, const BatchInfo& batch) {
  std::vector<TensorInfo> infos;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const graph::Value& value = graph.value(graph.inputs[i]);
    infos.push_back(tensor_info(value.name, value.type, batch.proven ? batch.input_axes[i] : -1));
  }
  return infos;
}

std::vector<TensorInfo> output_infos(const Graph& graph, const BatchInfo& batch) {
  std::vector<TensorInfo> infos;
  for (size_t i = 0; i < graph.outputs.size(); ++i)
    infos.push_back(tensor_info(graph.output_names[i], graph.value(graph.outputs[i]).type,
                                batch.proven ? batch.output_axes[i] : -1));
  return infos;
}

DType compute_dtype(const Graph& graph) {
  for (const graph::Value& value : graph.values)
    if (value.type.dtype == DType::float16 || value.type.dtype == DType::float32 ||
        value.type.dtype == DType::float64 || value.type.dtype == DType::bfloat16)
      if (value.producer != graph::no_node) return value.type.dtype;
  return DType::undefined;
}

}  // namespace spinel::backend
