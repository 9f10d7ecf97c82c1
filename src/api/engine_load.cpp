#include <algorithm>

#include "api/engine_impl.hpp"
#include "api/engine_options.hpp"
#include "base/allocate.hpp"
#include "base/cancel.hpp"
#include "base/text.hpp"

namespace spinel {

InferEngine::Impl::Impl(onnx::ModelSource* source, const EngineOptions& given)
    : options(given), spas(api::spa_count(given)) {
  const backend::Target& target = backend::find_target(options.target);
  backend::CompileOptions compile;
  compile.dtype = options.dtype;
  compile.keep_io_types = options.keep_io_types;
  compile.limits = options.limits;
  compile.log = options.log;
  compile.progress = [&](std::string_view stage, double fraction) {
    api::report_progress(options, stage, fraction);
  };
  compile.custom_ops = ops::CustomOpTable(options.custom_ops);
  compile.spas = spas;
  compile.threads_per_spa = options.threads_per_spa;
  compile.aliases = options.aliases;
  compile.huge_pages = options.huge_pages;
  compile.isa = options.isa;
  compile.tune = options.tune;
  compile.inspectable = options.inspectable;
  compile.onnxruntime_path = options.onnxruntime_path;
  compile.pass_path = options.pass_path;
  compile.pass_json = options.pass_json;
  if (source != nullptr) {
    compile.save_engine = options.save_engine;
    compile.input_size = input_sizes(*source, compile.custom_ops);
    model = target.compile(std::move(*source), compile);
  } else {
    compile.load_engine = options.load_engine;
    compile.verify_weights = options.verify == VerifyEngine::full;
    if (!options.ckpt.empty()) compile.model_bytes = api::file_bytes(options.ckpt);
    model = target.load(compile);
  }
  order = api::input_order(model->inputs(), options.input_name);
  for (size_t index : order) inputs.push_back(model->inputs()[index]);
  if (source == nullptr) check_input_size();
  outputs = model->outputs();
  pass_report = model->pass_report();
  for (const auto& [name, value] : options.pad_value)
    if (std::ranges::find(inputs, name, &TensorInfo::name) == inputs.end())
      fail(ErrorCode::not_found, "pad_value names '{}', which is no input of the model", name);
  std::vector<std::unique_ptr<backend::Replica>> items;
  for (int i = 0; i < spas; ++i) items.push_back(model->make_replica());
  replicas = std::make_unique<runtime::LeasePool<backend::Replica>>(std::move(items));
  const int threads_per_replica = model->has_own_threads() ? 1 : options.threads_per_spa;
  const int workers = options.parallel_for ? 0 : spas * threads_per_replica - 1;
  threads = std::make_unique<runtime::ThreadPool>(workers, options.spin_us);
  queue = std::make_unique<runtime::AsyncQueue>();
  warn_about_split();
}

void InferEngine::Impl::require_size_for_each(size_t inputs_of_model) const {
  if (inputs_of_model != options.input_size.size())
    fail(ErrorCode::invalid_argument, "input_size has {} shapes for {} inputs; give one an input",
         options.input_size.size(), inputs_of_model);
}

/// input_size by name. Without input_name the file's order counts, which only importing tells.
std::map<std::string, Dims> InferEngine::Impl::input_sizes(const onnx::ModelSource& source,
                                                           const ops::CustomOpTable& custom_ops) const {
  std::map<std::string, Dims> sizes;
  if (options.input_size.empty()) return sizes;
  std::vector<std::string> names = options.input_name;
  if (names.empty()) {
    const graph::Graph graph = onnx::import_model(source, options.limits, nullptr, custom_ops);
    for (graph::ValueId id : graph.inputs) names.push_back(graph.value(id).name);
  }
  require_size_for_each(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    Dims dims = options.input_size[i];
    if (!dims.empty()) dims[0] = 0;  // The batch stays what the model makes it.
    sizes[names[i]] = std::move(dims);
  }
  return sizes;
}

/// Of an engine file: whether it was built for the dims that are asked for. Throws Error.
void InferEngine::Impl::check_input_size() const {
  if (options.input_size.empty()) return;
  require_size_for_each(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Dims& wanted = options.input_size[i];
    bool fits = wanted.empty() || wanted.size() == inputs[i].dims.size();
    for (size_t axis = 1; fits && axis < wanted.size(); ++axis)
      fits = wanted[axis] <= 0 || wanted[axis] == inputs[i].dims[axis];
    if (!fits)
      fail(ErrorCode::unsupported,
           "the engine file takes '{}' as {}, input_size asks for {}; leave the option out, or build what "
           "is "
           "wanted: spinel build",
           inputs[i].name, describe(inputs[i]), dims_text(wanted));
  }
}

void InferEngine::Impl::warn_about_split() const {
  const backend::BatchInfo& batch = model->batch();
  if (!options.log || spas == 1 || batch.proven || options.split != SplitPolicy::proven) return;
  options.log(LogLevel::warning,
              fmt::format("one SPA runs the whole batch: {}{}", batch.reason,
                          batch.blocking_node.empty() ? "" : " at node '" + batch.blocking_node + "'"));
}

std::unique_ptr<InferEngine::Impl> InferEngine::load(onnx::ModelSource* source, const EngineOptions& options,
                                                     const std::string& name) {
  try {
    auto impl = std::make_unique<Impl>(source, options);
    api::report_progress(options, "done", 1);
    return impl;
  } catch (const Error& error) {
    // What is wrong inside the bytes does not know which file they are.
    throw Error(error.code(), name + error.what(), error.node());
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::out_of_memory, name + "no memory left for the model");
  } catch (const std::exception& error) {
    throw Error(ErrorCode::internal, name + error.what());
  }
}

InferEngine::InferEngine(const EngineOptions& options) {
  api::check_options(options);
  const CancelScope scope(options.cancel.flag());
  const AllocatorScope memory(options.allocator);
  api::report_progress(options, "read", 0);
  if (!options.load_engine.empty()) {
    impl_ = load(nullptr, options, options.load_engine + ": ");
    return;
  }
  if (options.ckpt.empty()) fail(ErrorCode::invalid_argument, "ckpt is empty; give the path of an ONNX file");
  onnx::ModelSource source = backend::find_target(options.target).only_imports
                                 ? onnx::open_model_for_import(options.ckpt, options.limits)
                                 : onnx::open_model(options.ckpt, options.limits);
  impl_ = load(&source, options, options.ckpt + ": ");
}

InferEngine InferEngine::from_memory(std::span<const std::byte> model, const EngineOptions& options,
                                     const std::string& folder) {
  api::check_options(options);
  if (!options.load_engine.empty())
    fail(ErrorCode::invalid_argument, "load_engine '{}' is given with a model in memory; leave one out",
         options.load_engine);
  const CancelScope scope(options.cancel.flag());
  const AllocatorScope memory(options.allocator);
  api::report_progress(options, "read", 0);
  onnx::ModelSource source;
  // Constants may stay views into the model's bytes, which belong to the caller only during this call.
  Tensor copy = Tensor::uninitialized(DType::uint8, {static_cast<int64_t>(model.size())});
  copy_bytes(copy.raw(), model.data(), model.size());
  source.bytes = {{static_cast<const std::byte*>(copy.raw()), model.size()}, copy.owner()};
  if (!folder.empty()) source.folder = folder;
  return InferEngine(load(&source, options, ""));
}

}  // namespace spinel
