#include "ops/scatter.hpp"

#include <algorithm>

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
    for (int64_t i = 0; i < length; ++i) target[i] = reduced(reduction, a[i], b[i]);
    store(target, y, to + done, length);
  }
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

}  // namespace spinel::ops
