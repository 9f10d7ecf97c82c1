// Sequences of tensors: made, measured, changed, cut from a tensor and joined to one.
#include <algorithm>

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"
#include "ops/subgraph.hpp"

namespace spinel::ops {
namespace {

using graph::RuntimeValue;
using graph::Sequence;
using graph::ValueType;

/// The element type of a sequence input (an optional of one included). Throws Error(bad_model).
ValueType element_type(const InferContext& context, size_t input) {
  const ValueType* type = &context.input(input);
  if (type->kind == ValueType::Kind::optional && type->element) type = type->element.get();
  if (type->kind != ValueType::Kind::sequence)
    fail(ErrorCode::bad_model, "input {} is {}, not a sequence", input, type->text());
  return type->element ? *type->element : ValueType::tensor(DType::undefined);
}

const Sequence& sequence_of(const RunContext& context, size_t input) {
  if (!context.value(input).is_sequence())
    fail(ErrorCode::invalid_argument, "input {} is not a sequence", input);
  return context.value(input).sequence();
}

/// A place in a sequence: optional input `input`, counted from the end if negative, at most `last`.
int64_t place_of(const RunContext& context, size_t input, int64_t size, int64_t last, int64_t fallback) {
  if (!context.has_input(input)) return fallback;
  const std::vector<int64_t> given = to_int64s(context.input(input));
  const int64_t place = given.size() == 1 && given[0] < 0 ? given[0] + size : given.empty() ? -1 : given[0];
  if (given.size() != 1 || place < 0 || place > last)
    fail(ErrorCode::invalid_argument, "place {} is outside a sequence of {} elements", dims_text(given),
         size);
  return place;
}

/// An element outlives the node that made it, so it may not lie in planned memory.
RuntimeValue kept(const RuntimeValue& value) {
  return value.is_tensor() ? RuntimeValue(value.tensor().clone()) : value;
}

class SequenceConstruct final : public Op {
 public:
  std::string_view name() const override { return "SequenceConstruct"; }
  void infer(InferContext& context) const override {
    ValueType element = context.input(0);
    for (size_t i = 1; i < context.input_count(); ++i)
      element = common_type(element, context.input(i), "an element of the sequence");
    context.set_output(0, ValueType::sequence(std::move(element)));
  }
  void run(RunContext& context) const override {
    Sequence out;
    for (size_t i = 0; i < context.input_count(); ++i) out.push_back(kept(context.value(i)));
    context.set_output(0, std::move(out));
  }
};

class SequenceEmpty final : public Op {
 public:
  explicit SequenceEmpty(DType dtype) : dtype_(dtype) {}
  std::string_view name() const override { return "SequenceEmpty"; }
  void infer(InferContext& context) const override {
    context.set_output(0, ValueType::sequence(ValueType::tensor(dtype_)));
  }
  void run(RunContext& context) const override { context.set_output(0, Sequence{}); }
  std::shared_ptr<const Op> with_float_type(DType from, DType to) const override {
    return dtype_ == from ? std::make_shared<SequenceEmpty>(to) : nullptr;
  }

 private:
  DType dtype_;
};

class SequenceAt final : public Op {
 public:
  std::string_view name() const override { return "SequenceAt"; }
  void infer(InferContext& context) const override { context.set_output(0, element_type(context, 0)); }
  void run(RunContext& context) const override {
    const Sequence& from = sequence_of(context, 0);
    const auto size = static_cast<int64_t>(from.size());
    pass_on(context, 0, from[static_cast<size_t>(place_of(context, 1, size, size - 1, 0))]);
  }
};

class SequenceInsert final : public Op {
 public:
  std::string_view name() const override { return "SequenceInsert"; }
  void infer(InferContext& context) const override {
    // A sequence that is still empty says nothing about the shapes it will hold.
    const ValueType element = element_type(context, 0);
    const ValueType common = common_type(element, context.input(1), "an element of the sequence");
    context.set_output(0, ValueType::sequence(common));
  }
  void run(RunContext& context) const override {
    Sequence out = sequence_of(context, 0);
    const auto size = static_cast<int64_t>(out.size());
    out.insert(out.begin() + place_of(context, 2, size, size, size), kept(context.value(1)));
    context.set_output(0, std::move(out));
  }
};

class SequenceErase final : public Op {
 public:
  std::string_view name() const override { return "SequenceErase"; }
  void infer(InferContext& context) const override {
    context.set_output(0, ValueType::sequence(element_type(context, 0)));
  }
  void run(RunContext& context) const override {
    Sequence out = sequence_of(context, 0);
    const auto size = static_cast<int64_t>(out.size());
    if (size == 0) fail(ErrorCode::invalid_argument, "the sequence is empty; nothing can be erased");
    out.erase(out.begin() + place_of(context, 1, size, size - 1, size - 1));
    context.set_output(0, std::move(out));
  }
};

class SequenceLength final : public Op {
 public:
  std::string_view name() const override { return "SequenceLength"; }
  void infer(InferContext& context) const override {
    element_type(context, 0);
    context.set_tensor(0, DType::int64, Shape{});
  }
  void run(RunContext& context) const override {
    const auto size = static_cast<int64_t>(sequence_of(context, 0).size());
    context.output(0, DType::int64, {}).data<int64_t>()[0] = size;
  }
};

/// Joined along an existing axis, or stacked along a new one.
class ConcatFromSequence final : public Op {
 public:
  ConcatFromSequence(int64_t axis, bool new_axis) : axis_(axis), new_axis_(new_axis) {}
  std::string_view name() const override { return "ConcatFromSequence"; }
  void infer(InferContext& context) const override {
    ValueType type = element_type(context, 0);
    if (type.shape) {
      const int rank = static_cast<int>(type.shape->size()) + (new_axis_ ? 1 : 0);
      const int axis = normalize_axis(axis_, rank);
      if (new_axis_)
        type.shape->insert(type.shape->begin() + axis, Dim::unknown());
      else
        (*type.shape)[static_cast<size_t>(axis)] = Dim::unknown();
    }
    context.set_output(0, std::move(type));
  }
  void run(RunContext& context) const override {
    const Sequence& parts = sequence_of(context, 0);
    if (new_axis_) return stack(context, 0, parts, axis_, false);
    if (parts.empty()) fail(ErrorCode::invalid_argument, "the sequence is empty; there is nothing to join");
    const Tensor& first = parts[0].tensor();
    const auto axis = static_cast<size_t>(normalize_axis(axis_, first.rank()));
    Dims dims = first.dims();
    dims[axis] = 0;
    for (const RuntimeValue& part : parts) {
      Dims here = part.tensor().dims();
      const int64_t length = here.size() > axis ? here[axis] : 0;
      if (here.size() > axis) here[axis] = dims[axis];
      if (here != dims || part.tensor().dtype() != first.dtype())
        fail(ErrorCode::invalid_argument, "{} and {} cannot be joined along axis {}", describe(first),
             describe(part.tensor()), axis);
      dims[axis] += length;
    }
    Tensor& y = context.output(0, first.dtype(), dims);
    const int64_t outer = dim_product(dims, 0, axis);
    const int64_t row = dim_product(dims, axis, dims.size());
    int64_t place = 0;
    for (const RuntimeValue& part : parts) {
      const int64_t length = dim_product(part.tensor().dims(), axis, dims.size());
      for (int64_t o = 0; o < outer; ++o) copy_range(part.tensor(), o * length, y, o * row + place, length);
      place += length;
    }
  }

 private:
  int64_t axis_;
  bool new_axis_;
};

class SplitToSequence final : public Op {
 public:
  SplitToSequence(int64_t axis, bool keep_axis) : axis_(axis), keep_axis_(keep_axis) {}
  std::string_view name() const override { return "SplitToSequence"; }
  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    ValueType type = context.input(0);
    if (type.shape) {
      const int axis = normalize_axis(axis_, static_cast<int>(type.shape->size()));
      if (drops_axis(context.has_input(1)))
        type.shape->erase(type.shape->begin() + axis);
      else
        (*type.shape)[static_cast<size_t>(axis)] = context.has_input(1) ? Dim::unknown() : Dim(1);
    }
    context.set_output(0, ValueType::sequence(std::move(type)));
  }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const auto axis = static_cast<size_t>(normalize_axis(axis_, x.rank()));
    const int64_t whole = x.dims()[axis];
    const int64_t outer = dim_product(x.dims(), 0, axis);
    const int64_t inner = dim_product(x.dims(), axis + 1, x.dims().size());
    Sequence out;
    int64_t place = 0;
    for (const int64_t length : lengths(context, whole)) {
      Dims dims = x.dims();
      dims[axis] = length;
      if (drops_axis(context.has_input(1))) dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axis));
      Tensor part = Tensor::uninitialized(x.dtype(), dims);
      for (int64_t o = 0; o < outer; ++o)
        copy_range(x, (o * whole + place) * inner, part, o * length * inner, length * inner);
      place += length;
      out.emplace_back(std::move(part));
    }
    context.set_output(0, std::move(out));
  }

 private:
  /// keepdims is ignored where lengths are given.
  bool drops_axis(bool lengths_given) const { return !keep_axis_ && !lengths_given; }

  static std::vector<int64_t> lengths(const RunContext& context, int64_t whole) {
    if (!context.has_input(1)) return std::vector<int64_t>(static_cast<size_t>(whole), 1);
    const std::vector<int64_t> given = to_int64s(context.input(1));
    std::vector<int64_t> out;
    int64_t rest = whole;
    if (context.input(1).rank() == 0) {
      if (given[0] < 1) fail(ErrorCode::invalid_argument, "parts of {} rows make no sense", given[0]);
      for (; rest > 0; rest -= out.back()) out.push_back(std::min(rest, given[0]));
      return out;
    }
    for (const int64_t length : given) {
      if (length < 0 || length > rest) break;
      out.push_back(length);
      rest -= length;
    }
    if (rest != 0 || out.size() != given.size())
      fail(ErrorCode::invalid_argument, "{} rows cannot be cut into parts of {}", whole, dims_text(given));
    return out;
  }

  int64_t axis_;
  bool keep_axis_;
};

}  // namespace

OpPtr make_sequence_construct(const OpArgs& args) {
  if (args.input_count() == 0) fail(ErrorCode::bad_model, "SequenceConstruct needs at least one input");
  return std::make_shared<SequenceConstruct>();
}
OpPtr make_sequence_empty(const OpArgs& args) {
  const int64_t dtype = args.get_int("dtype", static_cast<int64_t>(DType::float32));
  if (dtype != static_cast<int32_t>(dtype) || !is_known_dtype(static_cast<int32_t>(dtype)))
    fail(ErrorCode::bad_model, "the attribute dtype={} is no element type", dtype);
  return std::make_shared<SequenceEmpty>(static_cast<DType>(dtype));
}
OpPtr make_sequence_at(const OpArgs&) { return std::make_shared<SequenceAt>(); }
OpPtr make_sequence_insert(const OpArgs&) { return std::make_shared<SequenceInsert>(); }
OpPtr make_sequence_erase(const OpArgs&) { return std::make_shared<SequenceErase>(); }
OpPtr make_sequence_length(const OpArgs&) { return std::make_shared<SequenceLength>(); }
OpPtr make_concat_from_sequence(const OpArgs& args) {
  args.require("axis");
  return std::make_shared<ConcatFromSequence>(args.get_int("axis", 0), args.get_flag("new_axis", false));
}
OpPtr make_split_to_sequence(const OpArgs& args) {
  return std::make_shared<SplitToSequence>(args.get_int("axis", 0), args.get_flag("keepdims", true));
}

}  // namespace spinel::ops
