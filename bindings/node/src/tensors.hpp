// JavaScript's {dtype, dims, data} and spinel_tensor. All functions belong to the environment's thread.
#pragma once

#include "values.hpp"

namespace spinel_node {

int32_t to_dtype(napi_env env, napi_value name, const char* what);

/// Tensors whose data is JavaScript's, used in place, but for texts, which are copied.
class Tensors {
 public:
  /// The array must live, unchanged, until the tensors are no longer used. `what` is "input".
  Tensors(napi_env env, napi_value array, const char* what);
  Tensors(Tensors&&) = default;

  const std::vector<spinel_tensor>& structs() const { return structs_; }
  std::vector<spinel_shape> shapes() const;

 private:
  std::vector<spinel_tensor> structs_;
  std::deque<std::vector<int64_t>> dims_;
  std::deque<std::string> texts_;
  std::deque<std::vector<spinel_string>> elements_;
};

/// A tensor to be written to; its data is a new typed array, all zeros.
struct Room {
  napi_value data;
  void* bytes;
  size_t size_bytes;
};
Room make_room(napi_env env, int32_t dtype, const std::vector<int64_t>& dims);

napi_value make_tensor(napi_env env, int32_t dtype, const int64_t* dims, size_t rank, napi_value data);

/// {dtype, dims, data} of a tensor that the library allocated, which is released. external: data is its
/// memory where the runtime allows that, freed some time after a garbage collection; else a copy.
napi_value take_tensor(napi_env env, spinel_tensor& tensor, bool external);

/// {dtype, dims, data} of a tensor in memory that owner keeps; without one a copy, which it also is where the
/// runtime forbids to lend.
napi_value lend_tensor(napi_env env, const spinel_tensor& tensor, std::shared_ptr<const void> owner);

/// Takes back the memory of a tensor that lend_tensor() made: its data has no elements from now on.
void detach_tensor(napi_env env, napi_value tensor) noexcept;

/// A copy of a tensor, which any thread may make.
class TensorCopy {
 public:
  explicit TensorCopy(const spinel_tensor& tensor);
  TensorCopy(const TensorCopy&) = delete;

  const spinel_tensor& get() const { return tensor_; }

 private:
  std::vector<int64_t> dims_;
  std::vector<unsigned char> bytes_;
  std::deque<std::string> texts_;
  std::vector<spinel_string> elements_;
  spinel_tensor tensor_;
};

}  // namespace spinel_node
