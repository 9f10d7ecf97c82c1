#include "ops/binary.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/numeric.hpp"

namespace spinel::ops {
namespace {

template <class C>
const C* operand(const Tensor& tensor, int64_t offset, int64_t step, int64_t count, C* buffer) {
  if (step != 0) return load(tensor, offset, count, buffer);
  std::fill_n(buffer, count, *load(tensor, offset, 1, buffer));
  return buffer;
}

template <class C>
void run_loop(BinaryLoop<C> loop, const BinaryAttrs& attrs, RunContext& context, const Tensor& a,
              const Tensor& b, Tensor& y) {
  const BroadcastWalk walk({a.dims(), b.dims()}, y.dims());
  walk.run(context, [&](int64_t begin, int64_t count, const int64_t* offsets) {
    C buffer_a[BroadcastWalk::span_elements];
    C buffer_b[BroadcastWalk::span_elements];
    C buffer_y[BroadcastWalk::span_elements];
    C* target = store_target(y, begin, buffer_y);
    loop(operand(a, offsets[0], walk.step(0), count, buffer_a),
         operand(b, offsets[1], walk.step(1), count, buffer_b), target, count, attrs);
    store(target, y, begin, count);
  });
}

void compare_strings(RunContext& context, const Tensor& a, const Tensor& b, Tensor& y) {
  const BroadcastWalk walk({a.dims(), b.dims()}, y.dims());
  walk.run(context, [&](int64_t begin, int64_t count, const int64_t* offsets) {
    for (int64_t i = 0; i < count; ++i)
      storage<uint8_t>(y)[begin + i] = storage<std::string>(a)[offsets[0] + i * walk.step(0)] ==
                                               storage<std::string>(b)[offsets[1] + i * walk.step(1)]
                                           ? 1
                                           : 0;
  });
}

void require_nonzero_divisor(const Tensor& b) {
  for (int64_t begin = 0; begin < b.element_count(); begin += chunk_elements) {
    uint64_t buffer[chunk_elements];
    const int64_t count = std::min(chunk_elements, b.element_count() - begin);
    const uint64_t* values = load(b, begin, count, buffer);
    if (std::find(values, values + count, uint64_t{0}) != values + count)
      fail(ErrorCode::invalid_argument, "an integer is divided by zero (divisor {})", describe(b));
  }
}

/// B's dims as numpy's broadcasting has to see them.
template <class Extents>
Extents aligned(const Extents& a, const Extents& b, const LegacyBroadcast& legacy) {
  if (!legacy.axis) return b;
  const int axis = normalize_axis(*legacy.axis, static_cast<int>(a.size()));
  Extents out = b;
  while (out.size() + static_cast<size_t>(axis) < a.size()) out.emplace_back(1);
  return out;
}

Dim quotient(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant() && b.constant() != 0) {
    if (b.is_constant(-1)) return Dim(0) - a;
    return Dim(a.constant() / b.constant());
  }
  const bool same_rounding = proven_non_negative(a) && b.is_constant() && b.constant() > 0;
  return same_rounding || (proven_non_negative(a) && proven_non_negative(b)) ? floor_div(a, b)
                                                                             : Dim::unknown();
}

Dim extreme(const Dim& a, const Dim& b, bool larger) {
  if (equal(a, b)) return a;
  if (proven_non_negative(a - b)) return larger ? a : b;
  if (proven_non_negative(b - a)) return larger ? b : a;
  return Dim::unknown();
}

Dim truth(bool yes, bool no) { return yes ? Dim(1) : no ? Dim(0) : Dim::unknown(); }

Dim apply(std::string_view name, const BinaryAttrs& attrs, const Dim& a, const Dim& b) {
  if (name == "Add") return a + b;
  if (name == "Sub") return a - b;
  if (name == "Mul") return a * b;
  if (name == "Div") return quotient(a, b);
  if (name == "Min" || name == "Max") return extreme(a, b, name == "Max");
  if (name == "Mod" && (!attrs.fmod || (proven_non_negative(a) && proven_non_negative(b))))
    return a - floor_div(a, b) * b;
  const auto below = [](const Dim& x, const Dim& y) { return proven_non_negative(y - x - Dim(1)); };
  if (name == "Equal") return truth(equal(a, b), proven_different(a, b));
  if (name == "Less") return truth(below(a, b), proven_non_negative(a - b));
  if (name == "Greater") return truth(below(b, a), proven_non_negative(b - a));
  if (name == "LessOrEqual") return truth(proven_non_negative(b - a), below(b, a));
  if (name == "GreaterOrEqual") return truth(proven_non_negative(a - b), below(a, b));
  if (!a.is_constant() || !b.is_constant()) return Dim::unknown();
  if (name == "And") return Dim(a.constant() & b.constant());
  if (name == "Or") return Dim(a.constant() | b.constant());
  if (name == "Xor") return Dim(a.constant() ^ b.constant());
  return Dim::unknown();
}

}  // namespace

LegacyBroadcast LegacyBroadcast::from(const OpArgs& args) {
  LegacyBroadcast legacy;
  if (args.version() >= 7) return legacy;
  args.ignore("consumed_inputs");
  legacy.exact = !args.get_flag("broadcast", false);
  if (args.has("axis")) {
    const int64_t axis = args.get_int("axis", 0);
    if (!legacy.exact) legacy.axis = axis;
  }
  return legacy;
}

void require_binary_type(const BinaryKernels& kernels, DType dtype) {
  if (dtype == DType::undefined) return;
  const bool number = is_float(dtype) || is_integer(dtype);
  bool known = false;
  switch (kernels.types) {
    case BinaryTypes::numbers:
      known = number;
      break;
    case BinaryTypes::logical:
      known = dtype == DType::boolean;
      break;
    case BinaryTypes::integers:
      known = is_integer(dtype);
      break;
    case BinaryTypes::any:
      known = number || dtype == DType::boolean || dtype == DType::string;
      break;
  }
  if (!known) fail(ErrorCode::unsupported, "{} of {} is not defined", kernels.name, dtype_name(dtype));
}

void run_binary(const BinaryKernels& kernels, const BinaryAttrs& attrs, RunContext& context, const Tensor& a,
                const Tensor& b, Tensor& y) {
  if (a.dtype() == DType::string) return compare_strings(context, a, b, y);
  const bool divides = kernels.name == "Div" || kernels.name == "Mod";
  if (divides && is_integer(b.dtype())) require_nonzero_divisor(b);
  if (is_float(a.dtype()) != is_float(b.dtype()) || b.dtype() == DType::float64)
    return run_loop(kernels.float64, attrs, context, a, b, y);
  switch (domain_of(a.dtype())) {
    case Domain::float32:
      return run_loop(kernels.float32, attrs, context, a, b, y);
    case Domain::float64:
      return run_loop(kernels.float64, attrs, context, a, b, y);
    case Domain::int64:
      return run_loop(kernels.int64, attrs, context, a, b, y);
    default:
      return run_loop(kernels.uint64, attrs, context, a, b, y);
  }
}

void Binary::infer(InferContext& context) const {
  require_tensors(context, 2);
  const DType dtype = context.dtype(0);
  const DType other = context.dtype(1);
  require_binary_type(kernels_, dtype);
  require_binary_type(kernels_, other);
  if (dtype != other && dtype != DType::undefined && other != DType::undefined && name() != "Pow")
    fail(ErrorCode::bad_model, "inputs have the types {} and {}; {} takes two of one type", dtype_name(dtype),
         dtype_name(other), name());
  const DType result = kernels_.compares ? DType::boolean : dtype;
  std::optional<Shape> shape;
  if (context.shape(0) != nullptr && context.shape(1) != nullptr) {
    const Shape& a = *context.shape(0);
    shape = broadcast_shapes(a, aligned(a, *context.shape(1), attrs_.legacy));
    if (attrs_.legacy.exact && a.size() != context.shape(1)->size())
      fail(ErrorCode::bad_model, "shapes {} and {} differ and the attribute broadcast is not set",
           shape_text(a), shape_text(*context.shape(1)));
  }
  const auto type = graph::ValueType::tensor(result, std::move(shape));
  context.set_output(0, type);
  infer_ints(context, type);
}

void Binary::infer_ints(InferContext& context, const graph::ValueType& type) const {
  const auto a = known_ints(context, 0);
  const auto b = known_ints(context, 1);
  if (!a || !b || (a->size() != b->size() && a->size() != 1 && b->size() != 1)) return;
  Ints out;
  const size_t size = a->size() == 1 ? b->size() : a->size();
  for (size_t i = 0; i < size; ++i)
    out.push_back(apply(name(), attrs_, (*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]));
  publish_ints(context, 0, type, std::move(out));
}

void Binary::batch(BatchContext& context) const {
  if (!attrs_.legacy.is_numpy() && attrs_.legacy.axis && !context.input(1).is_shared())
    return context.block("the second input of a broadcast along an axis depends on the batch");
  if (attrs_.legacy.axis) {
    const int axis = context.has_rank(0) ? normalize_axis(*attrs_.legacy.axis, context.rank(0)) : 0;
    const BatchState state = context.input(0);
    if (!state.is_batched() || !context.has_rank(1)) return context.block("an input's rank is not known");
    const int here = state.axis - axis;
    if (here >= 0 && here < context.rank(1) &&
        !(*context.input_shape(1))[static_cast<size_t>(here)].is_constant(1))
      return context.block("a tensor of fixed size is combined with the batch axis");
    return context.set_all_outputs(state);
  }
  batch_elementwise(context);
}

void Binary::run(RunContext& context) const {
  const Tensor& a = context.input(0);
  Tensor b = context.input(1);
  require_binary_type(kernels_, a.dtype());
  require_binary_type(kernels_, b.dtype());
  if (attrs_.legacy.exact && a.dims() != b.dims())
    fail(ErrorCode::invalid_argument, "shapes {} and {} differ and the attribute broadcast is not set",
         dims_text(a.dims()), dims_text(b.dims()));
  if (attrs_.legacy.axis) b = b.reshaped(aligned(a.dims(), b.dims(), attrs_.legacy));
  Tensor& y =
      context.output(0, kernels_.compares ? DType::boolean : a.dtype(), broadcast_dims(a.dims(), b.dims()));
  run_binary(kernels_, attrs_, context, a, b, y);
}

OpPtr make_binary(const OpArgs& args) {
  BinaryAttrs attrs;
  attrs.legacy = LegacyBroadcast::from(args);
  if (args.op_type() == "Mod") attrs.fmod = args.get_flag("fmod", false);
  if (args.op_type() == "BitShift") {
    args.require("direction");
    const std::string direction = args.get_string("direction", "");
    if (direction != "LEFT" && direction != "RIGHT")
      fail(ErrorCode::bad_model, "direction is '{}'; BitShift knows 'LEFT' and 'RIGHT'", direction);
    attrs.shift_right = direction == "RIGHT";
  }
  return std::make_shared<Binary>(binary_kernels(args.op_type()), attrs);
}

}  // namespace spinel::ops
