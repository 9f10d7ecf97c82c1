#include "options.hpp"

#include <spinel/tensor.hpp>

#include "plugin/op_set.hpp"
#include "run.hpp"
#include "strings.hpp"
#include "structs.hpp"
#include "tensors.hpp"

namespace spinel::capi {
namespace {

spinel_limits default_limits() {
  const Limits from;
  spinel_limits out{};
  out.max_model_bytes = from.max_model_bytes;
  out.max_tensor_bytes = from.max_tensor_bytes;
  out.max_arena_bytes = from.max_arena_bytes;
  out.max_nodes = from.max_nodes;
  out.max_nesting = from.max_nesting;
  out.max_image_pixels = from.max_image_pixels;
  return out;
}

SplitPolicy read_split(int32_t split) {
  switch (split) {
    case SPINEL_SPLIT_PROVEN:
      return SplitPolicy::proven;
    case SPINEL_SPLIT_NEVER:
      return SplitPolicy::never;
    case SPINEL_SPLIT_ALWAYS:
      return SplitPolicy::always;
    default:
      misuse("options->split is {}, which is no spinel_split", split);
  }
}

/// The host's callback as a LogCallback. A line for which there is no memory is dropped.
LogCallback make_log(spinel_log_callback log, void* user) {
  if (log == nullptr) return {};
  return [log, user](LogLevel level, std::string_view message) {
    try {
      log(user, static_cast<int32_t>(level), std::string(message).c_str());
    } catch (const std::bad_alloc&) {
    }
  };
}

/// The host's callback. A stage for which there is no memory is not reported.
decltype(EngineOptions::progress) make_progress(spinel_progress_callback progress, void* user) {
  if (progress == nullptr) return {};
  return [progress, user](const LoadProgress& at) {
    try {
      progress(user, std::string(at.stage).c_str(), at.fraction);
    } catch (const std::bad_alloc&) {
    }
  };
}

/// The host's memory. Throws Misuse if one of the functions is missing.
std::shared_ptr<const Allocator> make_allocator(const spinel_engine_options& from) {
  if ((from.allocate == nullptr) != (from.deallocate == nullptr))
    misuse("options->{} is NULL; give both functions or neither",
           from.allocate == nullptr ? "allocate" : "deallocate");
  if (from.allocate == nullptr) return nullptr;
  const auto allocate = [function = from.allocate, user = from.allocate_user](
                            size_t bytes, size_t alignment) { return function(user, bytes, alignment); };
  const auto release = [function = from.deallocate, user = from.allocate_user](void* memory, size_t bytes,
                                                                               size_t alignment) {
    function(user, memory, bytes, alignment);
  };
  return std::make_shared<const Allocator>(Allocator{allocate, release});
}

/// The host's loop as the core calls it.
decltype(EngineOptions::parallel_for) make_loop(spinel_parallel_for loop, void* user) {
  if (loop == nullptr) return {};
  return [loop, user](int64_t count, const std::function<void(int64_t)>& task) {
    const auto call = [](void* data, int64_t index) {
      (*static_cast<const std::function<void(int64_t)>*>(data))(index);
    };
    loop(user, count, call, const_cast<std::function<void(int64_t)>*>(&task));
  };
}

}  // namespace

Limits read_limits(const spinel_limits* limits) {
  if (limits == nullptr) return {};
  const spinel_limits from = read_struct(limits, "limits", default_limits());
  Limits out;
  out.max_model_bytes = from.max_model_bytes;
  out.max_tensor_bytes = from.max_tensor_bytes;
  out.max_arena_bytes = from.max_arena_bytes;
  out.max_nodes = static_cast<size_t>(std::min<uint64_t>(from.max_nodes, SIZE_MAX));
  out.max_nesting = static_cast<size_t>(std::min<uint64_t>(from.max_nesting, SIZE_MAX));
  out.max_image_pixels = from.max_image_pixels;
  return out;
}

EngineOptions read_engine_options(const spinel_engine_options* options) {
  EngineOptions out;
  if (options == nullptr) return out;
  const spinel_engine_options from = read_struct(options, "options", spinel_engine_options{});
  if (from.target != nullptr) out.target = from.target;
  require_array(from.input_names, from.input_name_count, "options->input_names");
  for (size_t i = 0; i < from.input_name_count; ++i)
    out.input_name.emplace_back(
        require_text(from.input_names[i], fmt::format("options->input_names[{}]", i).c_str()));
  out.input_size = read_shapes(from.input_sizes, from.input_size_count, "options->input_sizes");
  require_array(from.pad_values, from.pad_value_count, "options->pad_values");
  for (size_t i = 0; i < from.pad_value_count; ++i) {
    const std::string input =
        require_text(from.pad_values[i].input, fmt::format("options->pad_values[{}].input", i).c_str());
    if (!out.pad_value.emplace(input, from.pad_values[i].value).second)
      misuse("options->pad_values names input '{}' twice", input);
  }
  out.batch_size = from.batch_size;
  if (from.dtype != SPINEL_UNDEFINED && !is_known_dtype(from.dtype))
    misuse("options->dtype is {}, which is no spinel_dtype", from.dtype);
  out.dtype = static_cast<DType>(from.dtype);
  out.keep_io_types = require_flag(from.keep_io_types, "options->keep_io_types");
  out.pad_inputs = require_flag(from.pad_inputs, "options->pad_inputs");
  out.split = read_split(from.split);
  out.spas = from.spas;
  if (from.threads_per_spa != 0) out.threads_per_spa = from.threads_per_spa;
  out.rank = from.rank;
  if (from.ranks_on_machine != 0) out.ranks_on_machine = from.ranks_on_machine;
  out.pass_path = text_or_empty(from.pass_path);
  out.pass_json = text_or_empty(from.pass_json);
  out.save_engine = text_or_empty(from.save_engine);
  out.onnxruntime_path = text_or_empty(from.onnxruntime_path);
  if (from.spin_us != 0) out.spin_us = std::max(from.spin_us, 0);
  out.huge_pages = require_flag(from.huge_pages, "options->huge_pages");
  require_array(from.aliases, from.alias_count, "options->aliases");
  for (size_t i = 0; i < from.alias_count; ++i)
    out.aliases.push_back(
        {require_text(from.aliases[i].input, fmt::format("options->aliases[{}].input", i).c_str()),
         require_text(from.aliases[i].output, fmt::format("options->aliases[{}].output", i).c_str())});
  out.allocator = make_allocator(from);
  out.parallel_for = make_loop(from.parallel_for, from.parallel_for_user);
  out.isa = text_or_empty(from.isa);
  out.tune = require_flag(from.tune, "options->tune");
  if (require_flag(from.verify_weights, "options->verify_weights")) out.verify = VerifyEngine::full;
  out.inspectable = require_flag(from.inspectable, "options->inspectable");
  out.load_engine = text_or_empty(from.load_engine);
  out.limits = read_limits(from.limits);
  out.log = make_log(from.log, from.log_user);
  if (from.custom_ops != nullptr) out.custom_ops = from.custom_ops->ops;
  if (from.cancel != nullptr) out.cancel = from.cancel->token;
  out.progress = make_progress(from.progress, from.progress_user);
  return out;
}

}  // namespace spinel::capi

using namespace spinel::capi;

void spinel_limits_init(spinel_limits* limits, size_t struct_size) {
  init_struct(limits, struct_size, default_limits());
}

void spinel_engine_options_init(spinel_engine_options* options, size_t struct_size) {
  init_struct(options, struct_size, spinel_engine_options{});
}
