// What targets say about a model, taken from its graph.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "graph/batch.hpp"
#include "graph/graph.hpp"

namespace spinel::backend {

/// Fixes dynamic dims of the inputs (see CompileOptions::input_size) of a graph that is not yet inferred. A
/// symbol that is fixed for one input is fixed everywhere. Throws Error where the file says otherwise.
void apply_input_size(graph::Graph& graph, const std::map<std::string, Dims>& input_size);

BatchInfo batch_info(const graph::BatchAnalysis& analysis, size_t output_count);

/// One an input or output of an inferred graph. Throws Error(unsupported) for what is no tensor.
std::vector<TensorInfo> input_infos(const graph::Graph& graph, const BatchInfo& batch);
std::vector<TensorInfo> output_infos(const graph::Graph& graph, const BatchInfo& batch);

/// The first float type that a node of an inferred graph produces; undefined if none does.
DType compute_dtype(const graph::Graph& graph);

}  // namespace spinel::backend
