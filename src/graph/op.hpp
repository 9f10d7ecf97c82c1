// The interface of an operator, and what it is given to infer, to judge the batch and to run.
#pragma once
#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.hpp"
#include "base/task_slices.hpp"
#include "graph/runtime_value.hpp"
#include "graph/value_type.hpp"

namespace spinel::graph {

/// What an operator sees when types and shapes are inferred. Inputs that are omitted have has_input() false.
class InferContext {
 public:
  virtual ~InferContext() = default;
  virtual size_t input_count() const = 0;
  virtual size_t output_count() const = 0;
  virtual bool has_input(size_t index) const = 0;
  virtual const ValueType& input(size_t index) const = 0;
  /// The input's elements if it is a constant.
  virtual const Tensor* constant(size_t index) const = 0;
  /// The elements of an int64 or int32 input as far as they are known, symbols included (a Shape's output,
  /// say).
  virtual std::optional<std::vector<Dim>> ints(size_t index) const = 0;
  virtual void set_output(size_t index, ValueType type) = 0;
  /// States the elements of an integer output; set_output must have been called.
  virtual void set_output_ints(size_t index, std::vector<Dim> elements) = 0;
  /// Infers the node's subgraph under the given input types and returns the types of its outputs.
  virtual std::vector<ValueType> infer_subgraph(size_t index, const std::vector<ValueType>& inputs) = 0;

  /// The shape of an input, or nullptr while its rank is unknown.
  const Shape* shape(size_t index) const {
    return has_input(index) && input(index).shape ? &*input(index).shape : nullptr;
  }
  DType dtype(size_t index) const { return input(index).dtype; }
  void set_tensor(size_t index, DType dtype, std::optional<Shape> shape = std::nullopt) {
    set_output(index, ValueType::tensor(dtype, std::move(shape)));
  }
};

/// How a value depends on the batch.
struct BatchState {
  enum class Kind {
    shared,   ///< The same for every part of the batch.
    batched,  ///< Row i along `axis` depends on row i of the batched inputs alone.
    size,     ///< Depends on how many samples a part has, but not on them (a shape).
  };
  Kind kind = Kind::shared;
  int axis = 0;  ///< Of a batched value.

  static BatchState shared() { return {}; }
  static BatchState batched(int axis) { return {Kind::batched, axis}; }
  static BatchState size() { return {Kind::size, 0}; }
  bool is_shared() const noexcept { return kind == Kind::shared; }
  bool is_batched() const noexcept { return kind == Kind::batched; }
  bool is_size() const noexcept { return kind == Kind::size; }
};

/// What an operator sees when it declares how its outputs depend on the batch. It is asked only if at least
/// one input is not shared; outputs that it leaves unset make the analysis fail.
class BatchContext {
 public:
  virtual ~BatchContext() = default;
  virtual size_t input_count() const = 0;
  virtual size_t output_count() const = 0;
  virtual bool has_input(size_t index) const = 0;
  virtual BatchState input(size_t index) const = 0;
  virtual const Shape* input_shape(size_t index) const = 0;
  virtual const Shape* output_shape(size_t index) const = 0;
  virtual std::optional<std::vector<Dim>> input_ints(size_t index) const = 0;
  /// The symbol, or constant, that the batch dimension is.
  virtual const Dim& batch_dim() const = 0;
  virtual void set_output(size_t index, BatchState state) = 0;
  /// States that rows of the batch are mixed, and why; `info` shows it.
  virtual void block(std::string reason) = 0;

  bool has_rank(size_t index) const { return input_shape(index) != nullptr; }
  int rank(size_t index) const { return static_cast<int>(input_shape(index)->size()); }
  void set_all_outputs(BatchState state) {
    for (size_t i = 0; i < output_count(); ++i) set_output(i, state);
  }
};

/// The sizes that an operator is told when it books scratch memory.
class ScratchContext {
 public:
  virtual ~ScratchContext() = default;
  /// Dims of an input or output; empty for a scalar and for one that is omitted.
  virtual std::span<const int64_t> input_dims(size_t index) const = 0;
  virtual std::span<const int64_t> output_dims(size_t index) const = 0;
};

/// Scratch memory that a node needs while it runs. It is part of the planned activation memory.
struct Scratch {
  uint64_t shared_bytes = 0;      ///< One block, RunContext::scratch().
  uint64_t per_thread_bytes = 0;  ///< A block for each task that may run at once,
                                  ///< RunContext::parallel_for_scratch().
};

/// What an operator sees when it runs. Everything here is for one node on one thread, except parallel_for's
/// tasks.
class RunContext {
 public:
  virtual ~RunContext() = default;
  virtual size_t input_count() const = 0;
  virtual size_t output_count() const = 0;
  virtual const RuntimeValue& value(size_t index) const = 0;
  /// Whether anything reads this output.
  virtual bool wants_output(size_t index) const = 0;
  /// The type that inference found for an output; nullptr where none is known.
  virtual const ValueType* output_type(size_t /*index*/) const { return nullptr; }
  /// The output's buffer, uninitialised: planned memory, or allocated where the size is known only now. It
  /// may be that of an input which the operator may_overwrite().
  virtual Tensor& output(size_t index, DType dtype, const Dims& dims) = 0;
  /// The same where dtype and dims were bound before the run; nullptr if they were not. Never allocates.
  virtual Tensor* planned_output(size_t /*index*/) { return nullptr; }
  /// Gives an output a value that exists already (an aliased tensor, a sequence, an empty optional).
  virtual void set_output(size_t index, RuntimeValue value) = 0;
  /// Runs the node's subgraph.
  virtual std::vector<RuntimeValue> run_subgraph(size_t index, std::vector<RuntimeValue> inputs) = 0;
  /// Runs fn(0) ... fn(count - 1), in any order and possibly at once; returns when all are done.
  virtual void parallel_for(int64_t count, FunctionRef<void(int64_t task)> fn) = 0;
  /// How many tasks may run at once, at least 1. It may decide how work is cut, never the order of a sum.
  virtual int concurrency() const { return 1; }
  /// The Scratch::shared_bytes that the operator booked: 64-byte aligned, contents unspecified. Outputs whose
  /// dims binding did not know must have been made before.
  virtual std::byte* scratch() = 0;
  /// Throws Error(cancelled) if the run was cancelled. Called between iterations of long loops; before each
  /// task of a parallel loop it is done already.
  virtual void check_cancelled() const = 0;

  bool has_input(size_t index) const { return index < input_count() && !value(index).empty(); }
  const Tensor& input(size_t index) const { return value(index).tensor(); }
  /// The planned output, or else one of the dims that `dims()` returns.
  template <class MakeDims>
  Tensor& output_or(size_t index, DType dtype, MakeDims&& dims) {
    if (Tensor* planned = planned_output(index)) return *planned;
    return output(index, dtype, dims());
  }
  /// parallel_for whose tasks get the Scratch::per_thread_bytes that the operator booked, 64-byte aligned: a
  /// block that no other task uses meanwhile, with whatever an earlier task left there. As for scratch(),
  /// outputs come first.
  void parallel_for_scratch(int64_t count, FunctionRef<void(int64_t task, std::byte* scratch)> fn) {
    const ThreadScratch blocks = thread_scratch();
    const int64_t participants = std::min(count, blocks.count);
    TaskSlices tasks;
    tasks.reset(count, participants);
    parallel_for(participants, [&](int64_t participant) {
      std::byte* const mine = blocks.first + static_cast<size_t>(participant) * blocks.stride_bytes;
      for (int64_t task; (task = tasks.take(participant)) >= 0;) {
        check_cancelled();
        fn(task, mine);
      }
    });
  }

 protected:
  struct ThreadScratch {
    std::byte* first;
    size_t stride_bytes;
    int64_t count;
  };
  virtual ThreadScratch thread_scratch() = 0;
};

struct Recipe;

/// One node's operator: its name and normalised attributes. Immutable and shared between threads.
class Op {
 public:
  virtual ~Op() = default;
  virtual std::string_view name() const = 0;
  /// Checks what can be checked before running, and sets type, shape and known elements of every output.
  virtual void infer(InferContext& context) const = 0;
  /// Declares how outputs depend on the batch; the default blocks splitting.
  virtual void batch(BatchContext& context) const;
  /// Runs the kernel; a reference kernel is plain loops in fixed order. Throws Error without the node's name,
  /// which the executor adds.
  virtual void run(RunContext& context) const = 0;
  /// Which kernel run() is, for profiles.
  virtual std::string_view kernel() const { return "reference"; }
  /// The scratch memory that run() needs for these sizes.
  virtual Scratch scratch(const ScratchContext& /*context*/) const { return {}; }

  /// False if equal inputs may give different outputs (random numbers).
  virtual bool deterministic() const { return true; }
  /// The input whose elements, unchanged and in order, are output 0 (Reshape, Identity ...); -1 if none.
  virtual int view_of() const { return -1; }
  /// Whether output 0 may take over the buffer of this input, if both have the same type and shape and nobody
  /// reads the input afterwards: an element is read no later than when the output's is written there.
  virtual bool may_overwrite(size_t /*input*/) const { return false; }
  /// The axis along which the inputs, one after another, are output 0 (Concat); negative: from the end. run()
  /// leaves out a copy whose source already lies where it goes, so that a plan may place inputs there.
  virtual std::optional<int64_t> joins_along() const { return std::nullopt; }
  /// The axis along which the outputs, one after another, are input 0 (Split), likewise.
  virtual std::optional<int64_t> splits_along() const { return std::nullopt; }
  /// Whether this input stays float32 when a model is converted to float16 (Resize's scales, say).
  virtual bool keeps_float32(size_t /*input*/) const { return false; }
  /// Whether the operator computes in the model's float type under the given new type; nullptr means
  /// unchanged. Operators with a float type in their attributes (Cast, ConstantOfShape ...) return a
  /// converted copy.
  virtual std::shared_ptr<const Op> with_float_type(DType /*from*/, DType /*to*/) const { return nullptr; }

  /// What makes this operator again (graph/recipe.hpp); nullptr if no table of factories has made it.
  const std::shared_ptr<const Recipe>& recipe() const noexcept { return recipe_; }
  /// For who makes the operator, before anybody else has it.
  void set_recipe(std::shared_ptr<const Recipe> recipe) const { recipe_ = std::move(recipe); }

 private:
  mutable std::shared_ptr<const Recipe> recipe_;
};

using OpPtr = std::shared_ptr<const Op>;

}  // namespace spinel::graph
