#include "backend/onnxruntime/environment.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string_view>

#include "base/text.hpp"

namespace spinel::backend::ort {
namespace {

/// What ONNX Runtime's code means to the caller.
ErrorCode error_code(Stage stage, int status_code, std::string_view message) {
  for (const char* sign : {"std::bad_alloc", "bad allocation", "Failed to allocate memory"})
    if (message.find(sign) != std::string_view::npos) return ErrorCode::out_of_memory;
  switch (status_code) {
    case code::not_implemented:
      return ErrorCode::unsupported;
    case code::no_such_file:
      return ErrorCode::not_found;
    case code::engine_error:
    case code::provider_failed:
      return ErrorCode::internal;
    default:
      return stage == Stage::load ? ErrorCode::bad_model : ErrorCode::invalid_argument;
  }
}

/// The node in "... running Conv node. Name:'conv_1' Status Message: ...", or "".
std::string node_in(std::string_view message) {
  constexpr std::string_view before = "Name:'";
  const size_t begin = message.find(before);
  if (begin == std::string_view::npos) return {};
  const size_t end = message.find('\'', begin + before.size());
  if (end == std::string_view::npos) return {};
  return std::string(message.substr(begin + before.size(), end - begin - before.size()));
}

struct LogRoutes {
  std::shared_mutex mutex;
  std::map<std::string, LogCallback, std::less<>> by_id;
};

/// Never destroyed: ONNX Runtime may log while the process ends.
LogRoutes& log_routes() {
  static auto* routes = new LogRoutes;
  return *routes;
}

void receive_log(void*, int, const char*, const char* log_id, const char*, const char* message) {
  if (log_id == nullptr || message == nullptr) return;
  // A run's log id may follow the session's after a colon.
  const std::string_view id = std::string_view(log_id).substr(0, std::string_view(log_id).find(':'));
  try {
    LogCallback log;
    {
      LogRoutes& routes = log_routes();
      const std::shared_lock lock(routes.mutex);
      const auto found = routes.by_id.find(id);
      if (found == routes.by_id.end()) return;
      log = found->second;
    }
    // What goes wrong is thrown, too, so that nothing here is more than information.
    log(LogLevel::info, fmt::format("ONNX Runtime: {}", message));
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace

void Api::check(Stage stage, Status* status) const {
  if (status == nullptr) return;
  const int status_code = plain(get_error_code, status);
  const std::string message = plain(get_error_message, status);
  release(status);
  throw Error(error_code(stage, status_code, message), "ONNX Runtime: " + message, node_in(message));
}

Environment::Environment(Library library)
    : library_(std::move(library)), api_(library_.table), env_(api_, release_env) {
  api_(Stage::load, create_env_with_custom_logger, receive_log, nullptr, severity::warning, "spinel",
       env_.receive());
  api_(Stage::load, disable_telemetry_events, env_.get());
}

std::shared_ptr<Environment> Environment::get(const std::string& place) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<Environment>> known;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Environment> environment = known[place].lock();
  if (!environment) known[place] = environment = std::make_shared<Environment>(load_library(place));
  return environment;
}

LogRoute::LogRoute(LogCallback log) {
  static std::atomic<uint64_t> count{0};
  id_ = fmt::format("spinel-{}", ++count);
  if (!log) return;
  LogRoutes& routes = log_routes();
  const std::unique_lock lock(routes.mutex);
  routes.by_id.emplace(id_, std::move(log));
}

LogRoute::~LogRoute() {
  LogRoutes& routes = log_routes();
  const std::unique_lock lock(routes.mutex);
  routes.by_id.erase(id_);
}

}  // namespace spinel::backend::ort
