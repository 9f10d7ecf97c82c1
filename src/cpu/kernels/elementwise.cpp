// Elementwise functions over blocks of rows: each vector is loaded, computed and stored once.
#include "cpu/kernels/elementwise.hpp"

#include "cpu/kernels/vector_math.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

/// Calls fn with a null pointer of the element type.
template <class Fn>
void with_element(bool half, Fn fn) {
  if (half)
    fn(static_cast<uint16_t*>(nullptr));
  else
    fn(static_cast<float*>(nullptr));
}

inline Vec load_one(const float* p) { return broadcast(*p); }
inline Vec load_one(const uint16_t* p) {
  const uint16_t first[vector_floats] = {*p};
  return broadcast(load_half(first)[0]);
}

template <class In, class Out, class Fn>
void map_rows(const ElementStep& s, Fn fn) {
  const In* in = static_cast<const In*>(s.operands[0].data);
  Out* out = static_cast<Out*>(s.to);
  for (int64_t row = 0; row < s.rows; ++row) {
    int64_t n = 0;
    for (; n + vector_floats <= s.columns; n += vector_floats) store(out + n, fn(load(in + n)));
    if (n < s.columns) store_partial(out + n, fn(load_partial(in + n, s.columns - n)), s.columns - n);
    in += s.operands[0].row_stride;
    out += s.to_row_stride;
  }
}

template <class Fn>
void unary(const ElementStep& s, Fn fn) {
  if (s.operands[0].repeats) {  // Rare: computed once a row.
    const char* in = static_cast<const char*>(s.operands[0].data);
    char* out = static_cast<char*>(s.to);
    for (int64_t row = 0; row < s.rows; ++row) {
      const Vec value = fn(s.operands[0].half ? load_one(reinterpret_cast<const uint16_t*>(in))
                                              : load_one(reinterpret_cast<const float*>(in)));
      with_element(s.to_half, [&](auto* element) {
        auto* to = reinterpret_cast<decltype(element)>(out);
        int64_t n = 0;
        for (; n + vector_floats <= s.columns; n += vector_floats) store(to + n, value);
        if (n < s.columns) store_partial(to + n, value, s.columns - n);
      });
      in += s.operands[0].row_stride * (s.operands[0].half ? 2 : 4);
      out += s.to_row_stride * (s.to_half ? 2 : 4);
    }
    return;
  }
  with_element(s.operands[0].half, [&](auto* in) {
    using In = __typeof__(*in);
    with_element(s.to_half, [&](auto* out) {
      using Out = __typeof__(*out);
      map_rows<In, Out>(s, fn);
    });
  });
}

template <class Fn>
void binary(const ElementStep& s, Fn fn) {
  with_element(s.operands[0].half, [&](auto* a_type) {
    with_element(s.operands[1].half, [&](auto* b_type) {
      with_element(s.to_half, [&](auto* to_type) {
        auto* a = static_cast<decltype(a_type)>(const_cast<void*>(s.operands[0].data));
        auto* b = static_cast<decltype(b_type)>(const_cast<void*>(s.operands[1].data));
        auto* to = static_cast<decltype(to_type)>(s.to);
        const int64_t whole = s.columns / vector_floats * vector_floats;
        const int64_t rest = s.columns - whole;
        for (int64_t row = 0; row < s.rows; ++row) {
          if (s.operands[1].repeats) {
            const Vec y = load_one(b);
            if (s.operands[0].repeats) {
              const Vec value = fn(load_one(a), y);
              for (int64_t n = 0; n < whole; n += vector_floats) store(to + n, value);
              if (rest > 0) store_partial(to + whole, value, rest);
            } else {
              for (int64_t n = 0; n < whole; n += vector_floats) store(to + n, fn(load(a + n), y));
              if (rest > 0) store_partial(to + whole, fn(load_partial(a + whole, rest), y), rest);
            }
          } else if (s.operands[0].repeats) {
            const Vec x = load_one(a);
            for (int64_t n = 0; n < whole; n += vector_floats) store(to + n, fn(x, load(b + n)));
            if (rest > 0) store_partial(to + whole, fn(x, load_partial(b + whole, rest)), rest);
          } else {
            for (int64_t n = 0; n < whole; n += vector_floats) store(to + n, fn(load(a + n), load(b + n)));
            if (rest > 0)
              store_partial(to + whole, fn(load_partial(a + whole, rest), load_partial(b + whole, rest)),
                            rest);
          }
          a += s.operands[0].row_stride;
          b += s.operands[1].row_stride;
          to += s.to_row_stride;
        }
      });
    });
  });
}

template <class A, class B, class To>
void multiply_add_rows(const ElementStep& s) {
  const Vec low = broadcast(s.p);
  const Vec high = broadcast(s.q);
  const A* a = static_cast<const A*>(s.operands[0].data);
  const B* b = static_cast<const B*>(s.operands[1].data);
  const B* c = static_cast<const B*>(s.operands[2].data);
  To* to = static_cast<To*>(s.to);
  const bool a_repeats = s.operands[0].repeats;
  const bool b_repeats = s.operands[1].repeats;
  const bool c_repeats = s.operands[2].repeats;
  for (int64_t row = 0; row < s.rows; ++row) {
    int64_t n = 0;
    if (!a_repeats && !b_repeats && !c_repeats) {
      for (; n + vector_floats <= s.columns; n += vector_floats)
        store(to + n, clamp(fma(load(a + n), load(b + n), load(c + n)), low, high));
    } else if (!a_repeats && b_repeats && c_repeats) {
      const Vec factor = load_one(b);
      const Vec summand = load_one(c);
      for (; n + vector_floats <= s.columns; n += vector_floats)
        store(to + n, clamp(fma(load(a + n), factor, summand), low, high));
    } else {
      const auto each = [&](const auto* p, bool repeats) { return repeats ? load_one(p) : load(p + n); };
      for (; n + vector_floats <= s.columns; n += vector_floats)
        store(to + n, clamp(fma(each(a, a_repeats), each(b, b_repeats), each(c, c_repeats)), low, high));
    }
    if (const int64_t rest = s.columns - n; rest > 0) {
      const auto each = [&](const auto* p, bool repeats) {
        return repeats ? load_one(p) : load_partial(p + n, rest);
      };
      store_partial(to + n, clamp(fma(each(a, a_repeats), each(b, b_repeats), each(c, c_repeats)), low, high),
                    rest);
    }
    a += s.operands[0].row_stride;
    b += s.operands[1].row_stride;
    c += s.operands[2].row_stride;
    to += s.to_row_stride;
  }
}

void multiply_add(const ElementStep& s) {
  with_element(s.operands[0].half, [&](auto* a) {
    using A = __typeof__(*a);
    with_element(s.operands[1].half, [&](auto* b) {
      using B = __typeof__(*b);
      with_element(s.to_half, [&](auto* to) {
        using To = __typeof__(*to);
        multiply_add_rows<A, B, To>(s);
      });
    });
  });
}

}  // namespace

void elementwise(const ElementStep& step) {
  if (step.columns == 0) return;
  const Vec p = broadcast(step.p);
  const Vec q = broadcast(step.q);
  const Vec zero{};
  const Vec one = broadcast(1.0F);
  switch (step.function) {
    case ElementFunction::copy:
      return unary(step, [](Vec x) { return x; });
    case ElementFunction::abs:
      return unary(step, [](Vec x) { return magnitude(x); });
    case ElementFunction::neg:
      return unary(step, [](Vec x) { return -x; });
    case ElementFunction::sqrt:
      return unary(step, [](Vec x) { return sqrt(x); });
    case ElementFunction::reciprocal:
      return unary(step, [](Vec x) { return 1.0F / x; });
    case ElementFunction::clamp:
      return unary(step, [=](Vec x) { return clamp(x, p, q); });
    case ElementFunction::exp:
      return unary(step, [](Vec x) { return exp(x); });
    case ElementFunction::log:
      return unary(step, [](Vec x) { return log(x); });
    case ElementFunction::sigmoid:
      return unary(step, [](Vec x) { return sigmoid(x); });
    case ElementFunction::silu:
      return unary(step, [=](Vec x) { return x * sigmoid(p * x); });
    case ElementFunction::hard_sigmoid:
      return unary(step, [=](Vec x) { return clamp(x * p + q, zero, one); });
    case ElementFunction::hard_swish:
      return unary(step, [=](Vec x) { return x * clamp(x * (1.0F / 6) + 0.5F, zero, one); });
    case ElementFunction::leaky_relu:
      return unary(step, [=](Vec x) { return x < zero ? p * x : x; });
    case ElementFunction::elu:
      return unary(step, [=](Vec x) {
        const Vec negative = p * expm1(max(broadcast(-30.0F), min(zero, x)));
        return x > zero ? q * x : negative;
      });
    case ElementFunction::tanh:
      return unary(step, [](Vec x) { return tanh(x); });
    case ElementFunction::erf:
      return unary(step, [](Vec x) { return erf(x); });
    case ElementFunction::gelu:
      return unary(step, [](Vec x) { return gelu(x); });
    case ElementFunction::gelu_tanh:
      return unary(step, [](Vec x) { return gelu_tanh(x); });
    case ElementFunction::softplus:
      return unary(step, [](Vec x) { return softplus(x); });
    case ElementFunction::mish:
      return unary(step, [](Vec x) { return mish(x); });
    case ElementFunction::softsign:
      return unary(step, [](Vec x) { return x / (magnitude(x) + 1.0F); });
    case ElementFunction::add:
      return binary(step, [](Vec x, Vec y) { return x + y; });
    case ElementFunction::sub:
      return binary(step, [](Vec x, Vec y) { return x - y; });
    case ElementFunction::mul:
      return binary(step, [](Vec x, Vec y) { return x * y; });
    case ElementFunction::div:
      return binary(step, [](Vec x, Vec y) { return x / y; });
    case ElementFunction::min:
      return binary(step, [](Vec x, Vec y) { return x != x ? x : min(x, y); });
    case ElementFunction::max:
      return binary(step, [](Vec x, Vec y) { return x != x ? x : max(x, y); });
    case ElementFunction::prelu:
      return binary(step, [=](Vec x, Vec y) { return x < zero ? x * y : x; });
    case ElementFunction::mul_add:
      return multiply_add(step);
  }
}

}  // namespace spinel::cpu::SPINEL_ISA
