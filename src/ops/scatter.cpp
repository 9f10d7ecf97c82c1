#include "ops/scatter.hpp"

#include <algorithm>

#include "base/half.hpp"
#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/numeric.hpp"

namespace spinel::ops {
namespace {

template <class C>
C reduced(Reduction reduction, C a, C b) {
  switch (reduction) {
    case Reduction::add:
      if constexpr (std::is_integral_v<C>)
        return static_cast<C>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
      else
        return a + b;
    case Reduction::mul:
      if constexpr (std::is_integral_v<C>)
        return static_cast<C>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
      else
        return a * b;
    case Reduction::min:
      return b < a ? b : a;
    case Reduction::max:
      return b > a ? b : a;
    case Reduction::none:
      break;
  }
  return b;
}

/// Calls fn with the reduction as a constant, so that a loop does not choose at each element.
template <class Fn>
void with_reduction(Reduction reduction, Fn&& fn) {
  switch (reduction) {
    case Reduction::add:
      return fn([] { return Reduction::add; });
    case Reduction::mul:
      return fn([] { return Reduction::mul; });
    case Reduction::min:
      return fn([] { return Reduction::min; });
    case Reduction::max:
      return fn([] { return Reduction::max; });
    case Reduction::none:
      return fn([] { return Reduction::none; });
  }
}

template <class C>
void reduce_range(Reduction reduction, const Tensor& updates, int64_t from, Tensor& y, int64_t to,
                  int64_t count) {
  C buffer_a[chunk_elements];
  C buffer_b[chunk_elements];
  C buffer_y[chunk_elements];
  for (int64_t done = 0; done < count; done += chunk_elements) {
    const int64_t length = std::min(chunk_elements, count - done);
    const C* a = load(y, to + done, length, buffer_a);
    const C* b = load(updates, from + done, length, buffer_b);
    C* target = store_target(y, to + done, buffer_y);
    with_reduction(reduction, [&](auto constant) {
      for (int64_t i = 0; i < length; ++i) target[i] = reduced(constant(), a[i], b[i]);
    });
    store(target, y, to + done, length);
  }
}

template <class S, class U>
void reduce_places(Reduction reduction, const U* updates, S* y, std::span<const int64_t> places) {
  using C = std::conditional_t<std::is_integral_v<S>, S, float>;
  with_reduction(reduction, [&](auto constant) {
    for (size_t i = 0; i < places.size(); ++i) {
      S& to = y[places[i]];
      to = S(reduced(constant(), static_cast<C>(to), static_cast<C>(updates[i])));
    }
  });
}

}  // namespace

Reduction read_reduction(const OpArgs& args) {
  const std::string text = args.get_string("reduction", "none");
  if (text == "none") return Reduction::none;
  if (text == "add") return Reduction::add;
  if (text == "mul") return Reduction::mul;
  if (text == "min") return Reduction::min;
  if (text == "max") return Reduction::max;
  fail(ErrorCode::bad_model, "reduction is '{}'; known are none, add, mul, min and max", text);
}

void require_reducible(Reduction reduction, DType dtype) {
  if (dtype == DType::undefined) return;
  require_movable(dtype);
  if (reduction != Reduction::none && domain_of(dtype) == Domain::none)
    fail(ErrorCode::unsupported, "elements of {} cannot be added, multiplied or compared", dtype_name(dtype));
}

ScatterTarget::ScatterTarget(RunContext& context, Reduction reduction) {
  const Tensor& x = context.input(0);
  is_wide_ = (x.dtype() == DType::float16 || x.dtype() == DType::bfloat16) &&
             (reduction == Reduction::add || reduction == Reduction::mul);
  // Output 0 may lie where input 0 does.
  if (is_wide_) wide_ = convert(x, DType::float32);
  output_ = &context.output(0, x.dtype(), x.dims());
  if (!is_wide_) copy_elements(x, *output_);
}

void ScatterTarget::store() {
  if (is_wide_) copy_elements(convert(wide_, output_->dtype()), *output_);
}

void scatter_range(Reduction reduction, const Tensor& updates, int64_t from, Tensor& y, int64_t to,
                   int64_t count) {
  if (reduction == Reduction::none) return copy_range(updates, from, y, to, count);
  switch (domain_of(y.dtype())) {
    case Domain::float32:
      return reduce_range<float>(reduction, updates, from, y, to, count);
    case Domain::float64:
      return reduce_range<double>(reduction, updates, from, y, to, count);
    case Domain::int64:
      return reduce_range<int64_t>(reduction, updates, from, y, to, count);
    default:
      return reduce_range<uint64_t>(reduction, updates, from, y, to, count);
  }
}

void scatter_places(Reduction reduction, const Tensor& updates, int64_t from, Tensor& y,
                    std::span<const int64_t> places) {
  const auto run = [&](auto to, auto with) {
    reduce_places(reduction, updates.data<decltype(with)>().data() + from, y.data<decltype(to)>().data(),
                  places);
  };
  switch (y.dtype()) {
    case DType::float32:
      if (updates.dtype() == DType::float16) return run(float{}, Half{});
      if (updates.dtype() == DType::bfloat16) return run(float{}, BFloat16{});
      return run(float{}, float{});
    case DType::float16:
      return run(Half{}, Half{});
    case DType::int64:
      return run(int64_t{}, int64_t{});
    default:
      for (size_t i = 0; i < places.size(); ++i)
        scatter_range(reduction, updates, from + static_cast<int64_t>(i), y, places[i], 1);
  }
}

}  // namespace spinel::ops
