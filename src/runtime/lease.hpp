// Lending SPAs to runs.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace spinel::runtime {

/// Lends items to concurrent users, first come, first served. Thread-safe.
template <class T>
class LeasePool {
 public:
  explicit LeasePool(std::vector<std::unique_ptr<T>> items) : items_(std::move(items)) {
    for (auto& item : items_) free_.push_back(item.get());
  }

  /// An item until its destruction, or none.
  class Lease {
   public:
    Lease(LeasePool& pool, T* item) : pool_(&pool), item_(item) {}
    Lease(Lease&& other) noexcept : pool_(other.pool_), item_(std::exchange(other.item_, nullptr)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (item_ != nullptr) pool_->give_back(*item_);
    }
    explicit operator bool() const { return item_ != nullptr; }
    T& operator*() const { return *item_; }
    T* operator->() const { return item_; }

   private:
    LeasePool* pool_;
    T* item_;
  };

  /// Waits for an item; those who asked earlier get theirs first.
  Lease lease() {
    std::unique_lock lock(mutex_);
    const uint64_t ticket = next_ticket_++;
    changed_.wait(lock, [&] { return ticket == now_serving_ && !free_.empty(); });
    ++now_serving_;
    T* item = free_.back();
    free_.pop_back();
    changed_.notify_all();
    return Lease(*this, item);
  }

  /// An item if one is free and nobody waits for it.
  Lease try_lease() {
    const std::lock_guard lock(mutex_);
    if (free_.empty() || next_ticket_ != now_serving_) return Lease(*this, nullptr);
    T* item = free_.back();
    free_.pop_back();
    return Lease(*this, item);
  }

 private:
  void give_back(T& item) {
    {
      const std::lock_guard lock(mutex_);
      free_.push_back(&item);
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<T>> items_;
  std::vector<T*> free_;
  uint64_t next_ticket_ = 0;
  uint64_t now_serving_ = 0;
};

}  // namespace spinel::runtime
