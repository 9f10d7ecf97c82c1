// The boundary of the C ABI: every function that can fail runs its body in guard(), and nothing is thrown
// past it.
#pragma once
#include <cstddef>
#include <exception>
#include <string>
#include <utility>

#include "base/text.hpp"
#include "spinel.h"

namespace spinel::capi {

/// Wrong use of a C function; becomes SPINEL_INVALID_ARGUMENT with the function's name before the text.
struct Misuse {
  std::string text;
};

template <class... Args>
[[noreturn]] void misuse(fmt::format_string<Args...> format, Args&&... args) {
  throw Misuse{fmt::format(format, std::forward<Args>(args)...)};
}

/// Throws Misuse if a required pointer argument is NULL.
template <class T>
T& require(T* pointer, const char* argument) {
  if (pointer == nullptr) misuse("{} is NULL", argument);
  return *pointer;
}
inline void require(const void* pointer, const char* argument) {
  if (pointer == nullptr) misuse("{} is NULL", argument);
}

/// Throws Misuse unless an array of `count` elements is there.
template <class T>
void require_array(const T* pointer, size_t count, const char* argument) {
  if (pointer == nullptr && count != 0) misuse("{} is NULL, but its count is {}", argument, count);
}

/// Throws Misuse unless value is 0 or 1.
bool require_flag(int32_t value, const char* argument);

/// A new error for the exception being handled, and its code. If there is no memory for one, it is the static
/// out-of-memory error. Only inside a catch clause.
int32_t make_error(const char* function, std::exception_ptr exception, spinel_error** error) noexcept;
/// A new error with the given parts, or the static out-of-memory error.
spinel_error* make_error(int32_t code, const char* message, const char* node) noexcept;

/// Runs `body` and turns what it throws into a code and an error.
template <class Body>
int32_t guard(const char* function, spinel_error** error, Body&& body) noexcept {
  try {
    std::forward<Body>(body)();
    return SPINEL_OK;
  } catch (...) {
    return make_error(function, std::current_exception(), error);
  }
}

}  // namespace spinel::capi
