// What an engine must know of a model that ONNX Runtime runs: names, types, dims, batch.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "backend/onnxruntime/environment.hpp"
#include "graph/value_type.hpp"
#include "onnx/model.hpp"

namespace spinel::backend::ort {

struct Description {
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  /// One an input and one an output; their dims are expressions over the inputs' symbols.
  std::vector<graph::ValueType> input_types;
  std::vector<graph::ValueType> output_types;
  BatchInfo batch;
  DType compute_dtype = DType::undefined;
  uint64_t weight_bytes = 0;
  std::string graph_text;
};

/// Spinel's own view: its importer, shape inference and batch analysis. Throws Error, unsupported for
/// operators that it does not know.
Description describe_by_importer(const onnx::ModelSource& source, const CompileOptions& options);

/// ONNX Runtime's view of `file`, for what Spinel cannot import; `why` says why. Nothing is known of the
/// batch, and of an output's dims only those that are constant. Throws Error(unsupported) for what is no
/// tensor.
Description describe_by_session(const Api& api, const Session* session, const onnx::Model& file,
                                const CompileOptions& options, const std::string& why);

}  // namespace spinel::backend::ort
