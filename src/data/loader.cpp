// The data loader. All state is guarded by one mutex; a worker holds it to take a sample and to report it
// done, never while it preprocesses one. Batches being prepared are slots in a window; a slot given up by
// restart() is kept alive by the workers that still write into it.
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <limits>
#include <mutex>
#include <system_error>
#include <thread>

#include <spinel/dataset.hpp>

#include "base/text.hpp"
#include "data/reject.hpp"

namespace spinel {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// A batch in preparation. Positions count within this rank's shard.
struct Slot {
  size_t first = 0;
  size_t count = 0;
  Tensor tensor;
  size_t taken = 0;     ///< Samples that a worker has begun.
  size_t finished = 0;  ///< Samples that are done or rejected.
  std::vector<uint8_t> usable;
  std::vector<Rejected> rejected;
  std::exception_ptr failure;
  double seconds = 0;
};

/// Blocks all signals while it lives: threads inherit the mask, so that the host's handlers never run on
/// ours.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

void check_options(const DataLoaderOptions& options) {
  const auto check = [](std::string_view name, int64_t value, int64_t least, int64_t most) {
    if (value < least || value > most)
      fail(ErrorCode::invalid_argument, "data loader option {} is {}; it must be between {} and {}", name,
           value, least, most);
  };
  constexpr int64_t any = std::numeric_limits<int32_t>::max();
  check("batch_size", options.batch_size, 1, any);
  check("workers", options.workers, 0, 1024);
  check("prefetch", options.prefetch, 1, 1024);
  check("world", options.world, 1, any);
  check("rank", options.rank, 0, options.world - 1);
  check("max_batches", options.max_batches, 0, std::numeric_limits<int64_t>::max());
}

}  // namespace

class DataLoader::Impl {
 public:
  Impl(std::vector<Sample> samples, Preprocessor preprocessor, DataLoaderOptions options)
      : samples_(std::move(samples)), preprocessor_(std::move(preprocessor)), options_(options) {
    check_options(options_);
    const auto rank = static_cast<size_t>(options_.rank);
    const auto world = static_cast<size_t>(options_.world);
    const auto batch = static_cast<size_t>(options_.batch_size);
    shard_size_ = samples_.size() > rank ? (samples_.size() - rank - 1) / world + 1 : 0;
    const size_t remainder = shard_size_ % batch;
    dropped_ = options_.drop_last ? remainder : 0;
    batch_count_ = shard_size_ / batch + (remainder > 0 && !options_.drop_last ? 1 : 0);
    if (options_.max_batches > 0 && static_cast<size_t>(options_.max_batches) < batch_count_) {
      batch_count_ = static_cast<size_t>(options_.max_batches);
      dropped_ = 0;
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    work_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  std::optional<Batch> next() {
    const auto begin = Clock::now();
    std::unique_lock lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    if (delivered_ == batch_count_) {
      ledger_.dropped = dropped_;
      return std::nullopt;
    }
    start_workers();
    fill_window();
    const std::shared_ptr<Slot> slot = window_.front();
    if (threads_.empty())
      while (take_and_run(lock)) {
      }
    done_.wait(lock, [&] { return slot->finished == slot->count; });
    window_.pop_front();
    ++delivered_;
    if (slot->failure) {
      failure_ = slot->failure;
      std::rethrow_exception(failure_);
    }
    // The workers go on while the caller uses this batch.
    if (!threads_.empty()) fill_window();
    lock.unlock();
    Batch batch = finish(*slot);
    batch.wait_seconds = seconds_since(begin);
    ledger_.attempted += slot->count;
    ledger_.done += batch.size();
    ledger_.rejected.insert(ledger_.rejected.end(), batch.rejected.begin(), batch.rejected.end());
    return batch;
  }

  void restart() {
    const std::lock_guard lock(mutex_);
    // What nobody has begun stays undone: the slots are in the window no more.
    window_.clear();
    delivered_ = 0;
    planned_ = 0;
    failure_ = nullptr;
    ledger_ = {};
  }

  size_t batch_count() const { return batch_count_; }
  size_t sample_count() const {
    return std::min(batch_count_ * static_cast<size_t>(options_.batch_size), shard_size_);
  }
  const Ledger& ledger() const { return ledger_; }

 private:
  size_t dataset_index(size_t position) const {
    return static_cast<size_t>(options_.rank) + position * static_cast<size_t>(options_.world);
  }

  void start_workers() {
    if (started_) return;
    started_ = true;
    const SignalsBlocked blocked;
    for (int i = 0; i < options_.workers; ++i) {
      try {
        threads_.emplace_back([this] { work(); });
      } catch (const std::system_error&) {
        // Fewer threads than wanted still do the work, and none leaves it to the caller.
        break;
      }
    }
  }

  void fill_window() {
    const size_t depth = threads_.empty() ? 1 : static_cast<size_t>(options_.prefetch);
    bool added = false;
    while (window_.size() < depth && planned_ < batch_count_) {
      auto slot = std::make_shared<Slot>();
      slot->first = planned_ * static_cast<size_t>(options_.batch_size);
      slot->count = std::min(static_cast<size_t>(options_.batch_size), shard_size_ - slot->first);
      slot->usable.assign(slot->count, 0);
      slot->tensor = Tensor::uninitialized(preprocessor_.options().dtype,
                                           preprocessor_.dims(static_cast<int64_t>(slot->count)));
      window_.push_back(std::move(slot));
      ++planned_;
      added = true;
    }
    if (added) work_.notify_all();
  }

  std::shared_ptr<Slot> slot_with_work() const {
    for (const auto& slot : window_)
      if (slot->taken < slot->count) return slot;
    return nullptr;
  }

  /// Does one sample, if there is one to do. `lock` is held on entry and on return.
  bool take_and_run(std::unique_lock<std::mutex>& lock) {
    const std::shared_ptr<Slot> slot = slot_with_work();
    if (slot == nullptr) return false;
    const size_t place = slot->taken++;
    lock.unlock();
    const auto begin = Clock::now();
    const size_t index = dataset_index(slot->first + place);
    std::optional<Rejected> rejected;
    std::exception_ptr failure;
    try {
      preprocessor_.into(samples_[index].path, slot->tensor.rows(static_cast<int64_t>(place), 1));
    } catch (const Error& error) {
      if (rejects_sample(error.code()))
        rejected = Rejected{index, samples_[index].path.string(), error.code(), error.what()};
      else
        failure = std::current_exception();
    } catch (...) {
      failure = std::current_exception();
    }
    const double seconds = seconds_since(begin);
    lock.lock();
    slot->seconds += seconds;
    slot->usable[place] = !rejected && !failure;
    if (rejected) slot->rejected.push_back(std::move(*rejected));
    if (failure && !slot->failure) slot->failure = failure;
    if (++slot->finished == slot->count) done_.notify_all();
    return true;
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (!stop_)
      if (!take_and_run(lock)) work_.wait(lock, [this] { return stop_ || slot_with_work() != nullptr; });
  }

  /// Closes the gaps that rejected samples leave.
  Batch finish(Slot& slot) const {
    Batch batch;
    auto* base = static_cast<std::byte*>(slot.tensor.raw());
    const size_t row_bytes = slot.tensor.size_bytes() / slot.count;
    for (size_t place = 0; place < slot.count; ++place) {
      if (slot.usable[place] == 0) continue;
      const size_t row = batch.indices.size();
      if (row != place) std::memcpy(base + row * row_bytes, base + place * row_bytes, row_bytes);
      const size_t index = dataset_index(slot.first + place);
      batch.indices.push_back(index);
      batch.labels.push_back(samples_[index].label);
      batch.paths.push_back(samples_[index].path);
    }
    batch.tensor = slot.tensor.rows(0, static_cast<int64_t>(batch.indices.size()));
    batch.rejected = std::move(slot.rejected);
    std::ranges::sort(batch.rejected, {}, &Rejected::index);
    batch.preprocess_seconds = slot.seconds;
    return batch;
  }

  const std::vector<Sample> samples_;
  const Preprocessor preprocessor_;
  const DataLoaderOptions options_;
  size_t shard_size_ = 0;
  size_t batch_count_ = 0;
  size_t dropped_ = 0;
  Ledger ledger_;  ///< Of the caller's thread alone.

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable done_;
  bool stop_ = false;
  bool started_ = false;
  size_t planned_ = 0;
  size_t delivered_ = 0;
  std::deque<std::shared_ptr<Slot>> window_;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;
};

DataLoader::DataLoader(std::vector<Sample> samples, Preprocessor preprocessor, DataLoaderOptions options)
    : impl_(std::make_unique<Impl>(std::move(samples), std::move(preprocessor), options)) {}
DataLoader::DataLoader(const ImageFolder& folder, Preprocessor preprocessor, DataLoaderOptions options)
    : DataLoader(folder.samples(), std::move(preprocessor), options) {}
DataLoader::DataLoader(DataLoader&&) noexcept = default;
DataLoader& DataLoader::operator=(DataLoader&&) noexcept = default;
DataLoader::~DataLoader() = default;

std::optional<Batch> DataLoader::next() { return impl_->next(); }
void DataLoader::restart() { impl_->restart(); }
size_t DataLoader::batch_count() const noexcept { return impl_->batch_count(); }
size_t DataLoader::sample_count() const noexcept { return impl_->sample_count(); }
const Ledger& DataLoader::ledger() const noexcept { return impl_->ledger(); }

}  // namespace spinel
