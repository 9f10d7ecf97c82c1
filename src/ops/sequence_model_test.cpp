// What language models add to attention: RMSNormalization, RotaryEmbedding, TensorScatter, LinearAttention
// and CausalConvWithState.
#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using spinel::ops::BatchState;
using spinel::ops::OpPtr;

TEST_CASE("RMSNormalization divides by the root of the mean square", "[rms_normalization]") {
  const Tensor x = floats({2, 2}, {1, 7, -3, 4});
  const Attributes exact{{"epsilon", 0.0f}};
  const float r = std::sqrt(12.5f);
  expect_close(run_op("RMSNormalization", 23, exact, {x, floats({2}, {5, 10})})[0],
               floats({2, 2}, {1, 14, -15 / r, 40 / r}));
  expect_close(run_op("RMSNormalization", 23, {{"epsilon", 11.0f}}, {x, floats({1}, {6})})[0],
               floats({2, 2}, {1, 7, -18 / std::sqrt(23.5f), 24 / std::sqrt(23.5f)}));
  CHECK(run_op("RMSNormalization", 23, {}, {convert(x, DType::float16), floats({2}, {1, 1})})[0].dtype() ==
        DType::float32);
  expect_batch_split("RMSNormalization", 23, {}, {noise({3, 4, 5}), noise({5})}, {0, -1});
}

TEST_CASE("RotaryEmbedding turns pairs by the angle of their position", "[rotary_embedding]") {
  // A quarter turn at position 1, none at 0.
  const Tensor c = floats({2, 1}, {1, 0});
  const Tensor s = floats({2, 1}, {0, 1});
  const Tensor x = floats({1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor positions = ints({1, 2}, {1, 0});
  expect_close(run_op("RotaryEmbedding", 23, {}, {x, c, s, positions})[0],
               floats({1, 2, 2, 2}, {-2, 1, 3, 4, -6, 5, 7, 8}));
  // The same with heads inside the rows: rows (1 2 5 6) and (3 4 7 8).
  expect_close(run_op("RotaryEmbedding", 23, {{"num_heads", int64_t{2}}},
                      {floats({1, 2, 4}, {1, 2, 5, 6, 3, 4, 7, 8}), c, s, positions})[0],
               floats({1, 2, 4}, {-2, 1, -6, 5, 3, 4, 7, 8}));
  // Halves or neighbours, and a part of the head alone.
  const Tensor wide = floats({1, 1, 1, 4}, {1, 2, 3, 4});
  const Tensor quarter_c = floats({1, 1, 2}, {0, 1});
  const Tensor quarter_s = floats({1, 1, 2}, {1, 0});
  expect_close(run_op("RotaryEmbedding", 23, {}, {wide, quarter_c, quarter_s})[0],
               floats({1, 1, 1, 4}, {-3, 2, 1, 4}));
  expect_close(run_op("RotaryEmbedding", 23, {{"interleaved", int64_t{1}}}, {wide, quarter_c, quarter_s})[0],
               floats({1, 1, 1, 4}, {-2, 1, 3, 4}));
  expect_close(run_op("RotaryEmbedding", 23, {{"rotary_embedding_dim", int64_t{2}}},
                      {wide, floats({1, 1, 1}, {0}), floats({1, 1, 1}, {1})})[0],
               floats({1, 1, 1, 4}, {-2, 1, 3, 4}));
  expect_batch_split(
      "RotaryEmbedding", 23, {},
      {noise({3, 2, 4, 6}), noise({9, 3}), noise({9, 3}), ints({3, 4}, {0, 1, 2, 3, 8, 7, 6, 5, 0, 0, 4, 4})},
      {0, -1, -1, 0});
  const auto op = make("RotaryEmbedding", 23, {}, 4);
  expect_error(ErrorCode::invalid_argument, "position 2", [&] {
    run_values(*op, {x, c, s, ints({1, 2}, {0, 2})});
  });
  expect_error(ErrorCode::invalid_argument, "caches", [&] {
    run_values(*op, {wide, c, s, ints({1, 1}, {0})});
  });
}

TEST_CASE("the RotaryEmbedding of com.microsoft begins at a position", "[rotary_embedding]") {
  const Tensor c = floats({3, 1}, {1, 1, 0});
  const Tensor s = floats({3, 1}, {0, 0, 1});
  const auto op = make("RotaryEmbedding", 1, {}, 4, 1, "com.microsoft");
  expect_close(run(*op, {floats({1, 2, 2}, {1, 2, 3, 4}), ints({1}, {1}), c, s})[0],
               floats({1, 2, 2}, {1, 2, -4, 3}));
}

TEST_CASE("TensorScatter writes each sample at its place", "[tensor_scatter]") {
  const Tensor cache = arange({2, 3, 1});
  const Tensor update = floats({2, 2, 1}, {10, 11, 12, 13});
  expect_close(run_op("TensorScatter", 24, {}, {cache, update})[0],
               floats({2, 3, 1}, {10, 11, 2, 12, 13, 5}));
  expect_close(run_op("TensorScatter", 24, {}, {cache, update, ints({2}, {1, 0})})[0],
               floats({2, 3, 1}, {0, 10, 11, 12, 13, 5}));
  expect_close(
      run_op("TensorScatter", 24, {{"mode", std::string("circular")}}, {cache, update, ints({2}, {2, 4})})[0],
      floats({2, 3, 1}, {11, 1, 10, 3, 12, 13}));
  expect_batch_split("TensorScatter", 24, {},
                     {noise({3, 2, 4, 2}), noise({3, 2, 2, 2}), ints({3}, {2, 0, 1})}, {0, 0, 0});
  const auto op = make("TensorScatter", 24, {}, 3);
  expect_error(ErrorCode::invalid_argument, "2 rows cannot be written at 2", [&] {
    run_values(*op, {cache, update, ints({2}, {0, 2})});
  });
  expect_error(ErrorCode::bad_model, "batch", [&] {
    infer_op("TensorScatter", 24, {{"axis", int64_t{0}}}, {cache, update});
  });
}

TEST_CASE("LinearAttention carries a state through its steps", "[linear_attention]") {
  // One head of one column: S += k v, o = 2 q S.
  const Attributes one{{"q_num_heads", int64_t{1}}, {"kv_num_heads", int64_t{1}}, {"scale", 2.0f}};
  const auto rule = [&](const char* name) {
    Attributes out = one;
    out["update_rule"] = std::string(name);
    return out;
  };
  const Tensor q = floats({1, 2, 1}, {1, 3});
  const Tensor k = floats({1, 2, 1}, {2, 1});
  const Tensor v = floats({1, 2, 1}, {5, 7});
  auto out = run_op("LinearAttention", 27, rule("linear"), {q, k, v}, 2);
  expect_close(out[0], floats({1, 2, 1}, {20, 102}));
  expect_close(out[1], floats({1, 1, 1, 1}, {17}));
  // Halved before each step, beginning with 4.
  const Tensor halving = floats({1, 2, 1}, {std::log(0.5f), std::log(0.5f)});
  const Tensor past = floats({1, 1, 1, 1}, {4});
  out = run_op("LinearAttention", 27, rule("gated"), {q, k, v, past, halving}, 2);
  expect_close(out[0], floats({1, 2, 1}, {24, 78}));
  expect_close(out[1], floats({1, 1, 1, 1}, {13}));
  // S = 4: S + beta k (v - S k) = 4 + 0.5 * 2 * (5 - 8) = 1, then 1 + 1 * (7 - 1) = 7.
  const Tensor beta = floats({1, 2, 1}, {0.5f, 1});
  out = run_op("LinearAttention", 27, rule("delta"), {q, k, v, past, Tensor(), beta}, 2);
  expect_close(out[0], floats({1, 2, 1}, {2, 42}));
  // S = 2: 2 + 1 * (5 - 4) = 3; then 1.5 + (7 - 1.5) = 7.
  out = run_op("LinearAttention", 27, rule("gated_delta"), {q, k, v, past, halving, beta}, 2);
  expect_close(out[0], floats({1, 2, 1}, {6, 42}));
  // Two query heads read one state.
  Attributes shared = rule("linear");
  shared["q_num_heads"] = int64_t{2};
  expect_close(run_op("LinearAttention", 27, shared,
                      {floats({1, 1, 2}, {1, -1}), floats({1, 1, 1}, {2}), floats({1, 1, 1}, {5})}, 2)[0],
               floats({1, 1, 2}, {20, -20}));
  Attributes heads = rule("gated_delta");
  heads["q_num_heads"] = int64_t{4};
  heads["kv_num_heads"] = int64_t{2};
  expect_batch_split("LinearAttention", 27, heads,
                     {noise({3, 5, 12}), noise({3, 5, 6}), noise({3, 5, 4}), noise({3, 2, 3, 2}),
                      noise({3, 5, 6}), noise({3, 5, 2})},
                     {0, 0, 0, 0, 0, 0}, 2);
  expect_error(ErrorCode::bad_model, "decay", [&] {
    infer_op("LinearAttention", 27, rule("gated"), {q, k, v}, 2);
  });
}

TEST_CASE("CausalConvWithState looks back, into the past too", "[causal_conv_with_state]") {
  const Tensor x = floats({1, 1, 3}, {1, 2, 3});
  const Tensor w = floats({1, 1, 3}, {100, 10, 1});
  auto out = run_op("CausalConvWithState", 27, {}, {x, w}, 2);
  expect_close(out[0], floats({1, 1, 3}, {1, 12, 123}));
  expect_close(out[1], floats({1, 1, 2}, {2, 3}));
  out = run_op("CausalConvWithState", 27, {},
               {floats({1, 1, 1}, {4}), w, floats({1}, {1000}), floats({1, 1, 2}, {2, 3})}, 2);
  expect_close(out[0], floats({1, 1, 1}, {1234}));
  expect_close(out[1], floats({1, 1, 2}, {3, 4}));
  expect_close(
      run_op("CausalConvWithState", 27, {{"activation", std::string("silu")}}, {x, floats({1, 1, 1}, {1})},
             2)[0],
      floats({1, 1, 3}, {1 / (1 + std::exp(-1.0f)), 2 / (1 + std::exp(-2.0f)), 3 / (1 + std::exp(-3.0f))}));
  expect_batch_split("CausalConvWithState", 27, {},
                     {noise({3, 2, 5}), noise({2, 1, 4}), noise({2}), noise({3, 2, 3})}, {0, -1, -1, 0}, 2);
}

TEST_CASE("the masks of com.microsoft's attention become summands", "[mask_bias]") {
  const Tensor x = noise({2, 3, 4});
  const OpPtr op = make("MaskBias", 1, {{"hidden", -5.0f}}, 2, 1, "spinel");
  const auto biases = [&](const Tensor& mask) { return run(*op, {mask, x})[0]; };
  expect_close(biases(ints({2, 3}, {1, 0, 1, 1, 1, 1})), floats({2, 1, 1, 3}, {0, -5, 0, 0, 0, 0}));
  expect_close(biases(ints({2}, {1, 3})), floats({2, 1, 1, 3}, {0, -5, -5, 0, 0, 0}));
  expect_close(biases(ints({4}, {3, 2, 1, 0})), floats({2, 1, 1, 3}, {-5, 0, 0, 0, 0, -5}));
  expect_close(biases(ints({2, 1, 3}, {0, 1, 1, 1, 1, 0})), floats({2, 1, 1, 3}, {-5, 0, 0, 0, 0, -5}));
}

TEST_CASE("Inverse of matrices", "[inverse]") {
  const OpPtr op = make("Inverse", 1, {}, 1, 1, "com.microsoft");
  expect_close(run(*op, {floats({2, 2, 2}, {2, 0, 0, 4, 0, 1, -1, 0})})[0],
               floats({2, 2, 2}, {0.5f, 0, 0, 0.25f, 0, -1, 1, 0}));
  expect_error(ErrorCode::invalid_argument, "square", [&] { run_values(*op, {noise({2, 3})}); });
}
