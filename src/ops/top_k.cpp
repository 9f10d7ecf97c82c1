// TopK: the largest or smallest elements along an axis, and where they stood.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/numeric.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

struct TopKAttrs {
  int64_t axis = -1;
  bool largest = true;
  bool sorted = true;        ///< False allows any order; the sorted one is given then too.
  std::optional<int64_t> k;  ///< The attribute of opset < 10; newer models give input 1.
};

/// Equal elements keep their order, NaN counts as the largest.
template <class C>
bool comes_first(C a, C b, bool largest) {
  if constexpr (std::is_floating_point_v<C>) {
    const bool nan_a = std::isnan(a);
    const bool nan_b = std::isnan(b);
    if (nan_a || nan_b) return nan_a != nan_b && nan_a == largest;
  }
  return largest ? a > b : a < b;
}

class TopK final : public Op {
 public:
  explicit TopK(TopKAttrs attrs) : attrs_(attrs) {}

  std::string_view name() const override { return "TopK"; }

  void infer(InferContext& context) const override {
    require_tensors(context, attrs_.k ? 1 : 2);
    const DType dtype = context.dtype(0);
    if (dtype != DType::undefined && !is_float(dtype) && !is_integer(dtype))
      fail(ErrorCode::unsupported, "TopK of {} is not defined", dtype_name(dtype));
    std::optional<Shape> shape;
    if (const Shape* from = context.shape(0)) {
      shape = *from;
      const auto axis = static_cast<size_t>(normalize_axis(attrs_.axis, static_cast<int>(from->size())));
      Dim k = Dim::unknown();
      if (attrs_.k)
        k = Dim(*attrs_.k);
      else if (const auto given = known_ints(context, 1); given && given->size() == 1)
        k = (*given)[0];
      if (k.is_constant() &&
          (k.constant() < 0 || ((*from)[axis].is_constant() && k.constant() > (*from)[axis].constant())))
        fail(ErrorCode::bad_model, "the {} largest of {} elements are asked for", k.constant(),
             (*from)[axis].text());
      (*shape)[axis] = k;
    }
    context.set_tensor(0, dtype, shape);
    if (context.output_count() > 1) context.set_tensor(1, DType::int64, std::move(shape));
  }

  void batch(BatchContext& context) const override {
    if (!require_fixed_inputs(context, 1)) return;
    if (!context.has_rank(0)) return context.block("the input's rank is not known");
    const BatchState state = context.input(0);
    if (state.axis == normalize_axis(attrs_.axis, context.rank(0)))
      return context.block("elements are ranked along the batch axis");
    context.set_all_outputs(state);
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    int64_t k = attrs_.k.value_or(0);
    if (!attrs_.k) {
      const std::vector<int64_t> given = to_int64s(context.input(1));
      if (given.size() != 1) fail(ErrorCode::invalid_argument, "K is not one number");
      k = given[0];
    }
    const auto axis = static_cast<size_t>(normalize_axis(attrs_.axis, x.rank()));
    Dims dims = x.dims();
    if (k < 0 || k > dims[axis])
      fail(ErrorCode::invalid_argument, "{} elements are asked for of axis {} of {}", k, axis, describe(x));
    dims[axis] = k;
    Tensor& values = context.output(0, x.dtype(), dims);
    Tensor unwanted;
    Tensor& indices = context.output_count() > 1 ? context.output(1, DType::int64, dims)
                                                 : (unwanted = Tensor(DType::int64, dims));
    switch (domain_of(x.dtype())) {
      case Domain::float32:
        return rank<float>(x, axis, k, values, indices);
      case Domain::float64:
        return rank<double>(x, axis, k, values, indices);
      case Domain::int64:
        return rank<int64_t>(x, axis, k, values, indices);
      default:
        return rank<uint64_t>(x, axis, k, values, indices);
    }
  }

 private:
  template <class C>
  void rank(const Tensor& x, size_t axis, int64_t k, Tensor& values, Tensor& indices) const {
    const int64_t size = x.dims()[axis];
    const int64_t outer = dim_product(x.dims(), 0, axis);
    const int64_t inner = dim_product(x.dims(), axis + 1, x.dims().size());
    std::vector<C> row(static_cast<size_t>(size));
    std::vector<int64_t> order(static_cast<size_t>(size));
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) {
        for (int64_t s = 0; s < size; ++s) {
          C buffer;
          row[static_cast<size_t>(s)] = *load(x, (o * size + s) * inner + i, 1, &buffer);
        }
        std::iota(order.begin(), order.end(), 0);
        std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t a, int64_t b) {
          const C va = row[static_cast<size_t>(a)];
          const C vb = row[static_cast<size_t>(b)];
          if (comes_first(va, vb, attrs_.largest)) return true;
          return !comes_first(vb, va, attrs_.largest) && a < b;
        });
        for (int64_t s = 0; s < k; ++s) {
          const int64_t from = order[static_cast<size_t>(s)];
          const int64_t to = (o * k + s) * inner + i;
          copy_range(x, (o * size + from) * inner + i, values, to, 1);
          indices.data<int64_t>()[static_cast<size_t>(to)] = from;
        }
      }
    }
  }

  TopKAttrs attrs_;
};

}  // namespace

OpPtr make_top_k(const OpArgs& args) {
  TopKAttrs attrs;
  attrs.axis = args.get_int("axis", -1);
  if (args.version() < 10) {
    args.require("k");
    attrs.k = args.get_int("k", 0);
  }
  attrs.largest = args.get_flag("largest", true);
  attrs.sorted = args.get_flag("sorted", true);
  return std::make_shared<TopK>(attrs);
}

}  // namespace spinel::ops
