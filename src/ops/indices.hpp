// Indices that come as tensors: read as int64 and checked.
#pragma once
#include <cstdint>

#include "base/text.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

/// An int32 or int64 tensor of indices.
class IndexReader {
 public:
  explicit IndexReader(const Tensor& tensor)
      : narrow_(tensor.dtype() == DType::int32 ? tensor.data<int32_t>().data() : nullptr),
        wide_(narrow_ == nullptr ? tensor.data<int64_t>().data() : nullptr) {}
  int64_t operator[](int64_t at) const { return narrow_ != nullptr ? narrow_[at] : wide_[at]; }
  /// Element `at`, counted from the end if negative. Throws Error(invalid_argument) outside [-size, size).
  int64_t within(int64_t at, int64_t size) const {
    const int64_t index = (*this)[at];
    if (index < -size || index >= size)
      fail(ErrorCode::invalid_argument, "index {} at position {} is outside [-{}, {})", index, at, size,
           size);
    return index < 0 ? index + size : index;
  }

 private:
  const int32_t* narrow_;
  const int64_t* wide_;
};

/// Throws Error(bad_model) unless the input's type, if known, is int32 or int64.
inline void require_index_type(const InferContext& context, size_t input) {
  const DType dtype = context.dtype(input);
  if (dtype != DType::int64 && dtype != DType::int32 && dtype != DType::undefined)
    fail(ErrorCode::bad_model, "the indices are {}, not int64 or int32", dtype_name(dtype));
}

}  // namespace spinel::ops
