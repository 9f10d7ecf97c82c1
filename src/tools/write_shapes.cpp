// States types and shapes in the model: value_info, and the graphs' outputs.
#include <algorithm>
#include <unordered_set>

#include "tools/edit.hpp"

namespace spinel::tools {
namespace {

class ShapeWriter {
 public:
  ShapeWriter(onnx::EditableModel& model, const Analysis& analysis) : model_(model), analysis_(analysis) {}

  void graph(onnx::Graph& graph, const Scope& scope) {
    std::unordered_set<std::string_view> stated;
    for (const auto* infos : {&graph.inputs, &graph.outputs})
      for (const onnx::ValueInfo& info : *infos) stated.insert(info.name);
    std::unordered_set<std::string_view> made;
    for (const onnx::Node& node : graph.nodes) made.insert(node.outputs.begin(), node.outputs.end());
    for (const onnx::Tensor& tensor : graph.initializers) made.insert(tensor.name);
    std::erase_if(graph.value_infos, [&](const onnx::ValueInfo& info) {
      return !made.contains(info.name) || stated.contains(info.name);
    });
    std::erase_if(graph.quantization_annotations, [&](const onnx::QuantizationAnnotation& each) {
      return !made.contains(each.tensor_name) && !stated.contains(each.tensor_name);
    });
    std::map<std::string_view, size_t> places;
    for (size_t i = 0; i < graph.value_infos.size(); ++i) places[graph.value_infos[i].name] = i;
    for (onnx::Node& node : graph.nodes) {
      onnx::for_each_subgraph(node, [&](onnx::Graph& inner) {
        if (scope.has_inner(inner)) this->graph(inner, scope.inner(inner));
      });
      for (const std::string_view name : node.outputs) {
        const Fact* fact = name.empty() || stated.contains(name) ? nullptr : scope.find_own(name);
        if (fact == nullptr || !fact->is_known() || !is_complete(fact->type)) continue;
        const auto [place, is_new] = places.try_emplace(name, graph.value_infos.size());
        if (is_new) graph.value_infos.emplace_back().name = name;
        graph.value_infos[place->second].type = type(fact->type);
      }
    }
    for (onnx::ValueInfo& info : graph.outputs)
      if (const Fact* fact = scope.find(info.name); fact != nullptr && fact->is_known()) refine(info, *fact);
  }

 private:
  static bool is_complete(const graph::ValueType& type) {
    if (type.is_tensor()) return type.dtype != DType::undefined;
    return type.element != nullptr && is_complete(*type.element);
  }

  /// An output says what it said, and what is known beyond it.
  void refine(onnx::ValueInfo& info, const Fact& fact) {
    if (!is_complete(fact.type)) return;
    if (!info.type || info.type->kind == onnx::Type::Kind::none) {
      info.type = type(fact.type);
      return;
    }
    if (info.type->kind != onnx::Type::Kind::tensor || !fact.type.is_tensor()) return;
    info.type->elem_type = static_cast<int32_t>(fact.type.dtype);
    if (!fact.type.shape) return;
    if (!info.type->shape || info.type->shape->size() != fact.type.shape->size()) {
      info.type->shape = shape(*fact.type.shape);
      return;
    }
    for (size_t axis = 0; axis < fact.type.shape->size(); ++axis) {
      const graph::Dim& dim = (*fact.type.shape)[axis];
      onnx::Dim& said = (*info.type->shape)[axis];
      if (dim.is_constant()) {
        said.kind = onnx::Dim::Kind::value;
        said.value = dim.constant();
        said.param = {};
      }
    }
  }

  onnx::Type type(const graph::ValueType& from) {
    onnx::Type out;
    if (!from.is_tensor()) {
      out.kind = from.kind == graph::ValueType::Kind::sequence ? onnx::Type::Kind::sequence
                                                               : onnx::Type::Kind::optional;
      out.element = std::make_unique<onnx::Type>(type(*from.element));
      return out;
    }
    out.kind = onnx::Type::Kind::tensor;
    out.elem_type = static_cast<int32_t>(from.dtype);
    if (from.shape) out.shape = shape(*from.shape);
    return out;
  }

  std::vector<onnx::Dim> shape(const graph::Shape& from) {
    std::vector<onnx::Dim> out;
    for (const graph::Dim& each : from) {
      onnx::Dim& dim = out.emplace_back();
      if (each.is_constant()) {
        dim.kind = onnx::Dim::Kind::value;
        dim.value = each.constant();
      } else if (!each.is_unknown() && !mentions_made_symbol(each)) {
        dim.kind = onnx::Dim::Kind::param;
        dim.param = model_.text(each.text());
      }
    }
    return out;
  }

  bool mentions_made_symbol(const graph::Dim& dim) const {
    std::vector<std::string> symbols;
    dim.collect_symbols(symbols);
    return std::ranges::any_of(
        symbols, [&](const std::string& each) { return analysis_.made_symbols().contains(each); });
  }

  onnx::EditableModel& model_;
  const Analysis& analysis_;
};

}  // namespace

void write_shapes(onnx::EditableModel& model, Analysis& analysis) {
  ShapeWriter(model, analysis).graph(model.model().graph, analysis.top());
}

}  // namespace spinel::tools
