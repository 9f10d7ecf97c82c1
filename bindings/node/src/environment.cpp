#include "environment.hpp"

#include <exception>
#include <new>
#include <utility>

#include "visits.hpp"

namespace spinel_node {

void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  bool pending = false;
  if (status == napi_pending_exception || status == napi_cannot_run_js ||
      (napi_is_exception_pending(env, &pending) == napi_ok && pending))
    throw Pending{};
  const bool has_text = info != nullptr && info->error_message != nullptr;
  throw Failure{SPINEL_INVALID_ARGUMENT, has_text ? info->error_message : "Node-API failed", ""};
}

void check(int32_t code, spinel_error*& error) {
  if (code == SPINEL_OK) return;
  const std::unique_ptr<spinel_error, void (*)(spinel_error*)> owned(std::exchange(error, nullptr),
                                                                     spinel_error_release);
  throw Failure{code, spinel_error_message(owned.get()), spinel_error_node(owned.get())};
}

void misuse(std::string message) { throw Failure{SPINEL_INVALID_ARGUMENT, std::move(message), ""}; }

void Pool::run(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (stopped_) throw Failure{SPINEL_CANCELLED, "the process is ending", ""};
  tasks_.push_back(std::move(task));
  if (tasks_.size() > idle_ && threads_.size() < most_) {
    try {
      threads_.emplace_back(&Pool::work, this);
    } catch (const std::exception&) {
      if (threads_.empty()) {
        tasks_.pop_back();
        throw;
      }
    }
  }
  changed_.notify_one();
}

void Pool::work() noexcept {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    changed_.wait(lock, [this] { return stopped_ || !tasks_.empty(); });
    --idle_;
    if (stopped_) return;
    {
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }
    lock.lock();
  }
}

void Pool::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    tasks_.clear();
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void throw_current(napi_env env) noexcept {
  Failure failure{SPINEL_INTERNAL, "a fault of the binding", ""};
  try {
    throw;
  } catch (const Pending&) {
    return;
  } catch (const std::bad_alloc&) {
    failure = {SPINEL_OUT_OF_MEMORY, {}, {}};
  } catch (Failure& thrown) {
    failure = std::move(thrown);
  } catch (const std::exception& thrown) {
    napi_throw_error(env, "internal", thrown.what());
    return;
  }
  try {
    napi_throw(env, Environment::of(env).make_error(failure));
  } catch (...) {
    napi_throw_error(env, spinel_code_name(failure.code), failure.message.c_str());
  }
}

/// A job is over: its promise can be settled.
class Environment::Finished : public Event {
 public:
  explicit Finished(uint64_t id) : id_(id) {}
  void deliver(Environment& environment) override { environment.settle(id_); }

 private:
  uint64_t id_;
};

Environment::Environment(napi_env env) : env_(env), visits_(std::make_unique<Visits>(*this)) {}

Environment::~Environment() = default;

void Environment::create(napi_env env) {
  auto* owner = new std::shared_ptr<Environment>(new Environment(env));
  Environment& made = **owner;
  const auto destroy = [](napi_env, void* data, void*) {
    delete static_cast<std::shared_ptr<Environment>*>(data);
  };
  if (napi_set_instance_data(env, owner, destroy, nullptr) != napi_ok) {
    delete owner;
    throw Failure{SPINEL_INTERNAL, "Node-API has no place for the binding's data", ""};
  }
  napi_value name;
  check(env, napi_create_string_utf8(env, "spinel", NAPI_AUTO_LENGTH, &name));
  check(env, napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, nullptr,
                                             &Environment::deliver, &made.queue_));
  check(env, napi_unref_threadsafe_function(env, made.queue_));
  // Hooks run in the reverse order: this one while the queue still exists.
  const auto close = [](void* data) { static_cast<Environment*>(data)->close(); };
  check(env, napi_add_env_cleanup_hook(env, close, &made));
}

Environment& Environment::of(napi_env env) {
  void* data = nullptr;
  check(env, napi_get_instance_data(env, &data));
  return **static_cast<std::shared_ptr<Environment>*>(data);
}

void Environment::post(std::unique_ptr<Event> event) noexcept {
  const std::lock_guard lock(queue_mutex_);
  if (queue_ == nullptr) return;
  if (napi_call_threadsafe_function(queue_, event.get(), napi_tsfn_nonblocking) == napi_ok) event.release();
}

void Environment::deliver(napi_env env, napi_value, void*, void* data) noexcept {
  const std::unique_ptr<Event> event(static_cast<Event*>(data));
  if (env == nullptr) return;  // The queue is being destroyed.
  try {
    event->deliver(of(env));
  } catch (...) {
    // A callback of the caller's threw: that is an uncaught exception.
    bool pending = false;
    napi_value error;
    if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
        napi_get_and_clear_last_exception(env, &error) == napi_ok)
      napi_fatal_exception(env, error);
  }
}

napi_value Environment::start(std::unique_ptr<Job> job) {
  if (closed_) throw Failure{SPINEL_CANCELLED, "the process is ending", ""};
  const uint64_t id = ++last_id_;
  napi_value pair, number, promise;
  check(env_, napi_create_array_with_length(env_, 2, &pair));
  check(env_, napi_create_double(env_, static_cast<double>(id), &number));
  check(env_, napi_set_element(env_, pair, 0, number));
  auto ticket = std::make_unique<Finished>(id);
  Pledge& pledge = jobs_[id];
  pledge.job = std::move(job);
  try {
    check(env_, napi_create_promise(env_, &pledge.deferred, &promise));
    check(env_, napi_set_element(env_, pair, 1, promise));
    pledge.job->start(*this, std::move(ticket));
  } catch (...) {
    jobs_.erase(id);
    throw;
  }
  if (jobs_.size() == 1) napi_ref_threadsafe_function(env_, queue_);
  return pair;
}

void Environment::cancel(uint64_t id) noexcept {
  const auto found = jobs_.find(id);
  if (found != jobs_.end()) found->second.job->cancel();
}

void Environment::settle(uint64_t id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  const Pledge pledge = std::move(found->second);
  jobs_.erase(found);
  if (jobs_.empty()) napi_unref_threadsafe_function(env_, queue_);
  const napi_value value = guard(env_, [&] { return pledge.job->result(env_); });
  if (value != nullptr) {
    check(env_, napi_resolve_deferred(env_, pledge.deferred, value));
    return;
  }
  napi_value error;
  check(env_, napi_get_and_clear_last_exception(env_, &error));
  check(env_, napi_reject_deferred(env_, pledge.deferred, error));
}

void Environment::close() noexcept {
  if (closed_) return;
  closed_ = true;
  for (auto& [id, pledge] : jobs_) pledge.job->cancel();
  visits_->close();
  brief_.stop();
  lengthy_.stop();
  jobs_.clear();
  const std::lock_guard lock(queue_mutex_);
  napi_release_threadsafe_function(queue_, napi_tsfn_abort);
  queue_ = nullptr;
}

void Environment::set_error_class(napi_value constructor) {
  check(env_, napi_create_reference(env_, constructor, 1, &error_class_));
}

napi_value Environment::make_error(const Failure& failure) {
  napi_value constructor, arguments[3], error;
  check(env_, napi_get_reference_value(env_, error_class_, &constructor));
  check(env_, napi_create_string_utf8(env_, failure.message.data(), failure.message.size(), &arguments[0]));
  check(env_, napi_create_string_utf8(env_, spinel_code_name(failure.code), NAPI_AUTO_LENGTH, &arguments[1]));
  check(env_, napi_create_string_utf8(env_, failure.node.data(), failure.node.size(), &arguments[2]));
  check(env_, napi_new_instance(env_, constructor, 3, arguments, &error));
  return error;
}

}  // namespace spinel_node
