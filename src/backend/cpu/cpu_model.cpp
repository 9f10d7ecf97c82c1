#include "backend/cpu/cpu_model.hpp"

#include "base/text.hpp"
#include "graph/infer.hpp"
#include "passes/pipeline.hpp"
#include "plan/program.hpp"
#include "runtime/executor.hpp"

namespace spinel::backend {
namespace {

using graph::Graph;
using graph::RuntimeValue;
using graph::ValueId;

TensorInfo tensor_info(const std::string& name, const graph::ValueType& type, int batch_axis) {
  if (!type.is_tensor())
    fail(ErrorCode::unsupported, "'{}' is a {}; a model's inputs and outputs must be tensors", name,
         type.text());
  TensorInfo info;
  info.name = name;
  info.dtype = type.dtype;
  info.has_rank = type.shape.has_value();
  info.batch_axis = batch_axis;
  for (const graph::Dim& dim : type.shape.value_or(graph::Shape{})) {
    info.dims.push_back(dim.is_constant() ? dim.constant() : -1);
    info.dim_names.push_back(dim.is_constant() ? "" : dim.text());
  }
  return info;
}

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
    const graph::BatchAnalysis& analysis = program_->batch();
    batch_.proven = analysis.proven;
    batch_.fixed = analysis.batch_dim.is_constant() ? analysis.batch_dim.constant() : 0;
    batch_.input_axes = analysis.input_axes;
    batch_.output_axes = analysis.output_axes;
    batch_.output_axes.resize(graph.outputs.size(), -1);
    batch_.blocking_node = analysis.blocking_node;
    batch_.reason = analysis.reason;
    for (size_t i = 0; i < graph.inputs.size(); ++i) {
      const graph::Value& value = graph.value(graph.inputs[i]);
      inputs_.push_back(tensor_info(value.name, value.type, batch_.proven ? batch_.input_axes[i] : -1));
    }
    for (size_t i = 0; i < graph.outputs.size(); ++i)
      outputs_.push_back(tensor_info(graph.output_names[i], graph.value(graph.outputs[i]).type,
                                     batch_.proven ? batch_.output_axes[i] : -1));
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

  DType compute_dtype() const override {
    for (const graph::Value& value : program_->graph().values)
      if (value.type.dtype == DType::float16 || value.type.dtype == DType::float32 ||
          value.type.dtype == DType::float64 || value.type.dtype == DType::bfloat16)
        if (value.producer != graph::no_node) return value.type.dtype;
    return DType::undefined;
  }

 private:
  std::shared_ptr<const plan::Program> program_;
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  BatchInfo batch_;
};

/// Fixes dynamic dims of the inputs. A symbol that is fixed for one input is fixed everywhere.
void apply_input_size(Graph& graph, const std::map<std::string, Dims>& input_size) {
  std::map<std::string, int64_t> fixed;
  for (ValueId id : graph.inputs) {
    const graph::Value& value = graph.value(id);
    const auto found = input_size.find(value.name);
    if (found == input_size.end() || !value.type.shape) continue;
    const graph::Shape& shape = *value.type.shape;
    const Dims& wanted = found->second;
    if (wanted.size() != shape.size())
      fail(ErrorCode::invalid_argument, "input_size {} does not fit input '{}', which takes {}",
           dims_text(wanted), value.name, value.type.text());
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      if (wanted[axis] <= 0) continue;
      if (shape[axis].is_constant() ? shape[axis].constant() != wanted[axis]
                                    : !fixed.try_emplace(shape[axis].text(), wanted[axis]).second &&
                                          fixed[shape[axis].text()] != wanted[axis])
        fail(ErrorCode::invalid_argument, "input_size {} contradicts input '{}', which takes {}",
             dims_text(wanted), value.name, value.type.text());
    }
  }
  for (ValueId id : graph.inputs) {
    graph::Value& value = graph.value(id);
    if (!value.type.shape) continue;
    for (graph::Dim& dim : *value.type.shape)
      if (const auto found = fixed.find(dim.text()); !dim.is_constant() && found != fixed.end())
        dim = found->second;
  }
}

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
