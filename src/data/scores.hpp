// What postprocessing and metrics make of a tensor of scores.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include <spinel/tensor.hpp>

namespace spinel {

/// Scores as float32 rows.
struct ScoreRows {
  Tensor values;  ///< float32; shares the caller's buffer where that is float32 already.
  int64_t rows = 0;
  int64_t classes = 0;

  std::span<const float> row(int64_t index) const {
    return values.data<float>().subspan(static_cast<size_t>(index * classes), static_cast<size_t>(classes));
  }
};

/// Takes [N, classes], [classes] or [N, classes, 1, ...], float32 or float16; else Error(invalid_argument)
/// that begins with `who`.
ScoreRows score_rows(const Tensor& scores, std::string_view who);

}  // namespace spinel
