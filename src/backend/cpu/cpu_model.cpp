#include "backend/cpu/cpu_model.hpp"

#include <algorithm>

#include "backend/cpu/engine_stamp.hpp"
#include "backend/cpu/inspect.hpp"
#include "backend/cpu/profile.hpp"
#include "backend/model_info.hpp"
#include "base/text.hpp"
#include "cpu/half_kernels.hpp"
#include "engine_file/engine_file.hpp"
#include "graph/infer.hpp"
#include "passes/pipeline.hpp"
#include "plan/part_size.hpp"
#include "plan/program.hpp"
#include "plan/weight_pages.hpp"
#include "runtime/executor.hpp"

namespace spinel::backend {
namespace {

using graph::Graph;
using graph::RuntimeValue;
using graph::ValueId;

class CpuReplica final : public Replica {
 public:
  CpuReplica(std::shared_ptr<const plan::Program> program, const runtime::ReplicaOptions& options)
      : program_(std::move(program)), replica_(program_, options) {}
  void run(std::span<const RuntimeValue> inputs, std::span<RuntimeValue> outputs,
           const graph::RunServices& services) override {
    replica_.run(program_->bind(inputs), inputs, outputs, services);
  }

 private:
  std::shared_ptr<const plan::Program> program_;
  runtime::Replica replica_;
};

class CpuModel final : public Model {
 public:
  CpuModel(std::shared_ptr<const plan::Program> program, runtime::ReplicaOptions options,
           std::vector<PassReport> passes, const cpu::Isa& isa)
      : program_(std::move(program)), options_(std::move(options)), passes_(std::move(passes)), isa_(isa) {
    const Graph& graph = program_->graph();
    batch_ = batch_info(program_->batch(), graph.outputs.size());
    inputs_ = input_infos(graph, batch_);
    outputs_ = output_infos(graph, batch_);
  }

  const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  const std::vector<TensorInfo>& outputs() const override { return outputs_; }
  const BatchInfo& batch() const override { return batch_; }
  std::unique_ptr<Replica> make_replica() const override {
    return std::make_unique<CpuReplica>(program_, options_);
  }

  std::vector<std::optional<Dims>> output_dims(std::span<const Dims> input_dims) const override {
    const auto binding = program_->bind(input_dims);
    std::vector<std::optional<Dims>> dims;
    for (ValueId id : program_->graph().outputs) dims.push_back(program_->known_dims(*binding, id));
    return dims;
  }

  int64_t part_samples(std::span<const Dims> input_dims, int64_t batch) const override {
    return plan::best_part_samples(*program_, batch, [&](int64_t samples) {
      std::vector<Dims> dims(input_dims.begin(), input_dims.end());
      for (size_t i = 0; i < dims.size(); ++i)
        if (batch_.input_axes[i] >= 0) dims[i][static_cast<size_t>(batch_.input_axes[i])] = samples;
      return dims;
    });
  }

  MemoryReport memory(std::span<const Dims> input_dims) const override {
    const auto binding = program_->bind(input_dims);
    MemoryReport report;
    report.weight_bytes = program_->weight_bytes();
    report.arena_bytes_per_spa = binding->arena_bytes;
    report.scratch_bytes_per_spa = binding->scratch_bytes;
    report.unplanned = program_->unplanned(*binding);
    return report;
  }

  std::vector<PassReport> pass_report() const override { return passes_; }
  std::string graph_text() const override { return graph::to_text(program_->graph()); }

  std::optional<RunProfile> profile(std::span<const RuntimeValue> inputs,
                                    const graph::RunServices& services) const override {
    return profile_program(program_, options_, inputs, services);
  }

  std::optional<std::vector<LayerValue>> layer_values(std::span<const Dims> input_dims) const override {
    const auto binding = input_dims.empty() ? nullptr : program_->bind(input_dims);
    return backend::layer_values(*program_, binding.get());
  }
  std::optional<std::vector<RuntimeValue>> inspect(std::span<const RuntimeValue> inputs,
                                                   const Inspection& inspection,
                                                   const graph::RunServices& services) const override {
    return inspect_program(program_, options_, inputs, inspection, services);
  }

  DType compute_dtype() const override { return backend::compute_dtype(program_->graph()); }
  std::string arithmetic() const override {
    const DType dtype = compute_dtype();
    if (dtype != DType::float16) return fmt::format("{} ({})", dtype_name(dtype), isa_.name);
    return isa_.half_kernels != nullptr
               ? fmt::format("float16, products in {} arithmetic ({})", isa_.half_kernels->arithmetic,
                             isa_.name)
               : fmt::format("float16, stored as such, arithmetic in float32 ({})", isa_.name);
  }

 private:
  std::shared_ptr<const plan::Program> program_;
  runtime::ReplicaOptions options_;
  std::vector<PassReport> passes_;
  const cpu::Isa& isa_;
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  BatchInfo batch_;
};

/// The pairs by position. Throws Error if a name is unknown.
std::vector<plan::Alias> find_aliases(const Graph& graph, const std::vector<AliasPair>& pairs) {
  std::vector<std::string> input_names;
  for (ValueId id : graph.inputs) input_names.push_back(graph.value(id).name);
  auto position = [](const std::vector<std::string>& names, const std::string& name, const char* what) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end())
      fail(ErrorCode::not_found, "aliases name '{}', which is no {} of the model; it has '{}'", name, what,
           fmt::join(names, "', '"));
    return static_cast<size_t>(found - names.begin());
  };
  std::vector<plan::Alias> aliases;
  for (const AliasPair& pair : pairs)
    aliases.push_back(
        {position(input_names, pair.input, "input"), position(graph.output_names, pair.output, "output")});
  return aliases;
}

std::unique_ptr<Model> plan_model(Graph graph, const CompileOptions& options,
                                  std::vector<PassReport> reports) {
  if (options.huge_pages) plan::move_weights_to_huge_pages(graph, options.log);
  plan::ProgramOptions program;
  program.limits = options.limits;
  program.concurrency = options.spas * options.threads_per_spa;
  program.aliases = find_aliases(graph, options.aliases);
  return std::make_unique<CpuModel>(
      std::make_shared<const plan::Program>(std::move(graph), std::move(program)),
      runtime::ReplicaOptions{options.huge_pages, options.log}, std::move(reports),
      cpu::find_isa(options.isa));
}

/// Copies the constants that are views into the file's bytes. Each can then be let go once it has been
/// packed, and the file's bytes at once.
void own_constants(Graph& graph, const std::shared_ptr<void>& file) {
  for (graph::Value& value : graph.values)
    if (value.is_constant() && value.constant.owner() == file) value.constant = value.constant.clone();
  for (graph::Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) own_constants(*subgraph, file);
}

}  // namespace

std::unique_ptr<Model> compile_for_cpu(onnx::ModelSource source, const CompileOptions& options) {
  const double stages = static_cast<double>(passes::pass_names().size() + 3);
  options.progress("import", 1 / stages);
  Graph graph = onnx::import_model(source, options.limits, options.log, options.custom_ops);
  own_constants(graph, source.bytes.owner);
  const uint64_t model_bytes = source.bytes.data.size();
  source = {};
  apply_input_size(graph, options.input_size);
  graph::infer(graph);
  passes::Settings settings;
  settings.dtype = options.dtype;
  settings.keep_io_types = options.keep_io_types;
  settings.isa = &cpu::find_isa(options.isa);
  settings.tune = options.tune;
  settings.limits = options.limits;
  settings.log = options.log;
  settings.progress = [&](const char* pass, size_t index) {
    options.progress(pass, static_cast<double>(index + 2) / stages);
  };
  if (!options.pass_path.empty()) settings.config = passes::load_pass_config(options.pass_path);
  if (!options.pass_json.empty()) settings.config = passes::parse_pass_config(options.pass_json, "pass_json");
  std::vector<PassReport> reports = passes::run_pipeline(graph, settings);
  options.progress("plan", (stages - 1) / stages);
  if (!options.save_engine.empty())
    engine_file::save(options.save_engine, graph,
                      make_stamp(options, *settings.isa, pass_text(options), model_bytes));
  return plan_model(std::move(graph), options, std::move(reports));
}

std::unique_ptr<Model> load_for_cpu(const CompileOptions& options) {
  engine_file::LoadOptions load;
  load.isa = &cpu::find_isa(options.isa);
  load.verify_weights = options.verify_weights;
  load.limits = options.limits;
  load.custom_ops = options.custom_ops;
  engine_file::Loaded loaded = engine_file::load(
      options.load_engine, load, [&](const engine_file::Stamp& stamp) { check_stamp(stamp, options); });
  options.progress("plan", 0.5);
  return plan_model(std::move(loaded.graph), options, {});
}

}  // namespace spinel::backend
