#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>

#include "boundary.hpp"

/// The texts follow the struct in one block of malloc, so that making an error throws nothing.
struct spinel_error {
  int32_t code;
  const char* message;
  const char* node;
};

namespace spinel::capi {
namespace {

constinit spinel_error no_memory{SPINEL_OUT_OF_MEMORY, "out of memory", ""};

}  // namespace

bool require_flag(int32_t value, const char* argument) {
  if (value != 0 && value != 1) misuse("{} is {}; it must be 0 or 1", argument, value);
  return value == 1;
}

spinel_error* make_error(int32_t code, const char* message, const char* node) noexcept {
  const size_t message_bytes = std::strlen(message) + 1;
  const size_t node_bytes = std::strlen(node) + 1;
  auto* memory = static_cast<char*>(std::malloc(sizeof(spinel_error) + message_bytes + node_bytes));
  if (memory == nullptr) return &no_memory;
  char* texts = memory + sizeof(spinel_error);
  std::memcpy(texts, message, message_bytes);
  std::memcpy(texts + message_bytes, node, node_bytes);
  return new (memory) spinel_error{code, texts, texts + message_bytes};
}

int32_t make_error(const char* function, std::exception_ptr exception, spinel_error** error) noexcept {
  int32_t code = SPINEL_INTERNAL;
  spinel_error* made = nullptr;
  const auto make = [&](int32_t its_code, const char* message, const char* node) {
    code = its_code;
    if (error != nullptr) made = make_error(its_code, message, node);
  };
  try {
    try {
      std::rethrow_exception(exception);
    } catch (const Error& failure) {
      make(static_cast<int32_t>(failure.code()), failure.what(), failure.node().c_str());
    } catch (const Misuse& failure) {
      make(SPINEL_INVALID_ARGUMENT, (function + (": " + failure.text)).c_str(), "");
    } catch (const std::bad_alloc&) {
      code = SPINEL_OUT_OF_MEMORY;
      made = &no_memory;
    } catch (const std::system_error& failure) {
      make(SPINEL_IO, failure.what(), "");
    } catch (const std::exception& failure) {
      make(SPINEL_INTERNAL, (std::string(function) + ": " + failure.what()).c_str(), "");
    } catch (...) {
      make(SPINEL_INTERNAL, (std::string(function) + ": an exception of unknown type").c_str(), "");
    }
  } catch (...) {
    code = SPINEL_OUT_OF_MEMORY;
    made = &no_memory;
  }
  if (error != nullptr) {
    *error = made;
    if (made == &no_memory) code = SPINEL_OUT_OF_MEMORY;
  }
  return code;
}

}  // namespace spinel::capi

int32_t spinel_error_code(const spinel_error* error) { return error == nullptr ? SPINEL_OK : error->code; }
const char* spinel_error_message(const spinel_error* error) { return error == nullptr ? "" : error->message; }
const char* spinel_error_node(const spinel_error* error) { return error == nullptr ? "" : error->node; }
void spinel_error_release(spinel_error* error) {
  if (error != &spinel::capi::no_memory) std::free(error);
}
