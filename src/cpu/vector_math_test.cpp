// The elementary functions on every instruction set of this machine, against std:: in float64.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "cpu/isa.hpp"
#include "cpu/kernels.hpp"
#include "cpu/vector_kernels.hpp"

namespace spinel::cpu {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> apply(const Isa& isa, ElementFunction function, const std::vector<float>& x, float p = 0,
                         float q = 0) {
  std::vector<float> y(x.size());
  ElementStep step;
  step.function = function;
  step.p = p;
  step.q = q;
  step.operands[0].data = x.data();
  step.to = y.data();
  step.rows = 1;
  step.columns = static_cast<int64_t>(x.size());
  isa.kernels->vector->elementwise(step);
  return y;
}

/// Every 101st float with a magnitude in [2^-30, limit], of both signs.
std::vector<float> sweep(float limit) {
  std::vector<float> out{0.0F};
  for (uint32_t bits = 0x30800000U;; bits += 101) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    if (x > limit) return out;
    out.push_back(x);
    out.push_back(-x);
  }
}

struct Case {
  const char* name;
  ElementFunction function;
  double (*exact)(double);
  float limit;   ///< Of the sweep.
  double units;  ///< Largest error: in units in the last place of the exact value, or
  double
      floor;  ///< where this is not `smallest`, in 2^-23 of the exact value, which counts as at least this.
  float at_infinity;   ///< f(inf)
  float at_minus_inf;  ///< f(-inf)
};

double phi_product(double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double tanh_gelu(double x) {
  return x / (1 + std::exp(-2 * std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

const double smallest = 1.2e-38;  // Below, results may be flushed.
const Case cases[] = {
    {"exp", ElementFunction::exp, std::exp, 88.72F, 1.5, smallest, infinity, 0},
    {"log", ElementFunction::log, std::log, 3e38F, 2, smallest, infinity, nan},
    {"sigmoid", ElementFunction::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, 87, 2.5, smallest,
     1, 0},
    {"silu", ElementFunction::silu, [](double x) { return x / (1 + std::exp(-x)); }, 87, 3, smallest,
     infinity, nan},
    {"tanh", ElementFunction::tanh, std::tanh, 20, 4, smallest, 1, -1},
    {"erf below 0.85", ElementFunction::erf, std::erf, 0.85F, 2.5, smallest, 1, -1},
    {"erf", ElementFunction::erf, std::erf, 10, 1.25, 1, 1, -1},
    {"gelu", ElementFunction::gelu, phi_product, 30, 1.3e-6 / 0x1p-23, 1e-3, infinity, 0},
    {"gelu_tanh", ElementFunction::gelu_tanh, tanh_gelu, 9, 2e-6 / 0x1p-23, 1e-3, infinity, nan},
    {"softplus", ElementFunction::softplus, [](double x) { return std::log1p(std::exp(x)); }, 80, 3, smallest,
     infinity, 0},
    {"mish", ElementFunction::mish, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }, 80, 6,
     smallest, infinity, nan},
    {"elu", ElementFunction::elu, [](double x) { return x > 0 ? x : std::expm1(x); }, 100, 2.5, smallest,
     infinity, -1},
};

double unit(double exact, double floor) {
  if (floor > smallest) return std::max(std::abs(exact), floor) * 0x1p-23;
  return std::ldexp(1.0, std::ilogb(std::max(std::abs(exact), floor)) - 23);
}

void check_one(const Isa& isa, const Case& c) {
  const std::vector<float> x = sweep(c.limit);
  const std::vector<float> y = apply(isa, c.function, x, 1, 1);
  double worst = 0;
  float at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double exact = c.exact(static_cast<double>(x[i]));
    if (std::isnan(exact) || std::isinf(exact)) {
      if (std::isnan(exact) != std::isnan(y[i]) || std::isinf(exact) != std::isinf(y[i])) {
        INFO("at " << x[i]);
        CHECK(y[i] == exact);
      }
      continue;
    }
    if (std::abs(exact) < smallest && std::abs(y[i]) <= 2 * smallest) continue;
    const double error = std::abs(static_cast<double>(y[i]) - exact) / unit(exact, c.floor);
    if (!(error <= worst)) {
      worst = error;
      at = x[i];
    }
  }
  INFO("largest error " << worst << " units, at " << at);
  CHECK(worst <= c.units);
}

}  // namespace

TEST_CASE("elementary functions are as accurate as they promise", "[vector_math]") {
  for (const Isa& isa : isas()) {
    if (!isa.available()) continue;
    for (const Case& c : cases) DYNAMIC_SECTION(c.name << " on " << isa.name) {
        check_one(isa, c);
      }
  }
}

TEST_CASE("elementary functions of infinities, NaN and denormals", "[vector_math]") {
  for (const Isa& isa : isas()) {
    if (!isa.available()) continue;
    for (const Case& c : cases) DYNAMIC_SECTION(c.name << " on " << isa.name) {
        const std::vector<float> y =
            apply(isa, c.function, {infinity, -infinity, nan, 1e-40F, -1e-40F}, 1, 1);
        CHECK(y[0] == c.at_infinity);
        if (std::isnan(c.at_minus_inf))
          CHECK((std::isnan(y[1]) || y[1] == -infinity));
        else
          CHECK(std::abs(y[1] - c.at_minus_inf) <= 1e-9F);
        CHECK(std::isnan(y[2]));
        for (size_t i : {3, 4})
          if (c.function != ElementFunction::log) CHECK(std::abs(y[i] - c.exact(0.0)) <= 1.2e-7);
      }
  }
}

TEST_CASE("exp overflows and underflows where expf does", "[vector_math]") {
  for (const Isa& isa : isas()) {
    if (!isa.available()) continue;
    DYNAMIC_SECTION(isa.name) {
      const std::vector<float> y =
          apply(isa, ElementFunction::exp, {88.72F, 88.73F, 1000, -87.3F, -104, -1000});
      CHECK(std::isfinite(y[0]));
      CHECK(y[1] == infinity);
      CHECK(y[2] == infinity);
      CHECK(y[3] > 0);
      CHECK(y[4] == 0);
      CHECK(y[5] == 0);
    }
  }
}

TEST_CASE("log at zero and below", "[vector_math]") {
  for (const Isa& isa : isas()) {
    if (!isa.available()) continue;
    DYNAMIC_SECTION(isa.name) {
      const std::vector<float> y = apply(isa, ElementFunction::log, {0, -0.0F, -1, 1});
      CHECK(y[0] == -infinity);
      CHECK(y[1] == -infinity);
      CHECK(std::isnan(y[2]));
      CHECK(y[3] == 0);
    }
  }
}

TEST_CASE("erf and gelu hardly fall where they rise", "[vector_math]") {
  for (const Isa& isa : isas()) {
    if (!isa.available()) continue;
    DYNAMIC_SECTION(isa.name) {
      std::vector<float> x;
      for (int i = -40000; i <= 40000; ++i) x.push_back(static_cast<float>(i) * 1e-4F);
      const std::vector<float> y = apply(isa, ElementFunction::erf, x);
      float fall = 0;
      for (size_t i = 1; i < y.size(); ++i) fall = std::max(fall, y[i - 1] - y[i]);
      CHECK(fall <= 1.2e-7F);
      for (float value : y) REQUIRE(std::abs(value) <= 1);
    }
  }
}

}  // namespace spinel::cpu
