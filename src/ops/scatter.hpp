// How ScatterElements and ScatterND combine an update with what is there.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

enum class Reduction { none, add, mul, min, max };

/// The attribute reduction. Throws Error(bad_model).
Reduction read_reduction(const OpArgs& args);
/// Throws Error(unsupported) if the reduction has no meaning for the type; undefined passes.
void require_reducible(Reduction reduction, DType dtype);
/// A copy of input 0 that takes updates in, and becomes output 0. Sums and products of 16-bit
/// floats are made in float32 and rounded once, in store(); all else is made where it stays.
class ScatterTarget {
 public:
  ScatterTarget(RunContext& context, Reduction reduction);
  Tensor& y() { return is_wide_ ? wide_ : *output_; }
  void store();

 private:
  bool is_wide_;
  Tensor* output_;
  Tensor wide_;
};

/// y[to] = reduce(y[to], updates[from]) for `count` elements; with `none` they are copied. Each step is
/// rounded to y's type, which is that of the updates, or float32 where these are 16-bit floats.
void scatter_range(Reduction reduction, const Tensor& updates, int64_t from, Tensor& y, int64_t to,
                   int64_t count);

/// The same for single elements: y[places[i]] = reduce(y[places[i]], updates[from + i]), one after another.
/// The places lie within y.
void scatter_places(Reduction reduction, const Tensor& updates, int64_t from, Tensor& y,
                    std::span<const int64_t> places);

}  // namespace spinel::ops
