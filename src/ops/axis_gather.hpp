// Filling a tensor from another one by one list of source positions an axis.
#pragma once
#include <vector>

#include "ops/elements.hpp"

namespace spinel::ops {

/// y[i, j, ...] = x[sources[0][i], sources[1][j], ...], or `value` where one of them is -1. The lists are as
/// long as y's dims; T holds one element.
template <class T>
void gather_axes(const Tensor& x, Tensor& y, const std::vector<std::vector<int64_t>>& sources,
                 const T& value) {
  const size_t rank = sources.size();
  const T* from = storage<T>(x);
  T* to = storage<T>(y);
  if (rank == 0) {
    to[0] = from[0];
    return;
  }
  const std::vector<int64_t> strides = row_major_strides(x.dims());
  const std::vector<int64_t>& columns = sources[rank - 1];
  std::vector<size_t> index(rank, 0);
  for (int64_t at = 0; at < y.element_count(); at += std::ssize(columns)) {
    int64_t offset = 0;
    bool outside = false;
    for (size_t axis = 0; axis + 1 < rank; ++axis) {
      const int64_t source = sources[axis][index[axis]];
      outside = outside || source < 0;
      offset += source * strides[axis];
    }
    for (size_t i = 0; i < columns.size(); ++i)
      to[static_cast<size_t>(at) + i] = outside || columns[i] < 0 ? value : from[offset + columns[i]];
    for (size_t axis = rank - 1; axis-- > 0;) {
      if (++index[axis] < sources[axis].size()) break;
      index[axis] = 0;
    }
  }
}

}  // namespace spinel::ops
