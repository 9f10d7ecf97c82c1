#include "tools/input_shapes.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"

namespace spinel::tools {
namespace {

using Numbers = std::map<std::string_view, int64_t>;

template <class Fn>
void for_each_dim(onnx::Graph& graph, Fn&& fn) {
  for (auto* infos : {&graph.inputs, &graph.outputs, &graph.value_infos})
    for (onnx::ValueInfo& info : *infos)
      if (info.type && info.type->shape)
        for (onnx::Dim& dim : *info.type->shape) fn(dim);
  for (onnx::Node& node : graph.nodes)
    onnx::for_each_subgraph(node, [&](onnx::Graph& inner) { for_each_dim(inner, fn); });
}

void set_number(onnx::Dim& dim, int64_t number) {
  dim.kind = onnx::Dim::Kind::value;
  dim.value = number;
  dim.param = {};
}

/// Shapes of everything but the inputs of the main graph, whose numbers may be wrong from now on.
void forget_shapes(onnx::Graph& graph, bool is_main) {
  graph.value_infos.clear();
  for (onnx::ValueInfo& info : graph.outputs)
    if (info.type) info.type->shape.reset();
  if (!is_main)
    for (onnx::ValueInfo& info : graph.inputs)
      if (info.type) info.type->shape.reset();
  for (onnx::Node& node : graph.nodes)
    onnx::for_each_subgraph(node, [](onnx::Graph& inner) { forget_shapes(inner, false); });
}

}  // namespace

bool overwrite_input_shapes(onnx::EditableModel& model, const std::map<std::string, Dims>& shapes) {
  onnx::Graph& graph = model.model().graph;
  Numbers numbers;
  bool changes_fixed = false;
  for (const auto& [name, dims] : shapes) {
    const auto input = std::ranges::find(graph.inputs, name, &onnx::ValueInfo::name);
    if (input == graph.inputs.end()) {
      std::vector<std::string_view> known;
      for (const onnx::ValueInfo& info : graph.inputs) known.push_back(info.name);
      fail(ErrorCode::not_found, "the model has no input '{}' to give a shape; it has '{}'", name,
           fmt::join(known, "', '"));
    }
    if (!input->type || input->type->kind != onnx::Type::Kind::tensor)
      fail(ErrorCode::invalid_argument, "input '{}' is no tensor; it has no shape", name);
    auto& shape = input->type->shape;
    if (!shape) shape.emplace(dims.size());
    if (shape->size() != dims.size())
      fail(ErrorCode::invalid_argument, "input '{}' has {} dims; the shape {} has {}", name, shape->size(),
           dims_text(dims), dims.size());
    std::multiset<std::string_view> names;
    for (const onnx::Dim& dim : *shape) names.insert(dim.param);
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      if (dims[axis] <= 0) continue;
      onnx::Dim& dim = (*shape)[axis];
      // A name that stands twice in one input names two sizes.
      if (dim.kind == onnx::Dim::Kind::param && !dim.param.empty() && names.count(dim.param) == 1) {
        const auto [place, is_new] = numbers.try_emplace(dim.param, dims[axis]);
        if (place->second != dims[axis])
          fail(ErrorCode::invalid_argument, "input '{}': the dim '{}' would be both {} and {}", name,
               dim.param, place->second, dims[axis]);
      }
      changes_fixed |= dim.kind == onnx::Dim::Kind::value && dim.value != dims[axis];
      set_number(dim, dims[axis]);
    }
  }
  for_each_dim(graph, [&](onnx::Dim& dim) {
    const auto found = dim.kind == onnx::Dim::Kind::param ? numbers.find(dim.param) : numbers.end();
    if (found != numbers.end()) set_number(dim, found->second);
  });
  if (changes_fixed) forget_shapes(graph, true);
  return changes_fixed;
}

size_t drop_initializer_inputs(onnx::EditableModel& model) {
  onnx::Graph& graph = model.model().graph;
  std::set<std::string_view> initializers;
  for (const onnx::Tensor& tensor : graph.initializers) initializers.insert(tensor.name);
  for (const onnx::SparseTensor& tensor : graph.sparse_initializers) initializers.insert(tensor.values.name);
  model.model().ir_version = std::max<int64_t>(model.model().ir_version, 4);
  return std::erase_if(graph.inputs,
                       [&](const onnx::ValueInfo& info) { return initializers.contains(info.name); });
}

}  // namespace spinel::tools
