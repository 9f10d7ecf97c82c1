#include "ops/subgraph.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

using graph::RunContext;
using graph::RuntimeValue;
using graph::ValueType;

bool same_type(const ValueType& a, const ValueType& b) {
  if (a.kind != b.kind || a.dtype != b.dtype || a.shape.has_value() != b.shape.has_value()) return false;
  if ((a.element == nullptr) != (b.element == nullptr)) return false;
  if (a.element && !same_type(*a.element, *b.element)) return false;
  if (!a.shape) return true;
  return std::ranges::equal(*a.shape, *b.shape, [](const Dim& x, const Dim& y) {
    return equal(x, y) || (x.is_unknown() && y.is_unknown());
  });
}

ValueType common_type(const ValueType& a, const ValueType& b, const char* what) {
  using Kind = ValueType::Kind;
  if (a.kind != b.kind) {
    if (a.kind == Kind::optional && a.element)
      return ValueType::optional_of(common_type(*a.element, b, what));
    if (b.kind == Kind::optional && b.element)
      return ValueType::optional_of(common_type(a, *b.element, what));
    fail(ErrorCode::bad_model, "{} is {} here and {} there", what, a.text(), b.text());
  }
  if (!a.is_tensor()) {
    if (!a.element || !b.element) return a.element ? a : b;
    ValueType element = common_type(*a.element, *b.element, what);
    return a.kind == Kind::sequence ? ValueType::sequence(std::move(element))
                                    : ValueType::optional_of(std::move(element));
  }
  if (a.dtype != b.dtype && a.dtype != DType::undefined && b.dtype != DType::undefined)
    fail(ErrorCode::bad_model, "{} is {} here and {} there", what, a.text(), b.text());
  ValueType out = a.dtype == DType::undefined ? b : a;
  if (!a.shape || !b.shape || a.shape->size() != b.shape->size()) {
    out.shape.reset();
    return out;
  }
  out.shape = *a.shape;
  for (size_t i = 0; i < a.shape->size(); ++i)
    if (!equal((*a.shape)[i], (*b.shape)[i])) (*out.shape)[i] = Dim::unknown();
  return out;
}

void pass_on(RunContext& context, size_t output, const RuntimeValue& value) {
  if (!value.is_tensor()) return context.set_output(output, value);
  const Tensor& x = value.tensor();
  copy_elements(x, context.output(output, x.dtype(), x.dims()));
}

void stack(RunContext& context, size_t output, const std::vector<RuntimeValue>& slices, int64_t axis,
           bool backwards) {
  if (slices.empty()) {
    const ValueType* type = context.output_type(output);
    if (type == nullptr || !type->shape || type->dtype == DType::undefined)
      fail(ErrorCode::unsupported, "no iteration ran, and the rank of output {} is not known", output);
    Dims dims;
    for (const Dim& dim : *type->shape) dims.push_back(dim.is_constant() ? dim.constant() : 0);
    dims[static_cast<size_t>(normalize_axis(axis, static_cast<int>(dims.size())))] = 0;
    context.output(output, type->dtype, dims);
    return;
  }
  const Tensor& first = slices[0].tensor();
  Dims dims = first.dims();
  const auto at = static_cast<size_t>(normalize_axis(axis, first.rank() + 1));
  const auto count = static_cast<int64_t>(slices.size());
  dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(at), count);
  Tensor& y = context.output(output, first.dtype(), dims);
  const int64_t outer = dim_product(dims, 0, at);
  const int64_t inner = dim_product(dims, at + 1, dims.size());
  for (int64_t i = 0; i < count; ++i) {
    const Tensor& slice = slices[static_cast<size_t>(i)].tensor();
    if (slice.dtype() != first.dtype() || slice.dims() != first.dims())
      fail(ErrorCode::invalid_argument, "iterations 0 and {} give {} and {}, which cannot be stacked", i,
           describe(first), describe(slice));
    const int64_t place = backwards ? count - 1 - i : i;
    for (int64_t o = 0; o < outer; ++o) copy_range(slice, o * inner, y, (o * count + place) * inner, inner);
  }
}

bool truth_of(const RuntimeValue& value, const char* what) {
  if (!value.is_tensor() || value.tensor().dtype() != DType::boolean || value.tensor().element_count() < 1)
    fail(ErrorCode::invalid_argument, "{} is not a bool", what);
  return *storage<uint8_t>(value.tensor()) != 0;
}

}  // namespace spinel::ops
