#include "backend/cpu/cpu_model.hpp"

#include "backend/model_info.hpp"
#include "graph/infer.hpp"
#include "passes/pipeline.hpp"
#include "plan/program.hpp"
#include "runtime/executor.hpp"

namespace spinel::backend {
namespace {

using graph::Graph;
using graph::RuntimeValue;
using graph::ValueId;

class CpuReplica final : public Replica {
 public:
  explicit CpuReplica(std::shared_ptr<const plan::Program> program)
      : program_(std::move(program)), replica_(program_) {}
  void run(std::span<const RuntimeValue> inputs, std::span<RuntimeValue> outputs,
           const graph::RunServices& services) override {
    std::vector<Dims> dims;
    for (const RuntimeValue& input : inputs) dims.push_back(input.tensor().dims());
    replica_.run(*program_->bind(dims), inputs, outputs, services);
  }

 private:
  std::shared_ptr<const plan::Program> program_;
  runtime::Replica replica_;
};

class CpuModel final : public Model {
 public:
  explicit CpuModel(std::shared_ptr<const plan::Program> program) : program_(std::move(program)) {
    const Graph& graph = program_->graph();
    batch_ = batch_info(program_->batch(), graph.outputs.size());
    inputs_ = input_infos(graph, batch_);
    outputs_ = output_infos(graph, batch_);
  }

  const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  const std::vector<TensorInfo>& outputs() const override { return outputs_; }
  const BatchInfo& batch() const override { return batch_; }
  std::unique_ptr<Replica> make_replica() const override { return std::make_unique<CpuReplica>(program_); }

  std::vector<std::optional<Dims>> output_dims(std::span<const Dims> input_dims) const override {
    const auto binding = program_->bind(input_dims);
    std::vector<std::optional<Dims>> dims;
    for (ValueId id : program_->graph().outputs) dims.push_back(binding->dims[static_cast<size_t>(id)]);
    return dims;
  }

  MemoryReport memory(std::span<const Dims> input_dims) const override {
    const auto binding = program_->bind(input_dims);
    MemoryReport report;
    report.weight_bytes = program_->weight_bytes();
    report.arena_bytes_per_spa = binding->arena_bytes;
    report.unplanned = program_->unplanned(*binding);
    return report;
  }

  std::string graph_text() const override { return graph::to_text(program_->graph()); }

  DType compute_dtype() const override { return backend::compute_dtype(program_->graph()); }

 private:
  std::shared_ptr<const plan::Program> program_;
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  BatchInfo batch_;
};

}  // namespace

std::unique_ptr<Model> compile_for_cpu(const onnx::ModelSource& source, const CompileOptions& options) {
  Graph graph = onnx::import_model(source, options.limits, options.log);
  apply_input_size(graph, options.input_size);
  graph::infer(graph);
  passes::Settings settings;
  settings.dtype = options.dtype;
  settings.keep_io_types = options.keep_io_types;
  settings.limits = options.limits;
  settings.log = options.log;
  passes::run_pipeline(graph, settings);
  return std::make_unique<CpuModel>(std::make_shared<const plan::Program>(std::move(graph), options.limits));
}

}  // namespace spinel::backend
