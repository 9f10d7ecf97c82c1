// Moving elements of any type, and walking over tensors in blocks.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "graph/op.hpp"

namespace spinel::ops {

/// The storage of a 16-byte element (complex128).
struct Wide {
  uint64_t parts[2];
};

/// Calls fn(T{}) with a type that holds one element of `dtype`: an unsigned integer of its size, Wide or
/// std::string. Throws Error(unsupported) for the packed types, whose elements share bytes.
template <class Fn>
void with_storage_type(DType dtype, Fn&& fn) {
  switch (dtype == DType::string ? -1 : dtype_bits(dtype)) {
    case -1:
      return fn(std::string{});
    case 8:
      return fn(uint8_t{});
    case 16:
      return fn(uint16_t{});
    case 32:
      return fn(uint32_t{});
    case 64:
      return fn(uint64_t{});
    case 128:
      return fn(Wide{});
    default:
      fail(ErrorCode::unsupported, "elements of type {} cannot be moved one by one", dtype_name(dtype));
  }
}

template <class T>
const T* storage(const Tensor& tensor) {
  return static_cast<const T*>(tensor.raw());
}
template <class T>
T* storage(Tensor& tensor) {
  return static_cast<T*>(tensor.raw());
}

/// Throws Error(unsupported) at inference for the packed types.
void require_movable(DType dtype);

/// Element strides of a dense tensor.
std::vector<int64_t> row_major_strides(const Dims& dims);

/// Copies `count` elements from `from` at `from_index` to `to` at `to_index`. The tensors have one dtype and
/// do not overlap, unless source and target are the same elements, which are left alone.
void copy_range(const Tensor& from, int64_t from_index, Tensor& to, int64_t to_index, int64_t count);

/// Fills `to`, in row-major order, with the elements of `from` at offset + sum(index * strides): one stride
/// for each axis of `to`, in elements, negative and 0 included. Packed types, too.
void copy_strided(const Tensor& from, int64_t offset, const std::vector<int64_t>& strides, Tensor& to);

/// Product of dims[begin] ... dims[end - 1].
int64_t dim_product(const Dims& dims, size_t begin, size_t end);

/// Calls fn(begin, count) for blocks that cover [0, total), by parallel_for if there are several.
void for_each_block(graph::RunContext& context, int64_t total,
                    const std::function<void(int64_t begin, int64_t count)>& fn);

/// Operands broadcast to one shape, with axes merged where all operands allow it, so that the last axis is
/// walked with step 0 or 1.
class BroadcastWalk {
 public:
  /// `operands` are dims; each must broadcast to `out`.
  BroadcastWalk(const std::vector<Dims>& operands, const Dims& out);

  /// Element k of operand i within a span that fn gets is at offsets[i] + k * step(i).
  int64_t step(size_t operand) const { return steps_[operand]; }
  /// Calls fn(out_begin, count, offsets) for spans that cover the output; count is at most `span_elements`.
  void run(graph::RunContext& context,
           const std::function<void(int64_t out_begin, int64_t count, const int64_t* offsets)>& fn) const;

  static constexpr int64_t span_elements = 512;

 private:
  void offsets_of_row(int64_t row, int64_t* offsets) const;

  Dims outer_;
  int64_t inner_ = 1;
  int64_t total_ = 0;
  std::vector<int64_t> steps_;
  std::vector<std::vector<int64_t>> strides_;
};

}  // namespace spinel::ops
