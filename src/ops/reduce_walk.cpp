#include "ops/reduce_walk.hpp"

namespace spinel::ops {

ReduceWalk::ReduceWalk(const Dims& dims, const std::vector<bool>& reduced) {
  std::vector<bool> flags;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (reduced[i]) reduced_count_ *= dims[i];
    if (!flags.empty() && flags.back() == reduced[i]) {
      dims_.back() *= dims[i];
    } else {
      dims_.push_back(dims[i]);
      flags.push_back(reduced[i]);
    }
  }
  if (dims_.size() > 1 && !flags[0]) {
    slices_ = dims_[0];
    dims_.erase(dims_.begin());
    flags.erase(flags.begin());
  }
  strides_.assign(dims_.size(), 0);
  for (size_t i = dims_.size(); i-- > 0;) {
    slice_inputs_ *= dims_[i];
    if (flags[i]) continue;
    strides_[i] = slice_outputs_;
    slice_outputs_ *= dims_[i];
  }
}

}  // namespace spinel::ops
