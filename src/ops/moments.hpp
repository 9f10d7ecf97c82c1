// Mean and variance as the normalising operators take them.
#pragma once
#include <cmath>
#include <cstdint>

namespace spinel::ops {

/// The mean and the biased variance of a run of values.
struct Moments {
  double mean = 0;
  double variance = 0;
  double inverse_deviation(double epsilon) const { return 1.0 / std::sqrt(variance + epsilon); }
};

/// Two passes in float64, in ascending order. NaN for no values.
template <class T>
Moments moments(const T* values, int64_t count) {
  Moments out;
  for (int64_t i = 0; i < count; ++i) out.mean += static_cast<double>(values[i]);
  out.mean /= static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) {
    const double difference = static_cast<double>(values[i]) - out.mean;
    out.variance += difference * difference;
  }
  out.variance /= static_cast<double>(count);
  return out;
}

}  // namespace spinel::ops
