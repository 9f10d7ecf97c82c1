// Cancelling a load. A load is one thread's work, spread over every layer, so that its flag is the thread's
// instead of a parameter of every function on the way. Runs have theirs in graph::RunServices.
#pragma once
#include <atomic>
#include <cstddef>

namespace spinel {

/// While one exists, check_load_cancelled() of its thread heeds this flag, which must outlive it.
class CancelScope {
 public:
  explicit CancelScope(const std::atomic<bool>* cancelled) noexcept;
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;
  ~CancelScope();

 private:
  const std::atomic<bool>* outer_;
};

/// The flag of the innermost scope of this thread; nullptr outside of loads.
const std::atomic<bool>* load_cancel_flag() noexcept;
/// Throws Error(cancelled) if the load that this thread does was cancelled. Called wherever a load may have
/// been busy for a few milliseconds since the last call.
void check_load_cancelled();

/// memcpy that checks on its way.
void copy_bytes(void* to, const void* from, size_t size);

}  // namespace spinel
