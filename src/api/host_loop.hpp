// The host's own parallel_for.
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>

#include "base/function_ref.hpp"
#include "base/text.hpp"

namespace spinel::api {

using HostLoop = std::function<void(int64_t count, const std::function<void(int64_t)>& task)>;

/// Runs fn(0) ... fn(count - 1) by the host's loop, which sees no exception: the first one is thrown here.
inline void run_host_loop(const HostLoop& loop, int64_t count, FunctionRef<void(int64_t)> fn) {
  struct State {
    FunctionRef<void(int64_t)> fn;
    std::atomic<int64_t> done{0};
    std::atomic<bool> failed{false};
    std::exception_ptr error;
  } state{fn, {}, {}, {}};
  // One captured pointer: the std::function allocates nothing.
  loop(count, [&state](int64_t task) {
    try {
      if (!state.failed.load()) state.fn(task);
    } catch (...) {
      if (!state.failed.exchange(true)) state.error = std::current_exception();
    }
    state.done.fetch_add(1);
  });
  if (state.error) std::rethrow_exception(state.error);
  if (state.done.load() != count)
    fail(ErrorCode::invalid_argument,
         "the host's parallel_for ran {} tasks of {}; it must run each once before it returns",
         state.done.load(), count);
}

}  // namespace spinel::api
