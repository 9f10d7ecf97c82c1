// JavaScript's values and C++'s. All functions belong to the environment's thread and throw Pending or
// Failure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "environment.hpp"

namespace spinel_node {

/// The arguments of a call; those that were left out are undefined.
struct Call {
  Call(napi_env env, napi_callback_info info);

  napi_env env;
  napi_value arguments[6];

  napi_value operator[](size_t index) const { return arguments[index]; }
};

bool is_missing(napi_env env, napi_value value);  // undefined or null
napi_value undefined(napi_env env);

/// `what` names the value in the error.
std::string to_text(napi_env env, napi_value value, const char* what);
double to_number(napi_env env, napi_value value, const char* what);
int64_t to_integer(napi_env env, napi_value value, const char* what);
int32_t to_int32(napi_env env, napi_value value, const char* what);
bool to_bool(napi_env env, napi_value value, const char* what);
std::vector<int64_t> to_integers(napi_env env, napi_value value, const char* what);

napi_value of_text(napi_env env, std::string_view text);
napi_value of_number(napi_env env, double number);
napi_value of_bool(napi_env env, bool value);
napi_value of_integers(napi_env env, const int64_t* numbers, size_t count);
napi_value of_strings(napi_env env, const spinel_strings* strings);
napi_value of_texts(napi_env env, const char* const* texts, size_t count);

napi_value make_array(napi_env env, size_t count);
napi_value make_object(napi_env env);
void set(napi_env env, napi_value object, const char* name, napi_value value);
void set(napi_env env, napi_value array, size_t index, napi_value value);
/// One of 64 bits becomes the nearest double.
template <typename Number>
void set_number(napi_env env, napi_value object, const char* name, Number number) {
  set(env, object, name, of_number(env, static_cast<double>(number)));
}
napi_value get(napi_env env, napi_value object, const char* name);
napi_value get(napi_env env, napi_value array, size_t index);
size_t length(napi_env env, napi_value array, const char* what);

/// Bytes of a typed array.
struct Bytes {
  napi_typedarray_type type;
  void* data;
  size_t size_bytes;
};
Bytes to_bytes(napi_env env, napi_value value, const char* what);

/// A struct of the C ABI with its struct_size.
template <typename Struct>
Struct sized() {
  Struct made{};
  made.struct_size = sizeof made;
  return made;
}

/// A handle of the library's, with the function that releases it.
template <typename Handle>
using Owned = std::unique_ptr<Handle, void (*)(Handle*)>;

/// Dims of the inputs, from an array of arrays.
class Shapes {
 public:
  Shapes(napi_env env, napi_value array);
  const spinel_shape* data() const { return shapes_.empty() ? nullptr : shapes_.data(); }
  size_t size() const { return shapes_.size(); }

 private:
  std::vector<std::vector<int64_t>> dims_;
  std::vector<spinel_shape> shapes_;
};

/// Keeps a JavaScript value alive. Destroyed on the environment's thread.
class Reference {
 public:
  Reference() = default;
  Reference(napi_env env, napi_value value);
  Reference(Reference&& other) noexcept;
  Reference& operator=(Reference&& other) noexcept;
  ~Reference();

  napi_value get() const;
  explicit operator bool() const { return reference_ != nullptr; }

 private:
  std::shared_ptr<Environment> environment_;
  napi_ref reference_ = nullptr;
};

/// A C++ object that JavaScript owns.
template <typename T>
napi_value make_external(napi_env env, std::unique_ptr<T> object) {
  const auto destroy = [](napi_env, void* data, void*) { delete static_cast<T*>(data); };
  napi_value value;
  check(env, napi_create_external(env, object.get(), destroy, nullptr, &value));
  object.release();
  return value;
}

template <typename T>
T& of_external(napi_env env, napi_value value) {
  void* data = nullptr;
  check(env, napi_get_value_external(env, value, &data));
  return *static_cast<T*>(data);
}

}  // namespace spinel_node
