// Weights on their way into products, against the definitions.
#include "cpu/weights.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "base/half.hpp"
#include "cpu/kernel_harness.hpp"

namespace spinel::cpu {
namespace {

struct Case {
  int64_t columns, channels, taps;
  bool by_column;  ///< The columns are neighbours, else the channels.
};

}  // namespace

TEST_CASE("weights are packed in panels of columns, rows in the order of taps and channels", "[weights]") {
  constexpr Case cases[] = {{1, 1, 1, false},   {70, 33, 1, false}, {33, 300, 9, false}, {17, 2100, 1, false},
                            {40, 5, 49, false}, {64, 31, 4, false}, {37, 50, 1, true},   {96, 7, 1, true}};
  testing::for_each_isa([&](const Isa& isa) {
    const Kernels& kernels = *isa.kernels;
    for (const Case& c : cases) {
      INFO(c.columns << " columns, " << c.channels << " channels, " << c.taps << " taps");
      const int64_t depth = c.channels * c.taps;
      // Bit patterns tell each element from all others, as float32 and as float16.
      std::vector<uint32_t> wide(static_cast<size_t>(c.columns * depth));
      for (size_t i = 0; i < wide.size(); ++i) wide[i] = static_cast<uint32_t>(i + 1);
      const std::vector<uint16_t> narrow(wide.begin(), wide.end());
      WeightMatrix matrix{.columns = c.columns,
                          .channels = c.channels,
                          .taps = c.taps,
                          .column_stride = c.by_column ? 1 : depth,
                          .channel_stride = c.by_column ? c.columns : c.taps};
      const auto expected = [&](int64_t k, int64_t n) {
        const int64_t at = n * matrix.column_stride + k % c.channels * matrix.channel_stride + k / c.channels;
        return static_cast<uint32_t>(at + 1);
      };
      const auto size = static_cast<size_t>(packed_weights_size(isa, 0, depth, c.columns));
      std::vector<uint32_t> packed(size, ~0U);
      std::vector<uint16_t> packed_narrow(size, 0xffff);
      matrix.from = wide.data();
      pack_weights(isa, 0, matrix, packed.data());
      matrix.from = narrow.data();
      matrix.half = true;
      pack_weights(isa, 0, matrix, packed_narrow.data());

      size_t wrong = 0;
      size_t at = 0;
      for (int64_t n = 0; n < c.columns; n += kernels.panel_columns) {
        const int64_t count = std::min(kernels.panel_columns, c.columns - n);
        const int64_t width = kernels.packed_size(1, count);
        for (int64_t k = 0; k < depth; ++k)
          for (int64_t i = 0; i < width; ++i, ++at) {
            const uint32_t element = i < count ? expected(k, n + i) : 0;
            wrong += packed[at] != element || packed_narrow[at] != static_cast<uint16_t>(element);
          }
      }
      CHECK(at == size);
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("weights are looked through for zeros and what is not finite", "[weights]") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  testing::for_each_isa([&](const Isa& isa) {
    for (const int64_t count : {1, 15, 16, 33, 1000}) {
      INFO(count << " elements");
      for (const DType dtype : {DType::float32, DType::float16, DType::float64}) {
        Tensor weights(DType::float32, {count});
        const auto x = weights.data<float>();
        for (size_t i = 0; i < x.size(); ++i) x[i] = i % 3 == 0 ? 0.0F : i % 3 == 1 ? -0.0F : 65504.0F;
        const auto zeros = std::ranges::count(x, 0.0F);
        WeightFacts facts = weigh(isa, convert(weights, dtype));
        CHECK(facts.finite);
        CHECK(facts.zeros == zeros);
        for (const float odd : {infinity, -infinity, std::nanf("")}) {
          Tensor other = weights.clone();
          other.data<float>().back() = odd;
          CHECK_FALSE(weigh(isa, convert(other, dtype)).finite);
        }
      }
    }
  });
}

TEST_CASE("weights are rounded to float16 and clamped", "[weights]") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> from = {0,        -0.0F,     1,          -2.5F,           65504,    65519.99F,
                             65520,    -65520,    1e30F,      -1e30F,          infinity, -infinity,
                             0x1p-25F, -0x1p-25F, 0x1.8p-25F, 0x1.000002p-25F, 0x1p-24F, -0x1p-14F,
                             1e-30F,   0x1p-149F};
  for (int i = 0; i < 1000; ++i) from.push_back(std::ldexp(std::sin(static_cast<float>(i)), i % 50 - 30));
  int64_t clamped = 0;
  int64_t flushed = 0;
  std::vector<uint16_t> expected;
  for (const float x : from) {
    const bool clamps = std::isfinite(x) && std::fabs(x) > 65504;
    expected.push_back(float_to_half(clamps ? std::copysign(65504.0F, x) : x));
    clamped += clamps;
    flushed += x != 0 && (expected.back() & 0x7fff) == 0;
  }
  REQUIRE(clamped > 5);
  REQUIRE(flushed > 5);
  testing::for_each_isa([&](const Isa& isa) {
    std::vector<uint16_t> to(from.size());
    const auto count = static_cast<int64_t>(from.size());
    const HalfRounding all = isa.kernels->round_weights(from.data(), count, to.data());
    CHECK(to == expected);
    CHECK(all.clamped == clamped);
    CHECK(all.flushed == flushed);
    const float nan = std::nanf("");
    const HalfRounding one = isa.kernels->round_weights(&nan, 1, to.data());
    CHECK(std::isnan(half_to_float(to[0])));
    CHECK(one.clamped + one.flushed == 0);
  });
}

}  // namespace spinel::cpu
