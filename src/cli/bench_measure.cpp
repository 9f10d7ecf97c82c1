#include "cli/bench_measure.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <fstream>
#include <mutex>
#include <numeric>
#include <string>
#include <utility>

namespace spinel::cli {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool is_cancelled(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return e.code() == ErrorCode::cancelled;
  } catch (...) {
    return false;
  }
}

/// Output buffers of the runs under way, and what became of those.
class Flight {
 public:
  Flight(int64_t depth, size_t output_count)
      : buffers_(static_cast<size_t>(depth), std::vector<Tensor>(output_count)) {}

  /// Waits for a buffer that is free; false once a run failed.
  bool take(std::vector<Tensor>& buffer) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return error_ || !buffers_.empty(); });
    if (error_) return false;
    buffer = std::move(buffers_.back());
    buffers_.pop_back();
    ++under_way_;
    return true;
  }
  void finish(std::vector<Tensor> buffer, std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    --under_way_;
    if (error) {
      if (!error_) error_ = std::move(error);
    } else {
      buffers_.push_back(std::move(buffer));
      ++finished_;
      last_ = Clock::now();
    }
    changed_.notify_all();
  }
  void wait_for_all() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return under_way_ == 0; });
  }
  int64_t finished() const { return finished_; }
  Clock::time_point last() const { return last_; }
  const std::exception_ptr& error() const { return error_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<Tensor>> buffers_;
  int64_t under_way_ = 0;
  int64_t finished_ = 0;
  Clock::time_point last_;
  std::exception_ptr error_;
};

}  // namespace

bool Countdown::next() {
  const bool more = budget_.iterations > 0 ? started_ < budget_.iterations
                                           : started_ == 0 || seconds_since(start_) < budget_.seconds;
  started_ += more ? 1 : 0;
  return more;
}

Latency summarise(std::vector<double> runs_ms) {
  std::sort(runs_ms.begin(), runs_ms.end());
  const auto count = static_cast<double>(runs_ms.size());
  const auto percentile = [&](double share) {
    const auto rank = static_cast<size_t>(std::ceil(share * count));
    return runs_ms[std::clamp<size_t>(rank, 1, runs_ms.size()) - 1];
  };
  return {std::accumulate(runs_ms.begin(), runs_ms.end(), 0.0) / count,
          percentile(0.5),
          percentile(0.9),
          percentile(0.99),
          percentile(0.999),
          static_cast<int64_t>(runs_ms.size())};
}

Measurement::Measurement(const InferEngine& engine, std::vector<Tensor> inputs, const Interrupt& interrupt)
    : engine_(engine), inputs_(std::move(inputs)), outputs_(engine.outputs().size()), interrupt_(interrupt) {}

std::optional<double> Measurement::run_once() {
  if (interrupt_.requested()) return std::nullopt;
  const auto start = Clock::now();
  try {
    engine_.run_into(inputs_, outputs_, &interrupt_.token());
  } catch (const Error& error) {
    if (error.code() != ErrorCode::cancelled) throw;
    return std::nullopt;
  }
  return seconds_since(start) * 1e3;
}

std::optional<Latency> Measurement::latency(const Budget& budget) {
  std::vector<double> runs_ms;
  Countdown countdown(budget);
  while (countdown.next()) {
    const std::optional<double> ms = run_once();
    if (!ms) break;
    runs_ms.push_back(*ms);
  }
  if (runs_ms.empty()) return std::nullopt;
  return summarise(std::move(runs_ms));
}

std::optional<double> Measurement::runs_per_second(const Budget& budget, int64_t depth) {
  Flight flight(depth, outputs_.size());
  const auto start = Clock::now();
  Countdown countdown(budget);
  std::vector<Tensor> buffer;
  while (!interrupt_.requested() && countdown.next() && flight.take(buffer)) {
    try {
      engine_.run_async(inputs_, std::move(buffer), interrupt_.token(),
                        [&flight](std::vector<Tensor> outputs, std::exception_ptr error) {
                          flight.finish(std::move(outputs), std::move(error));
                        });
    } catch (...) {
      flight.finish({}, std::current_exception());
    }
  }
  flight.wait_for_all();
  if (flight.error() && !is_cancelled(flight.error())) std::rethrow_exception(flight.error());
  if (flight.finished() == 0) return std::nullopt;
  return static_cast<double>(flight.finished()) /
         std::chrono::duration<double>(flight.last() - start).count();
}

uint64_t peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  return 0;
}

}  // namespace spinel::cli
