// The one exception type of the C++ API.
#pragma once
#include <cstdint>
#include <exception>
#include <string>

namespace spinel {

/// Why a call failed. The numbers are those of `spinel_code` in the C ABI and never change.
enum class ErrorCode : int32_t {
  invalid_argument = 1,  ///< An option, shape, dtype or name is not what the call takes.
  not_found = 2,         ///< A file, folder, input, output or target that was named does not exist.
  io = 3,                ///< The operating system failed to read or write.
  bad_model = 4,         ///< The ONNX file is damaged or breaks the specification.
  bad_data = 5,          ///< An image, array or label file is damaged or not of a known format.
  unsupported = 6,       ///< Valid, but this build or version cannot do it.
  limit_exceeded = 7,    ///< One of the limits in spinel::Limits would be exceeded.
  out_of_memory = 8,     ///< The system has no memory left.
  cancelled = 9,         ///< The caller cancelled the work.
  released = 10,         ///< The engine was released.
  internal = 11,         ///< A fault of Spinel itself; please report it.
};

/// The code's name as written above, for example "bad_model".
const char* error_code_name(ErrorCode code) noexcept;

/// A failure: what failed, where, why, and what to do about it.
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message, std::string node = {})
      : code_(code), message_(std::move(message)), node_(std::move(node)) {}

  ErrorCode code() const noexcept { return code_; }
  /// The complete message; it already contains the node where there is one.
  const char* what() const noexcept override { return message_.c_str(); }
  /// The ONNX node that failed, or empty.
  const std::string& node() const noexcept { return node_; }

 private:
  ErrorCode code_;
  std::string message_;
  std::string node_;
};

}  // namespace spinel
