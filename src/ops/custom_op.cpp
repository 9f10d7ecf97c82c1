#include "ops/custom_op.hpp"

#include <algorithm>
#include <atomic>

#include "base/text.hpp"
#include "ops/custom_attributes.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

/// Outputs are tracked in the bits of one number.
constexpr size_t most_outputs = 64;

std::string_view plain_domain(std::string_view domain) { return domain == "ai.onnx" ? "" : domain; }

SymbolicDim wrap(const Dim& dim) {
  if (dim.is_constant()) return {dim.constant()};
  return SymbolicDim(std::make_shared<const Dim>(dim));
}
SymbolicShape wrap(const Shape& shape) {
  SymbolicShape out;
  for (const Dim& dim : shape) out.push_back(wrap(dim));
  return out;
}

class ShapesOfNode final : public CustomShapes {
 public:
  ShapesOfNode(InferContext& context, const CustomAttributes& attributes, std::vector<DType>& dtypes)
      : context_(context), attributes_(attributes), dtypes_(dtypes) {}

  const CustomAttributes& attributes() const override { return attributes_; }
  size_t input_count() const override { return context_.input_count(); }
  size_t output_count() const override { return context_.output_count(); }
  bool has_input(size_t index) const override { return context_.has_input(index); }
  DType dtype(size_t input) const override { return context_.dtype(input); }
  std::optional<SymbolicShape> shape(size_t input) const override {
    const Shape* shape = context_.shape(input);
    return shape == nullptr ? std::nullopt : std::optional(wrap(*shape));
  }
  const Tensor* constant(size_t input) const override { return context_.constant(input); }
  std::optional<SymbolicShape> elements(size_t input) const override {
    const auto known = context_.ints(input);
    return known ? std::optional(wrap(*known)) : std::nullopt;
  }
  void set_output(size_t index, SymbolicShape shape, DType dtype) override {
    Shape dims;
    for (const SymbolicDim& dim : shape) {
      if (dim.constant().value_or(0) < 0)
        fail(ErrorCode::invalid_argument, "the shape rule gives output {} the dim {}", index, dim.text());
      dims.push_back(dim.expression());
    }
    set(index, dtype, std::move(dims));
  }
  void set_output_unknown(size_t index, DType dtype) override { set(index, dtype, std::nullopt); }

 private:
  void set(size_t index, DType dtype, std::optional<Shape> shape) {
    if (index >= output_count())
      fail(ErrorCode::invalid_argument, "the shape rule sets output {}, but the node has {}", index,
           output_count());
    if (dtype != DType::undefined) dtypes_[index] = dtype;
    context_.set_tensor(index, dtypes_[index], std::move(shape));
  }

  InferContext& context_;
  const CustomAttributes& attributes_;
  std::vector<DType>& dtypes_;
};

class CustomOperator final : public Op {
 public:
  CustomOperator(std::shared_ptr<const CustomOp> op, CustomNodeAttributes attributes,
                 std::shared_ptr<const CustomKernel> kernel)
      : op_(std::move(op)),
        name_(op_->full_name()),
        attributes_(std::move(attributes)),
        kernel_(std::move(kernel)),
        dtypes_(std::make_unique<std::atomic<DType>[]>(op_->outputs.size())) {}

  const CustomOp& definition() const noexcept { return *op_; }

  std::string_view name() const override { return name_; }
  std::string_view kernel() const override { return "custom"; }
  bool deterministic() const override { return op_->deterministic; }

  void infer(InferContext& context) const override {
    for (size_t i = 0; i < context.input_count(); ++i) check_input(context, i);
    std::vector<DType> dtypes;
    for (size_t i = 0; i < context.output_count(); ++i) {
      const CustomOutput& output = op_->outputs[i];
      const bool follows = output.dtype == DType::undefined && context.has_input(output.same_as);
      dtypes.push_back(follows ? context.dtype(output.same_as) : output.dtype);
      context.set_tensor(i, dtypes[i]);
    }
    if (op_->shapes) {
      ShapesOfNode shapes(context, attributes_, dtypes);
      called("shape rule", [&] { op_->shapes(shapes); });
    }
    for (size_t i = 0; i < dtypes.size(); ++i) {
      if (dtypes[i] == DType::undefined)
        fail(
            ErrorCode::bad_model,
            "the type of output {} is that of input {}, which the node leaves out; let the shape rule say it",
            i, op_->outputs[i].same_as);
      dtypes_[i].store(dtypes[i], std::memory_order_relaxed);
    }
  }

  void batch(BatchContext& context) const override {
    if (!op_->rows_independent) return context.block("it is not declared to treat rows independently");
    for (size_t i = 0; i < context.input_count(); ++i) {
      if (!context.has_input(i)) continue;
      const CustomInput& input = declared_input(i);
      const BatchState state = context.input(i);
      if (state.is_size()) return context.block("it takes the batch's size as data");
      if (state.is_batched() && input.whole)
        return context.block(fmt::format("input {} ('{}') has the batch, but is taken whole", i, input.name));
      if (!input.whole && (state.is_shared() || state.axis != 0))
        return context.block(fmt::format(
            "input {} ('{}') does not have the batch along axis 0, and is not declared to be taken whole", i,
            input.name));
    }
    for (size_t i = 0; i < context.output_count(); ++i) {
      const Shape* shape = context.output_shape(i);
      if (shape != nullptr && (shape->empty() || !equal((*shape)[0], context.batch_dim())))
        return context.block(
            fmt::format("output {} has dims {}, not one row a sample", i, shape_text(*shape)));
    }
    context.set_all_outputs(BatchState::batched(0));
  }

  void run(RunContext& context) const override;

 private:
  /// The last one stands for all that follow.
  const CustomInput& declared_input(size_t index) const {
    return op_->inputs[std::min(index, op_->inputs.size() - 1)];
  }

  void check_input(const InferContext& context, size_t index) const {
    const CustomInput& input = declared_input(index);
    if (!context.has_input(index)) {
      if (input.optional) return;
      fail(ErrorCode::bad_model, "input {} ('{}') is missing", index, input.name);
    }
    if (!context.input(index).is_tensor())
      fail(ErrorCode::unsupported, "input {} ('{}') is a {}; custom operators take tensors", index,
           input.name, context.input(index).text());
    const DType given = context.dtype(index);
    if (input.dtypes.empty() || given == DType::undefined ||
        std::ranges::find(input.dtypes, given) != input.dtypes.end())
      return;
    std::string takes;
    for (DType dtype : input.dtypes)
      takes += fmt::format("{}{}", takes.empty() ? "" : ", ", dtype_name(dtype));
    fail(ErrorCode::unsupported, "input {} ('{}') is {}; the operator takes {}", index, input.name,
         dtype_name(given), takes);
  }

  /// Calls the host's code: what it throws says whose it is.
  template <class Fn>
  void called(const char* what, Fn&& fn) const {
    try {
      fn();
    } catch (const Error&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      fail(ErrorCode::internal, "the {} of custom operator {} threw: {}", what, name_, error.what());
    } catch (...) {
      fail(ErrorCode::internal, "the {} of custom operator {} threw what is no std::exception", what, name_);
    }
  }

  class Run;

  std::shared_ptr<const CustomOp> op_;
  std::string name_;
  CustomNodeAttributes attributes_;
  std::shared_ptr<const CustomKernel> kernel_;
  /// As inferred last: types of outputs that nobody reads are kept nowhere else.
  std::unique_ptr<std::atomic<DType>[]> dtypes_;
};

class CustomOperator::Run final : public CustomRun {
 public:
  Run(const CustomOperator& op, RunContext& context) : op_(op), context_(context) {}

  size_t input_count() const override { return context_.input_count(); }
  size_t output_count() const override { return context_.output_count(); }
  bool has_input(size_t index) const override { return context_.has_input(index); }
  const Tensor& input(size_t index) const override {
    if (!context_.has_input(index)) fail(ErrorCode::invalid_argument, "the node gives no input {}", index);
    return context_.input(index);
  }
  bool wants_output(size_t index) const override { return context_.wants_output(index); }
  Tensor& output(size_t index, const Dims& dims) override {
    if (index >= output_count())
      fail(ErrorCode::invalid_argument, "the kernel asks for output {}, but the node has {}", index,
           output_count());
    const DType dtype = op_.dtypes_[index].load(std::memory_order_relaxed);
    if (std::ranges::any_of(dims, [](int64_t dim) { return dim < 0; }))
      fail(ErrorCode::invalid_argument, "the kernel gives output {} the dims {}", index, dims_text(dims));
    made_ |= uint64_t{1} << index;
    if (Tensor* planned = context_.planned_output(index)) {
      if (planned->dims() != dims) contradicts(index, dims, dims_text(planned->dims()));
      return *planned;
    }
    const graph::ValueType* type = context_.output_type(index);
    if (type != nullptr && type->shape && !fits(dims, *type->shape))
      contradicts(index, dims, shape_text(*type->shape));
    return context_.output(index, dtype, dims);
  }
  void parallel_for(int64_t count, const std::function<void(int64_t)>& task) override {
    context_.parallel_for(count, task);
  }
  int concurrency() const override { return context_.concurrency(); }
  void check_cancelled() const override { context_.check_cancelled(); }

  void check_outputs() const {
    for (size_t i = 0; i < output_count(); ++i)
      if (wants_output(i) && (made_ >> i & 1) == 0)
        fail(ErrorCode::invalid_argument, "the kernel has not made output {} ('{}')", i,
             op_.op_->outputs[i].name);
  }

 private:
  static bool fits(const Dims& dims, const Shape& shape) {
    return std::ranges::equal(dims, shape, [](int64_t dim, const Dim& known) {
      return !known.is_constant() || known.constant() == dim;
    });
  }
  [[noreturn]] static void contradicts(size_t index, const Dims& dims, const std::string& inferred) {
    fail(ErrorCode::invalid_argument, "the kernel gives output {} the dims {}, its shape rule said {}", index,
         dims_text(dims), inferred);
  }

  const CustomOperator& op_;
  RunContext& context_;
  uint64_t made_ = 0;
};

void CustomOperator::run(RunContext& context) const {
  Run run(*this, context);
  called("kernel", [&] { kernel_->compute(run); });
  run.check_outputs();
}

/// Of one operator's description. Throws Error.
void check_definition(const CustomOp& op) {
  const auto refuse = [&](const std::string& why) {
    fail(ErrorCode::invalid_argument, "custom operator '{}': {}", op.full_name(), why);
  };
  if (op.name.empty()) refuse("it has no name");
  if (op.domain == "spinel") refuse("the domain 'spinel' is that of operators of Spinel's own making");
  if (op.since_version < 1) refuse(fmt::format("since_version is {}; give at least 1", op.since_version));
  if (!op.create) refuse("it has no create function");
  if (op.variadic && op.inputs.empty()) refuse("it is variadic, but has no input");
  if (op.outputs.empty() || op.outputs.size() > most_outputs)
    refuse(fmt::format("it has {} outputs; 1 to {} are possible", op.outputs.size(), most_outputs));
  for (const CustomOutput& output : op.outputs)
    if (output.dtype == DType::undefined && output.same_as >= op.inputs.size())
      refuse(fmt::format("output '{}' has the type of input {}, which does not exist", output.name,
                         output.same_as));
  for (size_t i = 0; i < op.attributes.size(); ++i)
    for (size_t other = 0; other <= i; ++other)
      if (op.attributes[i].name.empty() || (other < i && op.attributes[i].name == op.attributes[other].name))
        refuse(fmt::format("attribute '{}' has no name or is there twice", op.attributes[i].name));
}

/// "2", "1 to 2", "at least 1"
std::string range_text(size_t least, size_t most, bool open) {
  if (open) return fmt::format("at least {}", least);
  return least == most ? fmt::to_string(least) : fmt::format("{} to {}", least, most);
}

template <class Port>
size_t required_count(const std::vector<Port>& ports) {
  size_t count = ports.size();
  while (count > 0 && ports[count - 1].optional) --count;
  return count;
}

void check_counts(const CustomOp& op, const OpArgs& args) {
  const size_t inputs = required_count(op.inputs);
  if (args.input_count() < inputs || (args.input_count() > op.inputs.size() && !op.variadic))
    fail(ErrorCode::bad_model, "{} takes {} inputs, the node gives {}", op.full_name(),
         range_text(inputs, op.inputs.size(), op.variadic), args.input_count());
  const size_t outputs = required_count(op.outputs);
  if (args.output_count() < outputs || args.output_count() > op.outputs.size())
    fail(ErrorCode::bad_model, "{} has {} outputs, the node names {}", op.full_name(),
         range_text(outputs, op.outputs.size(), false), args.output_count());
}

}  // namespace

CustomOpTable::CustomOpTable(const std::vector<CustomOp>& ops) {
  for (const CustomOp& op : ops) {
    check_definition(op);
    for (const auto& other : ops_)
      if (plain_domain(other->domain) == plain_domain(op.domain) && other->name == op.name &&
          other->since_version == op.since_version)
        fail(ErrorCode::invalid_argument, "custom operator {} is registered twice for version {}",
             op.full_name(), op.since_version);
    ops_.push_back(std::make_shared<const CustomOp>(op));
  }
}

std::shared_ptr<const CustomOp> CustomOpTable::find(std::string_view domain, std::string_view name,
                                                    int version) const {
  std::shared_ptr<const CustomOp> best;
  for (const auto& op : ops_)
    if (plain_domain(op->domain) == plain_domain(domain) && op->name == name &&
        op->since_version <= version && (best == nullptr || op->since_version > best->since_version))
      best = op;
  return best;
}

bool CustomOpTable::has(std::string_view domain, std::string_view name) const {
  return std::ranges::any_of(ops_, [&](const auto& op) {
    return plain_domain(op->domain) == plain_domain(domain) && op->name == name;
  });
}

OpPtr make_custom_op(std::shared_ptr<const CustomOp> op, const OpArgs& args) {
  check_counts(*op, args);
  CustomNodeAttributes attributes(*op, args);
  std::shared_ptr<const CustomKernel> kernel;
  try {
    kernel = op->create(attributes);
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    fail(ErrorCode::internal, "creating {} threw: {}", op->full_name(), error.what());
  } catch (...) {
    fail(ErrorCode::internal, "creating {} threw what is no std::exception", op->full_name());
  }
  if (kernel == nullptr) fail(ErrorCode::invalid_argument, "{} created no kernel", op->full_name());
  graph::Recipe recipe{op->domain, op->name, args.version(), args.attributes(), {}, {}};
  auto out = std::make_shared<const CustomOperator>(std::move(op), std::move(attributes), std::move(kernel));
  out->set_recipe(std::make_shared<const graph::Recipe>(std::move(recipe)));
  return out;
}

bool stays_in_float32(const Op& op) {
  const auto* custom = dynamic_cast<const CustomOperator*>(&op);
  if (custom == nullptr) return false;
  return !custom->definition().float16 ||
         std::ranges::any_of(custom->definition().outputs,
                             [](const CustomOutput& output) { return output.dtype == DType::float32; });
}

}  // namespace spinel::ops

namespace spinel {

std::string CustomOp::full_name() const { return (domain.empty() ? "ai.onnx" : domain) + "::" + name; }

bool CustomRun::cancelled() const {
  try {
    check_cancelled();
    return false;
  } catch (const Error&) {
    return true;
  }
}

std::function<std::shared_ptr<const CustomKernel>(const CustomAttributes&)> stateless(
    std::function<void(CustomRun& run)> compute) {
  struct Stateless final : CustomKernel {
    explicit Stateless(std::function<void(CustomRun&)> fn) : function(std::move(fn)) {}
    void compute(CustomRun& run) const override { function(run); }
    std::function<void(CustomRun&)> function;
  };
  auto shared = std::make_shared<const Stateless>(std::move(compute));
  return [shared](const CustomAttributes&) { return shared; };
}

}  // namespace spinel
