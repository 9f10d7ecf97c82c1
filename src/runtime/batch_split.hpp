// Cutting a batch into parts and putting results together.
#pragma once
#include <cstdint>
#include <vector>

#include <spinel/tensor.hpp>

namespace spinel::runtime {

/// Rows [begin, begin + count) of the batch; `run_count` of them are run, the surplus being padding.
struct Part {
  int64_t begin;
  int64_t count;
  int64_t run_count;
};

/// `batch` rows in at most `parts` contiguous parts whose sizes differ by at most one, the larger first.
std::vector<Part> split_evenly(int64_t batch, int64_t parts);
/// `batch` rows in parts of exactly `size`; the last is padded.
std::vector<Part> split_fixed(int64_t batch, int64_t size);

/// The part's rows along `axis`: a view where axis is 0 and nothing is padded, else a copy whose surplus rows
/// repeat the last real one (valid data, whatever it means).
Tensor take_part(const Tensor& whole, int axis, const Part& part);
/// Writes the part's real rows into `whole` along `axis`.
void put_part(const Tensor& from, Tensor& whole, int axis, const Part& part);

/// `tensor` in a larger frame of `dims`, filled up with `value` at the end of each axis. Numeric dtypes only.
Tensor pad_to(const Tensor& tensor, const Dims& dims, double value);

}  // namespace spinel::runtime
