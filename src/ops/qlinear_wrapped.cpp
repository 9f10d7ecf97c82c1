// com.microsoft QLinearSigmoid, QLinearLeakyRelu, QLinearSoftmax, QLinearAveragePool,
// QLinearGlobalAveragePool and QLinearReduceMean: the float operator on dequantised numbers, and its result
// quantised.
#include <utility>

#include "base/text.hpp"
#include "ops/byte_map.hpp"
#include "ops/elements.hpp"
#include "ops/int_matmul.hpp"
#include "ops/op_table.hpp"

namespace spinel::ops {
namespace {

constexpr size_t x_scale = 1;
constexpr size_t x_zero_point = 2;
constexpr size_t y_scale = 3;
constexpr size_t y_zero_point = 4;

/// The node as the float operator sees it: one input, one output.
class InnerInfer final : public InferContext {
 public:
  explicit InnerInfer(const InferContext& outer) : outer_(outer) {
    x_ = graph::ValueType::tensor(DType::float32, outer.input(0).shape);
  }
  size_t input_count() const override { return 1; }
  size_t output_count() const override { return 1; }
  bool has_input(size_t index) const override { return index == 0; }
  const graph::ValueType& input(size_t) const override { return x_; }
  const Tensor* constant(size_t) const override { return nullptr; }
  std::optional<std::vector<Dim>> ints(size_t) const override { return std::nullopt; }
  void set_output(size_t, graph::ValueType type) override { y = std::move(type); }
  void set_output_ints(size_t, std::vector<Dim>) override {}
  std::vector<graph::ValueType> infer_subgraph(size_t, const std::vector<graph::ValueType>&) override {
    return {};
  }
  graph::ValueType y;

 private:
  const InferContext& outer_;
  graph::ValueType x_;
};

class InnerBatch final : public BatchContext {
 public:
  explicit InnerBatch(BatchContext& outer) : outer_(outer) {}
  size_t input_count() const override { return 1; }
  size_t output_count() const override { return 1; }
  bool has_input(size_t index) const override { return index == 0; }
  BatchState input(size_t index) const override { return outer_.input(index); }
  const Shape* input_shape(size_t index) const override { return outer_.input_shape(index); }
  const Shape* output_shape(size_t index) const override { return outer_.output_shape(index); }
  std::optional<std::vector<Dim>> input_ints(size_t) const override { return std::nullopt; }
  const Dim& batch_dim() const override { return outer_.batch_dim(); }
  void set_output(size_t index, BatchState state) override { outer_.set_output(index, state); }
  void block(std::string reason) override { outer_.block(std::move(reason)); }

 private:
  BatchContext& outer_;
};

class InnerRun final : public RunContext {
 public:
  InnerRun(RunContext& outer, Tensor x) : outer_(outer), x_(std::move(x)) {}
  size_t input_count() const override { return 1; }
  size_t output_count() const override { return 1; }
  const graph::RuntimeValue& value(size_t) const override { return x_; }
  bool wants_output(size_t) const override { return true; }
  Tensor& output(size_t, DType dtype, const Dims& dims) override {
    y = Tensor::uninitialized(dtype, dims);
    return y;
  }
  void set_output(size_t, graph::RuntimeValue value) override { y = value.tensor(); }
  std::vector<graph::RuntimeValue> run_subgraph(size_t, std::vector<graph::RuntimeValue>) override {
    return {};
  }
  void parallel_for(int64_t count, FunctionRef<void(int64_t task)> fn) override {
    outer_.parallel_for(count, fn);
  }
  int concurrency() const override { return outer_.concurrency(); }
  std::byte* scratch() override { return nullptr; }
  void check_cancelled() const override { outer_.check_cancelled(); }
  Tensor y;

 protected:
  ThreadScratch thread_scratch() override { return {nullptr, 0, outer_.concurrency()}; }

 private:
  RunContext& outer_;
  graph::RuntimeValue x_;
};

/// Inputs X, X_scale, optional X_zero_point, Y_scale, optional Y_zero_point; Y has X's type.
class Wrapped final : public Op {
 public:
  /// An elementwise operator is tabulated: it runs once on the 256 numbers there are.
  Wrapped(std::string name, OpPtr inner, bool elementwise)
      : name_(std::move(name)), inner_(std::move(inner)), elementwise_(elementwise) {}

  std::string_view name() const override { return name_; }
  bool keeps_float32(size_t input) const override { return input == x_scale || input == y_scale; }
  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    require_int8(context, 0, "X");
    InnerInfer inner(context);
    inner_->infer(inner);
    context.set_tensor(0, context.dtype(0), inner.y.shape);
  }
  void batch(BatchContext& context) const override {
    if (!require_shared_inputs(context, 1)) return;
    InnerBatch inner(context);
    inner_->batch(inner);
  }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const ByteScale from = read_byte_scale(context, x.dtype(), x_scale, x_zero_point);
    const ByteScale to = read_byte_scale(context, x.dtype(), y_scale, y_zero_point);
    Tensor numbers(DType::float32, {256});
    for (int i = 0; i < 256; ++i)
      numbers.data<float>()[static_cast<size_t>(i)] = from.number(static_cast<uint8_t>(i));
    if (elementwise_) return map(context, to, numbers);

    Tensor dequantized = Tensor::uninitialized(DType::float32, x.dims());
    const float* number = numbers.data<float>().data();
    for_each_block(context, x.element_count(), [&](int64_t begin, int64_t count) {
      const uint8_t* bytes = storage<uint8_t>(x) + begin;
      float* out = storage<float>(dequantized) + begin;
      for (int64_t i = 0; i < count; ++i) out[i] = number[bytes[i]];
    });
    InnerRun inner(context, std::move(dequantized));
    inner_->run(inner);
    Tensor& y = context.output(0, x.dtype(), inner.y.dims());
    for_each_block(context, y.element_count(), [&](int64_t begin, int64_t count) {
      const float* result = storage<float>(inner.y) + begin;
      uint8_t* out = storage<uint8_t>(y) + begin;
      for (int64_t i = 0; i < count; ++i) out[i] = to.byte(result[i]);
    });
  }

 private:
  void map(RunContext& context, const ByteScale& to, const Tensor& numbers) const {
    InnerRun inner(context, numbers);
    inner_->run(inner);
    ByteMap map;
    for (size_t i = 0; i < map.size(); ++i) map[i] = to.byte(inner.y.data<float>()[i]);
    const Tensor& x = context.input(0);
    Tensor& y = context.output(0, x.dtype(), x.dims());
    for_each_block(context, x.element_count(), [&](int64_t begin, int64_t count) {
      const uint8_t* bytes = storage<uint8_t>(x) + begin;
      uint8_t* out = storage<uint8_t>(y) + begin;
      for (int64_t i = 0; i < count; ++i) out[i] = map[bytes[i]];
    });
  }

  std::string name_;
  OpPtr inner_;
  bool elementwise_;
};

/// The standard's operator `name` with this node's attributes; those in `own` are the wrapper's.
OpPtr make_inner(const OpArgs& args, const char* name, int version,
                 std::initializer_list<std::string_view> own) {
  Attributes attributes;
  for (const auto& [key, value] : args.attributes()) {
    args.ignore(key);
    if (std::ranges::find(own, key) == own.end()) attributes.emplace(key, value);
  }
  return make_op(*find_op("", name), OpArgs(name, version, std::move(attributes), 1, 1));
}

void refuse_channels_last(const OpArgs& args) {
  if (args.get_flag("channels_last", false))
    fail(ErrorCode::unsupported,
         "{} with channels_last = 1 is not supported; save the optimised model without layout optimisation",
         args.op_type());
}

}  // namespace

OpPtr make_qlinear_unary(const OpArgs& args) {
  const bool sigmoid = args.op_type() == "QLinearSigmoid";
  return std::make_shared<Wrapped>(args.op_type(),
                                   make_inner(args, sigmoid ? "Sigmoid" : "LeakyRelu", 13, {}), true);
}

OpPtr make_qlinear_softmax(const OpArgs& args) {
  args.require("opset");
  const int64_t opset = args.get_int("opset", 13);
  OpPtr inner = make_inner(args, "Softmax", opset < 13 ? 11 : 13, {"opset"});
  return std::make_shared<Wrapped>(args.op_type(), std::move(inner), false);
}

OpPtr make_qlinear_pool(const OpArgs& args) {
  refuse_channels_last(args);
  const bool global = args.op_type() == "QLinearGlobalAveragePool";
  OpPtr inner = make_inner(args, global ? "GlobalAveragePool" : "AveragePool", 11, {"channels_last"});
  return std::make_shared<Wrapped>(args.op_type(), std::move(inner), false);
}

OpPtr make_qlinear_reduce_mean(const OpArgs& args) {
  return std::make_shared<Wrapped>(args.op_type(), make_inner(args, "ReduceMean", 13, {}), false);
}

}  // namespace spinel::ops
