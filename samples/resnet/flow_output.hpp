// What the three ResNet flows print, and how they end early.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <spinel/engine.hpp>
#include <spinel/ledger.hpp>
#include <spinel/postprocess.hpp>
#include <spinel/tensor.hpp>

namespace resnet {

/// "[0.25, -1.5]": one row of raw scores, which is what --skip_postprocess leaves.
std::string scores_text(const spinel::Tensor& scores, int64_t row);

/// {"index": 0, "path": "cat.png", "answers": [{"index": 282, "score": 0.496, "label": "tiger cat"}]}
std::string answers_json(size_t index, const std::string& path,
                         const std::vector<spinel::Classification>& answers);

/// {"index": 0, "path": "cat.png", "scores": [0.25, -1.5]}
std::string scores_json(size_t index, const std::string& path, const spinel::Tensor& scores, int64_t row);

/// The shortest text that reads back as `value`, as Python prints it: "0.7571622919334187", "1.0".
std::string number_text(double value);

/// `text` as a JSON string, quotes included.
std::string json_string(const std::string& text);

/// Names every rejected file on stderr, then the counts: attempted = done + rejected, and what was not
/// attempted of `total`.
void report_counts(const spinel::Ledger& ledger, size_t total);

/// From the first call on Ctrl-C cancels this token, so that a flow ends early with what it has; a second
/// Ctrl-C kills.
const spinel::CancelToken& cancel_on_interrupt();

/// Progress on stderr: a bar with rate and remaining time on a terminal, else a plain line every ten seconds.
class Progress {
 public:
  explicit Progress(size_t total);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void update(size_t done);
  /// Wipes the bar, so that other text can be printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  size_t total_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point shown_;
};

}  // namespace resnet
