#include "ops/elements.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/cancel.hpp"
#include "ops/narrow.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

constexpr int64_t block_elements = 16384;
constexpr size_t max_operands = 4;
/// Of which a load that computes constants may copy that many before it looks whether it was cancelled.
constexpr int64_t checked_elements = int64_t{1} << 16;

/// Axes of size 1 are dropped and neighbours are merged where every operand's strides allow it. All operands
/// have one stride an axis.
void merge_axes(Dims& dims, std::vector<std::vector<int64_t>>& strides) {
  Dims merged;
  std::vector<std::vector<int64_t>> kept(strides.size());
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    if (dims[axis] == 1) continue;
    bool joins = !merged.empty();
    for (size_t i = 0; joins && i < strides.size(); ++i)
      joins = kept[i].back() == strides[i][axis] * dims[axis];
    if (joins) {
      merged.back() *= dims[axis];
      for (size_t i = 0; i < strides.size(); ++i) kept[i].back() = strides[i][axis];
    } else {
      merged.push_back(dims[axis]);
      for (size_t i = 0; i < strides.size(); ++i) kept[i].push_back(strides[i][axis]);
    }
  }
  dims = std::move(merged);
  strides = std::move(kept);
}

template <class T>
void copy_rows(const T* from, const Dims& outer, const std::vector<int64_t>& strides, int64_t inner,
               int64_t inner_stride, int64_t rows, T* to) {
  std::vector<int64_t> index(outer.size(), 0);
  int64_t unchecked = 0;
  for (int64_t row = 0; row < rows; ++row) {
    unchecked += inner;
    if (unchecked >= checked_elements) {
      check_load_cancelled();
      unchecked = 0;
    }
    if (inner_stride == 1) {
      std::copy_n(from, inner, to);
    } else {
      for (int64_t i = 0; i < inner; ++i) to[i] = from[i * inner_stride];
    }
    to += inner;
    for (size_t axis = outer.size(); axis-- > 0;) {
      from += strides[axis];
      if (++index[axis] < outer[axis]) break;
      from -= strides[axis] * outer[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace

void require_movable(DType dtype) {
  if (dtype != DType::undefined) with_storage_type(dtype, [](const auto&) {});
}

std::vector<int64_t> row_major_strides(const Dims& dims) {
  std::vector<int64_t> strides(dims.size());
  int64_t stride = 1;
  for (size_t axis = dims.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= dims[axis];
  }
  return strides;
}

void copy_range(const Tensor& from, int64_t from_index, Tensor& to, int64_t to_index, int64_t count) {
  if (count <= 0) return;
  if (from.dtype() == DType::string) {
    std::copy_n(storage<std::string>(from) + from_index, count, storage<std::string>(to) + to_index);
    return;
  }
  const int64_t bytes = dtype_bits(from.dtype()) / 8;
  std::byte* target = static_cast<std::byte*>(to.raw()) + to_index * bytes;
  const std::byte* source = static_cast<const std::byte*>(from.raw()) + from_index * bytes;
  if (source != target) std::memcpy(target, source, static_cast<size_t>(count * bytes));
}

void copy_strided(const Tensor& from, int64_t offset, const std::vector<int64_t>& strides, Tensor& to) {
  if (to.element_count() == 0) return;
  if (is_packed(to.dtype())) {
    Tensor source = Tensor::uninitialized(DType::uint8, from.dims());
    Tensor target = Tensor::uninitialized(DType::uint8, to.dims());
    unpack_codes(from, 0, from.element_count(), static_cast<uint8_t*>(source.raw()));
    copy_strided(source, offset, strides, target);
    return pack_codes(static_cast<const uint8_t*>(target.raw()), to, 0, to.element_count());
  }
  Dims dims = to.dims();
  std::vector<std::vector<int64_t>> merged{strides};
  merge_axes(dims, merged);
  std::vector<int64_t> steps = std::move(merged[0]);
  int64_t inner = 1;
  int64_t inner_stride = 1;
  if (!dims.empty()) {
    inner = dims.back();
    inner_stride = steps.back();
    dims.pop_back();
    steps.pop_back();
  }
  with_storage_type(to.dtype(), [&](const auto& type) {
    using T = std::decay_t<decltype(type)>;
    copy_rows(storage<T>(from) + offset, dims, steps, inner, inner_stride, to.element_count() / inner,
              storage<T>(to));
  });
}

int64_t dim_product(const Dims& dims, size_t begin, size_t end) {
  int64_t out = 1;
  for (size_t i = begin; i < end; ++i) out *= dims[i];
  return out;
}

void for_each_block(graph::RunContext& context, int64_t total,
                    const std::function<void(int64_t begin, int64_t count)>& fn) {
  if (total <= 0) return;
  if (total <= block_elements) return fn(0, total);
  const int64_t blocks = (total + block_elements - 1) / block_elements;
  context.parallel_for(blocks, [&](int64_t block) {
    const int64_t begin = block * block_elements;
    fn(begin, std::min(block_elements, total - begin));
  });
}

BroadcastWalk::BroadcastWalk(const std::vector<Dims>& operands, const Dims& out) : outer_(out) {
  total_ = element_count(out);
  for (const Dims& dims : operands) strides_.push_back(broadcast_strides(dims, out));
  merge_axes(outer_, strides_);
  steps_.assign(operands.size(), 0);
  if (outer_.empty()) return;
  inner_ = outer_.back();
  outer_.pop_back();
  for (size_t i = 0; i < operands.size(); ++i) {
    steps_[i] = strides_[i].back();
    strides_[i].pop_back();
  }
}

void BroadcastWalk::offsets_of_row(int64_t row, int64_t* offsets) const {
  std::fill_n(offsets, strides_.size(), 0);
  for (size_t axis = outer_.size(); axis-- > 0;) {
    const int64_t index = row % outer_[axis];
    row /= outer_[axis];
    for (size_t i = 0; i < strides_.size(); ++i) offsets[i] += index * strides_[i][axis];
  }
}

void BroadcastWalk::run(
    graph::RunContext& context,
    const std::function<void(int64_t out_begin, int64_t count, const int64_t* offsets)>& fn) const {
  for_each_block(context, total_, [&](int64_t begin, int64_t count) {
    std::array<int64_t, max_operands> row_offsets{};
    std::array<int64_t, max_operands> offsets{};
    const int64_t end = begin + count;
    int64_t row = -1;
    while (begin < end) {
      if (begin / inner_ != row) {
        row = begin / inner_;
        offsets_of_row(row, row_offsets.data());
      }
      const int64_t column = begin - row * inner_;
      const int64_t length = std::min({inner_ - column, end - begin, span_elements});
      for (size_t i = 0; i < strides_.size(); ++i) offsets[i] = row_offsets[i] + column * steps_[i];
      fn(begin, length, offsets.data());
      begin += length;
    }
  });
}

}  // namespace spinel::ops
