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
/// `batch` rows in contiguous parts of at most `part_samples` for SPAs that take one after the other, so that
/// a slow one takes fewer: a multiple of `spas` parts (fewer if the batch is smaller) whose sizes differ by
/// at most one.
std::vector<Part> split_for_stealing(int64_t batch, int64_t spas, int64_t part_samples);
/// `batch` rows in parts of exactly `size`; the last is padded.
std::vector<Part> split_fixed(int64_t batch, int64_t size);

/// Reused by parts of like shape, so that they allocate nothing.
struct PartBuffer {
  Dims dims;
  Tensor memory;
};

/// The part's place in `whole` if its rows lie together there (axis 0, nothing padded, whole bytes, no
/// strings), else nullptr.
void* rows_in_place(const Tensor& whole, int axis, const Part& part);
/// Makes `to` a view of the part's rows along `axis`: in place, or copied to `buffer`, where surplus rows
/// repeat the last real one (valid data, whatever it means).
void take_part(const Tensor& whole, int axis, const Part& part, PartBuffer& buffer, Tensor& to);
/// Makes `to` memory for the part of a result that is part of `whole`: in place, or `buffer`.
void make_part(Tensor& whole, int axis, const Part& part, PartBuffer& buffer, Tensor& to);
/// Writes the part's real rows into `whole` along `axis`.
void put_part(const Tensor& from, Tensor& whole, int axis, const Part& part);

/// `tensor` in a larger frame of `dims`, filled up with `value` at the end of each axis. Numeric dtypes only.
Tensor pad_to(const Tensor& tensor, const Dims& dims, double value);

}  // namespace spinel::runtime
