// One JavaScript environment (the main thread's or a worker's): its jobs, and the way back to its thread.
#pragma once

#define NAPI_VERSION 8
#include <node_api.h>
#include <spinel.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace spinel_node {

/// A JavaScript exception is pending: nothing is left to do but to return.
struct Pending {};

/// Becomes a SpinelError.
struct Failure {
  int32_t code;
  std::string message;
  std::string node;
};

/// Throws Pending or Failure unless status is napi_ok. Node's thread.
void check(napi_env env, napi_status status);

/// Throws the error, which is released, as a Failure unless code is SPINEL_OK. Any thread. (A reference,
/// because `check(call(&error), error)` reads its arguments in any order.)
void check(int32_t code, spinel_error*& error);

/// Failure of code SPINEL_INVALID_ARGUMENT.
[[noreturn]] void misuse(std::string message);

/// The exception being handled becomes JavaScript's.
void throw_current(napi_env env) noexcept;

/// What function returns; NULL and a pending JavaScript exception if it throws.
template <typename Function>
napi_value guard(napi_env env, Function function) noexcept {
  try {
    return function();
  } catch (...) {
    throw_current(env);
    return nullptr;
  }
}

class Environment;
class Visits;

/// Something that the environment's own thread is to do.
class Event {
 public:
  virtual ~Event() = default;
  virtual void deliver(Environment& environment) = 0;
};

/// Work in the background that ends with a promise. Made, asked for its result and destroyed on the
/// environment's thread; its destructor waits until no other thread uses it.
class Job {
 public:
  virtual ~Job() = default;
  /// Starts; ticket is posted by whichever thread finishes, which leaves the job alone from then on.
  virtual void start(Environment& environment, std::unique_ptr<Event> ticket) = 0;
  virtual void cancel() noexcept = 0;
  /// The promise's value. Throws Failure or Pending.
  virtual napi_value result(napi_env env) = 0;
};

/// Threads that start when they are needed, at most as many as said.
class Pool {
 public:
  explicit Pool(size_t most) : most_(most) {}
  void run(std::function<void()> task);
  /// Forgets tasks that have not begun, and waits for the others.
  void stop() noexcept;

 private:
  void work() noexcept;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  const size_t most_;
  size_t idle_ = 0;
  bool stopped_ = false;
};

/// Unless said otherwise its functions belong to the environment's thread.
class Environment : public std::enable_shared_from_this<Environment> {
 public:
  ~Environment();
  /// Makes the one of env, which lives as long as it.
  static void create(napi_env env);
  static Environment& of(napi_env env);

  napi_env env() const { return env_; }
  /// Whether the calling thread is the environment's. Any thread.
  bool is_here() const noexcept { return std::this_thread::get_id() == thread_; }

  /// Has the event delivered soon; drops it once the environment is closed. Any thread.
  void post(std::unique_ptr<Event> event) noexcept;
  /// Has what the event holds destroyed by the environment's thread, or here once it is closed. Any thread.
  void drop(std::unique_ptr<Event> event) noexcept {
    if (!is_here()) post(std::move(event));
  }

  /// Starts a job and returns [id, promise]. The process does not end before it does.
  napi_value start(std::unique_ptr<Job> job);
  /// Of a job that start() gave; nothing if it is over.
  void cancel(uint64_t id) noexcept;

  /// What other threads need JavaScript for.
  Visits& visits() { return *visits_; }

  /// Where jobs work: those that keep a core busy for a moment, and those that may take long.
  Pool& brief() { return brief_; }
  Pool& lengthy() { return lengthy_; }

  /// Cancels all jobs and waits for them; their promises stay pending. No job starts from now on.
  void close() noexcept;
  bool closed() const { return closed_; }

  void set_error_class(napi_value constructor);
  napi_value make_error(const Failure& failure);

 private:
  class Finished;
  struct Pledge {
    std::unique_ptr<Job> job;
    napi_deferred deferred;
  };

  explicit Environment(napi_env env);
  void settle(uint64_t id);
  static void deliver(napi_env env, napi_value, void*, void* data) noexcept;

  napi_env env_;
  const std::thread::id thread_ = std::this_thread::get_id();
  std::unique_ptr<Visits> visits_;
  napi_ref error_class_ = nullptr;
  std::mutex queue_mutex_;
  napi_threadsafe_function queue_ = nullptr;  // NULL once closed; guarded by queue_mutex_.
  bool closed_ = false;
  uint64_t last_id_ = 0;
  std::map<uint64_t, Pledge> jobs_;
  Pool brief_{std::max(2u, std::thread::hardware_concurrency())};
  Pool lengthy_{64};
};

}  // namespace spinel_node
