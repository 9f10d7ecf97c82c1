// Unique: the distinct elements, or the distinct slices along an axis.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/elements.hpp"
#include "ops/numeric.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

/// Orders element `a` of `x` against element `b`: negative, 0 or positive. NaN comes last and equals NaN.
int compare(const Tensor& x, int64_t a, int64_t b) {
  const auto ordered = [](const auto& left, const auto& right) {
    return left < right ? -1 : right < left ? 1 : 0;
  };
  if (x.dtype() == DType::string) return ordered(storage<std::string>(x)[a], storage<std::string>(x)[b]);
  if (is_float(x.dtype())) {
    double buffer_a;
    double buffer_b;
    const double left = *load(x, a, 1, &buffer_a);
    const double right = *load(x, b, 1, &buffer_b);
    if (std::isnan(left) || std::isnan(right)) return std::isnan(left) - std::isnan(right);
    return ordered(left, right);
  }
  if (domain_of(x.dtype()) == Domain::int64) {
    int64_t buffer_a;
    int64_t buffer_b;
    return ordered(*load(x, a, 1, &buffer_a), *load(x, b, 1, &buffer_b));
  }
  uint64_t buffer_a;
  uint64_t buffer_b;
  return ordered(*load(x, a, 1, &buffer_a), *load(x, b, 1, &buffer_b));
}

class Unique final : public Op {
 public:
  Unique(std::optional<int64_t> axis, bool sorted) : axis_(axis), sorted_(sorted) {}

  std::string_view name() const override { return "Unique"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    const DType dtype = context.dtype(0);
    if (dtype != DType::undefined && dtype != DType::string && domain_of(dtype) == Domain::none)
      fail(ErrorCode::unsupported, "Unique of {} is not defined", dtype_name(dtype));
    std::optional<Shape> shape = Shape{Dim::unknown()};
    if (axis_) {
      shape = context.input(0).shape;
      if (shape)
        (*shape)[static_cast<size_t>(normalize_axis(*axis_, static_cast<int>(shape->size())))] =
            Dim::unknown();
    }
    context.set_tensor(0, dtype, std::move(shape));
    for (size_t i = 1; i < context.output_count(); ++i)
      context.set_tensor(i, DType::int64, Shape{Dim::unknown()});
  }

  void batch(BatchContext& context) const override {
    context.block("which elements are distinct depends on all samples");
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Dims from = axis_ ? x.dims() : Dims{x.element_count()};
    const auto axis = static_cast<size_t>(normalize_axis(axis_.value_or(0), static_cast<int>(from.size())));
    const int64_t size = from[axis];
    const int64_t outer = dim_product(from, 0, axis);
    const int64_t inner = dim_product(from, axis + 1, from.size());
    const auto order_of = [&](int64_t a, int64_t b) {
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i)
          if (const int order = compare(x, (o * size + a) * inner + i, (o * size + b) * inner + i))
            return order;
      return 0;
    };
    std::vector<int64_t> order(static_cast<size_t>(size));
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, [&](int64_t a, int64_t b) { return order_of(a, b) < 0; });
    std::vector<int64_t> groups = group(order, order_of);
    if (!sorted_)
      std::ranges::stable_sort(groups, {}, [&](int64_t g) { return order[static_cast<size_t>(g)]; });

    const auto count = static_cast<int64_t>(groups.size());
    std::vector<int64_t> first(groups.size());
    std::vector<int64_t> counts(groups.size());
    std::vector<int64_t> inverse(static_cast<size_t>(size));
    for (size_t g = 0; g < groups.size(); ++g) {
      const auto begin = static_cast<size_t>(groups[g]);
      first[g] = order[begin];
      size_t end = begin;
      while (end < order.size() && order_of(order[begin], order[end]) == 0)
        inverse[static_cast<size_t>(order[end++])] = static_cast<int64_t>(g);
      counts[g] = static_cast<int64_t>(end - begin);
    }
    Dims dims = from;
    dims[axis] = count;
    Tensor& y = context.output(0, x.dtype(), dims);
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < count; ++i)
        copy_range(x, (o * size + first[static_cast<size_t>(i)]) * inner, y, (o * count + i) * inner, inner);
    write(context, 1, first);
    write(context, 2, inverse);
    write(context, 3, counts);
  }

 private:
  /// Where each run of equal elements begins in `order`.
  template <class Order>
  static std::vector<int64_t> group(const std::vector<int64_t>& order, const Order& order_of) {
    std::vector<int64_t> begins;
    for (size_t i = 0; i < order.size(); ++i)
      if (i == 0 || order_of(order[i - 1], order[i]) != 0) begins.push_back(static_cast<int64_t>(i));
    return begins;
  }

  static void write(RunContext& context, size_t output, const std::vector<int64_t>& values) {
    if (!context.wants_output(output)) return;
    Tensor& y = context.output(output, DType::int64, {static_cast<int64_t>(values.size())});
    std::ranges::copy(values, y.data<int64_t>().begin());
  }

  std::optional<int64_t> axis_;
  bool sorted_;
};

}  // namespace

OpPtr make_unique(const OpArgs& args) {
  std::optional<int64_t> axis;
  if (args.has("axis")) axis = args.get_int("axis", 0);
  return std::make_shared<Unique>(axis, args.get_flag("sorted", true));
}

}  // namespace spinel::ops
