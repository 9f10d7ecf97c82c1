// Values between the nodes of a model that ONNX Runtime runs, read by making them outputs.
#pragma once
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <spinel/inspect.hpp>

#include "backend/backend.hpp"
#include "backend/onnxruntime/session.hpp"

namespace spinel::backend::ort {

/// `model`, the bytes of a ModelProto, with more outputs of its main graph: a second graph field follows,
/// which protobuf merges with the first. Nothing of the model is written anew.
std::vector<std::byte> with_outputs(std::span<const std::byte> model, std::span<const std::string> names);

/// Keeps the file to make sessions of whose outputs more values are. Thread-safe.
class Inspector {
 public:
  /// `options` are those that the model was compiled with.
  Inspector(onnx::ModelSource source, const CompileOptions& options);

  /// What every node of the main graph computes, but for what is no tensor, in the file's order. With
  /// `symbols`, dims that depend on them are known.
  std::vector<LayerValue> values(const graph::Bindings& symbols) const;

  /// See InferEngine::inspect; inputs and results in the order of `shared`, whose environment is used. Throws
  /// Error.
  std::vector<graph::RuntimeValue> run(const Shared& shared, const graph::Bindings& symbols,
                                       std::span<const graph::RuntimeValue> inputs,
                                       const Inspection& inspection,
                                       const graph::RunServices& services) const;

 private:
  std::vector<graph::RuntimeValue> run_session(const Shared& shared, const onnx::ModelSource& source,
                                               std::vector<std::string> outputs,
                                               std::span<const graph::RuntimeValue> inputs,
                                               const graph::RunServices& services) const;
  bool is_readable(const onnx::Node& node, const std::string& name) const;

  onnx::ModelSource source_;
  onnx::Model file_;  ///< Points into source_.
  CompileOptions options_;
  std::map<std::string, graph::ValueType> types_;  ///< Of the values that Spinel's importer knows.
};

}  // namespace spinel::backend::ort
