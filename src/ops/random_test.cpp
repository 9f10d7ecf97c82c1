// Random numbers: their distribution, that a seed names them, and Dropout when training.
#include "ops/random.hpp"

#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using spinel::ops::BatchState;
using spinel::ops::RandomStream;

namespace {

struct Summary {
  double mean = 0, deviation = 0, least = 0, most = 0;
};

Summary summary(const Tensor& tensor) {
  const Tensor wide = convert(tensor, DType::float64);
  const auto values = wide.data<double>();
  Summary out{0, 0, values[0], values[0]};
  for (const double v : values) {
    out.mean += v;
    out.least = std::min(out.least, v);
    out.most = std::max(out.most, v);
  }
  out.mean /= static_cast<double>(values.size());
  for (const double v : values) out.deviation += (v - out.mean) * (v - out.mean);
  out.deviation = std::sqrt(out.deviation / static_cast<double>(values.size()));
  return out;
}

const std::vector<int64_t> large{200, 500};

}  // namespace

TEST_CASE("a random stream is evenly distributed, in each bit and between neighbours", "[random]") {
  const RandomStream stream(7);
  constexpr int64_t count = 100000;
  int64_t ones[64] = {};
  double product = 0;
  for (int64_t i = 0; i < count; ++i) {
    for (int bit = 0; bit < 64; ++bit) ones[bit] += static_cast<int64_t>(stream.bits(i) >> bit & 1);
    product += (stream.uniform(i) - 0.5) * (stream.uniform(i + 1) - 0.5);
  }
  // Five deviations of a fair coin, and of the correlation.
  for (const int64_t each : ones) CHECK(std::abs(each - count / 2) < 800);
  CHECK(std::abs(product / count) < 5.0 / 12 / 316);
  CHECK(RandomStream(7).bits(3) == stream.bits(3));
  CHECK(RandomStream(8).bits(3) != stream.bits(3));
}

TEST_CASE("RandomUniform and RandomNormal have the moments that they are told", "[random]") {
  for (const auto dtype : {DType::float32, DType::float16, DType::float64, DType::bfloat16}) {
    const Attributes type{{"dtype", static_cast<int64_t>(dtype)}, {"shape", large}, {"seed", 3.0f}};
    Attributes uniform = type;
    uniform["low"] = -2.0f;
    uniform["high"] = 4.0f;
    const Tensor u = run_op("RandomUniform", 22, uniform, {})[0];
    CHECK(u.dtype() == dtype);
    const Summary flat = summary(u);
    CHECK(flat.least >= -2);
    CHECK(flat.most <= 4);
    CHECK(std::abs(flat.mean - 1) < 0.05);
    CHECK(std::abs(flat.deviation - 6 / std::sqrt(12.0)) < 0.05);
    Attributes normal = type;
    normal["mean"] = 5.0f;
    normal["scale"] = 2.0f;
    const Summary bell = summary(run_op("RandomNormal", 1, normal, {})[0]);
    CHECK(std::abs(bell.mean - 5) < 0.05);
    CHECK(std::abs(bell.deviation - 2) < 0.05);
  }
}

TEST_CASE("the seed and nothing else decides random numbers", "[random]") {
  const Tensor x = noise({3, 4});
  const auto draw = [&](float seed) { return run_op("RandomNormalLike", 1, {{"seed", seed}}, {x})[0]; };
  CHECK(same_bits(draw(1), draw(1)));
  CHECK(!same_bits(draw(1), draw(2)));
  CHECK(run_op("RandomUniformLike", 22, {{"dtype", int64_t{11}}}, {ints({2}, {1, 2})})[0].dtype() ==
        DType::float64);
  CHECK(std::get<float>(ops::default_seed("RandomNormal", "a")) !=
        std::get<float>(ops::default_seed("RandomNormal", "b")));
  CHECK(std::holds_alternative<int64_t>(ops::default_seed("Dropout", "a")));
  CHECK(batch_op("RandomNormalLike", 1, {}, {x}, {BatchState::batched(0)}).blocked());
}

TEST_CASE("Bernoulli draws 1 as often as it is told", "[random]") {
  Tensor chances(DType::float32, {2, 20000});
  for (size_t i = 20000; i < 40000; ++i) chances.data<float>()[i] = 0.25f;
  const Tensor drawn = run_op("Bernoulli", 22, {{"dtype", int64_t{9}}}, {chances})[0];
  REQUIRE(drawn.dtype() == DType::boolean);
  const auto bits = drawn.data<bool>();
  CHECK(std::count(bits.begin(), bits.begin() + 20000, true) == 0);
  CHECK(std::abs(std::count(bits.begin() + 20000, bits.end(), true) - 5000) < 350);
}

TEST_CASE("Multinomial draws classes by their log-probabilities", "[random]") {
  const Tensor logs = floats({2, 3}, {std::log(1.0f), std::log(3.0f), -INFINITY, 0, -INFINITY, -INFINITY});
  const Tensor drawn =
      run_op("Multinomial", 7, {{"sample_size", int64_t{20000}}, {"dtype", int64_t{7}}}, {logs})[0];
  const auto classes = drawn.data<int64_t>();
  CHECK(std::abs(std::count(classes.begin(), classes.begin() + 20000, 1) - 15000) < 350);
  CHECK(std::count(classes.begin(), classes.begin() + 20000, 2) == 0);
  CHECK(std::count(classes.begin() + 20000, classes.end(), 0) == 20000);
}

TEST_CASE("Dropout in training keeps what its mask says, and scales it", "[random]") {
  const Tensor x = noise({100, 300}, 1, 1, 2);
  const auto out =
      run_op("Dropout", 13, {{"seed", int64_t{5}}}, {x, floats({}, {0.75f}), bools({}, {true})}, 2);
  const auto mask = out[1].data<bool>();
  for (size_t i = 0; i < mask.size(); ++i)
    if (out[0].data<float>()[i] != (mask[i] ? x.data<float>()[i] * 4 : 0)) FAIL("element " << i);
  CHECK(std::abs(std::count(mask.begin(), mask.end(), true) - 7500) < 400);
  CHECK(same_bits(run_op("Dropout", 12, {}, {x, floats({}, {0}), bools({}, {true})})[0], x));
  const auto judged = [&](const InferInput& training) {
    return batch_op("Dropout", 12, {}, {x, floats({}, {0.5f}), training}, {BatchState::batched(0)}).blocked();
  };
  CHECK(judged(InferInput(DType::boolean, {}, {ops::Dim(1)})));
  CHECK(judged(InferInput(DType::boolean, {})));
  CHECK(!judged(InferInput(DType::boolean, {}, {ops::Dim(0)})));
  expect_error(ErrorCode::invalid_argument, "ratio", [&] {
    run_op("Dropout", 12, {}, {x, floats({}, {1}), bools({}, {true})});
  });
}
