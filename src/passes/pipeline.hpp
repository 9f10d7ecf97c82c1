// The passes that turn an imported graph into the one that is run.
#pragma once
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <spinel/limits.hpp>
#include <spinel/log.hpp>
#include <spinel/pass_report.hpp>

#include "cpu/half_kernels.hpp"
#include "cpu/isa.hpp"
#include "graph/graph.hpp"
#include "passes/pass_config.hpp"

namespace spinel::passes {

/// What the passes need to know of the engine's options.
struct Settings {
  DType dtype = DType::undefined;  ///< float16 or float32; undefined: the model's own.
  bool keep_io_types = false;
  const cpu::Isa* isa = &cpu::best_isa();  ///< Whose kernels are chosen.
  /// Of float16 layers where the instruction set multiplies in 16 bits: at most as many products are summed
  /// before they are added in float32; even. 0: what is usual for its arithmetic.
  int64_t half_chunk = 0;
  bool tune = false;  ///< Candidates are timed on this machine, instead of chosen by a fixed rule.
  Limits limits;
  LogCallback log;
  /// Called before each pass that runs, with its place among all.
  std::function<void(const char* pass, size_t index)> progress;
  PassConfig config;
  /// ONNX nodes whose work stays in float32 when the rest becomes float16; run_pipeline finds them.
  std::set<std::string, std::less<>> keep_float32;
  PassReport* report = nullptr;  ///< Of the pass that is running; run_pipeline sets it.
};

/// One pass: rewrites a sorted and inferred graph and returns how many places it changed.
struct Pass {
  const char* name;
  size_t (*run)(graph::Graph& graph, const Settings& settings);
};

/// Every pass's name, in order.
std::vector<std::string> pass_names();

/// Runs every pass that settings.config does not switch off, in order; after each the graph is sorted,
/// inferred and verified, and an Error names the pass. Throws Error where the configuration contradicts
/// settings.dtype or names an input that the graph lacks.
std::vector<PassReport> run_pipeline(graph::Graph& graph, const Settings& settings);

/// The settings with what the configuration means for this graph, before any pass has changed it.
Settings resolve_config(const graph::Graph& graph, const Settings& settings);

size_t expand_gradients(graph::Graph& graph, const Settings& settings);
size_t convert_floats(graph::Graph& graph, const Settings& settings);
size_t fold_constants(graph::Graph& graph, const Settings& settings);
size_t remove_identities(graph::Graph& graph, const Settings& settings);
size_t remove_duplicates(graph::Graph& graph, const Settings& settings);
size_t remove_casts(graph::Graph& graph, const Settings& settings);
size_t expand_operators(graph::Graph& graph, const Settings& settings);
size_t recognize_layer_norm(graph::Graph& graph, const Settings& settings);
size_t recognize_activations(graph::Graph& graph, const Settings& settings);
size_t recognize_quantized(graph::Graph& graph, const Settings& settings);
size_t recognize_int_products(graph::Graph& graph, const Settings& settings);
size_t lower_einsum(graph::Graph& graph, const Settings& settings);
size_t recognize_attention(graph::Graph& graph, const Settings& settings);
size_t merge_transposes(graph::Graph& graph, const Settings& settings);
size_t fuse_conv_bn(graph::Graph& graph, const Settings& settings);
size_t lift_conv1d(graph::Graph& graph, const Settings& settings);
size_t choose_layout(graph::Graph& graph, const Settings& settings);
size_t lower_linear(graph::Graph& graph, const Settings& settings);
size_t lower_quant_linear(graph::Graph& graph, const Settings& settings);
size_t fuse_epilogue(graph::Graph& graph, const Settings& settings);
size_t pair_convolutions(graph::Graph& graph, const Settings& settings);
size_t fuse_elementwise(graph::Graph& graph, const Settings& settings);
size_t remove_dead_nodes(graph::Graph& graph, const Settings& settings);
size_t select_kernels(graph::Graph& graph, const Settings& settings);

}  // namespace spinel::passes
