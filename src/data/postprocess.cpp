#include <spinel/postprocess.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <spinel/labels.hpp>

#include "base/text.hpp"
#include "data/scores.hpp"

namespace spinel {
namespace {

/// `value` rounded to four decimals, without zeros at the end but with one digit after the point.
std::string score_text(float value) {
  std::string text = fmt::format("{:.4f}", value);
  const size_t point = text.find('.');
  if (point != std::string::npos) text.resize(std::max(text.find_last_not_of('0'), point + 1) + 1);
  return text;
}

/// As Python's repr writes a string; UTF-8 stays as it is.
std::string python_string(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '\\' || c == quote)
      out += fmt::format("\\{}", c);
    else if (c == '\t' || c == '\n' || c == '\r')
      out += c == '\t' ? "\\t" : c == '\n' ? "\\n" : "\\r";
    else if (code < 0x20 || code == 0x7f)
      out += fmt::format("\\x{:02x}", code);
    else
      out += c;
  }
  return out + quote;
}

void softmax_row(std::span<const float> in, std::span<float> out) {
  float highest = -std::numeric_limits<float>::infinity();
  bool has_nan = false;
  for (const float value : in) {
    has_nan = has_nan || std::isnan(value);
    highest = std::max(highest, value);
  }
  if (has_nan || std::isinf(highest)) {
    std::ranges::fill(out, std::numeric_limits<float>::quiet_NaN());
    return;
  }
  double sum = 0;
  for (size_t i = 0; i < in.size(); ++i) sum += std::exp(static_cast<double>(in[i]) - highest);
  for (size_t i = 0; i < in.size(); ++i)
    out[i] = static_cast<float>(std::exp(static_cast<double>(in[i]) - highest) / sum);
}

Tensor as_float32(const Tensor& tensor, std::string_view who) {
  if (tensor.dtype() != DType::float32 && tensor.dtype() != DType::float16)
    fail(ErrorCode::invalid_argument, "{}: scores must be float32 or float16, not {}", who, describe(tensor));
  return convert(tensor, DType::float32);
}

void check_k(int64_t k) {
  if (k < 1) fail(ErrorCode::invalid_argument, "top_k is {}; it must be at least 1", k);
}

}  // namespace

ScoreRows score_rows(const Tensor& scores, std::string_view who) {
  ScoreRows out;
  const Dims& dims = scores.dims();
  const bool flat = dims.size() == 1;
  const bool rest_is_one =
      dims.size() < 3 || std::all_of(dims.begin() + 2, dims.end(), [](int64_t dim) { return dim == 1; });
  if (dims.empty() || !rest_is_one || dims[flat ? 0 : 1] < 1)
    fail(ErrorCode::invalid_argument, "{}: scores must be [N, classes], not {}", who, describe(scores));
  out.values = as_float32(scores, who);
  out.rows = flat ? 1 : dims[0];
  out.classes = flat ? dims[0] : dims[1];
  return out;
}

Tensor softmax(const Tensor& logits) {
  const Tensor in = as_float32(logits, "softmax");
  if (in.rank() == 0) fail(ErrorCode::invalid_argument, "softmax: a scalar has no axis to take it over");
  Tensor out = Tensor::uninitialized(DType::float32, in.dims());
  const auto width = static_cast<size_t>(in.dim(-1));
  const auto values = in.data<float>();
  const auto results = out.data<float>();
  for (size_t at = 0; at < values.size(); at += width)
    softmax_row(values.subspan(at, width), results.subspan(at, width));
  return out;
}

std::vector<ClassScore> top_k(std::span<const float> scores, int64_t k) {
  check_k(k);
  std::vector<int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto score = [&](int64_t index) { return scores[static_cast<size_t>(index)]; };
  const auto before = [&](int64_t a, int64_t b) {
    const bool a_nan = std::isnan(score(a));
    const bool b_nan = std::isnan(score(b));
    if (a_nan != b_nan) return b_nan;
    if (!a_nan && score(a) != score(b)) return score(a) > score(b);
    return a < b;
  };
  const auto count = static_cast<std::ptrdiff_t>(std::min<uint64_t>(static_cast<uint64_t>(k), scores.size()));
  std::partial_sort(order.begin(), order.begin() + count, order.end(), before);
  std::vector<ClassScore> best;
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    const int64_t index = order[static_cast<size_t>(i)];
    best.push_back({index, score(index)});
  }
  return best;
}

std::string describe(std::span<const Classification> answers) {
  std::string text;
  for (const Classification& answer : answers)
    text += fmt::format("{}{{'score': {}, 'label': {}}}", text.empty() ? "" : ", ", score_text(answer.score),
                        python_string(answer.label));
  return "[" + text + "]";
}

Postprocessor::Postprocessor(PostprocessOptions options) : options_(std::move(options)) {
  check_k(options_.top_k);
}

std::vector<std::vector<Classification>> Postprocessor::operator()(const Tensor& scores) const {
  const ScoreRows rows = score_rows(scores, "postprocess");
  if (!options_.labels.empty()) check_labels(options_.labels, rows.classes, "postprocess");
  std::vector<std::vector<Classification>> out;
  std::vector<float> probabilities(static_cast<size_t>(rows.classes));
  for (int64_t n = 0; n < rows.rows; ++n) {
    std::span<const float> row = rows.row(n);
    if (std::ranges::any_of(row, [](float value) { return std::isnan(value); }))
      fail(ErrorCode::bad_data,
           "postprocess: the scores of sample {} of {} hold NaN; the network's output is unusable", n,
           rows.rows);
    if (options_.apply_softmax) {
      softmax_row(row, probabilities);
      if (std::isnan(probabilities.front()))
        fail(ErrorCode::bad_data,
             "postprocess: the greatest score of sample {} of {} is infinite; there is no softmax", n,
             rows.rows);
    }
    std::vector<Classification> answers;
    // Ranked by the scores themselves: softmax may round different ones to the same probability.
    for (const ClassScore& best : top_k(row, options_.top_k)) {
      const auto index = static_cast<size_t>(best.index);
      answers.push_back({best.index, options_.apply_softmax ? probabilities[index] : best.score,
                         options_.labels.empty() ? std::to_string(best.index) : options_.labels[index]});
    }
    out.push_back(std::move(answers));
  }
  return out;
}

}  // namespace spinel
