// For tests: runs, infers and batch-judges one operator without a graph around it.
#pragma once
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "ops/op_args.hpp"
#include "ops/op_table.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops::testing {

using graph::RuntimeValue;
using graph::ValueType;
using Attributes = std::map<std::string, Attribute, std::less<>>;
using Subgraph = std::function<std::vector<RuntimeValue>(std::vector<RuntimeValue>)>;
using SubgraphTypes = std::function<std::vector<ValueType>(const std::vector<ValueType>&)>;

// --- tensors -----------------------------------------------------------------------------------------------

inline Tensor floats(Dims dims, std::initializer_list<float> values) {
  return Tensor::from<float>(std::move(dims), values);
}
inline Tensor halves(Dims dims, std::initializer_list<float> values) {
  return convert(floats(std::move(dims), values), DType::float16);
}
inline Tensor ints(Dims dims, std::initializer_list<int64_t> values) {
  return Tensor::from<int64_t>(std::move(dims), values);
}
inline Tensor bools(Dims dims, std::initializer_list<bool> values) {
  return Tensor::from<bool>(std::move(dims), values);
}
/// start, start + step, ... as `dtype`.
inline Tensor arange(Dims dims, double start = 0, double step = 1, DType dtype = DType::float32) {
  Tensor out(DType::float64, std::move(dims));
  for (double& v : out.data<double>()) {
    v = start;
    start += step;
  }
  return convert(out, dtype);
}
/// Reproducible values in [low, high), a multiple of (high - low) / 2^16 each.
inline Tensor noise(Dims dims, uint32_t seed = 1, double low = -1, double high = 1,
                    DType dtype = DType::float32) {
  Tensor out(DType::float64, std::move(dims));
  uint32_t state = seed * 2654435761u + 12345u;
  for (double& v : out.data<double>()) {
    state = state * 1664525u + 1013904223u;
    v = low + (high - low) * (state >> 16) / 65536.0;
  }
  return convert(out, dtype);
}

// --- comparing ---------------------------------------------------------------------------------------------

/// Equal dtype, dims and elements: floats within atol + rtol * |expected|, NaN equals NaN, all else exactly.
inline void expect_close(const Tensor& actual, const Tensor& expected, double rtol = 1e-5,
                         double atol = 1e-6) {
  REQUIRE(describe(actual) == describe(expected));
  if (expected.dtype() == DType::string) {
    const auto a = actual.data<std::string>();
    const auto b = expected.data<std::string>();
    REQUIRE(std::vector<std::string>(a.begin(), a.end()) == std::vector<std::string>(b.begin(), b.end()));
    return;
  }
  const bool is_float = expected.dtype() == DType::float32 || expected.dtype() == DType::float64 ||
                        expected.dtype() == DType::float16 || expected.dtype() == DType::bfloat16;
  if (!is_float) {
    const DType wide = expected.dtype() == DType::uint64 ? DType::uint64 : DType::int64;
    const Tensor a = convert(actual, wide);
    const Tensor b = convert(expected, wide);
    for (int64_t i = 0; i < a.element_count(); ++i) {
      const size_t at = static_cast<size_t>(i);
      const bool same = wide == DType::uint64 ? a.data<uint64_t>()[at] == b.data<uint64_t>()[at]
                                              : a.data<int64_t>()[at] == b.data<int64_t>()[at];
      INFO("element " << i << " of " << describe(expected));
      if (!same && wide == DType::int64) CHECK(a.data<int64_t>()[at] == b.data<int64_t>()[at]);
      REQUIRE(same);
    }
    return;
  }
  const Tensor wide_a = convert(actual, DType::float64);
  const Tensor wide_b = convert(expected, DType::float64);
  const auto a = wide_a.data<double>();
  const auto b = wide_b.data<double>();
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (a[i] == b[i] || std::abs(a[i] - b[i]) <= atol + rtol * std::abs(b[i])) continue;
    INFO("element " << i << " of " << describe(expected));
    CHECK(a[i] == b[i]);
    FAIL("elements differ by more than the tolerance");
  }
}

/// Whether two tensors hold the same bytes (strings: the same text).
inline bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) return false;
  if (a.dtype() == DType::string) return std::ranges::equal(a.data<std::string>(), b.data<std::string>());
  return std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0;
}

/// `fn` must throw Error of this code whose message contains `text`.
template <class Fn>
void expect_error(ErrorCode code, const std::string& text, Fn&& fn) {
  try {
    fn();
  } catch (const Error& error) {
    INFO(error.what());
    CHECK(error.code() == code);
    CHECK(std::string(error.what()).find(text) != std::string::npos);
    return;
  }
  FAIL("no error, expected one with '" << text << "'");
}

// --- inference ---------------------------------------------------------------------------------------------

/// A type and what is known of the value. A Tensor converts to a known constant; absent() is an omitted
/// input.
struct InferInput {
  ValueType type;
  Tensor constant;
  std::optional<std::vector<Dim>> ints;
  bool present = true;

  InferInput(ValueType value_type) : type(std::move(value_type)) {}
  InferInput(DType dtype, Shape shape) : type(ValueType::tensor(dtype, std::move(shape))) {}
  InferInput(DType dtype, Shape shape, std::vector<Dim> elements)
      : type(ValueType::tensor(dtype, std::move(shape))), ints(std::move(elements)) {}
  InferInput(const Tensor& tensor)
      : type(ValueType::tensor(tensor.dtype(), graph::to_shape(tensor.dims()))),
        constant(tensor),
        present(tensor.defined()) {}
  static InferInput absent() { return InferInput(Tensor()); }
};

inline std::optional<std::vector<Dim>> known_ints(const InferInput& input) {
  if (input.ints) return input.ints;
  const Tensor& t = input.constant;
  if (!t.defined() || t.rank() > 1 || (t.dtype() != DType::int64 && t.dtype() != DType::int32))
    return std::nullopt;
  std::vector<Dim> out;
  for (int64_t v : to_int64s(t)) out.emplace_back(v);
  return out;
}

struct InferResult {
  std::vector<ValueType> types;
  std::vector<std::optional<std::vector<Dim>>> ints;

  /// "float32[batch, 3]"
  std::string text(size_t index = 0) const { return types.at(index).text(); }
  /// "[batch, 3]", or "unknown"
  std::string ints_text(size_t index = 0) const {
    return ints.at(index) ? graph::shape_text(*ints.at(index)) : "unknown";
  }
};

class HarnessInfer final : public InferContext {
 public:
  HarnessInfer(const std::vector<InferInput>& inputs, size_t outputs,
               const std::vector<SubgraphTypes>& subgraphs)
      : inputs_(inputs), subgraphs_(subgraphs) {
    result.types.resize(outputs);
    result.ints.resize(outputs);
  }
  size_t input_count() const override { return inputs_.size(); }
  size_t output_count() const override { return result.types.size(); }
  bool has_input(size_t i) const override { return i < inputs_.size() && inputs_[i].present; }
  const ValueType& input(size_t i) const override { return inputs_.at(i).type; }
  const Tensor* constant(size_t i) const override {
    return has_input(i) && inputs_[i].constant.defined() ? &inputs_[i].constant : nullptr;
  }
  std::optional<std::vector<Dim>> ints(size_t i) const override {
    return has_input(i) ? known_ints(inputs_[i]) : std::nullopt;
  }
  void set_output(size_t i, ValueType type) override { result.types.at(i) = std::move(type); }
  void set_output_ints(size_t i, std::vector<Dim> elements) override {
    result.ints.at(i) = std::move(elements);
  }
  std::vector<ValueType> infer_subgraph(size_t i, const std::vector<ValueType>& types) override {
    return subgraphs_.at(i)(types);
  }
  InferResult result;

 private:
  const std::vector<InferInput>& inputs_;
  const std::vector<SubgraphTypes>& subgraphs_;
};

inline InferResult infer(const Op& op, const std::vector<InferInput>& inputs, size_t outputs = 1,
                         const std::vector<SubgraphTypes>& subgraphs = {}) {
  HarnessInfer context(inputs, outputs, subgraphs);
  op.infer(context);
  return context.result;
}

// --- making and running ------------------------------------------------------------------------------------

inline OpPtr make(std::string_view name, int version, const Attributes& attributes = {},
                  size_t input_count = 1, size_t output_count = 1, std::string_view domain = "") {
  const OpDef* def = find_op(domain, name);
  if (def == nullptr) fail(ErrorCode::unsupported, "operator {} is not in the table", name);
  return make_op(*def, OpArgs(std::string(name), version, attributes, input_count, output_count));
}

class HarnessRun final : public RunContext {
 public:
  /// Without `op` there is no scratch memory.
  HarnessRun(const std::vector<RuntimeValue>& inputs, size_t output_count,
             const std::vector<Subgraph>& subgraphs, bool backwards, const Op* op = nullptr)
      : outputs(output_count), inputs_(inputs), subgraphs_(subgraphs), backwards_(backwards), op_(op) {}
  size_t input_count() const override { return inputs_.size(); }
  size_t output_count() const override { return outputs.size(); }
  const RuntimeValue& value(size_t i) const override { return inputs_.at(i); }
  bool wants_output(size_t i) const override { return i < outputs.size(); }
  const ValueType* output_type(size_t i) const override {
    return i < output_types.size() ? &output_types[i] : nullptr;
  }
  Tensor& output(size_t i, DType dtype, const Dims& dims) override {
    Tensor tensor = Tensor::uninitialized(dtype, dims);
    if (dtype != DType::string) std::memset(tensor.raw(), backwards_ ? 0x5a : 0, tensor.size_bytes());
    outputs.at(i) = RuntimeValue(tensor);
    return outputs.at(i).tensor();
  }
  void set_output(size_t i, RuntimeValue value) override { outputs.at(i) = std::move(value); }
  std::vector<RuntimeValue> run_subgraph(size_t i, std::vector<RuntimeValue> values) override {
    return subgraphs_.at(i)(std::move(values));
  }
  void parallel_for(int64_t count, FunctionRef<void(int64_t)> fn) override {
    for (int64_t i = 0; i < count; ++i) fn(backwards_ ? count - 1 - i : i);
  }
  int concurrency() const override { return thread_blocks; }
  std::byte* scratch() override {
    shared_ = garbage(booked().shared_bytes);
    return static_cast<std::byte*>(shared_.raw());
  }
  void check_cancelled() const override {}
  std::vector<RuntimeValue> outputs;
  std::vector<ValueType> output_types;  ///< What output_type() answers; empty: nothing is known.

 protected:
  ThreadScratch thread_scratch() override {
    const size_t stride = (booked().per_thread_bytes + 63) / 64 * 64;
    per_thread_ = garbage(stride * thread_blocks);
    return {static_cast<std::byte*>(per_thread_.raw()), stride, thread_blocks};
  }

 private:
  static constexpr int thread_blocks = 3;

  class Sizes final : public graph::ScratchContext {
   public:
    Sizes(const std::vector<RuntimeValue>& inputs, const std::vector<RuntimeValue>& outputs)
        : inputs_(inputs), outputs_(outputs) {}
    std::span<const int64_t> input_dims(size_t i) const override { return dims(inputs_.at(i)); }
    std::span<const int64_t> output_dims(size_t i) const override { return dims(outputs_.at(i)); }

   private:
    static std::span<const int64_t> dims(const RuntimeValue& value) {
      return value.is_tensor() ? std::span<const int64_t>(value.tensor().dims()) : std::span<const int64_t>();
    }
    const std::vector<RuntimeValue>& inputs_;
    const std::vector<RuntimeValue>& outputs_;
  };

  graph::Scratch booked() const {
    if (op_ == nullptr) fail(ErrorCode::internal, "this HarnessRun was made without its operator");
    return op_->scratch(Sizes(inputs_, outputs));
  }
  Tensor garbage(uint64_t bytes) const {
    Tensor block = Tensor::uninitialized(DType::uint8, {static_cast<int64_t>(bytes)});
    std::memset(block.raw(), backwards_ ? 0x5a : 0xff, block.size_bytes());
    return block;
  }

  const std::vector<RuntimeValue>& inputs_;
  const std::vector<Subgraph>& subgraphs_;
  bool backwards_;
  const Op* op_;
  Tensor shared_;
  Tensor per_thread_;
};

/// Runs the operator on any values. No checks beside those of the operator itself.
inline std::vector<RuntimeValue> run_values(const Op& op, const std::vector<RuntimeValue>& inputs,
                                            size_t outputs = 1, const std::vector<Subgraph>& subgraphs = {}) {
  HarnessRun context(inputs, outputs, subgraphs, false, &op);
  op.run(context);
  return context.outputs;
}

/// Runs the operator on tensors; an undefined tensor is an omitted input. Checks beside it that inference
/// (with and without constants) agrees with what came out, and that tasks run backwards on other garbage in
/// the output buffers give the same bits.
inline std::vector<Tensor> run(const Op& op, const std::vector<Tensor>& inputs, size_t outputs = 1) {
  std::vector<RuntimeValue> values;
  std::vector<InferInput> constants;
  std::vector<InferInput> types;
  for (const Tensor& each : inputs) {
    values.push_back(each.defined() ? RuntimeValue(each) : RuntimeValue());
    constants.emplace_back(each);
    types.emplace_back(each);
    types.back().constant = Tensor();
  }
  const InferResult with_constants = infer(op, constants, outputs);
  const InferResult without = infer(op, types, outputs);
  HarnessRun forwards(values, outputs, {}, false, &op);
  op.run(forwards);
  HarnessRun backwards(values, outputs, {}, true, &op);
  op.run(backwards);
  std::vector<Tensor> out;
  for (size_t i = 0; i < outputs; ++i) {
    const RuntimeValue& value = forwards.outputs[i];
    out.push_back(value.empty() ? Tensor() : value.tensor());
    if (value.empty()) continue;
    const Tensor& got = out.back();
    INFO("output " << i << " of " << op.name());
    if (op.deterministic()) CHECK(same_bits(got, backwards.outputs[i].tensor()));
    for (const InferResult* inferred : {&with_constants, &without}) {
      const ValueType& type = inferred->types[i];
      INFO("inferred " << type.text() << ", got " << describe(got));
      CHECK(type.dtype == got.dtype());
      if (type.shape) {
        REQUIRE(type.shape->size() == got.dims().size());
        for (size_t axis = 0; axis < type.shape->size(); ++axis)
          if ((*type.shape)[axis].is_constant()) CHECK((*type.shape)[axis].constant() == got.dims()[axis]);
      }
      if (inferred->ints[i]) {
        const auto elements = to_int64s(convert(got, DType::int64));
        REQUIRE(inferred->ints[i]->size() == elements.size());
        for (size_t at = 0; at < elements.size(); ++at)
          if ((*inferred->ints[i])[at].is_constant())
            CHECK((*inferred->ints[i])[at].constant() == elements[at]);
      }
    }
  }
  return out;
}

/// make() and run().
inline std::vector<Tensor> run_op(std::string_view name, int version, const Attributes& attributes,
                                  const std::vector<Tensor>& inputs, size_t outputs = 1) {
  return run(*make(name, version, attributes, inputs.size(), outputs), inputs, outputs);
}
inline InferResult infer_op(std::string_view name, int version, const Attributes& attributes,
                            const std::vector<InferInput>& inputs, size_t outputs = 1) {
  return infer(*make(name, version, attributes, inputs.size(), outputs), inputs, outputs);
}

// --- batch -------------------------------------------------------------------------------------------------

struct BatchResult {
  std::vector<std::optional<BatchState>> outputs;
  std::string reason;  ///< Empty if not blocked.

  bool blocked() const { return !reason.empty(); }
  /// "batched(0)", "shared", "size", "unset", or "blocked"
  std::string text(size_t index = 0) const {
    if (blocked()) return "blocked";
    if (!outputs.at(index)) return "unset";
    const BatchState& state = *outputs[index];
    if (state.is_batched()) return fmt::format("batched({})", state.axis);
    return state.is_size() ? "size" : "shared";
  }
};

class HarnessBatch final : public BatchContext {
 public:
  HarnessBatch(const std::vector<InferInput>& inputs, const std::vector<BatchState>& states,
               const InferResult& inferred, const Dim& batch)
      : inputs_(inputs), states_(states), inferred_(inferred), batch_(batch) {
    result.outputs.resize(inferred.types.size());
  }
  size_t input_count() const override { return inputs_.size(); }
  size_t output_count() const override { return inferred_.types.size(); }
  bool has_input(size_t i) const override { return i < inputs_.size() && inputs_[i].present; }
  BatchState input(size_t i) const override { return i < states_.size() ? states_[i] : BatchState(); }
  const Shape* input_shape(size_t i) const override {
    return has_input(i) && inputs_[i].type.shape ? &*inputs_[i].type.shape : nullptr;
  }
  const Shape* output_shape(size_t i) const override {
    return inferred_.types.at(i).shape ? &*inferred_.types.at(i).shape : nullptr;
  }
  std::optional<std::vector<Dim>> input_ints(size_t i) const override {
    return has_input(i) ? known_ints(inputs_[i]) : std::nullopt;
  }
  const Dim& batch_dim() const override { return batch_; }
  void set_output(size_t i, BatchState state) override { result.outputs.at(i) = state; }
  void block(std::string reason) override { result.reason = std::move(reason); }
  BatchResult result;

 private:
  const std::vector<InferInput>& inputs_;
  const std::vector<BatchState>& states_;
  const InferResult& inferred_;
  const Dim& batch_;
};

/// The batch rule after inference on the same inputs. `states` may be shorter than `inputs`: the rest is
/// shared.
inline BatchResult batch_op(std::string_view name, int version, const Attributes& attributes,
                            const std::vector<InferInput>& inputs, const std::vector<BatchState>& states,
                            size_t outputs = 1, const Dim& batch = Dim::symbol("batch")) {
  const OpPtr op = make(name, version, attributes, inputs.size(), outputs);
  const InferResult inferred = infer(*op, inputs, outputs);
  HarnessBatch context(inputs, states, inferred, batch);
  op->batch(context);
  return context.result;
}

/// Elements [begin, end) of a numeric tensor along one axis.
inline Tensor slice_axis(const Tensor& tensor, int axis, int64_t begin, int64_t end) {
  Dims dims = tensor.dims();
  const size_t at = static_cast<size_t>(axis);
  int64_t outer = 1;
  for (size_t i = 0; i < at; ++i) outer *= dims[i];
  int64_t inner_bytes = dtype_bits(tensor.dtype()) / 8;
  for (size_t i = at + 1; i < dims.size(); ++i) inner_bytes *= dims[i];
  const int64_t whole = dims[at];
  dims[at] = end - begin;
  Tensor out(tensor.dtype(), dims);
  for (int64_t i = 0; i < outer; ++i)
    std::memcpy(static_cast<char*>(out.raw()) + i * (end - begin) * inner_bytes,
                static_cast<const char*>(tensor.raw()) + (i * whole + begin) * inner_bytes,
                static_cast<size_t>((end - begin) * inner_bytes));
  return out;
}

/// Tests the batch rule against the kernel: it must prove a split along `axes` (one an input, -1: shared),
/// and running the rows of the batch one by one must give the bits of running all at once.
inline void expect_batch_split(std::string_view name, int version, const Attributes& attributes,
                               const std::vector<Tensor>& inputs, const std::vector<int>& axes,
                               size_t outputs = 1) {
  std::vector<InferInput> types;
  std::vector<BatchState> states;
  int64_t batch = -1;
  for (size_t i = 0; i < inputs.size(); ++i) {
    types.emplace_back(inputs[i]);
    states.push_back(BatchState::shared());
    if (axes[i] < 0) continue;
    batch = inputs[i].dim(axes[i]);
    types[i].constant = Tensor();
    (*types[i].type.shape)[static_cast<size_t>(axes[i])] = Dim::symbol("batch");
    states[i] = BatchState::batched(axes[i]);
  }
  const BatchResult rule = batch_op(name, version, attributes, types, states, outputs);
  INFO(rule.reason);
  REQUIRE(!rule.blocked());
  const OpPtr op = make(name, version, attributes, inputs.size(), outputs);
  const std::vector<Tensor> whole = run(*op, inputs, outputs);
  for (int64_t row = 0; row < batch; ++row) {
    std::vector<Tensor> part;
    for (size_t i = 0; i < inputs.size(); ++i)
      part.push_back(axes[i] < 0 ? inputs[i] : slice_axis(inputs[i], axes[i], row, row + 1));
    const std::vector<Tensor> got = run(*op, part, outputs);
    for (size_t i = 0; i < outputs; ++i) {
      INFO("row " << row << ", output " << i << " is " << rule.text(i));
      REQUIRE(rule.outputs[i].has_value());
      if (rule.outputs[i]->is_batched())
        CHECK(same_bits(got[i], slice_axis(whole[i], rule.outputs[i]->axis, row, row + 1)));
      else if (rule.outputs[i]->is_shared())
        CHECK(same_bits(got[i], whole[i]));
    }
  }
}

}  // namespace spinel::ops::testing
