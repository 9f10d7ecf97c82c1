// Finding and loading ONNX Runtime's shared library.
#pragma once
#include <string>

#include "backend/onnxruntime/c_api.hpp"

namespace spinel::backend::ort {

/// ONNX Runtime in this process. It stays loaded for ever: the library does not survive being unloaded.
struct Library {
  const Function* table = nullptr;
  std::string version;  ///< "1.16.3"
  std::string path;     ///< Where it was found, or the name under which the dynamic loader found it.
};

/// Loads the library that `place` names by an absolute path, a file or the folder that holds it, or, if it is
/// empty, the one that the dynamic loader finds by the names libonnxruntime.so and libonnxruntime.so.1. The
/// working folder is never looked at.
///
/// Throws Error: invalid_argument for a relative path, not_found naming the places looked at and how to get
/// the library, unsupported for a file that is none or one that is older than 1.16.
Library load_library(const std::string& place);

}  // namespace spinel::backend::ort
