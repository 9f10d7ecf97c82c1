#include "visits.hpp"

#include <exception>
#include <new>
#include <utility>

#include "values.hpp"

namespace spinel_node {

namespace {

/// A visit waits.
class Arrived : public Event {
 public:
  void deliver(Environment& environment) override { environment.visits().serve_next(); }
};

class Scope {
 public:
  explicit Scope(napi_env env) : env_(env) { check(env, napi_open_handle_scope(env, &scope_)); }
  Scope(const Scope&) = delete;
  ~Scope() { napi_close_handle_scope(env_, scope_); }

 private:
  napi_env env_;
  napi_handle_scope scope_ = nullptr;
};

Failure stopped() { return {SPINEL_CANCELLED, "JavaScript was stopped", ""}; }

/// The exception that is pending, cleared. A thread that is being ended has none, or null.
Failure of_pending(napi_env env) {
  napi_value error, text;
  if (napi_get_and_clear_last_exception(env, &error) != napi_ok) return stopped();
  napi_valuetype type;
  if (napi_typeof(env, error, &type) != napi_ok || type == napi_null) return stopped();
  if (napi_coerce_to_string(env, error, &text) != napi_ok) return {SPINEL_INTERNAL, "JavaScript threw", ""};
  return {SPINEL_INTERNAL, to_text(env, text, "an error"), ""};
}

}  // namespace

void Visits::call(const std::shared_ptr<Visit>& visit) {
  if (environment_.is_here()) {
    serve(*visit);
  } else {
    auto arrived = std::make_unique<Arrived>();
    std::unique_lock lock(mutex_);
    if (closed_) throw stopped();
    waiting_.push_back(visit);
    changed_.notify_all();
    environment_.post(std::move(arrived));
    changed_.wait(lock, [&] { return visit->over_; });
  }
  if (visit->failure_) throw std::move(*visit->failure_);
}

void Visits::serve_while(const std::function<void()>& work, const std::function<void()>& cancel) {
  Pump pump{cancel};
  pumps_.push_back(&pump);
  std::thread thread;
  try {
    thread = std::thread([&] {
      work();
      const std::lock_guard lock(mutex_);
      pump.over = true;
      changed_.notify_all();
    });
  } catch (...) {
    pumps_.pop_back();
    throw;
  }
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return pump.over || !waiting_.empty(); });
      if (pump.over) break;
    }
    serve_next();
  }
  thread.join();
  pumps_.pop_back();
}

bool Visits::serves(const void* subject) const noexcept {
  return std::any_of(under_way_.begin(), under_way_.end(),
                     [&](const Visit* visit) { return visit->subject() == subject; });
}

void Visits::serve_next() noexcept {
  std::shared_ptr<Visit> visit;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return;
    visit = std::move(waiting_.front());
    waiting_.pop_front();
  }
  serve(*visit);
}

void Visits::serve(Visit& visit) noexcept {
  const napi_env env = environment_.env();
  std::optional<Failure> failure;
  const size_t depth = under_way_.size();
  try {
    under_way_.push_back(&visit);
    const Scope scope(env);
    try {
      visit.serve(env);
    } catch (const Pending&) {
      failure = of_pending(env);
    }
  } catch (Failure& thrown) {
    failure = std::move(thrown);
  } catch (const std::bad_alloc&) {
    failure = Failure{SPINEL_OUT_OF_MEMORY, {}, {}};
  } catch (const std::exception& thrown) {
    failure = Failure{SPINEL_INTERNAL, thrown.what(), {}};
  } catch (const Pending&) {
    failure = stopped();
  }
  under_way_.resize(depth);
  end(visit, std::move(failure));
}

void Visits::end(Visit& visit, std::optional<Failure> failure) noexcept {
  const std::lock_guard lock(mutex_);
  if (visit.over_) return;
  visit.failure_ = std::move(failure);
  visit.over_ = true;
  changed_.notify_all();
}

void Visits::close() noexcept {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  // Work that blocks JavaScript below this call must not outlive what Node takes down.
  for (const Pump* pump : pumps_) pump->cancel();
  for (Visit* visit : under_way_) {
    visit->abandon(environment_.env());
    end(*visit, stopped());
  }
  std::unique_lock lock(mutex_);
  for (const std::shared_ptr<Visit>& visit : waiting_) {
    visit->failure_ = stopped();
    visit->over_ = true;
  }
  waiting_.clear();
  changed_.notify_all();
  changed_.wait(lock, [&] {
    return std::all_of(pumps_.begin(), pumps_.end(), [](const Pump* pump) { return pump->over; });
  });
}

}  // namespace spinel_node
