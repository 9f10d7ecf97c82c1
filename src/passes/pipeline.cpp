#include "passes/pipeline.hpp"

#include "base/cancel.hpp"
#include "base/text.hpp"
#include "graph/infer.hpp"

namespace spinel::passes {
namespace {

// Start reading here: a model goes through these from top to bottom.
constexpr Pass pipeline[] = {
    {"expand_gradients", expand_gradients},        // Gradient into the nodes that compute it
    {"recognize_quantized", recognize_quantized},  // operators between DequantizeLinear and QuantizeLinear
    {"fold_constants", fold_constants},        // whatever is computed from constants and static shapes alone
    {"remove_identities", remove_identities},  // nodes that pass their input on
    {"remove_duplicates", remove_duplicates},  // equal nodes with equal inputs
    {"remove_dead_nodes", remove_dead_nodes},  // what no output needs any more
    {"remove_casts", remove_casts},            // to a wider type and back
    {"expand_operators", expand_operators},    // attention as one node, and fused products, into their parts
    {"recognize_layer_norm", recognize_layer_norm},      // written as means, differences and quotients
    {"recognize_activations", recognize_activations},    // Swish, HardSwish and Gelu, written as products
    {"lower_einsum", lower_einsum},                      // stacks of matrix products
    {"recognize_attention", recognize_attention},        // softmax between two products
    {"merge_transposes", merge_transposes},              // chains of Transpose and Reshape
    {"fuse_conv_bn", fuse_conv_bn},                      // BatchNormalization into the convolution before it
    {"convert_floats", convert_floats},                  // dtype option: float32 <-> float16
    {"fold_converted", fold_constants},                  // what conversion has put between constants
    {"remove_converted_casts", remove_casts},            // what conversion has put beside casts
    {"recognize_int_products", recognize_int_products},  // whose sums become floats
    {"lift_conv1d", lift_conv1d},                        // convolutions over one axis become those over two
    {"choose_layout", choose_layout},  // channels-last convolutions and pools, transposes at the edges
    {"merge_layout_transposes", merge_transposes},
    {"lower_linear", lower_linear},                // products with constant weights
    {"lower_quant_linear", lower_quant_linear},    // products of 8-bit integers to floats, likewise
    {"remove_new_identities", remove_identities},  // transposes that the layout has made superfluous
    {"fuse_epilogue", fuse_epilogue},              // bias, sum and activation into the product before them
    {"pair_convolutions", pair_convolutions},      // a pointwise one and the depthwise one that reads it
    {"fuse_elementwise", fuse_elementwise},        // elementwise nodes that only each other read
    {"select_kernels", select_kernels},            // a tuned kernel for each node that has one
};

}  // namespace

std::vector<std::string> pass_names() {
  std::vector<std::string> names;
  for (const Pass& pass : pipeline) names.emplace_back(pass.name);
  return names;
}

std::vector<PassReport> run_pipeline(graph::Graph& graph, const Settings& settings) {
  std::vector<PassReport> reports;
  Settings own = resolve_config(graph, settings);
  for (graph::Value& value : graph.values) value.origin = value.name;
  for (const Pass& pass : pipeline) {
    PassReport& report = reports.emplace_back();
    report.pass = pass.name;
    const auto enabled = own.config.passes.find(pass.name);
    report.enabled = enabled == own.config.passes.end() || enabled->second;
    if (!report.enabled) continue;
    check_load_cancelled();
    if (own.progress) own.progress(pass.name, reports.size() - 1);
    own.report = &report;
    try {
      report.changes = pass.run(graph, own);
      if (report.changes == 0) continue;
      graph::verify(graph, fmt::format("pass {}", pass.name));
      graph::infer(graph);
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("pass {}: {}", pass.name, error.what()), error.node());
    }
  }
  return reports;
}

size_t remove_dead_nodes(graph::Graph& graph, const Settings&) { return graph::remove_dead(graph); }

}  // namespace spinel::passes
