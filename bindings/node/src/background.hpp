// Work that blocks, done in the pool, or in place for the functions that end in Sync.
#pragma once

#include <optional>
#include <utility>

#include "values.hpp"

namespace spinel_node {

class Token {
 public:
  Token() {
    spinel_error* error = nullptr;
    check(spinel_cancel_token_create(&token_, &error), error);
  }
  Token(const Token&) = delete;
  ~Token() { spinel_cancel_token_release(token_); }
  const spinel_cancel_token* get() const { return token_; }
  void cancel() noexcept { spinel_cancel_token_cancel(token_); }

 private:
  spinel_cancel_token* token_ = nullptr;
};

/// A Job whose work is a call that blocks.
class Background : public Job {
 public:
  void start(Environment& environment, std::unique_ptr<Event> ticket) override {
    ticket_ = std::move(ticket);
    pool_of(environment).run([this, &environment]() noexcept {
      work_and_keep();
      environment.post(std::move(ticket_));
    });
  }

  void cancel() noexcept override { token_.cancel(); }

  napi_value result(napi_env env) override {
    if (failure_) throw std::move(*failure_);
    return finish(env);
  }

  napi_value run_in_place(napi_env env);

 protected:
  /// In another thread. Throws Failure or std::exception.
  virtual void work() = 0;
  virtual napi_value finish(napi_env env) = 0;
  /// Whether the work may call functions of JavaScript.
  virtual bool calls_javascript() const { return false; }
  virtual Pool& pool_of(Environment& environment) { return environment.lengthy(); }
  const spinel_cancel_token* token() const { return token_.get(); }

 private:
  void work_and_keep() noexcept;

  Token token_;
  std::unique_ptr<Event> ticket_;
  std::optional<Failure> failure_;
};

}  // namespace spinel_node
