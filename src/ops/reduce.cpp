// ReduceSum, ReduceMean and the eight others.
#include "ops/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/int_rules.hpp"
#include "ops/reduce_walk.hpp"

namespace spinel::ops {
namespace {

using Kind = ReduceAttrs::Kind;

bool is_int(DType dtype) {
  return dtype == DType::int8 || dtype == DType::uint8 || dtype == DType::int16 || dtype == DType::uint16 ||
         dtype == DType::int32 || dtype == DType::uint32 || dtype == DType::int64 || dtype == DType::uint64;
}

bool is_supported(DType dtype, Kind kind) {
  return is_float_dtype(dtype) || is_int(dtype) ||
         (dtype == DType::boolean && (kind == Kind::max || kind == Kind::min));
}

/// Which axes are reduced, given the axes as stated.
std::vector<bool> reduced_axes(const std::vector<int64_t>& axes, int rank, bool noop) {
  std::vector<bool> out(static_cast<size_t>(rank), axes.empty() && !noop);
  for (int64_t axis : axes) out[static_cast<size_t>(normalize_axis(axis, rank))] = true;
  return out;
}

template <class T>
T wrapping_add(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else
    return a + b;
}
template <class T>
T wrapping_multiply(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return a * b;
}
template <class T>
bool is_nan(T value) {
  if constexpr (std::is_floating_point_v<T>)
    return std::isnan(value);
  else
    return false;
}
template <class T>
T absolute(T value) {
  if constexpr (std::is_unsigned_v<T>)
    return value;
  else if constexpr (std::is_integral_v<T>)
    return value < 0 ? static_cast<T>(0 - static_cast<uint64_t>(value)) : value;
  else
    return std::abs(value);
}

/// The value that reducing nothing gives.
template <class A>
A initial(Kind kind, DType dtype) {
  if (kind == Kind::prod) return A{1};
  if (kind != Kind::max && kind != Kind::min) return A{0};
  if constexpr (std::is_floating_point_v<A>) {
    const A infinity = std::numeric_limits<A>::infinity();
    return kind == Kind::max ? -infinity : infinity;
  } else {
    const int bits = dtype == DType::boolean ? 1 : dtype_bits(dtype);
    const bool is_signed =
        dtype == DType::int8 || dtype == DType::int16 || dtype == DType::int32 || dtype == DType::int64;
    const uint64_t all = ~uint64_t{0} >> (64 - bits);
    const uint64_t highest = is_signed ? all >> 1 : all;
    const uint64_t lowest = is_signed ? ~highest : 0;
    return static_cast<A>(kind == Kind::max ? lowest : highest);
  }
}

template <class A, class In, class Step>
void accumulate(const ReduceWalk& walk, int64_t slice, const In* x, A* sums, Step&& step) {
  walk.rows(slice, [&](int64_t input, int64_t output, int64_t count, int64_t out_step) {
    if (out_step == 0) {
      A sum = sums[output];
      for (int64_t i = 0; i < count; ++i) sum = step(sum, static_cast<A>(x[input + i]));
      sums[output] = sum;
    } else {
      for (int64_t i = 0; i < count; ++i)
        sums[output + i] = step(sums[output + i], static_cast<A>(x[input + i]));
    }
  });
}

/// sum of exp(x - maximum) per output, then log: the maximum keeps the powers finite.
template <class In>
void log_sum_exp(const ReduceWalk& walk, int64_t slice, const In* x, double* sums) {
  const int64_t begin = slice * walk.slice_outputs();
  const int64_t count = walk.slice_outputs();
  std::vector<double> maxima(static_cast<size_t>(count), -std::numeric_limits<double>::infinity());
  walk.rows(slice, [&](int64_t input, int64_t output, int64_t length, int64_t step) {
    for (int64_t i = 0; i < length; ++i) {
      double& maximum = maxima[static_cast<size_t>(output - begin + i * step)];
      maximum = std::max(maximum, static_cast<double>(x[input + i]));
    }
  });
  for (double& maximum : maxima)
    if (!std::isfinite(maximum)) maximum = 0;
  walk.rows(slice, [&](int64_t input, int64_t output, int64_t length, int64_t step) {
    for (int64_t i = 0; i < length; ++i)
      sums[output + i * step] += std::exp(static_cast<double>(x[input + i]) -
                                          maxima[static_cast<size_t>(output - begin + i * step)]);
  });
  for (int64_t i = 0; i < count; ++i)
    sums[begin + i] = std::log(sums[begin + i]) + maxima[static_cast<size_t>(i)];
}

template <class A, class In>
void reduce_slice(Kind kind, const ReduceWalk& walk, int64_t slice, const In* x, A* sums) {
  switch (kind) {
    case Kind::sum:
    case Kind::mean:
    case Kind::log_sum:
      return accumulate(walk, slice, x, sums, [](A a, A v) { return wrapping_add(a, v); });
    case Kind::max:
      return accumulate(walk, slice, x, sums, [](A a, A v) { return v > a || is_nan(v) ? v : a; });
    case Kind::min:
      return accumulate(walk, slice, x, sums, [](A a, A v) { return v < a || is_nan(v) ? v : a; });
    case Kind::prod:
      return accumulate(walk, slice, x, sums, [](A a, A v) { return wrapping_multiply(a, v); });
    case Kind::l1:
      return accumulate(walk, slice, x, sums, [](A a, A v) { return wrapping_add(a, absolute(v)); });
    case Kind::l2:
    case Kind::sum_square:
      return accumulate(walk, slice, x, sums,
                        [](A a, A v) { return wrapping_add(a, wrapping_multiply(v, v)); });
    case Kind::log_sum_exp:
      if constexpr (std::is_same_v<A, double>) log_sum_exp(walk, slice, x, sums);
  }
}

template <class A>
A finish(Kind kind, A sum, int64_t count) {
  if (kind == Kind::mean) {
    if constexpr (std::is_integral_v<A>) {
      if (count == 0) fail(ErrorCode::invalid_argument, "the mean of no integers is not defined");
    }
    return sum / static_cast<A>(count);
  }
  if constexpr (std::is_same_v<A, double>) {
    if (kind == Kind::l2) return std::sqrt(sum);
    if (kind == Kind::log_sum) return std::log(sum);
  }
  return sum;
}

/// Reads elements as In, accumulates as A, and stores the result as In before it becomes the output's type.
template <class A, class In>
void run_reduce(RunContext& context, Kind kind, const std::vector<bool>& reduced, Dims dims) {
  const Tensor& x = context.input(0);
  const DType wide = dtype_of<In>::value;
  const Tensor from = x.dtype() == wide ? x : convert(x, wide);
  const ReduceWalk walk(x.dims(), reduced);
  Tensor& y = context.output(0, x.dtype(), dims);
  Tensor to = x.dtype() == wide ? y : Tensor::uninitialized(wide, dims);
  std::vector<A> sums(static_cast<size_t>(y.element_count()), initial<A>(kind, x.dtype()));
  context.parallel_for(walk.slices(), [&](int64_t slice) {
    reduce_slice(kind, walk, slice, static_cast<const In*>(from.raw()), sums.data());
    for (int64_t i = slice * walk.slice_outputs(); i < (slice + 1) * walk.slice_outputs(); ++i)
      static_cast<In*>(to.raw())[i] =
          static_cast<In>(finish(kind, sums[static_cast<size_t>(i)], walk.reduced_count()));
  });
  if (to.dtype() != y.dtype()) {
    const Tensor narrow = convert(to, y.dtype());
    copy_elements(narrow, y);
  }
}

/// The single element of a reduced vector of known integers.
std::optional<Dim> reduce_ints(Kind kind, const std::vector<Dim>& elements) {
  if (elements.empty()) return std::nullopt;
  Dim out = elements[0];
  for (size_t i = 1; i < elements.size(); ++i) {
    const Dim& each = elements[i];
    if (kind == Kind::sum)
      out = out + each;
    else if (kind == Kind::prod)
      out = out * each;
    else if (out.is_constant() && each.is_constant())
      out = Dim(kind == Kind::max ? std::max(out.constant(), each.constant())
                                  : std::min(out.constant(), each.constant()));
    else
      return std::nullopt;
  }
  return out;
}

Shape reduced_shape(const Shape& x, const std::vector<bool>& reduced, bool keep_dims) {
  Shape out;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!reduced[i])
      out.push_back(x[i]);
    else if (keep_dims)
      out.emplace_back(1);
  }
  return out;
}

}  // namespace

void ReduceOp::infer(InferContext& context) const {
  require_only_tensors(context, 1);
  const DType dtype = context.dtype(0);
  if (dtype != DType::undefined && !is_supported(dtype, attrs_.kind))
    fail(ErrorCode::unsupported, "input data of type {} is not supported", dtype_name(dtype));
  const Shape* x = context.shape(0);
  if (x == nullptr) return context.set_tensor(0, dtype);
  const int rank = static_cast<int>(x->size());
  std::vector<int64_t> axes = attrs_.axes.value_or(std::vector<int64_t>{});
  if (context.has_input(1)) {
    const auto known = known_constants(context, 1);
    if (!known) {
      // How many axes go is not known, unless they stay as 1.
      return context.set_tensor(
          0, dtype, attrs_.keep_dims ? std::optional(Shape(x->size(), Dim::unknown())) : std::nullopt);
    }
    axes = *known;
  }
  const std::vector<bool> reduced = reduced_axes(axes, rank, attrs_.noop_with_empty_axes);
  context.set_tensor(0, dtype, reduced_shape(*x, reduced, attrs_.keep_dims));
  const bool additive = attrs_.kind == Kind::sum || attrs_.kind == Kind::prod || attrs_.kind == Kind::max ||
                        attrs_.kind == Kind::min;
  if (rank != 1 || !reduced[0] || !additive) return;
  if (const auto elements = known_ints(context, 0))
    if (const auto element = reduce_ints(attrs_.kind, *elements))
      publish_ints(context, 0, graph::ValueType::tensor(dtype, reduced_shape(*x, reduced, attrs_.keep_dims)),
                   {*element});
}

void ReduceOp::batch(BatchContext& context) const {
  if (!context.has_rank(0)) return context.block("the input's rank is not known");
  if (!require_fixed_inputs(context, 1)) return;
  const BatchState state = context.input(0);
  if (!state.is_batched()) return context.block("a value computed from the batch size is used as data");
  std::vector<int64_t> axes = attrs_.axes.value_or(std::vector<int64_t>{});
  if (context.has_input(1)) {
    const auto known = context.input_ints(1);
    if (!known) return context.block("the reduced axes are not known before running");
    for (const Dim& axis : *known) {
      if (!axis.is_constant()) return context.block("the reduced axes are not known before running");
      axes.push_back(axis.constant());
    }
  }
  const std::vector<bool> reduced = reduced_axes(axes, context.rank(0), attrs_.noop_with_empty_axes);
  int axis = 0;
  for (int i = 0; i < state.axis; ++i) axis += attrs_.keep_dims || !reduced[static_cast<size_t>(i)] ? 1 : 0;
  if (reduced[static_cast<size_t>(state.axis)])
    return context.block(fmt::format("reducing axis {} mixes the rows of the batch", state.axis));
  context.set_output(0, BatchState::batched(axis));
}

void ReduceOp::run(RunContext& context) const {
  const Tensor& x = context.input(0);
  if (!is_supported(x.dtype(), attrs_.kind))
    fail(ErrorCode::unsupported, "input data of type {} is not supported", dtype_name(x.dtype()));
  std::vector<int64_t> axes = attrs_.axes.value_or(std::vector<int64_t>{});
  if (context.has_input(1)) axes = to_int64s(context.input(1));
  for (int64_t axis : axes)
    if (axis < -x.rank() || axis >= x.rank())
      fail(ErrorCode::invalid_argument, "axis {} is outside of the input {}", axis, describe(x));
  const std::vector<bool> reduced = reduced_axes(axes, x.rank(), attrs_.noop_with_empty_axes);
  Dims dims;
  for (size_t i = 0; i < reduced.size(); ++i) {
    if (!reduced[i])
      dims.push_back(x.dims()[i]);
    else if (attrs_.keep_dims)
      dims.push_back(1);
  }
  const Kind kind = attrs_.kind;
  const bool real = kind == Kind::l2 || kind == Kind::log_sum || kind == Kind::log_sum_exp;
  if (x.dtype() == DType::float64) return run_reduce<double, double>(context, kind, reduced, dims);
  if (is_float_dtype(x.dtype())) return run_reduce<double, float>(context, kind, reduced, dims);
  if (real) return run_reduce<double, int64_t>(context, kind, reduced, dims);
  if (x.dtype() == DType::uint64) return run_reduce<uint64_t, uint64_t>(context, kind, reduced, dims);
  run_reduce<int64_t, int64_t>(context, kind, reduced, dims);
}

OpPtr make_reduce(const OpArgs& args) {
  static constexpr std::pair<std::string_view, Kind> kinds[] = {{"ReduceSum", Kind::sum},
                                                                {"ReduceMean", Kind::mean},
                                                                {"ReduceMax", Kind::max},
                                                                {"ReduceMin", Kind::min},
                                                                {"ReduceProd", Kind::prod},
                                                                {"ReduceL1", Kind::l1},
                                                                {"ReduceL2", Kind::l2},
                                                                {"ReduceLogSum", Kind::log_sum},
                                                                {"ReduceLogSumExp", Kind::log_sum_exp},
                                                                {"ReduceSumSquare", Kind::sum_square}};
  ReduceAttrs attrs;
  for (const auto& [name, kind] : kinds)
    if (name == args.op_type()) attrs.kind = kind;
  attrs.keep_dims = args.get_flag("keepdims", true);
  if (args.version() < (attrs.kind == Kind::sum ? 13 : 18)) {
    if (args.has("axes")) attrs.axes = args.get_ints("axes");
  } else {
    attrs.noop_with_empty_axes = args.get_flag("noop_with_empty_axes", false);
  }
  return std::make_shared<ReduceOp>(args.op_type(), std::move(attrs));
}

}  // namespace spinel::ops
