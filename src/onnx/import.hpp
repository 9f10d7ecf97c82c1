// From an ONNX file to a graph.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <spinel/limits.hpp>
#include <spinel/log.hpp>

#include "base/file.hpp"
#include "graph/graph.hpp"
#include "onnx/model_file.hpp"
#include "ops/custom_op.hpp"

namespace spinel::onnx {

/// A model's bytes, and where its external data may lie.
struct ModelSource {
  Bytes bytes;                                      ///< Constants point into them; the owner is kept alive.
  std::optional<std::filesystem::path> folder;      ///< None: external data is refused.
  std::shared_ptr<const ModelFile> file = nullptr;  ///< Has what `bytes` lack; nullptr: they are whole.
};

/// Reads the file at `path`. Throws Error.
ModelSource open_model(const std::filesystem::path& path, const Limits& limits);
/// The same for import_model() alone, which reads large tensors from the file one by one: no part of a large
/// model is in memory twice.
ModelSource open_model_for_import(const std::filesystem::path& path, const Limits& limits);

/// Builds the graph: initializers and Constant nodes become constants, functions are expanded, attributes
/// normalised, nodes sorted. Types and shapes are not inferred yet, except those that the inputs declare. A
/// dynamic dim without a name gets the symbol "<input>.<axis>".
///
/// Throws Error: bad_model naming the node, or unsupported listing every operator that is not there, or whose
/// opset is newer than ops::newest_opset(), with its nodes. `custom_ops` come before functions of the model
/// and Spinel's own operators of the same name.
graph::Graph import_model(const ModelSource& source, const Limits& limits, const LogCallback& log,
                          const ops::CustomOpTable& custom_ops = {});

}  // namespace spinel::onnx
