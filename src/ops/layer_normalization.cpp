// LayerNormalization (opset 17; ONNX Runtime's optimiser writes it under older ones, too) and
// RMSNormalization.
#include "ops/layer_normalization.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/moments.hpp"

namespace spinel::ops {
namespace {

DType statistics_dtype(DType dtype) { return dtype == DType::float64 ? DType::float64 : DType::float32; }

DType output_dtype(const LayerNormalizationAttrs& attrs, DType x, DType scale) {
  return attrs.root_mean_square ? scale : x;
}

/// Summed in float64, in ascending order.
template <class T>
double mean_square(const T* values, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return sum / static_cast<double>(count);
}

bool broadcasts_to(const Dims& from, const Dims& to) {
  if (from.size() > to.size()) return false;
  for (size_t i = 0; i < from.size(); ++i)
    if (from[i] != 1 && from[i] != to[to.size() - from.size() + i]) return false;
  return true;
}

template <class T>
void normalize(RunContext& context, const LayerNormalizationAttrs& attrs, int axis) {
  const Tensor& x = context.input(0);
  const Dims inner(x.dims().begin() + axis, x.dims().end());
  const int64_t size = element_count(inner);
  Dims outer(x.dims().begin(), x.dims().begin() + axis);
  const int64_t rows = element_count(outer);
  for (size_t i = 0; i < inner.size(); ++i) outer.push_back(1);

  // Scale and B, broadcast to one row.
  std::vector<T> factors[2];
  for (size_t i = 0; i < 2; ++i) {
    if (!context.has_input(1 + i)) continue;
    const Tensor& parameter = context.input(1 + i);
    if (!broadcasts_to(parameter.dims(), inner))
      fail(ErrorCode::invalid_argument, "{} {} cannot be broadcast to the normalised axes {}",
           i == 0 ? "Scale" : "B", describe(parameter), dims_text(inner));
    const ComputeInput<T> from(parameter);
    const std::vector<int64_t> strides = broadcast_strides(parameter.dims(), inner);
    for (int64_t at = 0; at < size; ++at) {
      int64_t offset = 0;
      for (int64_t rest = at, k = std::ssize(inner) - 1; k >= 0; --k) {
        offset += rest % inner[static_cast<size_t>(k)] * strides[static_cast<size_t>(k)];
        rest /= inner[static_cast<size_t>(k)];
      }
      factors[i].push_back(from[offset]);
    }
  }

  const ComputeInput<T> from(x);
  ComputeOutput<T> y(context, 0, output_dtype(attrs, x.dtype(), context.input(1).dtype()), x.dims());
  T* statistics[2] = {};
  for (size_t i = 0; i < 2; ++i)
    if (1 + i < context.output_count() && context.wants_output(1 + i))
      statistics[i] = context.output(1 + i, statistics_dtype(x.dtype()), outer).template data<T>().data();
  context.parallel_for(rows, [&](int64_t row) {
    const T* in = from.data() + row * size;
    T* out = y.data() + row * size;
    const Moments m = attrs.root_mean_square ? Moments{0, mean_square(in, size)} : moments(in, size);
    const double inverse = m.inverse_deviation(static_cast<double>(attrs.epsilon));
    for (int64_t i = 0; i < size; ++i) {
      const size_t at = static_cast<size_t>(i);
      const T normalized = static_cast<T>((static_cast<double>(in[i]) - m.mean) * inverse);
      out[i] = normalized * factors[0][at] + (factors[1].empty() ? T{0} : factors[1][at]);
    }
    if (statistics[0]) statistics[0][row] = static_cast<T>(m.mean);
    if (statistics[1]) statistics[1][row] = static_cast<T>(inverse);
  });
  y.store();
}

}  // namespace

void LayerNormalizationOp::infer(InferContext& context) const {
  require_only_tensors(context, 2);
  require_float(context, 0, "X");
  require_float(context, 1, "Scale");
  require_float(context, 2, "B");
  context.set_tensor(0, output_dtype(attrs_, context.dtype(0), context.dtype(1)), context.input(0).shape);
  const DType dtype = statistics_dtype(context.dtype(0));
  const Shape* x = context.shape(0);
  std::optional<Shape> outer;
  if (x != nullptr) {
    const int axis = normalize_axis(attrs_.axis, static_cast<int>(x->size()));
    outer = *x;
    for (size_t i = static_cast<size_t>(axis); i < x->size(); ++i) (*outer)[i] = Dim(1);
    const Shape inner(x->begin() + axis, x->end());
    for (size_t i = 1; i < 3; ++i)
      if (const Shape* parameter = context.shape(i)) broadcast_shapes(inner, *parameter);
  }
  for (size_t i = 1; i < std::min<size_t>(context.output_count(), 3); ++i)
    context.set_tensor(i, dtype, outer);
}

void LayerNormalizationOp::batch(BatchContext& context) const {
  if (!context.has_rank(0)) return context.block("the input's rank is not known");
  std::vector<int> mixed;
  for (int axis = normalize_axis(attrs_.axis, context.rank(0)); axis < context.rank(0); ++axis)
    mixed.push_back(axis);
  batch_keep_axis(context, mixed, "normalising axis");
}

void LayerNormalizationOp::run(RunContext& context) const {
  const Tensor& x = context.input(0);
  require_float(x, "X");
  const int axis = normalize_axis(attrs_.axis, x.rank());
  const bool wide = x.dtype() == DType::float64 ||
                    output_dtype(attrs_, x.dtype(), context.input(1).dtype()) == DType::float64;
  compute_in(wide ? DType::float64 : DType::float32,
             [&](auto type) { normalize<decltype(type)>(context, attrs_, axis); });
}

OpPtr make_layer_normalization(const OpArgs& args) {
  LayerNormalizationAttrs attrs;
  attrs.axis = args.get_int("axis", -1);
  attrs.epsilon = args.get_float("epsilon", 1e-5f);
  attrs.root_mean_square = args.op_type() == "RMSNormalization";
  if (const int64_t stash = args.get_int("stash_type", 1); stash != 1)
    fail(ErrorCode::unsupported, "{}: stash_type {} is not supported, only 1 (float32)", args.op_type(),
         stash);
  return std::make_shared<LayerNormalizationOp>(attrs);
}

}  // namespace spinel::ops
