#include "options.hpp"

#include <algorithm>
#include <utility>

#include "tensors.hpp"

namespace spinel_node {

namespace {

/// A call of a listener, on its way to its thread. Messages are dropped once the environment is closed.
class Told : public Event {
 public:
  using Arguments = std::function<std::pair<napi_value, napi_value>(napi_env)>;
  Told(std::shared_ptr<Listener> listener, Arguments arguments)
      : listener_(std::move(listener)), arguments_(std::move(arguments)) {}

  void deliver(Environment& environment) override {
    const napi_env env = environment.env();
    const auto [first, second] = arguments_(env);
    const napi_value arguments[] = {first, second};
    check(env, napi_call_function(env, undefined(env), listener_->function.get(), 2, arguments, nullptr));
  }

 private:
  std::shared_ptr<Listener> listener_;
  Arguments arguments_;
};

void tell(void* user, Told::Arguments arguments) noexcept {
  try {
    const auto& listener = *static_cast<std::shared_ptr<Listener>*>(user);
    listener->environment->post(std::make_unique<Told>(listener, std::move(arguments)));
  } catch (...) {  // No memory: a message less.
  }
}

void log_line(void* user, int32_t level, const char* message) noexcept {
  static constexpr const char* names[] = {"debug", "info", "warning", "error"};
  const char* name = level >= 0 && level < 4 ? names[level] : "info";
  tell(user, [name, line = std::string(message)](napi_env env) {
    return std::make_pair(of_text(env, name), of_text(env, line));
  });
}

void log_progress(void* user, const char* stage, double fraction) noexcept {
  tell(user, [fraction, name = std::string(stage)](napi_env env) {
    return std::make_pair(of_text(env, name), of_number(env, fraction));
  });
}

/// One of the names, as its number.
int32_t choice(napi_env env, napi_value value, const char* what, std::initializer_list<const char*> names) {
  const std::string text = to_text(env, value, what);
  int32_t number = 0;
  std::string all;
  for (const char* name : names) {
    if (text == name) return number;
    all += (number++ == 0 ? "" : ", ") + std::string(name);
  }
  misuse(std::string(what) + " is '" + text + "'; there are " + all);
}

}  // namespace

void each_property(napi_env env, napi_value object,
                   const std::function<void(const std::string&, napi_value)>& found) {
  if (is_missing(env, object)) return;
  napi_value keys;
  check(env, napi_get_property_names(env, object, &keys));
  for (size_t i = 0, count = length(env, keys, "keys"); i < count; ++i) {
    const napi_value key = get(env, keys, i);
    napi_value value;
    check(env, napi_get_property(env, object, key, &value));
    found(to_text(env, key, "a key"), value);
  }
}

const char* Options::keep(std::string text) { return texts_.emplace_back(std::move(text)).c_str(); }

const char* Options::text(napi_env env, napi_value object, const char* name) {
  const napi_value value = spinel_node::get(env, object, name);
  return is_missing(env, value) ? nullptr : keep(to_text(env, value, name));
}

Options::Options(napi_env env, napi_value object, const spinel_cancel_token* cancel)
    : custom_ops_(env, spinel_node::get(env, object, "customOps")) {
  spinel_engine_options_init(&options_, sizeof options_);
  const auto number = [&](const char* name, int32_t* field) {
    const napi_value value = spinel_node::get(env, object, name);
    if (!is_missing(env, value)) *field = to_int32(env, value, name);
  };
  const auto flag = [&](const char* name, int32_t* field) {
    const napi_value value = spinel_node::get(env, object, name);
    if (!is_missing(env, value)) *field = to_bool(env, value, name) ? 1 : 0;
  };
  options_.target = text(env, object, "target");
  read_names_and_sizes(env, object);
  const napi_value batch_size = spinel_node::get(env, object, "batchSize");
  if (!is_missing(env, batch_size)) options_.batch_size = to_integer(env, batch_size, "batchSize");
  const napi_value dtype = spinel_node::get(env, object, "dtype");
  if (!is_missing(env, dtype)) options_.dtype = to_dtype(env, dtype, "dtype");
  flag("keepIoTypes", &options_.keep_io_types);
  flag("padInputs", &options_.pad_inputs);
  const napi_value split = spinel_node::get(env, object, "split");
  if (!is_missing(env, split)) options_.split = choice(env, split, "split", {"proven", "never", "always"});
  number("spas", &options_.spas);
  number("threadsPerSpa", &options_.threads_per_spa);
  number("rank", &options_.rank);
  number("ranksOnMachine", &options_.ranks_on_machine);
  options_.pass_path = text(env, object, "passPath");
  options_.pass_json = text(env, object, "passJson");
  options_.save_engine = text(env, object, "saveEngine");
  options_.load_engine = text(env, object, "loadEngine");
  if (read_limits(env, spinel_node::get(env, object, "limits"), &limits_)) options_.limits = &limits_;
  read_listeners(env, object);
  options_.onnxruntime_path = text(env, object, "onnxruntimePath");
  const napi_value spin = spinel_node::get(env, object, "spinUs");
  if (!is_missing(env, spin)) options_.spin_us = std::max(to_int32(env, spin, "spinUs"), 0);
  if (!is_missing(env, spin) && options_.spin_us == 0) options_.spin_us = -1;
  flag("hugePages", &options_.huge_pages);
  options_.isa = text(env, object, "isa");
  flag("tune", &options_.tune);
  flag("inspectable", &options_.inspectable);
  const napi_value verify = spinel_node::get(env, object, "verify");
  if (!is_missing(env, verify)) options_.verify_weights = choice(env, verify, "verify", {"program", "full"});
  options_.custom_ops = custom_ops_.get();
  options_.cancel = cancel;
}

void Options::read_names_and_sizes(napi_env env, napi_value object) {
  const napi_value names = spinel_node::get(env, object, "inputNames");
  if (!is_missing(env, names)) {
    for (size_t i = 0, count = length(env, names, "inputNames"); i < count; ++i)
      names_.push_back(keep(to_text(env, spinel_node::get(env, names, i), "a name in inputNames")));
    options_.input_names = names_.data();
    options_.input_name_count = names_.size();
  }
  const napi_value sizes = spinel_node::get(env, object, "inputSizes");
  if (!is_missing(env, sizes)) {
    for (size_t i = 0, count = length(env, sizes, "inputSizes"); i < count; ++i) {
      dims_.push_back(to_integers(env, spinel_node::get(env, sizes, i), "each of inputSizes"));
      sizes_.push_back({dims_.back().data(), dims_.back().size()});
    }
    options_.input_sizes = sizes_.data();
    options_.input_size_count = sizes_.size();
  }
  each_property(env, spinel_node::get(env, object, "padValues"),
                [&](const std::string& name, napi_value value) {
                  pads_.push_back({keep(name), to_number(env, value, "a value in padValues")});
                });
  options_.pad_values = pads_.data();
  options_.pad_value_count = pads_.size();
  each_property(env, spinel_node::get(env, object, "aliases"),
                [&](const std::string& name, napi_value value) {
                  const char* input = keep(name);
                  aliases_.push_back({input, keep(to_text(env, value, "an output in aliases"))});
                });
  options_.aliases = aliases_.data();
  options_.alias_count = aliases_.size();
}

bool read_limits(napi_env env, napi_value object, spinel_limits* limits) {
  if (is_missing(env, object)) return false;
  spinel_limits_init(limits, sizeof *limits);
  each_property(env, object, [&](const std::string& name, napi_value value) {
    uint64_t* field = name == "maxModelBytes"    ? &limits->max_model_bytes
                      : name == "maxTensorBytes" ? &limits->max_tensor_bytes
                      : name == "maxArenaBytes"  ? &limits->max_arena_bytes
                      : name == "maxNodes"       ? &limits->max_nodes
                      : name == "maxNesting"     ? &limits->max_nesting
                      : name == "maxImagePixels" ? &limits->max_image_pixels
                                                 : nullptr;
    if (field == nullptr)
      misuse("limits has '" + name +
             "'; there are maxModelBytes, maxTensorBytes, maxArenaBytes, maxNodes, maxNesting, " +
             "maxImagePixels");
    const int64_t limit = to_integer(env, value, name.c_str());
    if (limit < 0) misuse(name + " is negative; 0 means no limit");
    *field = static_cast<uint64_t>(limit);
  });
  return true;
}

void Options::read_listeners(napi_env env, napi_value object) {
  const auto read = [&](const char* name) -> std::shared_ptr<Listener> {
    const napi_value function = spinel_node::get(env, object, name);
    if (is_missing(env, function)) return nullptr;
    napi_valuetype type;
    check(env, napi_typeof(env, function, &type));
    if (type != napi_function) misuse(std::string(name) + " must be a function");
    return std::make_shared<Listener>(env, function);
  };
  log_ = read("log");
  progress_ = read("progress");
  if (progress_ != nullptr) {
    options_.progress = log_progress;
    options_.progress_user = &progress_;
  }
}

void Options::send_log(std::shared_ptr<Listener>* place) {
  if (log_ == nullptr) return;
  *place = std::move(log_);
  options_.log = log_line;
  options_.log_user = place;
}

}  // namespace spinel_node
