// Walking over a tensor some of whose axes are reduced.
#pragma once
#include <cstdint>
#include <vector>

#include "graph/op.hpp"

namespace spinel::ops {

/// A tensor's axes with neighbours merged that are both reduced or both kept.
class ReduceWalk {
 public:
  /// `reduced` has one flag for each of `dims`.
  ReduceWalk(const Dims& dims, const std::vector<bool>& reduced);

  /// Independent slices: outputs [i * slice_outputs(), (i + 1) * slice_outputs()) need nothing but slice i.
  int64_t slices() const { return slices_; }
  int64_t slice_outputs() const { return slice_outputs_; }
  /// How many elements one output element is made of.
  int64_t reduced_count() const { return reduced_count_; }

  /// Calls row(input_begin, output_begin, count, output_step) for the rows of a slice in row-major order of
  /// the input. Offsets are in elements of the whole tensors; output_step is 0 or 1.
  template <class Row>
  void rows(int64_t slice, Row&& row) const {
    const size_t outer = dims_.empty() ? 0 : dims_.size() - 1;
    const int64_t count = dims_.empty() ? 1 : dims_.back();
    const int64_t step = dims_.empty() ? 0 : strides_.back();
    if (slice_inputs_ == 0) return;
    std::vector<int64_t> index(outer, 0);
    int64_t output = slice * slice_outputs_;
    for (int64_t input = slice * slice_inputs_; input < (slice + 1) * slice_inputs_; input += count) {
      row(input, output, count, step);
      for (size_t axis = outer; axis-- > 0;) {
        output += strides_[axis];
        if (++index[axis] < dims_[axis]) break;
        output -= strides_[axis] * dims_[axis];
        index[axis] = 0;
      }
    }
  }

 private:
  std::vector<int64_t> dims_;     ///< Of one slice, merged.
  std::vector<int64_t> strides_;  ///< Of the output along them; 0 where reduced.
  int64_t slices_ = 1;
  int64_t slice_inputs_ = 1;
  int64_t slice_outputs_ = 1;
  int64_t reduced_count_ = 1;
};

}  // namespace spinel::ops
