#include "api/engine_options.hpp"

#include <algorithm>
#include <filesystem>

#include "backend/backend.hpp"
#include "base/cancel.hpp"
#include "base/cpu_info.hpp"
#include "base/text.hpp"

namespace spinel::api {

void check_options(const EngineOptions& options) {
  const bool has_passes = backend::find_target(options.target).has_passes;
  if (!has_passes && (!options.pass_path.empty() || !options.pass_json.empty()))
    fail(ErrorCode::unsupported, "pass_path '{}': target '{}' runs the file as it is; leave it out",
         options.pass_path, options.target);
  if (!has_passes && !options.save_engine.empty())
    fail(ErrorCode::unsupported, "save_engine '{}': target '{}' makes no engine files; leave it out",
         options.save_engine, options.target);
  if (!has_passes && !options.custom_ops.empty())
    fail(ErrorCode::unsupported,
         "custom operator {}: target '{}' runs its own operators alone; leave custom_ops out, or use target "
         "'cpu'",
         options.custom_ops[0].full_name(), options.target);
  if (!options.pass_path.empty() && !options.pass_json.empty())
    fail(ErrorCode::invalid_argument, "pass_path '{}' and pass_json are both given; leave one out",
         options.pass_path);
  if (!options.load_engine.empty() && backend::find_target(options.target).load == nullptr)
    fail(ErrorCode::unsupported, "load_engine '{}': target '{}' has no engine files; leave it out",
         options.load_engine, options.target);
  if (!options.load_engine.empty() && !options.save_engine.empty())
    fail(ErrorCode::invalid_argument, "load_engine '{}' and save_engine '{}' are both given; leave one out",
         options.load_engine, options.save_engine);
  if (options.dtype != DType::undefined && options.dtype != DType::float32 && options.dtype != DType::float16)
    fail(ErrorCode::invalid_argument, "dtype {} is not one to compute in; use float32 or float16",
         dtype_name(options.dtype));
  if (options.spas < 0)
    fail(ErrorCode::invalid_argument, "spas is {}; give at least 1, or 0 for the default", options.spas);
  if (options.threads_per_spa < 1)
    fail(ErrorCode::invalid_argument, "threads_per_spa is {}; give at least 1", options.threads_per_spa);
  if (options.spas > 4096 || options.threads_per_spa > 4096)
    fail(ErrorCode::invalid_argument,
         "{} SPAs of {} threads are more than any machine has; the limit is 4096 each", options.spas,
         options.threads_per_spa);
  if (options.spin_us < 0 || options.spin_us > 1'000'000)
    fail(ErrorCode::invalid_argument, "spin_us is {}; give 0 to 1000000 microseconds", options.spin_us);
  if (!has_passes && !options.aliases.empty())
    fail(ErrorCode::unsupported,
         "aliases: target '{}' cannot compute in the memory of an input; leave them out", options.target);
  if (options.allocator && (!options.allocator->allocate || !options.allocator->release))
    fail(ErrorCode::invalid_argument, "allocator has no function to {}; give both",
         options.allocator->allocate ? "release" : "allocate");
  if (options.batch_size < 0)
    fail(ErrorCode::invalid_argument, "batch_size is {}; it cannot be negative", options.batch_size);
  if (options.rank < 0 || options.ranks_on_machine < 1)
    fail(ErrorCode::invalid_argument, "rank {} of {} on this machine does not exist", options.rank,
         options.ranks_on_machine);
}

void report_progress(const EngineOptions& options, std::string_view stage, double fraction) {
  if (options.progress) options.progress({stage, fraction});
  check_load_cancelled();
}

uint64_t file_bytes(const std::string& path) {
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(path, error);
  if (error) fail(ErrorCode::not_found, "model '{}': {}", path, error.message());
  return bytes;
}

int spa_count(const EngineOptions& options) {
  if (options.spas > 0) return options.spas;
  return std::max(1, available_cores() / options.ranks_on_machine / options.threads_per_spa);
}

std::vector<size_t> input_order(const std::vector<TensorInfo>& model_inputs,
                                const std::vector<std::string>& names) {
  std::vector<size_t> order;
  if (names.empty()) {
    for (size_t i = 0; i < model_inputs.size(); ++i) order.push_back(i);
    return order;
  }
  std::vector<std::string> known;
  for (const TensorInfo& info : model_inputs) known.push_back(info.name);
  for (const std::string& name : names) {
    const auto found = std::ranges::find(known, name);
    if (found == known.end())
      fail(ErrorCode::not_found, "input_name '{}' is no input of the model; it has '{}'", name,
           fmt::join(known, "', '"));
    const auto index = static_cast<size_t>(found - known.begin());
    if (std::ranges::find(order, index) != order.end())
      fail(ErrorCode::invalid_argument, "input_name lists '{}' twice", name);
    order.push_back(index);
  }
  if (order.size() != known.size())
    fail(ErrorCode::invalid_argument, "input_name lists {} of {} inputs; it must list '{}'", order.size(),
         known.size(), fmt::join(known, "', '"));
  return order;
}

}  // namespace spinel::api
