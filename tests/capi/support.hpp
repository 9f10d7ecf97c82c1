// What the tests of the C ABI share. They see spinel.h alone.
#pragma once
#include <catch2/catch.hpp>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "spinel.h"

/// A file of make_models.py.
inline std::string model_path(const std::string& name) {
  return std::string(SPINEL_BINARY_DIR) + "/tests/capi/models/" + name + ".onnx";
}

inline std::vector<char> read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Release {
  void operator()(spinel_error* p) const { spinel_error_release(p); }
  void operator()(spinel_strings* p) const { spinel_strings_release(p); }
  void operator()(spinel_engine* p) const { spinel_engine_release(p); }
  void operator()(spinel_request* p) const { spinel_request_release(p); }
  void operator()(spinel_cancel_token* p) const { spinel_cancel_token_release(p); }
  void operator()(spinel_profile* p) const { spinel_profile_release(p); }
  void operator()(spinel_value* p) const { spinel_value_release(p); }
  void operator()(spinel_tool_report* p) const { spinel_tool_report_release(p); }
  void operator()(spinel_dataset* p) const { spinel_dataset_release(p); }
  void operator()(spinel_loader* p) const { spinel_loader_release(p); }
  void operator()(spinel_batch* p) const { spinel_batch_release(p); }
  void operator()(spinel_accuracy* p) const { spinel_accuracy_release(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Release>;

/// Calls a C function with an error and checks that it fails as it should: this code, an error with it, and
/// `part` in the message.
template <class Call>
void check_fails(int32_t code, const std::string& part, Call&& call) {
  spinel_error* raw = nullptr;
  CHECK(call(&raw) == code);
  const Owned<spinel_error> error(raw);
  REQUIRE(error);
  CHECK(spinel_error_code(error.get()) == code);
  CHECK_THAT(spinel_error_message(error.get()), Catch::Contains(part));
  CHECK(call(nullptr) == code);  // The error is optional.
}

/// Calls a C function that must succeed and leave the error alone.
template <class Call>
void check_succeeds(Call&& call) {
  spinel_error* error = nullptr;
  const int32_t code = call(&error);
  INFO(spinel_error_message(error));
  CHECK(code == SPINEL_OK);
  REQUIRE(error == nullptr);
}

/// What a C function of the form create(spinel_x** made, error) makes; it must succeed.
template <class T, class Create>
Owned<T> make(Create&& create) {
  T* made = nullptr;
  check_succeeds([&](spinel_error** error) { return create(&made, error); });
  return Owned<T>(made);
}

/// A struct whose struct_size is set.
template <class T>
T sized() {
  T out{};
  out.struct_size = sizeof out;
  return out;
}

inline Owned<spinel_engine> load(const std::string& name, const spinel_engine_options* options = nullptr) {
  spinel_engine* engine = nullptr;
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_create(model_path(name).c_str(), options, &engine, error);
  });
  return Owned<spinel_engine>(engine);
}

inline spinel_engine_options engine_options() {
  spinel_engine_options options;
  spinel_engine_options_init(&options, sizeof options);
  return options;
}

/// A tensor over the caller's buffer; dims and data must outlive it.
template <class T>
spinel_tensor tensor_of(int32_t dtype, const std::vector<int64_t>& dims, std::vector<T>& data) {
  spinel_tensor tensor;
  spinel_tensor_init(&tensor, sizeof tensor);
  tensor.dtype = dtype;
  tensor.dims = dims.data();
  tensor.rank = dims.size();
  tensor.data = data.data();
  tensor.size_bytes = data.size() * sizeof(T);
  return tensor;
}

inline spinel_tensor empty_tensor() {
  spinel_tensor tensor;
  spinel_tensor_init(&tensor, sizeof tensor);
  return tensor;
}
