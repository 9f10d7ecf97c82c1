#include "runtime/run_state.hpp"

#include <algorithm>
#include <chrono>

#include "base/text.hpp"
#include "runtime/float_state.hpp"

namespace spinel::runtime {

using graph::no_value;
using graph::Node;
using graph::RuntimeValue;
using graph::ValueId;
using plan::Place;

namespace {

const RuntimeValue nothing;

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

/// What a node's operator sees.
class RunState::Context final : public graph::RunContext {
 public:
  Context(RunState& state, const graph::RunServices& services) : state_(state), services_(services) {}

  void enter(size_t step) {
    step_ = &state_.steps_[step];
    node_ = step_->node;
    scratch_ = &state_.binding_->scratch[step];
  }

  size_t input_count() const override { return node_->inputs.size(); }
  size_t output_count() const override { return node_->outputs.size(); }
  const RuntimeValue& value(size_t index) const override {
    return index < node_->inputs.size() ? *state_.inputs_[step_->inputs + index] : nothing;
  }
  bool wants_output(size_t index) const override {
    return index < node_->outputs.size() && node_->outputs[index] != no_value;
  }
  const graph::ValueType* output_type(size_t index) const override {
    return wants_output(index) ? &state_.graph_.value(node_->outputs[index]).type : nullptr;
  }
  Tensor* planned_output(size_t index) override {
    if (!wants_output(index) || !state_.is_planned(node_->outputs[index])) return nullptr;
    return &state_.value(node_->outputs[index]).tensor();
  }
  Tensor& output(size_t index, DType dtype, const Dims& dims) override {
    if (Tensor* planned = planned_output(index)) {
      if (planned->dtype() != dtype || planned->dims() != dims)
        fail(ErrorCode::internal, "output {} is {}{}, but {} was planned; please report this", index,
             dtype_name(dtype), dims_text(dims), describe(*planned));
      return *planned;
    }
    if (services_.max_tensor_bytes != 0 && tensor_bytes(dtype, dims) > services_.max_tensor_bytes)
      fail(ErrorCode::limit_exceeded, "output {} {}{} exceeds the limit max_tensor_bytes, {}", index,
           dtype_name(dtype), dims_text(dims), services_.max_tensor_bytes);
    RuntimeValue& slot = unplanned_slot(index);
    slot = Tensor::uninitialized(dtype, dims);
    return slot.tensor();
  }
  void set_output(size_t index, RuntimeValue given) override {
    if (Tensor* planned = planned_output(index)) {
      const Tensor& from = given.tensor();
      if (from.dtype() != planned->dtype() || from.dims() != planned->dims())
        fail(ErrorCode::internal, "output {} is {}, but {} was planned; please report this", index,
             describe(from), describe(*planned));
      copy_elements(from, *planned);
      return;
    }
    // An existing tensor's place in the arena is given to others when its own time is over.
    if (given.is_tensor() && state_.arena_.holds(given.tensor().raw())) given = given.tensor().clone();
    unplanned_slot(index) = std::move(given);
  }
  std::vector<RuntimeValue> run_subgraph(size_t index, std::vector<RuntimeValue> inputs) override {
    const graph::Graph& inner = *node_->subgraphs.at(index);
    std::vector<RuntimeValue> captured;
    captured.reserve(inner.captures.size());
    for (const graph::Capture& capture : inner.captures) {
      const bool constant = state_.graph_.value(capture.outer).is_constant();
      captured.push_back((constant ? state_.constants_ : state_.values_)[static_cast<size_t>(capture.outer)]);
    }
    return graph::interpret(inner, std::move(inputs), captured, services_);
  }
  void parallel_for(int64_t count, FunctionRef<void(int64_t)> fn) override {
    if (!services_.parallel_for || count <= 1) {
      for (int64_t i = 0; i < count; ++i) {
        check_cancelled();
        fn(i);
      }
      return;
    }
    services_.parallel_for(count, [&](int64_t i) {
      check_cancelled();
      const FloatState kernels_mode;
      fn(i);
    });
  }
  int concurrency() const override { return std::max(services_.concurrency, 1); }
  std::byte* scratch() override {
    if (scratch_->bound) return state_.arena_.begin() + scratch_->shared_offset;
    return allocate(shared_, booked().shared_bytes);
  }
  void check_cancelled() const override {
    if (services_.cancelled != nullptr && services_.cancelled->load(std::memory_order_relaxed))
      fail(ErrorCode::cancelled, "the run was cancelled");
  }

 protected:
  ThreadScratch thread_scratch() override {
    const auto blocks = static_cast<uint64_t>(state_.program_.concurrency());
    if (scratch_->bound)
      return {state_.arena_.begin() + scratch_->thread_offset, scratch_->thread_stride,
              static_cast<int64_t>(blocks)};
    const uint64_t stride = (booked().per_thread_bytes + 63) / 64 * 64;
    return {allocate(per_thread_, stride * blocks), stride, static_cast<int64_t>(blocks)};
  }

 private:
  class Sizes final : public graph::ScratchContext {
   public:
    explicit Sizes(Context& context) : context_(context) {}
    std::span<const int64_t> input_dims(size_t index) const override { return dims(context_.value(index)); }
    std::span<const int64_t> output_dims(size_t index) const override {
      const Tensor* planned = context_.planned_output(index);
      return planned != nullptr ? std::span<const int64_t>(planned->dims())
                                : dims(context_.unplanned_slot(index));
    }

   private:
    static std::span<const int64_t> dims(const RuntimeValue& value) {
      return value.is_tensor() ? std::span<const int64_t>(value.tensor().dims()) : std::span<const int64_t>();
    }
    Context& context_;
  };

  graph::Scratch booked() { return node_->op->scratch(Sizes(*this)); }
  static std::byte* allocate(Tensor& block, uint64_t bytes) {
    block = Tensor::uninitialized(DType::uint8, {static_cast<int64_t>(bytes)});
    return static_cast<std::byte*>(block.raw());
  }
  RuntimeValue& unplanned_slot(size_t index) {
    return wants_output(index) ? state_.value(node_->outputs[index]) : state_.ignored_.at(index);
  }

  RunState& state_;
  const graph::RunServices& services_;
  const Step* step_ = nullptr;
  const Node* node_ = nullptr;
  const plan::ScratchPlace* scratch_ = nullptr;
  Tensor shared_;
  Tensor per_thread_;
};

RunState::RunState(const plan::Program& program, std::shared_ptr<const plan::Binding> binding,
                   const std::vector<RuntimeValue>& constants, const Arena& arena)
    : program_(program),
      graph_(program.graph()),
      binding_(std::move(binding)),
      constants_(constants),
      arena_(arena),
      values_(graph_.values.size()) {
  prepare_values();
  prepare_steps();
}

void RunState::prepare_values() {
  for (size_t i = 0; i < graph_.values.size(); ++i) {
    const auto id = static_cast<ValueId>(i);
    if (graph_.values[i].is_constant()) continue;
    if (!is_planned(id)) {
      unplanned_.push_back(i);
      continue;
    }
    // An input's slot takes the caller's dims when it runs, which may be more than inference knew.
    values_[i] = Tensor();
    (place(id).base == Place::Base::arena ? in_arena_ : in_buffers_).push_back(id);
  }
}

void RunState::prepare_steps() {
  size_t most_outputs = 0;
  steps_.reserve(graph_.nodes.size());
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    const Node& node = graph_.nodes[n];
    Step step{&node, inputs_.size(), is_prepared_view(node), {}};
    for (ValueId id : node.inputs) {
      if (id == no_value)
        inputs_.push_back(&nothing);
      else
        inputs_.push_back(graph_.value(id).is_constant() ? &constants_[static_cast<size_t>(id)] : &value(id));
    }
    for (ValueId id : program_.dying_after(n))
      if (!is_planned(id)) step.dying.push_back(static_cast<size_t>(id));
    most_outputs = std::max(most_outputs, node.outputs.size());
    steps_.push_back(std::move(step));
  }
  ignored_.resize(most_outputs);
}

bool RunState::is_prepared_view(const Node& node) const {
  const int viewed = node.op->view_of();
  if (viewed < 0 || node.outputs[0] == no_value || !is_planned(node.outputs[0])) return false;
  if (std::ranges::any_of(node.outputs.begin() + 1, node.outputs.end(),
                          [](ValueId id) { return id != no_value; }))
    return false;
  const ValueId from = node.inputs[static_cast<size_t>(viewed)];
  if (graph_.value(from).is_constant() || !is_planned(from)) return false;
  return program_.storage().root[static_cast<size_t>(from)] ==
         program_.storage().root[static_cast<size_t>(node.outputs[0])];
}

void RunState::point(ValueId id, void* data) {
  value(id).tensor().become_view(graph_.value(id).type.dtype, program_.dims(*binding_, id), data);
}

void RunState::point_into_arena() {
  if (pointed_at_ == arena_.begin()) return;
  for (ValueId id : in_arena_) point(id, arena_.begin() + place(id).offset);
  pointed_at_ = arena_.begin();
}

void RunState::point_into_buffers(std::span<const RuntimeValue> inputs, std::span<RuntimeValue> outputs) {
  for (size_t k = 0; k < outputs.size(); ++k) {
    const ValueId id = graph_.outputs[k];
    const Place& at = place(id);
    if (at.base != Place::Base::output || at.index != static_cast<int>(k)) continue;
    const auto dims = program_.dims(*binding_, id);
    if (!outputs[k].is_tensor())
      outputs[k] = Tensor::uninitialized(graph_.value(id).type.dtype, Dims(dims.begin(), dims.end()));
    else if (!std::ranges::equal(outputs[k].tensor().dims(), dims))
      fail(ErrorCode::internal, "the buffer for output '{}' is {}, but {} was planned; please report this",
           graph_.output_names[k], describe(outputs[k].tensor()), dims_text(dims));
  }
  for (ValueId id : in_buffers_) {
    const Place& at = place(id);
    const auto k = static_cast<size_t>(at.index);
    if (at.base == Place::Base::output) {
      point(id, static_cast<std::byte*>(outputs[k].tensor().raw()) + at.offset);
    } else if (binding_->sized[static_cast<size_t>(id)]) {
      point(id, const_cast<void*>(inputs[k].tensor().raw()));
    } else if (!inputs[k].is_tensor()) {  // A sequence, or an optional that is empty.
      value(id) = inputs[k];
    } else {
      const Tensor& given = inputs[k].tensor();
      value(id).tensor().become_view(given.dtype(), given.dims(), const_cast<void*>(given.raw()));
    }
  }
}

void RunState::run(std::span<const RuntimeValue> inputs, std::span<RuntimeValue> outputs,
                   const graph::RunServices& services) {
  // Values that only running tells must not outlive the run, nor an earlier run that failed.
  struct Cleared {
    RunState& state;
    ~Cleared() {
      for (size_t i : state.unplanned_) state.values_[i] = {};
      for (RuntimeValue& each : state.ignored_) each = {};
    }
  } const cleared{*this};
  point_into_arena();
  point_into_buffers(inputs, outputs);
  run_steps(services);
  store_outputs(outputs);
}

void RunState::run_steps(const graph::RunServices& services) {
  const FloatState kernels_mode;
  Context context(*this, services);
  std::vector<RuntimeValue*> results;
  for (size_t n = 0; n < steps_.size(); ++n) {
    const Step& step = steps_[n];
    const int64_t begin = services.observe ? now_ns() : 0;
    if (!step.view) {
      context.enter(n);
      graph::run_op(*step.node, context);
    }
    if (services.observe) services.observe(*step.node, begin, now_ns());
    if (services.inspect) {
      results.clear();
      for (ValueId id : step.node->outputs) results.push_back(id == no_value ? nullptr : &value(id));
      services.inspect(*step.node, results);
    }
    for (size_t i : step.dying) values_[i] = {};
  }
}

void RunState::store_outputs(std::span<RuntimeValue> outputs) {
  auto result_of = [&](size_t k) -> const RuntimeValue& {
    const ValueId id = graph_.outputs[k];
    return graph_.value(id).is_constant() ? constants_[static_cast<size_t>(id)] : value(id);
  };
  auto store = [&](size_t k, const RuntimeValue& result) {
    if (outputs[k].is_tensor()) {
      if (outputs[k].tensor().dims() != result.tensor().dims())
        fail(ErrorCode::internal, "output '{}' is {}, but {} was planned; please report this",
             graph_.output_names[k], describe(result.tensor()), describe(outputs[k].tensor()));
      copy_elements(result.tensor(), outputs[k].tensor());
    } else if (result.is_tensor()) {
      outputs[k] = result.tensor().clone();
    } else {
      outputs[k] = result;
    }
  };
  // With aliases the buffer of one output may be an input that another one is a view of.
  std::vector<std::pair<size_t, RuntimeValue>> copies;
  for (size_t k = 0; program_.has_aliases() && k < outputs.size(); ++k)
    if (place(graph_.outputs[k]).base == Place::Base::input)
      copies.emplace_back(k, RuntimeValue(result_of(k).tensor().clone()));
  for (const auto& [k, result] : copies) store(k, result);
  for (size_t k = 0; k < outputs.size(); ++k) {
    const Place& at = place(graph_.outputs[k]);
    if (at.base == Place::Base::output && at.index == static_cast<int>(k)) continue;
    if (at.base == Place::Base::input && program_.has_aliases()) continue;
    store(k, result_of(k));
  }
}

}  // namespace spinel::runtime
