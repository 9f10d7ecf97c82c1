#include "graph/dim.hpp"

#include <catch2/catch.hpp>

using namespace spinel::graph;

TEST_CASE("dims: expressions are canonical", "[graph]") {
  const Dim n = Dim::symbol("n");
  const Dim h = Dim::symbol("h");
  CHECK(equal(n * h + n, n * (h + Dim(1))));
  CHECK(equal(n + h - n, h));
  CHECK_FALSE(equal(n, h));
  CHECK((n - n).is_constant(0));
  CHECK((n * Dim(0)).is_constant(0));
  CHECK((Dim(7) + Dim(5)).is_constant(12));
  CHECK((Dim(2) * n + Dim(1)).text() == "2*n + 1");
}

TEST_CASE("dims: quotients divide out what they can", "[graph]") {
  const Dim n = Dim::symbol("n");
  CHECK(equal(floor_div(n * Dim(512 * 49), Dim(512)), n * Dim(49)));
  CHECK(floor_div(n * Dim(512), n).is_constant(512));
  CHECK(equal(floor_div(Dim(2) * n + Dim(1), Dim(2)), n));
  CHECK(equal(floor_div(Dim(4) * n + Dim(7), Dim(4)), n + Dim(1)));
  CHECK(floor_div(Dim(-1), Dim(2)).is_constant(-1));
  CHECK(ceil_div(Dim(7), Dim(2)).is_constant(4));
  CHECK(floor_div(n, Dim(0)).is_unknown());
  CHECK(equal(floor_div(n + Dim(1), Dim(2)), floor_div(Dim(1) + n, Dim(2))));
}

TEST_CASE("dims: every canonical form evaluates like the arithmetic it came from", "[graph]") {
  const Dim n = Dim::symbol("n");
  const Dim h = Dim::symbol("h");
  const Dim e = floor_div(floor_div(h * Dim(3) - Dim(5), Dim(2)) * n + Dim(9), Dim(4)) * (n - h) + n;
  for (int64_t nv = 0; nv < 9; ++nv)
    for (int64_t hv = 2; hv < 9; ++hv) {
      auto fl = [](int64_t a, int64_t b) { return (a - ((a % b) + b) % b) / b; };
      const int64_t expected = fl(fl(hv * 3 - 5, 2) * nv + 9, 4) * (nv - hv) + nv;
      CHECK(e.evaluate({{"n", nv}, {"h", hv}}) == expected);
    }
  CHECK_FALSE(e.evaluate({{"n", 1}}).has_value());
  CHECK_FALSE((Dim::unknown() + n).evaluate({{"n", 1}}).has_value());
  CHECK(e.mentions("h"));
}

TEST_CASE("dims: overflow is an error or unknown, never a wrong number", "[graph]") {
  const Dim n = Dim::symbol("n");
  CHECK((Dim(INT64_MAX) + Dim(1)).is_unknown());
  CHECK((Dim(INT64_MAX) * Dim(2)).is_unknown());
  CHECK_THROWS((n * n).evaluate({{"n", int64_t{1} << 40}}));
}
