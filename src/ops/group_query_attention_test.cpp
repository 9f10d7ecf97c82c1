#include <catch2/catch.hpp>

#include "ops/op_harness.hpp"
#include "ops/rotary_embedding.hpp"

namespace spinel::ops {
namespace {

using namespace testing;

constexpr int64_t heads = 4, kv_heads = 2, columns = 6;

Tensor floats(Dims dims, uint32_t seed) { return noise(std::move(dims), seed, -1, 1, DType::float32); }
Tensor lengths(std::vector<int32_t> values) {
  return Tensor::from<int32_t>({std::ssize(values)}, std::span<const int32_t>(values));
}
Tensor count(int32_t value) { return Tensor::scalar(value); }

OpPtr make_gqa(Attributes attributes, size_t inputs) {
  attributes["num_heads"] = heads;
  attributes["kv_num_heads"] = kv_heads;
  return make("GroupQueryAttention", 1, attributes, inputs, 3, "com.microsoft");
}

/// Attention of ai.onnx, causal, on the same operands.
std::vector<Tensor> attention(const std::vector<Tensor>& operands, Attributes attributes = {}) {
  attributes["q_num_heads"] = heads;
  attributes["kv_num_heads"] = kv_heads;
  attributes["is_causal"] = int64_t{1};
  return run_op("Attention", 24, attributes, operands, operands.size() > 4 ? 3 : 1);
}

void expect_near(const Tensor& got, const Tensor& expected) {
  REQUIRE(got.dims() == expected.dims());
  for (size_t i = 0; i < expected.data<float>().size(); ++i)
    CHECK(got.data<float>()[i] == Approx(expected.data<float>()[i]).margin(1e-6));
}

TEST_CASE("GroupQueryAttention is causal attention over what the caches hold", "[attention]") {
  const Tensor q = floats({2, 3, heads * columns}, 1);
  const Tensor k = floats({2, 3, kv_heads * columns}, 2);
  const Tensor v = floats({2, 3, kv_heads * columns}, 3);
  const Tensor past_k = floats({2, kv_heads, 5, columns}, 4);
  const Tensor past_v = floats({2, kv_heads, 5, columns}, 5);
  const auto prompt = run(*make_gqa({}, 7), {q, k, v, {}, {}, lengths({2, 2}), count(3)}, 3);
  expect_near(prompt[0], attention({q, k, v})[0]);
  CHECK(prompt[1].dims() == Dims{2, kv_heads, 3, columns});
  const auto later = run(*make_gqa({{"scale", 0.3F}, {"softcap", 0.5F}}, 7),
                         {q, k, v, past_k, past_v, lengths({7, 7}), count(8)}, 3);
  const auto expected = attention({q, k, v, {}, past_k, past_v}, {{"scale", 0.3F}, {"softcap", 0.5F}});
  for (size_t i = 0; i < 3; ++i) expect_near(later[i], expected[i]);
}

TEST_CASE("GroupQueryAttention appends to each sample where its tokens end", "[attention]") {
  const Tensor q = floats({2, 1, (heads + 2 * kv_heads) * columns}, 1);
  const Tensor past_k = floats({2, kv_heads, 5, columns}, 4);
  const Tensor past_v = floats({2, kv_heads, 5, columns}, 5);
  const auto both = run(*make_gqa({}, 7), {q, {}, {}, past_k, past_v, lengths({4, 2}), count(5)}, 3);
  CHECK(both[1].dims() == Dims{2, kv_heads, 5, columns});
  // The second sample alone, with a past of the two rows that it has.
  const auto own = [](const Tensor& past) { return slice_axis(slice_axis(past, 0, 1, 2), 2, 0, 2); };
  const auto alone =
      run(*make_gqa({}, 7),
          {slice_axis(q, 0, 1, 2), {}, {}, own(past_k), own(past_v), lengths({2}), count(3)}, 3);
  expect_near(slice_axis(both[0], 0, 1, 2), alone[0]);
  for (size_t i = 1; i < 3; ++i) expect_near(slice_axis(slice_axis(both[i], 0, 1, 2), 2, 0, 3), alone[i]);
}

TEST_CASE("GroupQueryAttention turns keys to their places", "[attention]") {
  const Tensor q = floats({1, 1, heads * columns}, 1);
  const Tensor k = floats({1, 1, kv_heads * columns}, 2);
  const Tensor past = floats({1, kv_heads, 2, columns}, 4);
  const Tensor cosines = floats({4, columns / 2}, 6);
  const Tensor sines = floats({4, columns / 2}, 7);
  const auto results = run(*make_gqa({{"do_rotary", int64_t{1}}}, 9),
                           {q, k, k, past, past, lengths({2}), count(3), cosines, sines}, 3);
  for (int64_t head = 0; head < kv_heads; ++head) {
    std::vector<float> expected(columns);
    rotate_head(k.data<float>().data() + head * columns, expected.data(), columns, columns,
                cosines.data<float>().data() + 2 * columns / 2, sines.data<float>().data() + 2 * columns / 2,
                false);
    for (int64_t c = 0; c < columns; ++c) {
      const auto at = static_cast<size_t>((head * 3 + 2) * columns + c);
      CHECK(results[1].data<float>()[at] == expected[static_cast<size_t>(c)]);
      CHECK(results[2].data<float>()[at] == k.data<float>()[static_cast<size_t>(head * columns + c)]);
    }
  }
}

TEST_CASE("GroupQueryAttention refuses what does not fit", "[attention]") {
  const Tensor q = floats({1, 2, heads * columns}, 1);
  const Tensor k = floats({1, 2, kv_heads * columns}, 2);
  const Tensor past = floats({1, kv_heads, 2, columns}, 4);
  const auto with = [&](const Tensor& last, int32_t total) {
    return run_values(*make_gqa({}, 7), {q, k, k, past, past, last, count(total)}, 3);
  };
  CHECK_THROWS_WITH(with(lengths({3, 3}), 4), Catch::Contains("2 elements for 1 sample"));
  CHECK_THROWS_WITH(with(lengths({8}), 9), Catch::Contains("9 tokens"));
  CHECK_THROWS_WITH(with(lengths({-5}), 4), Catch::Contains("does not fit"));
  CHECK_THROWS_WITH(make_gqa({{"causal", int64_t{0}}}, 7), Catch::Contains("not supported"));
}

}  // namespace
}  // namespace spinel::ops
