// Loops of an engine: by its threads, or by the host's own parallel_for.
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>

#include <spinel/engine.hpp>

#include "base/allocate.hpp"
#include "base/function_ref.hpp"
#include "base/text.hpp"
#include "runtime/thread_pool.hpp"

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

/// Runs fn(0) ... fn(count - 1) as the engine's options say. Tasks allocate as the run does.
inline void run_loop(const EngineOptions& options, runtime::ThreadPool& threads, int64_t count,
                     FunctionRef<void(int64_t)> fn) {
  const auto in_scope = [&](int64_t task) {
    const AllocatorScope memory(options.allocator);
    fn(task);
  };
  const FunctionRef<void(int64_t)> task = options.allocator ? FunctionRef<void(int64_t)>(in_scope) : fn;
  if (options.parallel_for)
    run_host_loop(options.parallel_for, count, task);
  else
    threads.parallel_for(count, task);
}

}  // namespace spinel::api
