#include "ops/unary.hpp"

#include <cmath>
#include <numbers>

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/numeric.hpp"

namespace spinel::ops {
namespace {

using Attrs = UnaryAttrs;

template <class F, class C>
void loop(const C* x, C* y, int64_t count, const Attrs& attrs) {
  const Attrs local = attrs;
  for (int64_t i = 0; i < count; ++i) y[i] = static_cast<C>(F{}(x[i], local));
}

template <class F>
constexpr UnaryKernels floats(std::string_view name, F) {
  return {name, loop<F, float>, loop<F, double>, nullptr, nullptr};
}
template <class F>
constexpr UnaryKernels numbers(std::string_view name, F) {
  return {name, loop<F, float>, loop<F, double>, loop<F, int64_t>, loop<F, uint64_t>};
}
template <class F>
constexpr UnaryKernels signed_numbers(std::string_view name, F) {
  return {name, loop<F, float>, loop<F, double>, loop<F, int64_t>, nullptr};
}

/// log(1 + exp(x)) without overflow.
template <class T>
T softplus(T x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}
template <class T>
T clamp_01(T x) {
  return x < 0 ? T(0) : x > 1 ? T(1) : x;
}
template <class T>
T gelu(T x, bool tanh_approximation) {
  if (!tanh_approximation) return T(0.5) * x * (1 + std::erf(x * T(std::numbers::sqrt2 / 2)));
  const T factor = T(0.7978845608028654);  // sqrt(2 / pi)
  return T(0.5) * x * (1 + std::tanh(factor * (x + T(0.044715) * x * x * x)));
}
template <class T>
T negate(T x) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(0 - static_cast<uint64_t>(x));
  else
    return -x;
}

// Comparisons are false for NaN: where it shall go through, the last branch returns x.
constexpr UnaryKernels table[] = {
    numbers("Abs",
            [](auto x, const Attrs&) {
              if constexpr (std::is_floating_point_v<decltype(x)>)
                return std::fabs(x);
              else
                return x < decltype(x){0} ? negate(x) : x;
            }),
    floats("Acos", [](auto x, const Attrs&) { return std::acos(x); }),
    floats("Acosh", [](auto x, const Attrs&) { return std::acosh(x); }),
    floats("Asin", [](auto x, const Attrs&) { return std::asin(x); }),
    floats("Asinh", [](auto x, const Attrs&) { return std::asinh(x); }),
    floats("Atan", [](auto x, const Attrs&) { return std::atan(x); }),
    floats("Atanh", [](auto x, const Attrs&) { return std::atanh(x); }),
    floats("Ceil", [](auto x, const Attrs&) { return std::ceil(x); }),
    floats("Celu", [](auto x, const Attrs& a) { return x > 0 ? x : a.alpha * std::expm1(x / a.alpha); }),
    floats("Cos", [](auto x, const Attrs&) { return std::cos(x); }),
    floats("Cosh", [](auto x, const Attrs&) { return std::cosh(x); }),
    floats("Elu", [](auto x, const Attrs& a) { return x > 0 ? x : a.alpha * std::expm1(x); }),
    floats("Erf", [](auto x, const Attrs&) { return std::erf(x); }),
    floats("Exp", [](auto x, const Attrs&) { return std::exp(x); }),
    floats("Floor", [](auto x, const Attrs&) { return std::floor(x); }),
    floats("Gelu", [](auto x, const Attrs& a) { return gelu(x, a.tanh_approximation); }),
    floats("HardSigmoid", [](auto x, const Attrs& a) { return clamp_01(a.alpha * x + a.beta); }),
    floats("HardSwish",
           [](auto x, const Attrs&) { return x * clamp_01(x * decltype(x)(1.0 / 6) + decltype(x)(0.5)); }),
    floats("LeakyRelu", [](auto x, const Attrs& a) { return x < 0 ? a.alpha * x : x; }),
    floats("Log", [](auto x, const Attrs&) { return std::log(x); }),
    floats("Mish", [](auto x, const Attrs&) { return x * std::tanh(softplus(x)); }),
    signed_numbers("Neg", [](auto x, const Attrs&) { return negate(x); }),
    floats("Reciprocal", [](auto x, const Attrs&) { return 1 / x; }),
    numbers("Relu", [](auto x, const Attrs&) { return x < decltype(x){0} ? decltype(x){0} : x; }),
    floats("Round", [](auto x, const Attrs&) { return std::nearbyint(x); }),
    floats("Selu", [](auto x, const Attrs& a) { return a.beta * (x > 0 ? x : a.alpha * std::expm1(x)); }),
    numbers("Shrink",
            [](auto x, const Attrs& a) {
              using T = decltype(x);
              using Wide = std::conditional_t<std::is_integral_v<T>, double, T>;
              const Wide v = static_cast<Wide>(x);
              const Wide out = v < -Wide(a.alpha)  ? v + Wide(a.beta)
                               : v > Wide(a.alpha) ? v - Wide(a.beta)
                                                   : Wide(0);
              if constexpr (std::is_unsigned_v<T>)
                return out < 0 ? T(0) : static_cast<T>(out);
              else
                return static_cast<T>(out);
            }),
    floats("Sigmoid", [](auto x, const Attrs&) { return 1 / (1 + std::exp(-x)); }),
    numbers("Sign",
            [](auto x, const Attrs&) {
              using T = decltype(x);
              return x > T{0} ? T{1} : x < T{0} ? negate(T{1}) : x;
            }),
    floats("Sin", [](auto x, const Attrs&) { return std::sin(x); }),
    floats("Sinh", [](auto x, const Attrs&) { return std::sinh(x); }),
    floats("Softplus", [](auto x, const Attrs&) { return softplus(x); }),
    floats("Softsign", [](auto x, const Attrs&) { return x / (1 + std::fabs(x)); }),
    floats("Sqrt", [](auto x, const Attrs&) { return std::sqrt(x); }),
    floats("Swish", [](auto x, const Attrs& a) { return x / (1 + std::exp(-(a.alpha * x))); }),
    floats("Tan", [](auto x, const Attrs&) { return std::tan(x); }),
    floats("Tanh", [](auto x, const Attrs&) { return std::tanh(x); }),
    floats("ThresholdedRelu", [](auto x, const Attrs& a) { return x > a.alpha ? x : decltype(x){0}; }),
};

constexpr auto invert_bits = [](auto x, const Attrs&) { return ~x; };
constexpr UnaryKernels bitwise_not{"BitwiseNot", nullptr, nullptr, loop<decltype(invert_bits), int64_t>,
                                   loop<decltype(invert_bits), uint64_t>};
constexpr auto invert = [](auto x, const Attrs&) { return x == 0 ? 1 : 0; };
constexpr UnaryKernels logical_not{"Not", nullptr, nullptr, nullptr, loop<decltype(invert), uint64_t>};

template <class C>
void run_loop(UnaryLoop<C> loop_of_type, const UnaryAttrs& attrs, RunContext& context, const Tensor& x,
              Tensor& y) {
  for_each_block(context, x.element_count(), [&](int64_t begin, int64_t count) {
    C from[chunk_elements];
    C to[chunk_elements];
    for (const int64_t end = begin + count; begin < end; begin += chunk_elements) {
      const int64_t length = std::min(chunk_elements, end - begin);
      C* target = store_target(y, begin, to);
      loop_of_type(load(x, begin, length, from), target, length, attrs);
      store(target, y, begin, length);
    }
  });
}

bool supports(const UnaryKernels& kernels, DType dtype) {
  if (kernels.name == "Not") return dtype == DType::boolean;
  switch (domain_of(dtype)) {
    case Domain::float32:
      return kernels.float32 != nullptr;
    case Domain::float64:
      return kernels.float64 != nullptr;
    case Domain::int64:
      return kernels.int64 != nullptr;
    case Domain::uint64:
      return kernels.uint64 != nullptr && dtype != DType::boolean;
    case Domain::none:
      break;
  }
  return false;
}

UnaryAttrs read_attrs(const OpArgs& args) {
  const std::string& name = args.op_type();
  UnaryAttrs attrs;
  if (name == "LeakyRelu") attrs.alpha = args.get_float("alpha", 0.01f);
  if (name == "Elu" || name == "Celu" || name == "ThresholdedRelu" || name == "Swish")
    attrs.alpha = args.get_float("alpha", 1.0f);
  if (name == "Selu") {
    attrs.alpha = args.get_float("alpha", args.version() < 6 ? 1.6732f : 1.67326319217681884765625f);
    attrs.beta = args.get_float("gamma", args.version() < 6 ? 1.0507f : 1.05070102214813232421875f);
  }
  if (name == "HardSigmoid") {
    attrs.alpha = args.get_float("alpha", 0.2f);
    attrs.beta = args.get_float("beta", 0.5f);
  }
  if (name == "Shrink") {
    attrs.alpha = args.get_float("lambd", 0.5f);
    attrs.beta = args.get_float("bias", 0.0f);
  }
  if (name == "Gelu") {
    const std::string approximate = args.get_string("approximate", "none");
    if (approximate != "none" && approximate != "tanh")
      fail(ErrorCode::bad_model, "approximate is '{}'; Gelu knows 'none' and 'tanh'", approximate);
    attrs.tanh_approximation = approximate == "tanh";
  }
  if (args.version() < 6) args.ignore("consumed_inputs");
  return attrs;
}

}  // namespace

void Unary::infer(InferContext& context) const {
  require_tensors(context, 1);
  const DType dtype = context.dtype(0);
  if (dtype != DType::undefined && !supports(kernels_, dtype))
    fail(ErrorCode::unsupported, "{} of {} is not defined", name(), dtype_name(dtype));
  infer_same(context);
  auto ints = known_ints(context, 0);
  if (!ints || !is_integer(dtype)) return;
  for (Dim& each : *ints) {
    if (name() == "Neg")
      each = Dim(0) - each;
    else if (name() != "Abs" && name() != "Relu")
      return;
    else if (each.is_constant() && each.constant() < 0)
      each = name() == "Abs" ? Dim(0) - each : Dim(0);
    else if (!proven_non_negative(each))
      each = Dim::unknown();
  }
  publish_ints(context, 0, context.input(0), std::move(*ints));
}

void Unary::run(RunContext& context) const {
  const Tensor& x = context.input(0);
  if (!supports(kernels_, x.dtype()))
    fail(ErrorCode::unsupported, "{} of {} is not defined", name(), dtype_name(x.dtype()));
  Tensor& y = context.output(0, x.dtype(), x.dims());
  switch (domain_of(x.dtype())) {
    case Domain::float32:
      return run_loop(kernels_.float32, attrs_, context, x, y);
    case Domain::float64:
      return run_loop(kernels_.float64, attrs_, context, x, y);
    case Domain::int64:
      return run_loop(kernels_.int64, attrs_, context, x, y);
    default:
      return run_loop(kernels_.uint64, attrs_, context, x, y);
  }
}

OpPtr make_unary(const OpArgs& args) {
  const UnaryAttrs attrs = read_attrs(args);
  for (const UnaryKernels& kernels : table)
    if (kernels.name == args.op_type()) return std::make_shared<Unary>(kernels, attrs);
  if (args.op_type() == bitwise_not.name) return std::make_shared<Unary>(bitwise_not, attrs);
  if (args.op_type() == logical_not.name) return std::make_shared<Unary>(logical_not, attrs);
  fail(ErrorCode::internal, "make_unary does not know {}", args.op_type());
}

}  // namespace spinel::ops
