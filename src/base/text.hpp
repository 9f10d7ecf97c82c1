// Formatting of messages, and the one way to fail.
#pragma once
// A namespace of our own keeps this copy of fmt apart from any other in the host's program.
#define FMT_BEGIN_NAMESPACE \
  namespace fmt {           \
  inline namespace in_spinel {
#define FMT_END_NAMESPACE \
  }                       \
  }
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <utility>

#include <spinel/error.hpp>

namespace spinel {

/// Throws Error(code) with a formatted message.
template <class... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace spinel
