// Reshape and Flatten: the same elements in the same order under other dims.
#include <algorithm>

#include "base/text.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

/// The quotient of two products, with the factors that both have cancelled first.
Dim divide_products(Shape dividend, Shape divisor) {
  for (auto factor = divisor.begin(); factor != divisor.end();) {
    const auto same = std::ranges::find_if(dividend, [&](const Dim& d) { return equal(d, *factor); });
    if (same == dividend.end() || factor->is_constant(0)) {
      ++factor;
    } else {
      dividend.erase(same);
      factor = divisor.erase(factor);
    }
  }
  return floor_div(graph::product(dividend, 0, dividend.size()), graph::product(divisor, 0, divisor.size()));
}

class Reshape final : public Op {
 public:
  Reshape(std::optional<std::vector<int64_t>> shape, bool allow_zero)
      : shape_(std::move(shape)), allow_zero_(allow_zero) {}

  std::string_view name() const override { return "Reshape"; }
  int view_of() const override { return 0; }

  void infer(InferContext& context) const override {
    require_tensors(context, shape_ ? 1 : 2);
    std::optional<Ints> wanted;
    if (shape_)
      wanted = graph::to_shape(*shape_);
    else
      wanted = known_or_unknown_ints(context, 1);
    const DType dtype = context.dtype(0);
    if (!wanted) return context.set_tensor(0, dtype);
    set_tensor_with_ints(context, dtype, resolve(context.shape(0), *wanted));
  }

  void batch(BatchContext& context) const override { batch_reshape(context); }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Dims dims = resolve(x, shape_ ? *shape_ : to_int64s(context.input(1)));
    copy_elements(x, context.output(0, x.dtype(), dims));
  }

 private:
  Shape resolve(const Shape* from, const Ints& wanted) const {
    Shape out = wanted;
    std::optional<size_t> rest;
    bool certain = from != nullptr;
    for (size_t i = 0; i < out.size(); ++i) {
      if (out[i].is_constant(-1)) {
        if (rest) fail(ErrorCode::bad_model, "the new shape {} holds more than one -1", shape_text(wanted));
        rest = i;
      } else if (out[i].is_constant(0) && !allow_zero_) {
        if (from != nullptr && i >= from->size())
          fail(ErrorCode::bad_model, "the new shape {} copies dim {} of {}, which has no such dim",
               shape_text(wanted), i, shape_text(*from));
        out[i] = from != nullptr ? (*from)[i] : Dim::unknown();
      } else if (out[i].is_constant() && out[i].constant() < 0) {
        fail(ErrorCode::bad_model, "the new shape {} holds a negative dim", shape_text(wanted));
      }
      if (out[i].is_unknown()) certain = false;
    }
    if (rest) {
      Shape others = out;
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(*rest));
      out[*rest] = certain ? divide_products(*from, others) : Dim::unknown();
    }
    if (certain) {
      const auto old_dims = graph::constant_dims(*from);
      const auto new_dims = graph::constant_dims(out);
      if (old_dims && new_dims && element_count(*old_dims) != element_count(*new_dims))
        fail(ErrorCode::bad_model, "{} cannot be reshaped to {}", shape_text(*from), shape_text(wanted));
    }
    return out;
  }

  Dims resolve(const Tensor& x, const std::vector<int64_t>& wanted) const {
    Dims out = wanted;
    int rest = -1;
    int64_t known = 1;
    for (size_t i = 0; i < out.size(); ++i) {
      if (out[i] == -1 && rest < 0) {
        rest = static_cast<int>(i);
        continue;
      }
      if (out[i] == 0 && !allow_zero_ && i < x.dims().size()) out[i] = x.dims()[i];
      if (out[i] < 0 || __builtin_mul_overflow(known, out[i], &known))
        fail(ErrorCode::invalid_argument, "{} cannot be reshaped to {}", describe(x), dims_text(wanted));
    }
    if (rest >= 0) {
      if (known == 0 && x.element_count() != 0)
        fail(ErrorCode::invalid_argument, "{} cannot be reshaped to {}", describe(x), dims_text(wanted));
      out[static_cast<size_t>(rest)] = known == 0 ? 0 : x.element_count() / known;
    }
    if (element_count(out) != x.element_count())
      fail(ErrorCode::invalid_argument, "{} cannot be reshaped to {}", describe(x), dims_text(wanted));
    return out;
  }

  std::optional<std::vector<int64_t>> shape_;
  bool allow_zero_;
};

class Flatten final : public Op {
 public:
  explicit Flatten(int64_t axis) : axis_(axis) {}

  std::string_view name() const override { return "Flatten"; }
  int view_of() const override { return 0; }
  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    const Shape* from = context.shape(0);
    Shape to{Dim::unknown(), Dim::unknown()};
    if (from != nullptr) {
      const size_t split = place(static_cast<int64_t>(from->size()));
      to = {graph::product(*from, 0, split), graph::product(*from, split, from->size())};
    }
    context.set_tensor(0, context.dtype(0), std::move(to));
  }
  void batch(BatchContext& context) const override { batch_reshape(context); }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const size_t split = place(x.rank());
    Dims dims{1, 1};
    for (size_t i = 0; i < x.dims().size(); ++i) dims[i < split ? 0 : 1] *= x.dims()[i];
    copy_elements(x, context.output(0, x.dtype(), dims));
  }

 private:
  size_t place(int64_t rank) const {
    if (axis_ < -rank || axis_ > rank)
      fail(ErrorCode::bad_model, "axis {} is outside [-{}, {}]", axis_, rank, rank);
    return static_cast<size_t>(axis_ < 0 ? axis_ + rank : axis_);
  }

  int64_t axis_;
};

}  // namespace

OpPtr make_reshape(const OpArgs& args) {
  std::optional<std::vector<int64_t>> shape;
  if (args.version() < 5) {
    args.ignore("consumed_inputs");
    args.require("shape");
    shape = args.get_ints("shape");
  }
  return std::make_shared<Reshape>(std::move(shape), args.get_flag("allowzero", false));
}

OpPtr make_flatten(const OpArgs& args) { return std::make_shared<Flatten>(args.get_int("axis", 1)); }

}  // namespace spinel::ops
