#include "ops/fft.hpp"

#include <complex>
#include <numbers>

#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using spinel::ops::Fft;
using spinel::ops::RealFft;

namespace {

/// The definition, in float64: y[k] = sum x[n] exp(-2 pi i k n / length).
std::vector<std::complex<double>> dft(const std::vector<std::complex<double>>& x) {
  const auto length = static_cast<int64_t>(x.size());
  std::vector<std::complex<double>> y(x.size());
  for (int64_t k = 0; k < length; ++k)
    for (int64_t n = 0; n < length; ++n)
      y[static_cast<size_t>(k)] +=
          x[static_cast<size_t>(n)] *
          std::polar(
              1.0, -2 * std::numbers::pi * static_cast<double>(k * n % length) / static_cast<double>(length));
  return y;
}

/// Transforms `lanes` signals of noise and returns the largest difference from the definition, relative to
/// the largest element.
template <class T>
double worst(int64_t length, int64_t lanes, bool real) {
  const Tensor values = noise({2, length, lanes}, static_cast<uint32_t>(length), -1, 1, DType::float64);
  const auto given = values.data<double>();
  std::vector<T> re(given.begin(), given.begin() + length * lanes);
  std::vector<T> im(given.begin() + length * lanes, given.end());
  if (real) {
    const RealFft<T> fft(length);
    std::vector<T> work(static_cast<size_t>(fft.work_per_lane() * lanes), T{9});
    fft.forward(re.data(), im.data(), lanes, work.data());
  } else {
    const Fft<T> fft(length);
    std::vector<T> work(static_cast<size_t>(fft.work_per_lane() * lanes), T{9});
    fft.forward(re.data(), im.data(), lanes, work.data());
  }
  double difference = 0, largest = 0;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    std::vector<std::complex<double>> x;
    for (int64_t n = 0; n < length; ++n) {
      const auto at = static_cast<size_t>(n * lanes + lane);
      x.emplace_back(given[at], real ? 0 : given[at + static_cast<size_t>(length * lanes)]);
    }
    const auto y = dft(x);
    for (int64_t k = 0; k < (real ? length / 2 + 1 : length); ++k) {
      const auto at = static_cast<size_t>(k * lanes + lane);
      const std::complex<double> got(static_cast<double>(re[at]), static_cast<double>(im[at]));
      difference = std::max(difference, std::abs(got - y[static_cast<size_t>(k)]));
      largest = std::max(largest, std::abs(y[static_cast<size_t>(k)]));
    }
  }
  return difference / largest;
}

}  // namespace

TEST_CASE("Fft equals the definition for any length", "[fft]") {
  std::vector<int64_t> lengths{64, 67, 74, 97, 128, 210, 243, 256, 331, 400, 496, 512, 1009, 1024};
  for (int64_t length = 1; length <= 40; ++length) lengths.push_back(length);
  for (const int64_t length : lengths) {
    INFO("length " << length);
    CHECK(worst<double>(length, 1, false) < 1e-13);
    CHECK(worst<float>(length, 3, false) < 1e-6);
    CHECK(worst<double>(length, 2, true) < 1e-13);
    CHECK(worst<float>(length, 5, true) < 1e-6);
  }
}

TEST_CASE("A signal's transform does not depend on its neighbours", "[fft]") {
  for (const int64_t length : {60, 37, 256}) {
    const Tensor signals = noise({8, length, 1});
    const Tensor together = run_op("DFT", 20, {}, {signals})[0];
    for (int64_t row = 0; row < 8; ++row)
      CHECK(same_bits(run_op("DFT", 20, {}, {slice_axis(signals, 0, row, row + 1)})[0],
                      slice_axis(together, 0, row, row + 1)));
  }
}
