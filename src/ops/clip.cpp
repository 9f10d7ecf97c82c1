#include "ops/clip.hpp"

#include <algorithm>
#include <limits>

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/numeric.hpp"

namespace spinel::ops {
namespace {

template <class C>
C bound(RunContext& context, size_t input, const std::optional<float>& attribute, C none) {
  if (!context.has_input(input)) return attribute ? static_cast<C>(*attribute) : none;
  const Tensor& tensor = context.input(input);
  if (tensor.element_count() != 1)
    fail(ErrorCode::invalid_argument, "the bound {} holds {} elements, not one", describe(tensor),
         tensor.element_count());
  C buffer;
  return *load(tensor, 0, 1, &buffer);
}

template <class C>
void clip(RunContext& context, const ClipAttrs& attrs, const Tensor& x, Tensor& y) {
  using Numbers = std::numeric_limits<C>;
  const C lowest = Numbers::has_infinity ? -Numbers::infinity() : Numbers::lowest();
  const C highest = Numbers::has_infinity ? Numbers::infinity() : Numbers::max();
  const C low = bound(context, 1, attrs.min, lowest);
  const C high = bound(context, 2, attrs.max, highest);
  for_each_block(context, x.element_count(), [&](int64_t begin, int64_t count) {
    C from[chunk_elements];
    C to[chunk_elements];
    for (const int64_t end = begin + count; begin < end; begin += chunk_elements) {
      const int64_t length = std::min(chunk_elements, end - begin);
      const C* values = load(x, begin, length, from);
      C* target = store_target(y, begin, to);
      for (int64_t i = 0; i < length; ++i) {
        const C raised = values[i] < low ? low : values[i];
        target[i] = raised > high ? high : raised;
      }
      store(target, y, begin, length);
    }
  });
}

}  // namespace

void Clip::infer(InferContext& context) const {
  require_tensors(context, 1);
  const DType dtype = context.dtype(0);
  if (dtype != DType::undefined && !is_float(dtype) && !is_integer(dtype))
    fail(ErrorCode::unsupported, "Clip of {} is not defined", dtype_name(dtype));
  for (size_t i : {size_t{1}, size_t{2}}) {
    if (!context.has_input(i)) continue;
    if (context.dtype(i) != dtype && dtype != DType::undefined && context.dtype(i) != DType::undefined)
      fail(ErrorCode::bad_model, "bound {} is {}, but the input is {}", i, dtype_name(context.dtype(i)),
           dtype_name(dtype));
  }
  infer_same(context);
  auto ints = known_ints(context, 0);
  const auto low = context.has_input(1) ? known_ints(context, 1) : std::nullopt;
  const auto high = context.has_input(2) ? known_ints(context, 2) : std::nullopt;
  if (!ints || (context.has_input(1) && !low) || (context.has_input(2) && !high) || attrs_.min || attrs_.max)
    return;
  for (Dim& each : *ints) {
    if (low && low->size() == 1 && !proven_non_negative(each - (*low)[0]))
      each = proven_non_negative((*low)[0] - each) ? (*low)[0] : Dim::unknown();
    if (high && high->size() == 1 && !proven_non_negative((*high)[0] - each))
      each = proven_non_negative(each - (*high)[0]) ? (*high)[0] : Dim::unknown();
  }
  publish_ints(context, 0, context.input(0), std::move(*ints));
}

void Clip::batch(BatchContext& context) const {
  if (require_fixed_inputs(context, 1)) batch_elementwise(context);
}

void Clip::run(RunContext& context) const {
  const Tensor& x = context.input(0);
  Tensor& y = context.output(0, x.dtype(), x.dims());
  switch (domain_of(x.dtype())) {
    case Domain::float32:
      return clip<float>(context, attrs_, x, y);
    case Domain::float64:
      return clip<double>(context, attrs_, x, y);
    case Domain::int64:
      return clip<int64_t>(context, attrs_, x, y);
    case Domain::uint64:
      return clip<uint64_t>(context, attrs_, x, y);
    case Domain::none:
      fail(ErrorCode::unsupported, "Clip of {} is not defined", dtype_name(x.dtype()));
  }
}

OpPtr make_clip(const OpArgs& args) {
  ClipAttrs attrs;
  if (args.version() < 11) {
    args.ignore("consumed_inputs");
    if (args.has("min")) attrs.min = args.get_float("min", 0);
    if (args.has("max")) attrs.max = args.get_float("max", 0);
  }
  return std::make_shared<Clip>(attrs);
}

}  // namespace spinel::ops
