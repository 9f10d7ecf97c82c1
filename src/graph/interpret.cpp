#include "graph/interpret.hpp"

#include <algorithm>
#include <new>

#include "base/text.hpp"
#include "graph/node_error.hpp"

namespace spinel::graph {
namespace {

const RuntimeValue nothing;

class NodeRun final : public RunContext {
 public:
  NodeRun(const Graph& graph, const Node& node, std::vector<RuntimeValue>& values,
          const RunServices& services)
      : graph_(graph), node_(node), values_(values), services_(services), ignored_(node.outputs.size()) {
    for (ValueId id : node.inputs) {
      if (id == no_value)
        inputs_.push_back(&nothing);
      else if (graph.value(id).is_constant()) {
        constants_.push_back(std::make_unique<RuntimeValue>(graph.value(id).constant));
        inputs_.push_back(constants_.back().get());
      } else {
        inputs_.push_back(&values[static_cast<size_t>(id)]);
      }
    }
  }

  size_t input_count() const override { return inputs_.size(); }
  size_t output_count() const override { return node_.outputs.size(); }
  const RuntimeValue& value(size_t index) const override {
    return index < inputs_.size() ? *inputs_[index] : nothing;
  }
  bool wants_output(size_t index) const override {
    return index < node_.outputs.size() && node_.outputs[index] != no_value;
  }
  const ValueType* output_type(size_t index) const override {
    return wants_output(index) ? &graph_.value(node_.outputs[index]).type : nullptr;
  }
  Tensor& output(size_t index, DType dtype, const Dims& dims) override {
    RuntimeValue& slot = output_slot(index);
    if (services_.max_tensor_bytes != 0 && tensor_bytes(dtype, dims) > services_.max_tensor_bytes)
      fail(ErrorCode::limit_exceeded, "output {} {}{} exceeds the limit max_tensor_bytes, {}", index,
           dtype_name(dtype), dims_text(dims), services_.max_tensor_bytes);
    slot = Tensor::uninitialized(dtype, dims);
    return slot.tensor();
  }
  void set_output(size_t index, RuntimeValue value) override { output_slot(index) = std::move(value); }
  std::vector<RuntimeValue> run_subgraph(size_t index, std::vector<RuntimeValue> inputs) override {
    const Graph& inner = *node_.subgraphs.at(index);
    std::vector<RuntimeValue> captured;
    captured.reserve(inner.captures.size());
    for (const Capture& capture : inner.captures)
      captured.push_back(values_[static_cast<size_t>(capture.outer)]);
    return interpret(inner, std::move(inputs), captured, services_);
  }
  void parallel_for(int64_t count, FunctionRef<void(int64_t)> fn) override {
    const auto task = [&](int64_t i) {
      check_cancelled();
      fn(i);
    };
    if (services_.parallel_for && count > 1) return services_.parallel_for(count, task);
    for (int64_t i = 0; i < count; ++i) task(i);
  }
  int concurrency() const override { return std::max(services_.concurrency, 1); }
  std::byte* scratch() override {
    shared_ = scratch_block(booked().shared_bytes);
    return static_cast<std::byte*>(shared_.raw());
  }
  void check_cancelled() const override {
    if (services_.cancelled != nullptr && services_.cancelled->load(std::memory_order_relaxed))
      fail(ErrorCode::cancelled, "the run was cancelled");
  }

 protected:
  ThreadScratch thread_scratch() override {
    const uint64_t stride = (booked().per_thread_bytes + 63) / 64 * 64;
    per_thread_ = scratch_block(stride * static_cast<uint64_t>(concurrency()));
    return {static_cast<std::byte*>(per_thread_.raw()), static_cast<size_t>(stride), concurrency()};
  }

 private:
  class Sizes final : public ScratchContext {
   public:
    explicit Sizes(NodeRun& run) : run_(run) {}
    std::span<const int64_t> input_dims(size_t index) const override { return dims(run_.value(index)); }
    std::span<const int64_t> output_dims(size_t index) const override {
      return dims(run_.output_slot(index));
    }

   private:
    static std::span<const int64_t> dims(const RuntimeValue& value) {
      return value.is_tensor() ? std::span<const int64_t>(value.tensor().dims()) : std::span<const int64_t>();
    }
    NodeRun& run_;
  };

  Scratch booked() { return node_.op->scratch(Sizes(*this)); }
  static Tensor scratch_block(uint64_t bytes) {
    return Tensor::uninitialized(DType::uint8, {static_cast<int64_t>(bytes)});
  }
  RuntimeValue& output_slot(size_t index) {
    if (!wants_output(index)) return ignored_.at(index);
    return values_[static_cast<size_t>(node_.outputs[index])];
  }

  const Graph& graph_;
  const Node& node_;
  std::vector<RuntimeValue>& values_;
  const RunServices& services_;
  std::vector<const RuntimeValue*> inputs_;
  std::vector<std::unique_ptr<RuntimeValue>> constants_;
  std::vector<RuntimeValue> ignored_;
  Tensor shared_;
  Tensor per_thread_;
};

}  // namespace

void run_op(const Node& node, RunContext& context) {
  auto located = [&](const Error& error) {
    std::vector<const RuntimeValue*> inputs;
    for (size_t i = 0; i < context.input_count(); ++i) inputs.push_back(&context.value(i));
    return at_node(error, node, inputs);
  };
  try {
    context.check_cancelled();
    node.op->run(context);
  } catch (const Error& error) {
    if (!error.node().empty() || error.code() == ErrorCode::cancelled) throw;
    throw located(error);
  } catch (const std::bad_alloc&) {
    throw located(Error(ErrorCode::out_of_memory, "no memory left"));
  } catch (const std::exception& error) {
    throw located(Error(ErrorCode::internal, error.what()));
  }
}

void run_node(const Graph& graph, const Node& node, std::vector<RuntimeValue>& values,
              const RunServices& services) {
  NodeRun context(graph, node, values, services);
  run_op(node, context);
}

std::vector<RuntimeValue> interpret(const Graph& graph, std::vector<RuntimeValue> inputs,
                                    const std::vector<RuntimeValue>& captured, const RunServices& services) {
  std::vector<RuntimeValue> values(graph.values.size());
  for (size_t i = 0; i < graph.values.size(); ++i)
    if (graph.values[i].is_constant()) values[i] = graph.values[i].constant;
  for (size_t i = 0; i < graph.inputs.size(); ++i)
    values[static_cast<size_t>(graph.inputs[i])] = std::move(inputs[i]);
  for (size_t i = 0; i < graph.captures.size(); ++i)
    values[static_cast<size_t>(graph.captures[i].inner)] = captured[i];
  for (const Node& node : graph.nodes) run_node(graph, node, values, services);
  std::vector<RuntimeValue> outputs;
  for (ValueId id : graph.outputs) outputs.push_back(values[static_cast<size_t>(id)]);
  return outputs;
}

}  // namespace spinel::graph
