// Scales and zero points of the quantised operators.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

/// Where QuantizeLinear's scales lie: along `axis` (negative: from the end), one for every element of it, or
/// for every `block_size` elements where that is not 0.
struct ScaleAttrs {
  int64_t axis = 1;
  int64_t block_size = 0;
};

/// Which scale each element of a tensor has: one for all (the scale has one element), one an index of the
/// axis (the scale is a vector), or one a block of the axis (the scale has the tensor's dims but for the
/// axis).
class ScaleWalk {
 public:
  /// Throws Error(invalid_argument) if the scale's dims do not fit.
  ScaleWalk(const ScaleAttrs& attrs, const Dims& x, const Dims& scale);

  /// Calls fn(offset, count, index, step) for runs that cover elements [begin, begin + count) of the tensor:
  /// element begin + offset + i has scale index + i * step, and step is 0 or 1.
  template <class Fn>
  void spans(int64_t begin, int64_t count, Fn&& fn) const {
    if (kind_ == Kind::one) return fn(int64_t{0}, count, int64_t{0}, int64_t{0});
    for (int64_t offset = 0; offset < count;) {
      const int64_t at = begin + offset;
      const int64_t inside = at % inner_;
      const int64_t along = at / inner_ % axis_;
      const int64_t left = count - offset;
      int64_t length;
      if (kind_ == Kind::axis) {
        length = std::min(left, inner_ == 1 ? axis_ - along : inner_ - inside);
        fn(offset, length, along, int64_t{inner_ == 1});
      } else {
        const int64_t group = at / inner_ / axis_ * groups_ + along / block_;
        length =
            std::min(left, inner_ == 1 ? std::min(block_ - along % block_, axis_ - along) : inner_ - inside);
        fn(offset, length, group * inner_ + inside, int64_t{inner_ != 1});
      }
      offset += length;
    }
  }

 private:
  enum class Kind { one, axis, blocks };
  Kind kind_ = Kind::one;
  int64_t inner_ = 1;   ///< Elements behind one index of the axis.
  int64_t axis_ = 1;    ///< Elements along the axis.
  int64_t block_ = 1;   ///< Elements of the axis that share a scale.
  int64_t groups_ = 1;  ///< Scales along the axis.
};

/// Batch rule of quantising and dequantising input 0 by the scale that is input 1.
void batch_scaled(BatchContext& context, const ScaleAttrs& attrs);

/// The elements of a scale as float32, whatever its type; its elements must be known to be numbers.
std::vector<float> scale_values(const Tensor& scale);
/// The elements of a zero point as float32; `count` zeros if it is omitted. Throws Error(invalid_argument) if
/// it has neither one element nor `count`; one is repeated.
std::vector<float> zero_point_values(const RunContext& context, size_t index, size_t count);

/// The one element of a per-tensor scale. Throws Error(invalid_argument), with the input's name, if there are
/// more.
float scalar_scale(const Tensor& scale, const char* name);
/// The one element of an 8-bit or 16-bit integer zero point; 0 if it is omitted.
int32_t scalar_zero_point(const RunContext& context, size_t index, const char* name);

/// Rounds to the nearest integer, ties to even; |value| is at most 2^21.
inline float round_even(float value) {
  constexpr float magic = 12582912.0f;  // 1.5 * 2^23: adding it leaves no bit for a fraction
  return (value + magic) - magic;
}
/// round(value) + zero_point within [low, high]; NaN gives low. The order (limit, round, add) keeps it exact.
inline int32_t saturated(float value, float low, float high, int32_t zero_point) {
  const float limited = value > low ? value : low;
  return static_cast<int32_t>(round_even(limited < high ? limited : high)) + zero_point;
}

}  // namespace spinel::ops
