#include "flow_output.hpp"

#include <unistd.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdio>

namespace resnet {
namespace {

/// `value` with at most `decimals` digits after the point and at least one.
std::string fixed_text(double value, int decimals) {
  char buffer[400];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed, decimals).ptr;
  std::string text(buffer, end);
  const size_t dot = text.find('.');
  if (dot != std::string::npos) text.resize(std::max(text.find_last_not_of('0'), dot + 1) + 1);
  return text;
}

float score_at(const spinel::Tensor& scores, int64_t i) {
  const auto at = static_cast<size_t>(i);
  if (scores.dtype() == spinel::DType::float16) return static_cast<float>(scores.data<spinel::Half>()[at]);
  return scores.data<float>()[at];
}

std::string json_number(float value) { return std::isfinite(value) ? number_text(double{value}) : "null"; }

std::string json_head(size_t index, const std::string& path) {
  return "{\"index\": " + std::to_string(index) + ", \"path\": " + json_string(path);
}

spinel::CancelToken* interrupt_token = nullptr;
static_assert(std::atomic<bool>::is_always_lock_free, "the signal handler stores into one");

void on_interrupt(int) { interrupt_token->cancel(); }

}  // namespace

std::string scores_text(const spinel::Tensor& scores, int64_t row) {
  const int64_t count = scores.element_count() / scores.dim(0);
  std::string text;
  for (int64_t i = 0; i < count; ++i)
    text += (i == 0 ? "" : ", ") + fixed_text(double{score_at(scores, row * count + i)}, 6);
  return "[" + text + "]";
}

std::string answers_json(size_t index, const std::string& path,
                         const std::vector<spinel::Classification>& answers) {
  std::string text;
  for (const spinel::Classification& answer : answers) {
    if (!text.empty()) text += ", ";
    text += "{\"index\": " + std::to_string(answer.index) + ", \"score\": " + json_number(answer.score) +
            ", \"label\": " + json_string(answer.label) + "}";
  }
  return json_head(index, path) + ", \"answers\": [" + text + "]}";
}

std::string scores_json(size_t index, const std::string& path, const spinel::Tensor& scores, int64_t row) {
  const int64_t count = scores.element_count() / scores.dim(0);
  std::string text;
  for (int64_t i = 0; i < count; ++i)
    text += (i == 0 ? "" : ", ") + json_number(score_at(scores, row * count + i));
  return json_head(index, path) + ", \"scores\": [" + text + "]}";
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const double magnitude = std::abs(value);
  const bool fixed = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value,
                                 fixed ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  std::string text(buffer, end);
  if (fixed && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string json_string(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

void report_counts(const spinel::Ledger& ledger, size_t total) {
  std::fflush(stdout);
  for (const spinel::Rejected& sample : ledger.rejected)
    std::fprintf(stderr, "rejected: %s\n", sample.reason.c_str());
  std::fprintf(stderr, "images: %zu attempted = %zu done + %zu rejected", ledger.attempted, ledger.done,
               ledger.rejected.size());
  if (ledger.attempted < total) std::fprintf(stderr, "; %zu not attempted", total - ledger.attempted);
  std::fputc('\n', stderr);
}

const spinel::CancelToken& cancel_on_interrupt() {
  static spinel::CancelToken token;
  interrupt_token = &token;
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, &action, nullptr);
  return token;
}

Progress::Progress(size_t total)
    : total_(total),
      terminal_(isatty(STDERR_FILENO) != 0),
      shown_(terminal_ ? Clock::time_point{} : start_) {}

void Progress::update(size_t done) {
  const auto now = Clock::now();
  const double since_shown = std::chrono::duration<double>(now - shown_).count();
  if (since_shown < (terminal_ ? 0.1 : 10.0) && (!terminal_ || done < total_)) return;
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  const double left = rate > 0 ? static_cast<double>(total_ - done) / rate : 0;
  if (terminal_) {
    constexpr size_t width = 30;
    const size_t filled = total_ > 0 ? width * done / total_ : width;
    std::fprintf(stderr, "\r\033[K[%s%s] ", std::string(filled, '#').c_str(),
                 std::string(width - filled, '.').c_str());
    drawn_ = true;
  }
  std::fprintf(stderr, "%zu/%zu images, %.1f images/s, %.0f s left%s", done, total_, rate, left,
               terminal_ ? "" : "\n");
  std::fflush(stderr);
}

void Progress::clear() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

}  // namespace resnet
