// Calls of JavaScript that other threads wait for.
#pragma once

#include <optional>

#include "environment.hpp"

namespace spinel_node {

/// What another thread needs JavaScript for.
class Visit {
 public:
  virtual ~Visit() = default;
  /// Whose functions serve() calls.
  virtual const void* subject() const = 0;

 protected:
  /// On the environment's thread, in a handle scope. Throws. Once it is abandoned, the thread that waited has
  /// gone on, and nothing of that thread's may be touched.
  virtual void serve(napi_env env) = 0;
  /// On the environment's thread, when serve() is under way and JavaScript may never return to it: takes back
  /// what it was lent.
  virtual void abandon(napi_env env) noexcept = 0;
  bool abandoned() const { return over_; }

 private:
  friend class Visits;
  bool over_ = false;  // Changed under the mutex.
  std::optional<Failure> failure_;
};

/// The visits to an environment. They are served by the event loop, and while a function that blocks it
/// waits.
class Visits {
 public:
  explicit Visits(Environment& environment) : environment_(environment) {}

  /// Has the visit served, and waits. Throws what it throws as a Failure, and SPINEL_CANCELLED once closed.
  /// Any thread.
  void call(const std::shared_ptr<Visit>& visit);

  // These belong to the environment's thread.

  /// Does work, which must not throw, in another thread and serves visits until it is done; cancel ends it
  /// early.
  void serve_while(const std::function<void()>& work, const std::function<void()>& cancel);
  /// Whether a visit to this subject is under way.
  bool serves(const void* subject) const noexcept;
  /// Serves the visit that came first, if there is one.
  void serve_next() noexcept;
  /// Lets all those who wait go, those for visits under way too, and waits for the work of serve_while().
  void close() noexcept;

 private:
  struct Pump {
    const std::function<void()>& cancel;
    bool over = false;
  };

  void serve(Visit& visit) noexcept;
  void end(Visit& visit, std::optional<Failure> failure) noexcept;

  Environment& environment_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Visit>> waiting_;
  bool closed_ = false;
  // Of the environment's thread alone, the innermost last.
  std::vector<Visit*> under_way_;
  std::vector<Pump*> pumps_;
};

}  // namespace spinel_node
