#include <spinel/metrics.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "data/scores.hpp"

namespace spinel {
namespace {

/// How many classes rank before `label`: those with a greater score, or an equal one and a lower index.
int64_t rank_of(std::span<const float> row, size_t label) {
  int64_t before = 0;
  for (size_t i = 0; i < row.size(); ++i)
    if (row[i] > row[label] || (row[i] == row[label] && i < label)) ++before;
  return before;
}

}  // namespace

Accuracy::Accuracy(int64_t k) : k_(k) {
  if (k < 1) fail(ErrorCode::invalid_argument, "accuracy: k is {}; it must be at least 1", k);
}

void Accuracy::add(const Tensor& scores, std::span<const int64_t> labels) {
  const ScoreRows rows = score_rows(scores, "accuracy");
  if (static_cast<size_t>(rows.rows) != labels.size())
    fail(ErrorCode::invalid_argument, "accuracy: {} rows of scores, but {} labels", rows.rows, labels.size());
  for (const int64_t label : labels)
    if (label < 0 || label >= rows.classes)
      fail(ErrorCode::invalid_argument, "accuracy: label {} is not one of the model's {} classes (0 to {})",
           label, rows.classes, rows.classes - 1);
  for (int64_t n = 0; n < rows.rows; ++n) {
    const auto row = rows.row(n);
    ++count_;
    if (std::ranges::any_of(row, [](float value) { return std::isnan(value); })) continue;
    const int64_t rank = rank_of(row, static_cast<size_t>(labels[static_cast<size_t>(n)]));
    top1_hits_ += rank < 1;
    topk_hits_ += rank < k_;
  }
}

void Accuracy::add(const Accuracy& other) {
  if (other.k_ != k_)
    fail(ErrorCode::invalid_argument, "accuracy: counts of top-{} cannot be added to those of top-{}",
         other.k_, k_);
  add_counts(other.count_, other.top1_hits_, other.topk_hits_);
}

void Accuracy::add_counts(int64_t count, int64_t top1_hits, int64_t topk_hits) {
  count_ += count;
  top1_hits_ += top1_hits;
  topk_hits_ += topk_hits;
}

double default_difference_threshold(DType dtype) noexcept {
  return dtype == DType::float16 || dtype == DType::bfloat16 ? 1e-4 : 1e-6;
}

Difference difference(const Tensor& actual, const Tensor& expected, double threshold) {
  if (actual.dims() != expected.dims())
    fail(ErrorCode::invalid_argument, "cannot compare {} with {}: the dims differ", describe(actual),
         describe(expected));
  if (threshold < 0) threshold = default_difference_threshold(actual.dtype());
  const Tensor a = convert(actual, DType::float64);
  const Tensor b = convert(expected, DType::float64);
  const auto as = a.data<double>();
  const auto bs = b.data<double>();

  Difference out;
  out.count = a.element_count();
  double error_squares = 0;
  double expected_squares = 0;
  double diff3_sum = 0;
  int64_t compared = 0;
  for (size_t i = 0; i < as.size(); ++i) {
    out.nan_actual += std::isnan(as[i]);
    out.nan_expected += std::isnan(bs[i]);
    out.inf_actual += std::isinf(as[i]);
    out.inf_expected += std::isinf(bs[i]);
    if (!std::isfinite(as[i]) || !std::isfinite(bs[i])) {
      out.mismatched_nonfinite += !(as[i] == bs[i] || (std::isnan(as[i]) && std::isnan(bs[i])));
      continue;
    }
    ++compared;
    const double error = std::fabs(as[i] - bs[i]);
    const double size = std::fabs(bs[i]);
    const double diff3 = size > threshold ? error / size : error;
    error_squares += error * error;
    expected_squares += size * size;
    diff3_sum += diff3;
    out.diff3_max = std::max(out.diff3_max, diff3);
    out.abs_max = std::max(out.abs_max, error);
  }
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (out.mismatched_nonfinite > 0) {
    out.diff2 = out.diff3_max = out.diff3_mean = out.abs_max = infinity;
  } else if (compared > 0) {
    out.diff3_mean = diff3_sum / static_cast<double>(compared);
    if (error_squares > 0)
      out.diff2 = expected_squares > 0 ? std::sqrt(error_squares / expected_squares) : infinity;
  }
  return out;
}

std::string describe(const Difference& difference) {
  std::string text = fmt::format("diff2 {:.3g}, diff3 max {:.3g} mean {:.3g}, {} elements", difference.diff2,
                                 difference.diff3_max, difference.diff3_mean, difference.count);
  const auto count = [&](std::string_view what, int64_t actual, int64_t expected) {
    if (actual != 0 || expected != 0) text += fmt::format(", {} {} (expected {})", actual, what, expected);
  };
  count("NaN", difference.nan_actual, difference.nan_expected);
  count("Inf", difference.inf_actual, difference.inf_expected);
  return text;
}

}  // namespace spinel
