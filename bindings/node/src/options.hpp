// The options of a load as the C ABI takes them.
#pragma once

#include "custom_op.hpp"

namespace spinel_node {

/// A function of JavaScript's that other threads have called. Destroyed on the environment's thread, which
/// must outlive the callbacks that use it.
struct Listener {
  Listener(napi_env env, napi_value callback)
      : environment(Environment::of(env).shared_from_this()), function(env, callback) {}

  std::shared_ptr<Environment> environment;
  Reference function;
};

/// Reads `limits`; false, and nothing is written, if there are none.
bool read_limits(napi_env env, napi_value object, spinel_limits* limits);

/// Calls found(key, value) for an object's own properties; nothing for undefined.
void each_property(napi_env env, napi_value object,
                   const std::function<void(const std::string&, napi_value)>& found);

/// Made and destroyed on the environment's thread, read by any.
class Options {
 public:
  /// object has the names of index.d.ts; `cancel` is borrowed.
  Options(napi_env env, napi_value object, const spinel_cancel_token* cancel);
  Options(const Options&) = delete;

  const spinel_engine_options* get() const { return &options_; }
  /// Has the log sent to the caller's listener, if there is one, which moves to place: it must live as long
  /// as the engine.
  void send_log(std::shared_ptr<Listener>* place);
  /// The operators written in JavaScript.
  const std::vector<std::shared_ptr<CustomOp>>& ops() const { return custom_ops_.ops(); }

 private:
  const char* text(napi_env env, napi_value object, const char* name);
  const char* keep(std::string text);
  void read_names_and_sizes(napi_env env, napi_value object);
  void read_listeners(napi_env env, napi_value object);

  spinel_engine_options options_;
  spinel_limits limits_;
  std::deque<std::string> texts_;
  std::vector<const char*> names_;
  std::deque<std::vector<int64_t>> dims_;
  std::vector<spinel_shape> sizes_;
  std::vector<spinel_pad_value> pads_;
  std::vector<spinel_alias> aliases_;
  std::shared_ptr<Listener> log_, progress_;
  OpSet custom_ops_;
};

}  // namespace spinel_node
