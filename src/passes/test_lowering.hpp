// Models of one operator and what follows it, lowered by the passes and compared with the reference operators
// in float64. Not part of the library.
#pragma once
#include "cpu/kernel_harness.hpp"
#include "graph/infer.hpp"
#include "graph/interpret.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes::testing {

using cpu::testing::KernelCase;
using graph::Graph;
using graph::Node;
using graph::ValueId;
using graph::ValueType;

/// X (inputs[0]) -> operator -> the nodes that `follow` adds.
struct Model {
  Graph graph;
  ValueId x, y;

  Model(const KernelCase& c, const std::vector<Tensor>& inputs) {
    x = add_value("x", inputs[0]);
    graph.inputs.push_back(x);
    std::vector<ValueId> ids{x};
    for (size_t i = 1; i < inputs.size(); ++i)
      ids.push_back(graph.add_constant(fmt::format("c{}", i), inputs[i]));
    y = add(c.op, c.version, c.attributes, ids);
  }
  ValueId add_value(const std::string& name, const Tensor& like) {
    graph::Value value;
    value.name = name;
    value.type = ValueType::tensor(like.dtype(), graph::to_shape(like.dims()));
    return graph.add_value(std::move(value));
  }
  ValueId add(const std::string& op, int version, ops::testing::Attributes attributes,
              std::vector<ValueId> inputs, const char* domain = "") {
    graph::Value value;
    value.name = fmt::format("v{}", graph.values.size());
    const ValueId out = graph.add_value(std::move(value));
    Node node;
    node.name = fmt::format("{}_{}", op, graph.nodes.size());
    node.op = ops::testing::make(op, version, std::move(attributes), inputs.size(), 1, domain);
    node.inputs = std::move(inputs);
    node.outputs = {out};
    node.sources = {node.name};
    graph.add_node(std::move(node));
    return out;
  }
  Tensor run(const std::vector<Tensor>& feeds) {
    std::vector<graph::RuntimeValue> values(feeds.begin(), feeds.end());
    return graph::interpret(graph, std::move(values), {}, {})[0].tensor();
  }
  size_t count(std::string_view op) const {
    return static_cast<size_t>(
        std::ranges::count_if(graph.nodes, [&](const Node& n) { return n.op->name() == op; }));
  }
  Model& plain() {
    finish();
    return *this;
  }
  void finish() {
    graph.outputs = {y};
    graph.output_names = {"y"};
    graph::infer(graph);
  }
};

inline std::vector<Tensor> widened(const std::vector<Tensor>& inputs) {
  std::vector<Tensor> out;
  for (const Tensor& input : inputs) out.push_back(convert(input, DType::float64));
  return out;
}

inline void lower(Graph& graph, const cpu::Isa& isa) {
  Settings settings;
  settings.isa = &isa;
  run_pipeline(graph, settings);
}

inline double greatest(const Tensor& tensor) {
  double most = 0;
  const Tensor wide = convert(tensor, DType::float64);
  for (double v : wide.data<double>()) most = std::max(most, std::abs(v));
  return most;
}

/// The case with a summand and an activation behind it, if wanted; all of them must be lowered.
inline void check(const KernelCase& c, const cpu::Isa& isa, DType dtype, bool residual,
                  const char* activation) {
  INFO(c.line << ", " << dtype_name(dtype) << " on " << isa.name << (residual ? ", residual" : "") << ", "
              << activation);
  std::vector<Tensor> inputs = cpu::testing::make_inputs(c, dtype, -1, 1);
  auto build = [&](const std::vector<Tensor>& tensors, std::vector<Tensor>& feeds) {
    Model model(c, tensors);
    feeds = {tensors[0]};
    model.finish();
    if (residual) {
      const Tensor other = convert(
          ops::testing::noise(*graph::constant_dims(*model.graph.value(model.y).type.shape), 9, -1, 1, dtype),
          tensors[0].dtype());
      const ValueId r = model.add_value("r", other);
      model.graph.inputs.push_back(r);
      feeds.push_back(other);
      model.y = model.add("Add", 14, {}, {model.y, r});
    }
    if (*activation != '\0') model.y = model.add(activation, 22, {}, {model.y});
    model.finish();
    return model;
  };
  std::vector<Tensor> feeds, wide_feeds;
  Model tuned = build(inputs, feeds);
  Model reference = build(widened(inputs), wide_feeds);
  const Tensor expected = reference.run(wide_feeds);
  const double scale = greatest(Model(c, widened(inputs)).plain().run({wide_feeds[0]}));
  lower(tuned.graph, isa);
  CHECK(tuned.count(c.op) == 0);
  CHECK(tuned.count("Add") == 0);
  if (*activation != '\0') CHECK(tuned.count(activation) == 0);
  // Winograd's transforms lose about two digits more than the plain sum.
  cpu::testing::expect_near(tuned.run(feeds), expected, 3e-5, std::max(scale, 1.0));
}

}  // namespace spinel::passes::testing
