#include <spinel/error.hpp>

namespace spinel {

const char* error_code_name(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::io:
      return "io";
    case ErrorCode::bad_model:
      return "bad_model";
    case ErrorCode::bad_data:
      return "bad_data";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::limit_exceeded:
      return "limit_exceeded";
    case ErrorCode::out_of_memory:
      return "out_of_memory";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::released:
      return "released";
    case ErrorCode::internal:
      return "internal";
  }
  return "unknown";
}

}  // namespace spinel
