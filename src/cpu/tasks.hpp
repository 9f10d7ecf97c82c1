// Cutting rows into tasks.
#pragma once
#include <algorithm>

#include "graph/op.hpp"

namespace spinel::cpu {

/// How many rows a task gets, so that it has enough elements to be worth its start.
inline int64_t task_rows(int64_t rows, int64_t row_elements, int64_t min_task_elements = int64_t{1} << 15) {
  return std::clamp<int64_t>(min_task_elements / std::max<int64_t>(row_elements, 1), 1,
                             std::max<int64_t>(rows, 1));
}

/// Calls fn(begin, count) for parts of [0, rows) of task_rows() rows, on the context's threads. The parts
/// depend on the sizes alone.
template <class Fn>
void parallel_rows(graph::RunContext& context, int64_t rows, int64_t row_elements, Fn&& fn) {
  const int64_t part = task_rows(rows, row_elements);
  context.parallel_for((rows + part - 1) / part,
                       [&](int64_t task) { fn(task * part, std::min(part, rows - task * part)); });
}

/// The same with the task's scratch memory: fn(begin, count, scratch).
template <class Fn>
void parallel_rows_scratch(graph::RunContext& context, int64_t rows, int64_t row_elements, Fn&& fn) {
  const int64_t part = task_rows(rows, row_elements);
  context.parallel_for_scratch((rows + part - 1) / part, [&](int64_t task, std::byte* scratch) {
    fn(task * part, std::min(part, rows - task * part), reinterpret_cast<float*>(scratch));
  });
}

/// Element `index` of a tensor whose elements are float32 or float16.
inline const char* element_at(const Tensor& tensor, int64_t index) {
  return static_cast<const char*>(tensor.raw()) + index * (dtype_bits(tensor.dtype()) / 8);
}
inline char* element_at(Tensor& tensor, int64_t index) {
  return static_cast<char*>(tensor.raw()) + index * (dtype_bits(tensor.dtype()) / 8);
}
inline bool is_half(const Tensor& tensor) { return tensor.dtype() == DType::float16; }

}  // namespace spinel::cpu
