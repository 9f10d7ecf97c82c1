#include "runtime/thread_pool.hpp"

#include <array>
#include <bit>
#include <chrono>
#include <system_error>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "base/task_slices.hpp"
#include "runtime/threads.hpp"

namespace spinel::runtime {
namespace {

/// The loops around the task that this thread is in, as bits of its pool's slots.
struct Surroundings {
  const ThreadPool* pool = nullptr;
  uint64_t loops = 0;
};
thread_local Surroundings around;
/// Which slice of a loop's tasks this thread begins with: 0 for callers, then the pool's own threads.
thread_local int thread_index = 0;

void relax() noexcept {
#if defined(__SSE2__)
  _mm_pause();
#endif
}

/// Repeats `done` until it holds or the time is up; returns what it said last. It must not yield: Linux
/// charges each sched_yield() a whole time slice, so that on a busy machine a run would stand still for
/// seconds.
template <class Done>
bool spin(int spin_us, Done&& done) {
  if (done()) return true;
  if (spin_us <= 0) return false;
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(spin_us);
  do {
    for (int i = 0; i < 64; ++i) {
      relax();
      if (done()) return true;
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

constexpr uint64_t bit_of(int index) { return uint64_t{1} << index; }

}  // namespace

/// The place of a loop. It outlives the loop, so that threads that come late find nothing rather than
/// garbage: a visitor counts itself first and looks at the loop only if it is still open then; the owner
/// closes it first and leaves only when nobody is counted.
struct alignas(64) ThreadPool::Slot {
  TaskSlices tasks;
  const FunctionRef<void(int64_t)>* fn = nullptr;
  std::atomic<uint64_t> inside{0};  ///< The loops around this one.
  std::atomic<int> visitors{0};
  std::atomic<bool> owner_sleeps{false};
  std::atomic<bool> failed{false};
  std::exception_ptr error;
};

struct ThreadPool::Slots {
  std::array<Slot, slot_count> all;
};

ThreadPool::Slot& ThreadPool::slot_at(int index) const { return slots_->all[static_cast<size_t>(index)]; }

ThreadPool::ThreadPool(int workers, int spin_us)
    : worker_count_(workers), spin_us_(spin_us), slots_(std::make_unique<Slots>()) {}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::start_workers() {
  if (started_.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(mutex_);
  if (started_.load(std::memory_order_relaxed)) return;
  started_.store(true, std::memory_order_release);
  try {
    for (int i = 0; i < worker_count_; ++i)
      workers_.push_back(start_thread([this, i] {
        thread_index = i + 1;
        work();
      }));
  } catch (const std::system_error&) {
    // Fewer threads than asked for: the callers do the work that is left.
  }
}

int ThreadPool::take_slot() {
  uint64_t used = used_.load();
  while (~used != 0) {
    const int index = std::countr_one(used);
    if (used_.compare_exchange_weak(used, used | bit_of(index))) return index;
  }
  return -1;
}

void ThreadPool::parallel_for(int64_t count, FunctionRef<void(int64_t)> fn) {
  const int index = count > 1 && worker_count_ > 0 ? take_slot() : -1;
  if (index < 0) {
    for (int64_t i = 0; i < count; ++i) fn(i);
    return;
  }
  start_workers();
  Slot& slot = slot_at(index);
  slot.tasks.reset(count, concurrency());
  slot.fn = &fn;
  slot.inside.store(around.pool == this ? around.loops : 0, std::memory_order_relaxed);
  slot.failed.store(false, std::memory_order_relaxed);
  open_.fetch_or(bit_of(index));
  wake_helpers(count - 1);
  run_tasks(index);
  wait_for_visitors(index);
  const std::exception_ptr error = std::exchange(slot.error, nullptr);
  used_.fetch_and(~bit_of(index));
  if (error) std::rethrow_exception(error);
}

/// Takes tasks until there are none, then closes the loop.
void ThreadPool::run_tasks(int index) {
  Slot& slot = slot_at(index);
  const Surroundings before = around;
  around = {this, slot.inside.load(std::memory_order_relaxed) | bit_of(index)};
  for (int64_t task; (task = slot.tasks.take(thread_index)) >= 0;) {
    try {
      (*slot.fn)(task);
    } catch (...) {
      if (!slot.failed.exchange(true)) slot.error = std::current_exception();
      slot.tasks.drop_rest();
    }
  }
  around = before;
  if ((open_.load(std::memory_order_relaxed) & bit_of(index)) != 0) open_.fetch_and(~bit_of(index));
}

/// Joins the loop if it is still open and has all loops of `inside` around it.
bool ThreadPool::visit(int index, uint64_t inside) {
  Slot& slot = slot_at(index);
  slot.visitors.fetch_add(1);
  const bool joined = (open_.load() & bit_of(index)) != 0 && (slot.inside.load() & inside) == inside;
  if (joined) run_tasks(index);
  if (slot.visitors.fetch_sub(1) == 1 && slot.owner_sleeps.load()) {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  return joined;
}

bool ThreadPool::visit_any(uint64_t inside) {
  for (uint64_t open = open_.load(); open != 0; open &= open - 1)
    if (visit(std::countr_zero(open), inside)) return true;
  return false;
}

bool ThreadPool::can_visit(uint64_t inside) const {
  for (uint64_t open = open_.load(); open != 0; open &= open - 1)
    if ((slot_at(std::countr_zero(open)).inside.load() & inside) == inside) return true;
  return false;
}

void ThreadPool::wake_helpers(int64_t count) {
  const int sleepers = sleepers_.load();
  if (sleepers == 0) return;
  const std::lock_guard lock(mutex_);
  if (count >= sleepers || sleeping_callers_ > 0) return changed_.notify_all();
  for (int64_t i = 0; i < count; ++i) changed_.notify_one();
}

/// Waits until nobody works on the loop any more, helping inside it meanwhile.
void ThreadPool::wait_for_visitors(int index) {
  Slot& slot = slot_at(index);
  const uint64_t inside = bit_of(index);
  auto settled = [&] { return slot.visitors.load() == 0 || can_visit(inside); };
  while (slot.visitors.load() != 0) {
    if (visit_any(inside) || spin(spin_us_, settled)) continue;
    std::unique_lock lock(mutex_);
    slot.owner_sleeps.store(true);
    sleepers_.fetch_add(1);
    ++sleeping_callers_;
    changed_.wait(lock, settled);
    --sleeping_callers_;
    sleepers_.fetch_sub(1);
    slot.owner_sleeps.store(false);
  }
}

void ThreadPool::work() {
  for (;;) {
    if (visit_any(0)) continue;
    const auto idle_over = [&] { return open_.load(std::memory_order_relaxed) != 0 || runs_.load() == 0; };
    if (runs_.load() > 0 && spin(spin_us_, idle_over) && open_.load() != 0) continue;
    std::unique_lock lock(mutex_);
    sleepers_.fetch_add(1);
    changed_.wait(lock, [&] { return open_.load() != 0 || stopping_; });
    sleepers_.fetch_sub(1);
    if (stopping_ && open_.load() == 0) return;
  }
}

}  // namespace spinel::runtime
