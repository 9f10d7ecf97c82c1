#include "cpu/tune.hpp"

#include <algorithm>
#include <chrono>

#include "base/cancel.hpp"
#include "base/text.hpp"
#include "graph/infer.hpp"
#include "graph/interpret.hpp"

namespace spinel::cpu {
namespace {

/// Images of the batch that is timed: enough to use the weights more than once, as throughput does.
constexpr int64_t timed_batch = 2;
constexpr int timed_runs = 5;

double time_layer(const Isa& isa, const ConvLayer& layer, const Tensor& weights, int64_t height,
                  int64_t width) {
  using Clock = std::chrono::steady_clock;
  const Dims dims{timed_batch, height, width, layer.in_channels};
  graph::Graph graph;
  graph::Value x;
  x.name = "x";
  x.type = graph::ValueType::tensor(layer.dtype, graph::to_shape(dims));
  graph.inputs.push_back(graph.add_value(std::move(x)));
  graph::Value y;
  y.name = "y";
  graph.outputs.push_back(graph.add_value(std::move(y)));
  graph.output_names.emplace_back("y");
  graph::Node node;
  node.name = "timed";
  node.op = std::make_shared<NhwcConv>(isa, layer);
  node.inputs = {graph.inputs[0], graph.add_constant("w", pack_conv_weights(isa, layer, weights))};
  node.outputs = graph.outputs;
  graph.add_node(std::move(node));
  graph::infer(graph);
  const Tensor input(layer.dtype, dims);
  double best = 0;
  for (int run = 0; run < timed_runs; ++run) {
    check_load_cancelled();
    const auto begin = Clock::now();
    graph::interpret(graph, {input}, {}, {});
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    best = run == 0 ? seconds : std::min(best, seconds);
  }
  return best;
}

}  // namespace

std::vector<TimedAlgorithm> time_conv_algorithms(const Isa& isa, const ConvLayer& layer,
                                                 const Tensor& weights, int64_t height, int64_t width) {
  std::vector<TimedAlgorithm> timings;
  for (const ConvAlgorithm algorithm : conv_algorithms(layer)) {
    ConvLayer timed = layer;
    timed.algorithm = algorithm;
    timings.push_back({algorithm, time_layer(isa, timed, weights, height, width)});
  }
  std::ranges::stable_sort(timings, {}, &TimedAlgorithm::seconds);
  return timings;
}

std::string timing_text(const std::vector<TimedAlgorithm>& timings) {
  std::string text;
  for (const TimedAlgorithm& timing : timings)
    text += fmt::format("{}{} {:.3f} ms", text.empty() ? "" : ", ", conv_algorithm_name(timing.algorithm),
                        1e3 * timing.seconds);
  return text;
}

}  // namespace spinel::cpu
