// From messages to a model's files.
#pragma once
#include <cstdint>
#include <string>

#include "base/staged_files.hpp"
#include "onnx/model.hpp"

namespace spinel::onnx {

/// The size that a file of Protocol Buffers may have: readers refuse more.
inline constexpr uint64_t max_protobuf_bytes = (uint64_t{1} << 31) - 1;

struct WriteOptions {
  /// Writes initializers of at least min_external_bytes into a second file, "<name>.data". A model that would
  /// not fit into one file gets it unasked.
  bool external_data = false;
  uint64_t min_external_bytes = 1024;
  uint64_t max_file_bytes = max_protobuf_bytes;
};

struct Written {
  uint64_t model_bytes = 0;
  uint64_t data_bytes = 0;
  std::string data_name;  ///< Empty: there is one file.
};

/// The name of the external data that belongs to a model file of that name.
std::string external_data_name(const std::string& name);

/// Writes the model as file `name`, and its external data. Tensors must hold their data as values or
/// raw_data; only raw_data becomes external. The weights are written from where they lie.
/// Throws Error: io, and limit_exceeded for a model that does not fit into a file even without its weights.
Written write_model(const Model& model, StagedFiles& files, const std::string& name,
                    const WriteOptions& options = {});

}  // namespace spinel::onnx
