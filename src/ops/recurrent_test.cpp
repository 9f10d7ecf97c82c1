#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using spinel::ops::BatchState;

namespace {

double sigmoid(double v) { return 1 / (1 + std::exp(-v)); }
double at(const Tensor& t, int64_t index) { return double{t.data<float>()[static_cast<size_t>(index)]}; }

/// LSTM of hidden size 1 and input size 1, written out: gates i, o, f, c.
std::vector<float> lstm_by_hand(const std::vector<double>& x, const Tensor& w, const Tensor& r,
                                const Tensor& b, const Tensor& p) {
  double h = 0, c = 0;
  std::vector<float> out;
  for (double v : x) {
    const auto gate = [&](int64_t k) { return v * at(w, k) + h * at(r, k) + at(b, k) + at(b, 4 + k); };
    const double i = sigmoid(gate(0) + at(p, 0) * c);
    const double f = sigmoid(gate(2) + at(p, 2) * c);
    c = f * c + i * std::tanh(gate(3));
    const double o = sigmoid(gate(1) + at(p, 1) * c);
    h = o * std::tanh(c);
    out.push_back(static_cast<float>(h));
  }
  return out;
}

}  // namespace

TEST_CASE("LSTM with peepholes, step by step", "[recurrent]") {
  const Tensor w = noise({1, 4, 1}, 1), r = noise({1, 4, 1}, 2), b = noise({1, 8}, 3), p = noise({1, 3}, 4);
  const Tensor x = floats({3, 1, 1}, {0.5f, -1, 2});
  const auto expected = lstm_by_hand({0.5, -1, 2}, w, r, b, p);
  const auto out =
      run_op("LSTM", 14, {{"hidden_size", int64_t{1}}}, {x, w, r, b, Tensor(), Tensor(), Tensor(), p}, 3);
  expect_close(out[0], Tensor::from<float>({3, 1, 1, 1}, expected));
  expect_close(out[1], floats({1, 1, 1}, {expected[2]}));
  // Reversed input in reverse is the same run; outputs lie at the input's place.
  const auto reversed =
      run_op("LSTM", 14, {{"direction", "reverse"}},
             {floats({3, 1, 1}, {2, -1, 0.5f}), w, r, b, Tensor(), Tensor(), Tensor(), p}, 3);
  expect_close(reversed[0], floats({3, 1, 1, 1}, {expected[2], expected[1], expected[0]}));
  expect_close(reversed[1], out[1]);
  expect_close(reversed[2], out[2]);
}

TEST_CASE("Both directions are two runs side by side", "[recurrent]") {
  for (const std::string cell : {"LSTM", "GRU", "RNN"}) {
    INFO(cell);
    const int64_t gates = cell == "LSTM" ? 4 : cell == "GRU" ? 3 : 1;
    const Tensor x = noise({4, 2, 3}, 1);
    const Tensor w = noise({2, gates * 5, 3}, 2), r = noise({2, gates * 5, 5}, 3),
                 b = noise({2, gates * 10}, 4);
    const auto both = run_op(cell, 14, {{"direction", "bidirectional"}}, {x, w, r, b}, 2);
    for (int d = 0; d < 2; ++d) {
      const auto one =
          run_op(cell, 14, {{"direction", d == 0 ? "forward" : "reverse"}},
                 {x, slice_axis(w, 0, d, d + 1), slice_axis(r, 0, d, d + 1), slice_axis(b, 0, d, d + 1)}, 2);
      CHECK(same_bits(slice_axis(both[0], 1, d, d + 1), one[0]));
      CHECK(same_bits(slice_axis(both[1], 0, d, d + 1), one[1]));
    }
  }
}

TEST_CASE("GRU and RNN by hand", "[recurrent]") {
  const Tensor x = floats({1, 1, 1}, {0.5f});
  const Tensor h0 = floats({1, 1, 1}, {0.25f});
  const Tensor w = floats({1, 3, 1}, {0.1f, 0.2f, 0.3f}), r = floats({1, 3, 1}, {0.4f, 0.5f, 0.6f});
  const Tensor b = floats({1, 6}, {0.01f, 0.02f, 0.03f, 0.04f, 0.05f, 0.06f});
  const double z = sigmoid(0.05 + 0.1 + 0.05), reset = sigmoid(0.1 + 0.125 + 0.07);
  const double plain = std::tanh(0.15 + reset * 0.25 * 0.6 + 0.09);
  const double linear = std::tanh(0.15 + 0.03 + reset * (0.25 * 0.6 + 0.06));
  expect_close(run_op("GRU", 14, {}, {x, w, r, b, Tensor(), h0}, 2)[1],
               floats({1, 1, 1}, {static_cast<float>((1 - z) * plain + z * 0.25)}));
  expect_close(run_op("GRU", 14, {{"linear_before_reset", int64_t{1}}}, {x, w, r, b, Tensor(), h0}, 2)[1],
               floats({1, 1, 1}, {static_cast<float>((1 - z) * linear + z * 0.25)}));
  const Tensor w1 = floats({1, 1, 1}, {2}), r1 = floats({1, 1, 1}, {4});
  expect_close(run_op("RNN", 14, {}, {x, w1, r1, Tensor(), Tensor(), h0}, 2)[1],
               floats({1, 1, 1}, {std::tanh(2.0f)}));
  expect_close(run_op("RNN", 14, {{"activations", std::vector<std::string>{"Relu"}}},
                      {x, w1, r1, Tensor(), Tensor(), h0}, 2)[1],
               floats({1, 1, 1}, {2}));
  expect_close(run_op("RNN", 14,
                      {{"activations", std::vector<std::string>{"Affine"}},
                       {"activation_alpha", std::vector<float>{3}},
                       {"activation_beta", std::vector<float>{1}},
                       {"clip", 1.5f}},
                      {x, w1, r1, Tensor(), Tensor(), h0}, 2)[1],
               floats({1, 1, 1}, {5.5f}));
}

TEST_CASE("Short sequences end early; layout 1 puts the batch first", "[recurrent]") {
  const Tensor x = noise({3, 2, 2}, 1), w = noise({1, 8, 2}, 2), r = noise({1, 8, 2}, 3);
  Tensor lengths = convert(ints({2}, {3, 1}), DType::int32);
  const auto out = run_op("LSTM", 14, {}, {x, w, r, Tensor(), lengths}, 3);
  const auto full = run_op("LSTM", 14, {}, {x, w, r}, 3);
  expect_close(slice_axis(slice_axis(out[0], 2, 1, 2), 0, 1, 3), Tensor(DType::float32, {2, 1, 1, 2}));
  CHECK(same_bits(slice_axis(out[0], 2, 0, 1), slice_axis(full[0], 2, 0, 1)));
  CHECK(same_bits(slice_axis(out[1], 1, 1, 2).reshaped({2}),
                  slice_axis(slice_axis(full[0], 2, 1, 2), 0, 0, 1).reshaped({2})));

  // In reverse a short sequence begins at its own last step.
  const auto backwards = run_op("LSTM", 14, {{"direction", "reverse"}}, {x, w, r, Tensor(), lengths}, 3);
  CHECK(same_bits(slice_axis(backwards[1], 1, 1, 2), slice_axis(out[1], 1, 1, 2)));

  Tensor batch_first(DType::float32, {2, 3, 2});
  for (size_t n = 0; n < 2; ++n)
    for (size_t t = 0; t < 3; ++t)
      for (size_t i = 0; i < 2; ++i)
        batch_first.data<float>()[(n * 3 + t) * 2 + i] = x.data<float>()[(t * 2 + n) * 2 + i];
  const auto layout = run_op("LSTM", 14, {{"layout", int64_t{1}}}, {batch_first, w, r}, 3);
  REQUIRE(layout[0].dims() == Dims{2, 3, 1, 2});
  for (size_t n = 0; n < 2; ++n)
    for (size_t t = 0; t < 3; ++t)
      for (size_t i = 0; i < 2; ++i)
        CHECK(layout[0].data<float>()[(n * 3 + t) * 2 + i] == full[0].data<float>()[(t * 2 + n) * 2 + i]);
}

TEST_CASE("Recurrent operators infer, split and refuse", "[recurrent]") {
  const Dim n = Dim::symbol("n");
  const auto inferred =
      infer_op("LSTM", 14, {{"hidden_size", int64_t{5}}, {"direction", "bidirectional"}},
               {{DType::float32, {Dim::symbol("t"), n, 3}}, noise({2, 20, 3}), noise({2, 20, 5})}, 3);
  CHECK(inferred.text(0) == "float32[t, 2, n, 5]");
  CHECK(inferred.text(2) == "float32[2, n, 5]");
  expect_batch_split(
      "LSTM", 14, {{"direction", "bidirectional"}},
      {noise({4, 3, 2}), noise({2, 20, 2}), noise({2, 20, 5}), Tensor(), Tensor(), noise({2, 3, 5})},
      {1, -1, -1, -1, -1, 1}, 3);
  expect_batch_split("GRU", 14, {{"layout", int64_t{1}}},
                     {noise({3, 4, 2}), noise({1, 15, 2}), noise({1, 15, 5})}, {0, -1, -1}, 2);
  const std::vector<InferInput> inputs{noise({4, 3, 2}),     noise({1, 20, 2}),    noise({1, 20, 5}),
                                       InferInput::absent(), InferInput::absent(), noise({1, 3, 5})};
  CHECK(batch_op("LSTM", 14, {}, inputs, {BatchState::batched(0)}).blocked());
  CHECK(batch_op("LSTM", 14, {}, inputs, {BatchState::batched(1)}).blocked());
  expect_error(ErrorCode::bad_model, "4 gates", [] {
    infer_op("LSTM", 14, {}, {noise({4, 3, 2}), noise({1, 15, 2}), noise({1, 20, 5})});
  });
  expect_error(ErrorCode::bad_model, "activation 'Swish'", [] {
    make("RNN", 14, {{"activations", std::vector<std::string>{"Swish"}}});
  });
  expect_error(ErrorCode::bad_model, "direction", [] { make("RNN", 14, {{"direction", "up"}}); });
  const auto op = make("RNN", 14, {}, 5);
  expect_error(ErrorCode::invalid_argument, "sequence_lens holds 9", [&] {
    run_values(*op, {noise({4, 1, 2}), noise({1, 3, 2}), noise({1, 3, 3}), RuntimeValue(),
                     convert(ints({1}, {9}), DType::int32)});
  });
  expect_error(ErrorCode::invalid_argument, "W is", [&] {
    run_values(*op, {noise({4, 1, 2}), noise({1, 3, 7}), noise({1, 3, 3})});
  });
}
