// Softmax, LogSoftmax and Hardmax along one axis.
#include "ops/softmax.hpp"

#include <cmath>

#include "base/text.hpp"
#include "ops/compute_type.hpp"

namespace spinel::ops {
namespace {

using Kind = SoftmaxAttrs::Kind;

/// One line whose elements are `stride` apart.
template <class T>
void normalize_line(Kind kind, const T* from, T* to, int64_t length, int64_t stride) {
  int64_t best = 0;
  for (int64_t i = 1; i < length; ++i)
    if (from[i * stride] > from[best * stride]) best = i;
  if (kind == Kind::hardmax) {
    for (int64_t i = 0; i < length; ++i) to[i * stride] = static_cast<T>(i == best ? 1 : 0);
    return;
  }
  const T maximum = from[best * stride];
  double sum = 0;
  for (int64_t i = 0; i < length; ++i) {
    const T shifted = from[i * stride] - maximum;
    const T power = std::exp(shifted);
    sum += static_cast<double>(power);
    to[i * stride] = kind == Kind::softmax ? power : shifted;
  }
  if (kind == Kind::softmax) {
    const T total = static_cast<T>(sum);
    for (int64_t i = 0; i < length; ++i) to[i * stride] /= total;
  } else {
    const T log_sum = static_cast<T>(std::log(sum));
    for (int64_t i = 0; i < length; ++i) to[i * stride] -= log_sum;
  }
}

}  // namespace

SoftmaxOp::Lines SoftmaxOp::lines(const Dims& dims) const {
  const int rank = static_cast<int>(dims.size());
  Lines out;
  if (rank == 0) return out;
  const int axis = attrs_.flatten && attrs_.axis == rank ? rank : normalize_axis(attrs_.axis, rank);
  for (int i = 0; i < rank; ++i) {
    const int64_t dim = dims[static_cast<size_t>(i)];
    if (i < axis)
      out.outer *= dim;
    else if (i == axis || attrs_.flatten)
      out.length *= dim;
    else
      out.inner *= dim;
  }
  return out;
}

void SoftmaxOp::infer(InferContext& context) const {
  require_only_tensors(context, 1);
  require_float(context, 0, "input");
  if (const Shape* shape = context.shape(0)) lines(Dims(shape->size(), 1));
  infer_same(context);
}

void SoftmaxOp::batch(BatchContext& context) const {
  if (!context.has_rank(0)) return context.block("the input's rank is not known");
  const int rank = context.rank(0);
  std::vector<int> mixed;
  for (int axis = attrs_.axis == rank ? rank : normalize_axis(attrs_.axis, rank); axis < rank; ++axis) {
    mixed.push_back(axis);
    if (!attrs_.flatten) break;
  }
  batch_keep_axis(context, mixed, "normalising along axis");
}

void SoftmaxOp::run(RunContext& context) const {
  const Tensor& x = context.input(0);
  require_float(x, "input");
  const auto [outer, length, inner] = lines(x.dims());
  compute_in(x.dtype(), [&, length = length, inner = inner, outer = outer](auto type) {
    using T = decltype(type);
    const ComputeInput<T> from(x);
    ComputeOutput<T> y(context, 0, x.dtype(), x.dims());
    context.parallel_for(y.count() == 0 ? 0 : outer, [&](int64_t i) {
      for (int64_t j = 0; j < inner; ++j) {
        const int64_t begin = i * length * inner + j;
        normalize_line(attrs_.kind, from.data() + begin, y.data() + begin, length, inner);
      }
    });
    y.store();
  });
}

OpPtr make_softmax(const OpArgs& args) {
  SoftmaxAttrs attrs;
  attrs.flatten = args.version() < 13;
  attrs.axis = args.get_int("axis", attrs.flatten ? 1 : -1);
  attrs.kind = args.op_type() == "Softmax"      ? Kind::softmax
               : args.op_type() == "LogSoftmax" ? Kind::log_softmax
                                                : Kind::hardmax;
  return std::make_shared<SoftmaxOp>(args.op_type(), attrs);
}

}  // namespace spinel::ops
