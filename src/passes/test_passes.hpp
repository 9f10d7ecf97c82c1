// Models in and out of passes, for tests. Not part of the library.
#pragma once
#include <algorithm>
#include <cmath>

#include "graph/infer.hpp"
#include "graph/interpret.hpp"
#include "onnx/import.hpp"
#include "onnx/test_model.hpp"
#include "passes/pipeline.hpp"

namespace spinel::test {

inline graph::Graph import_graph(const ModelGraph& model, int64_t opset = 17) {
  const auto bytes = std::make_shared<std::vector<std::byte>>(model.model(opset, 8, {"com.microsoft"}));
  onnx::ModelSource source{{*bytes, bytes}, std::nullopt};
  graph::Graph graph = onnx::import_model(source, {}, nullptr);
  graph::infer(graph);
  return graph;
}

inline size_t count_op(const graph::Graph& graph, std::string_view op) {
  return static_cast<size_t>(
      std::ranges::count_if(graph.nodes, [&](const graph::Node& node) { return node.op->name() == op; }));
}

/// One pass after the folding that precedes it in the pipeline, and its report.
inline PassReport run_pass(graph::Graph& graph, size_t (*pass)(graph::Graph&, const passes::Settings&),
                           passes::Settings settings = {}) {
  passes::fold_constants(graph, settings);
  graph::infer(graph);
  PassReport report;
  settings.report = &report;
  report.changes = pass(graph, settings);
  graph::verify(graph, "the pass");
  graph::infer(graph);
  return report;
}

inline Tensor interpret_one(const graph::Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<graph::RuntimeValue> values(inputs.begin(), inputs.end());
  return graph::interpret(graph, std::move(values), {}, {})[0].tensor();
}

/// The greatest difference, relative to the greatest magnitude of `expected`; inf where the dims differ or a
/// number is not finite in one of the two alone.
inline double relative_error(const Tensor& actual, const Tensor& expected) {
  if (actual.dims() != expected.dims()) return std::numeric_limits<double>::infinity();
  const Tensor a = convert(actual, DType::float32);
  const Tensor b = convert(expected, DType::float32);
  double most = 0;
  double scale = 0;
  for (size_t i = 0; i < a.data<float>().size(); ++i) {
    const double x = static_cast<double>(a.data<float>()[i]);
    const double y = static_cast<double>(b.data<float>()[i]);
    if (std::isnan(x) && std::isnan(y)) continue;
    if (!std::isfinite(x) || !std::isfinite(y)) {
      if (x == y) continue;
      return std::numeric_limits<double>::infinity();
    }
    most = std::max(most, std::fabs(x - y));
    scale = std::max(scale, std::fabs(y));
  }
  return scale == 0 ? most : most / scale;
}

}  // namespace spinel::test
