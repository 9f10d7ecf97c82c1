// Attention, against the definition computed in float64, and by hand where masks decide all.
#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using spinel::ops::BatchState;

namespace {

struct Case {
  int64_t heads = 2, kv_heads = 1, rows = 3, keys = 4, columns = 5, v_columns = 2;
  double scale = 1 / std::sqrt(5.0);
  double softcap = 0;
  /// What is added to the score of a key; -inf hides it.
  std::function<double(int64_t head, int64_t row, int64_t key)> bias = [](auto...) { return 0; };
};

/// One sample: Q [heads, rows, columns], K [kv_heads, keys, columns], V [kv_heads, keys, v_columns].
Tensor expected(const Case& c, const Tensor& q, const Tensor& k, const Tensor& v) {
  Tensor y(DType::float32, {1, c.heads, c.rows, c.v_columns});
  const auto at = [](const Tensor& t, int64_t i) {
    return static_cast<double>(t.data<float>()[static_cast<size_t>(i)]);
  };
  for (int64_t h = 0; h < c.heads; ++h)
    for (int64_t row = 0; row < c.rows; ++row) {
      const int64_t kv = h * c.kv_heads / c.heads;
      std::vector<double> weights;
      double sum = 0;
      for (int64_t key = 0; key < c.keys; ++key) {
        double score = 0;
        for (int64_t i = 0; i < c.columns; ++i)
          score += at(q, (h * c.rows + row) * c.columns + i) * at(k, (kv * c.keys + key) * c.columns + i);
        score *= c.scale;
        if (c.softcap != 0) score = c.softcap * std::tanh(score / c.softcap);
        weights.push_back(std::exp(score + c.bias(h, row, key)));
        sum += weights.back();
      }
      for (int64_t i = 0; i < c.v_columns; ++i) {
        double out = 0;
        for (int64_t key = 0; key < c.keys && sum > 0; ++key)
          out += weights[static_cast<size_t>(key)] / sum * at(v, (kv * c.keys + key) * c.v_columns + i);
        y.data<float>()[static_cast<size_t>((h * c.rows + row) * c.v_columns + i)] = static_cast<float>(out);
      }
    }
  return y;
}

const Tensor q = noise({1, 2, 3, 5}, 1);
const Tensor k = noise({1, 1, 4, 5}, 2);
const Tensor v = noise({1, 1, 4, 2}, 3);

/// [1, heads, rows, columns] as [1, rows, heads * columns].
Tensor heads_inside(const Tensor& x) {
  Tensor out(x.dtype(), {1, x.dim(2), x.dim(1) * x.dim(3)});
  for (int64_t h = 0; h < x.dim(1); ++h)
    for (int64_t row = 0; row < x.dim(2); ++row)
      for (int64_t i = 0; i < x.dim(3); ++i)
        out.data<float>()[static_cast<size_t>((row * x.dim(1) + h) * x.dim(3) + i)] =
            x.data<float>()[static_cast<size_t>((h * x.dim(2) + row) * x.dim(3) + i)];
  return out;
}

}  // namespace

TEST_CASE("Attention of heads that share keys", "[attention]") {
  const Case c;
  expect_close(run_op("Attention", 23, {}, {q, k, v})[0], expected(c, q, k, v));
  const Attributes heads{{"q_num_heads", int64_t{2}}, {"kv_num_heads", int64_t{1}}};
  expect_close(run_op("Attention", 23, heads, {heads_inside(q), heads_inside(k), heads_inside(v)})[0],
               heads_inside(expected(c, q, k, v)));
  Case scaled;
  scaled.scale = 0.5;
  scaled.softcap = 0.25;
  expect_close(run_op("Attention", 24, {{"scale", 0.5f}, {"softcap", 0.25f}}, {q, k, v})[0],
               expected(scaled, q, k, v));
  expect_close(
      run_op("Attention", 23, {},
             {convert(q, DType::float64), convert(k, DType::float64), convert(v, DType::float64)})[0],
      convert(expected(c, q, k, v), DType::float64));
  expect_close(
      run_op("Attention", 23, {},
             {convert(q, DType::float16), convert(k, DType::float16), convert(v, DType::float16)})[0],
      convert(expected(c, q, k, v), DType::float16), 2e-3, 1e-3);
}

TEST_CASE("Attention under masks", "[attention]") {
  constexpr double hidden = -std::numeric_limits<double>::infinity();
  Case c;
  c.bias = [&](int64_t, int64_t row, int64_t key) { return key > row ? hidden : 0.0; };
  expect_close(run_op("Attention", 23, {{"is_causal", int64_t{1}}}, {q, k, v})[0], expected(c, q, k, v));
  c.bias = [&](int64_t h, int64_t row, int64_t key) { return h == 0 && key == row ? hidden : 0.0; };
  Tensor mask(DType::boolean, {2, 3, 4});
  for (int64_t i = 0; i < 24; ++i)
    mask.data<bool>()[static_cast<size_t>(i)] = c.bias(i / 12, i / 4 % 3, i % 4) == 0;
  expect_close(run_op("Attention", 23, {}, {q, k, v, mask})[0], expected(c, q, k, v));
  const Tensor bias = noise({3, 4}, 5);
  c.bias = [&](int64_t, int64_t row, int64_t key) {
    return key > row ? hidden : static_cast<double>(bias.data<float>()[static_cast<size_t>(row * 4 + key)]);
  };
  expect_close(run_op("Attention", 23, {{"is_causal", int64_t{1}}}, {q, k, v, bias})[0],
               expected(c, q, k, v));
  // A mask of two keys hides the others; a row that sees nothing gives zeros.
  c.bias = [&](int64_t, int64_t row, int64_t key) { return key >= 2 || row == 1 ? hidden : 0.0; };
  const Tensor narrow = bools({3, 2}, {true, true, false, false, true, true});
  expect_close(run_op("Attention", 24, {}, {q, k, v, narrow})[0], expected(c, q, k, v));
  c.bias = [&](int64_t, int64_t row, int64_t key) { return key < row - 1 || key > row + 2 ? hidden : 0.0; };
  expect_close(run_op("Attention", 25, {{"left_window_size", int64_t{1}}, {"right_window_size", int64_t{2}}},
                      {q, k, v})[0],
               expected(c, q, k, v));
  // Three of four keys are there, so that the last query is at place 2.
  c.bias = [&](int64_t, int64_t row, int64_t key) { return key > row ? hidden : 0.0; };
  expect_close(run_op("Attention", 24, {{"is_causal", int64_t{1}}},
                      {q, k, v, Tensor(), Tensor(), Tensor(), ints({1}, {3})})[0],
               expected(c, q, k, v));
}

TEST_CASE("Attention joins the past and the present", "[attention]") {
  constexpr double hidden = -std::numeric_limits<double>::infinity();
  const Tensor old_k = noise({1, 1, 2, 5}, 7);
  const Tensor old_v = noise({1, 1, 2, 2}, 8);
  const auto joined = [](const Tensor& a, const Tensor& b) {
    Tensor out(DType::float32, {1, 1, a.dim(2) + b.dim(2), a.dim(3)});
    std::ranges::copy(a.data<float>(), out.data<float>().begin());
    std::ranges::copy(b.data<float>(), out.data<float>().begin() + a.element_count());
    return out;
  };
  const Tensor all_k = joined(old_k, k);
  const Tensor all_v = joined(old_v, v);
  Case c;
  c.keys = 6;
  c.bias = [&](int64_t, int64_t row, int64_t key) { return key > row + 2 ? hidden : 0.0; };
  const auto out = run_op("Attention", 23, {{"is_causal", int64_t{1}}}, {q, k, v, Tensor(), old_k, old_v}, 3);
  expect_close(out[0], expected(c, q, all_k, all_v));
  CHECK(same_bits(out[1], all_k));
  CHECK(same_bits(out[2], all_v));
}

TEST_CASE("Attention shows its scores at four stages", "[attention]") {
  // One column: the scores are products of single numbers.
  const Tensor one_q = floats({1, 1, 1, 1}, {2});
  const Tensor two_k = floats({1, 1, 2, 1}, {1, 3});
  const Tensor two_v = floats({1, 1, 2, 1}, {0, 1});
  const Tensor mask = floats({1, 2}, {0.5f, -4});
  const auto stage = [&](int64_t mode) {
    return run_op("Attention", 24, {{"softcap", 4.0f}, {"qk_matmul_output_mode", mode}},
                  {one_q, two_k, two_v, mask}, 4)[3];
  };
  const double a = 4 * std::tanh(0.5);
  const double b = 4 * std::tanh(1.5);
  const auto pair = [](double x, double y) {
    return floats({1, 1, 1, 2}, {static_cast<float>(x), static_cast<float>(y)});
  };
  expect_close(stage(0), pair(2, 6));
  expect_close(stage(1), pair(a, b));
  expect_close(stage(2), pair(a + 0.5, b - 4));
  const double weight = 1 / (1 + std::exp(b - 4 - a - 0.5));
  expect_close(stage(3), pair(weight, 1 - weight));
  expect_close(run_op("Attention", 24, {{"qk_matmul_output_mode", int64_t{3}}},
                      {one_q, two_k, two_v, bools({1, 2}, {false, false})}, 4)[3],
               pair(0, 0));
}

TEST_CASE("Attention infers, splits and refuses", "[attention]") {
  const auto shape = [](std::initializer_list<ops::Dim> dims) {
    return InferInput(DType::float32, ops::Shape(dims));
  };
  const auto batch = ops::Dim::symbol("batch");
  const auto length = ops::Dim::symbol("length");
  const auto past = ops::Dim::symbol("past");
  const Attributes heads{{"q_num_heads", int64_t{4}}, {"kv_num_heads", int64_t{2}}};
  const auto inferred =
      infer_op("Attention", 23, heads,
               {shape({batch, length, 32}), shape({batch, length, 16}), shape({batch, length, 12}),
                InferInput::absent(), shape({batch, 2, past, 8}), shape({batch, 2, past, 6})},
               4);
  CHECK(inferred.text(0) == "float32[batch, length, 24]");
  CHECK(inferred.types[1].shape->at(2).text() == (past + length).text());
  CHECK(inferred.text(3).starts_with("float32[batch, 4, length, "));
  expect_batch_split("Attention", 23, {{"is_causal", int64_t{1}}},
                     {noise({3, 2, 3, 5}), noise({3, 1, 4, 5}), noise({3, 1, 4, 2}), noise({3, 1, 1, 4})},
                     {0, 0, 0, 0}, 3);
  expect_batch_split("Attention", 23, {},
                     {noise({3, 2, 3, 5}), noise({3, 1, 4, 5}), noise({3, 1, 4, 2}), noise({3, 4})},
                     {0, 0, 0, -1});
  CHECK(batch_op("Attention", 23, {}, {q, k, v, noise({3, 2, 3, 4})},
                 {BatchState::batched(0), BatchState::batched(0), BatchState::batched(0)})
            .blocked());
  expect_error(ErrorCode::bad_model, "heads is not given", [&] {
    infer_op("Attention", 23, {}, {noise({1, 2, 4}), noise({1, 2, 4}), noise({1, 2, 4})});
  });
  expect_error(ErrorCode::bad_model, "columns of Q and K", [&] {
    infer_op("Attention", 23, {}, {q, noise({1, 1, 4, 6}), v});
  });
  const auto op = make("Attention", 23, {}, 4);
  expect_error(ErrorCode::invalid_argument, "do not fit each other", [&] {
    run_values(*op, {noise({1, 3, 3, 5}), noise({1, 2, 4, 5}), noise({1, 2, 4, 2})});
  });
  expect_error(ErrorCode::invalid_argument, "mask", [&] { run_values(*op, {q, k, v, noise({3, 3})}); });
}
