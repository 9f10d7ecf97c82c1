// What an engine file says it was made by, of what and how.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include <spinel/tensor.hpp>

namespace spinel::engine_file {

/// Digest of the sources that decide what an engine file means.
extern const uint64_t build_fingerprint;
/// The library's version.
const char* library_version();

struct Stamp {
  std::string version = library_version();
  uint64_t fingerprint = build_fingerprint;
  std::string isa;                         ///< Whose packed weights these are: cpu::Isa::name.
  DType dtype = DType::undefined;          ///< EngineOptions::dtype.
  bool keep_io_types = false;              ///< EngineOptions::keep_io_types.
  bool tuned = false;                      ///< EngineOptions::tune.
  std::map<std::string, Dims> input_size;  ///< By input name; the batch is 0.
  std::string passes;                      ///< Configuration of the passes; empty: the default.
  uint64_t model_bytes = 0;                ///< Size of the ONNX file.
};

}  // namespace spinel::engine_file
