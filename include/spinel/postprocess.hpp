// From the scores of a classifier to labels.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <spinel/tensor.hpp>

namespace spinel {

/// One answer for a sample.
struct Classification {
  int64_t index = 0;  ///< The class.
  float score = 0;    ///< Its probability, or the network's own score without softmax.
  std::string label;  ///< Its name; the index as text when there are no labels.
};

/// "[{'score': 0.496, 'label': 'tiger cat'}]", as Python prints a list: scores rounded to four decimals,
/// labels quoted like Python's repr.
std::string describe(std::span<const Classification> answers);

/// A class and its score.
struct ClassScore {
  int64_t index = 0;
  float score = 0;
};

/// Softmax over the last axis of a float32 or float16 tensor of rank 1 or more; the result is float32 of the
/// same dims. Each row's maximum is subtracted first, and sums are taken in double, so that no finite row
/// overflows. A NaN, or an infinite maximum, makes its row NaN. Throws Error(invalid_argument) for other
/// dtypes or rank 0.
Tensor softmax(const Tensor& logits);

/// The k greatest scores, greatest first; of equal ones the lower index first; NaN comes last. k above the
/// number of scores gives all of them. Throws Error(invalid_argument) if k is below 1.
std::vector<ClassScore> top_k(std::span<const float> scores, int64_t k);

struct PostprocessOptions {
  std::vector<std::string> labels;  ///< One a class, or empty: then the index is the label.
  int64_t top_k = 1;                ///< At least 1; more than there are classes gives all of them.
  bool apply_softmax = true;        ///< Off for a network that ends in softmax itself.
};

/// Scores to labels. Immutable: calls may come from several threads at once.
class Postprocessor {
 public:
  /// Throws Error(invalid_argument) if top_k is below 1.
  explicit Postprocessor(PostprocessOptions options = {});
  const PostprocessOptions& options() const noexcept { return options_; }

  /// `scores` is [N, classes] (or [classes], or [N, classes, 1, 1]), float32 or float16. Returns N lists of
  /// at most top_k answers, best first. Throws Error: invalid_argument for other dims or dtypes or when the
  /// number of labels is not the number of classes; bad_data when a row holds NaN (the message names the
  /// row).
  std::vector<std::vector<Classification>> operator()(const Tensor& scores) const;

 private:
  PostprocessOptions options_;
};

}  // namespace spinel
