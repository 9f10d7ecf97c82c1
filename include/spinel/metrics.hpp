// Accuracy of a classifier, and how far two tensors are apart.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include <spinel/tensor.hpp>

namespace spinel {

/// Counts right answers over batches. Every sample weighs the same, whatever the size of its batch. Not
/// synchronised.
class Accuracy {
 public:
  /// `k` of the top-k count; at least 1. Throws Error(invalid_argument).
  explicit Accuracy(int64_t k = 5);

  /// `scores` is [N, classes] (trailing dims of 1 allowed), float32 or float16; `labels` holds N classes.
  /// Ties go to the lower index. A row with NaN counts as wrong. Throws Error(invalid_argument) if the sizes
  /// disagree or a label is outside the classes; then nothing is counted.
  void add(const Tensor& scores, std::span<const int64_t> labels);
  /// Adds another counter's counts (of another rank, say). Throws Error(invalid_argument) if k differs.
  void add(const Accuracy& other);
  /// Adds raw counts, which came from another process.
  void add_counts(int64_t count, int64_t top1_hits, int64_t topk_hits);

  int64_t k() const noexcept { return k_; }
  int64_t count() const noexcept { return count_; }
  int64_t top1_hits() const noexcept { return top1_hits_; }
  int64_t topk_hits() const noexcept { return topk_hits_; }
  /// Fractions in [0, 1]; 0 before the first sample.
  double top1() const noexcept {
    return count_ == 0 ? 0 : static_cast<double>(top1_hits_) / static_cast<double>(count_);
  }
  double topk() const noexcept {
    return count_ == 0 ? 0 : static_cast<double>(topk_hits_) / static_cast<double>(count_);
  }

 private:
  int64_t k_;
  int64_t count_ = 0;
  int64_t top1_hits_ = 0;
  int64_t topk_hits_ = 0;
};

/// How far `actual` (a) is from `expected` (b). All sums are taken in double.
struct Difference {
  double diff2 = 0;       ///< sqrt(sum (a-b)^2 / sum b^2); infinite if only the numerator is not 0.
  double diff3_max = 0;   ///< Maximum of |a-b|/|b| where |b| > threshold, of |a-b| elsewhere.
  double diff3_mean = 0;  ///< Mean of the same.
  double abs_max = 0;     ///< Maximum of |a-b|.
  int64_t count = 0;      ///< Elements compared.
  int64_t nan_actual = 0;
  int64_t nan_expected = 0;
  int64_t inf_actual = 0;
  int64_t inf_expected = 0;
  /// Pairs of which one is NaN or infinite and the other is not the same. If there is one, the measures above
  /// are infinite; pairs of equal infinities or two NaNs are left out of the sums.
  int64_t mismatched_nonfinite = 0;
};

/// The threshold of diff3: 1e-4 for float16 and bfloat16, else 1e-6.
double default_difference_threshold(DType dtype) noexcept;

/// Compares element by element. The dtypes may differ (any numeric type); the dims must be equal, else
/// Error(invalid_argument). threshold below 0 stands for default_difference_threshold(actual.dtype()).
Difference difference(const Tensor& actual, const Tensor& expected, double threshold = -1);

/// "diff2 1.2e-07, diff3 max 3.1e-05 mean 2.2e-07, 1000 elements", and the NaN and Inf counts if there are
/// any.
std::string describe(const Difference& difference);

}  // namespace spinel
