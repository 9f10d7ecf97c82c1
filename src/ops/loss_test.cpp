#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using graph::Shape;
using spinel::ops::BatchState;

namespace {

const Tensor scores = noise({2, 3, 2}, 1);
const Tensor labels = ints({2, 2}, {0, 2, 1, 1});
const Tensor weights = floats({3}, {0.5f, 1, 2});

Attributes reduced(const char* how) { return {{"reduction", how}}; }

}  // namespace

// Expectations are those of torch.nn.functional.cross_entropy, nll_loss and log_softmax.
TEST_CASE("SoftmaxCrossEntropyLoss under every reduction", "[loss]") {
  const auto loss = [](const Attributes& attributes, const Tensor& w) {
    return run_op("SoftmaxCrossEntropyLoss", 13, attributes, {scores, labels, w})[0];
  };
  expect_close(loss(reduced("none"), weights), floats({2, 2}, {0.745705f, 2.36509f, 0.6734891f, 1.553113f}));
  expect_close(loss(reduced("mean"), weights), floats({}, {1.186088f}));
  expect_close(loss(reduced("sum"), weights), floats({}, {5.337397f}));
  expect_close(loss({{"ignore_index", int64_t{2}}}, weights), floats({}, {1.188923f}));
  expect_close(loss({{"ignore_index", int64_t{1}}}, Tensor()), floats({}, {1.336977f}));
}

TEST_CASE("SoftmaxCrossEntropyLoss gives the logarithms", "[loss]") {
  const Tensor expected =
      floats({2, 3, 2}, {-1.49141f, -0.526356f, -0.5870825f, -2.275471f, -1.518693f, -1.182545f, -1.884671f,
                         -0.7943846f, -0.6734891f, -1.553113f, -1.084134f, -1.089001f});
  const Tensor narrow = convert(labels, DType::int32);
  for (const DType dtype : {DType::float32, DType::float64, DType::float16}) {
    const auto out = run_op("SoftmaxCrossEntropyLoss", 12, {}, {convert(scores, dtype), narrow}, 2);
    const double tolerance = dtype == DType::float16 ? 2e-3 : 1e-6;
    expect_close(out[1], convert(expected, dtype), 0, tolerance);
  }
  // Large scores neither overflow nor lose the others.
  const auto out = run_op("SoftmaxCrossEntropyLoss", 13, {}, {floats({1, 2}, {1000, 0}), ints({1}, {1})}, 2);
  expect_close(out[0], floats({}, {1000}));
  expect_close(out[1], floats({1, 2}, {0, -1000}));
}

TEST_CASE("NegativeLogLikelihoodLoss", "[loss]") {
  expect_close(run_op("NegativeLogLikelihoodLoss", 13, {}, {scores, labels, weights})[0],
               floats({}, {-0.1485969f}));
  // An ignored label need not be a class; if all are ignored there is nothing to take the mean of.
  const Attributes ignored{{"ignore_index", int64_t{-1}}};
  expect_close(
      run_op("NegativeLogLikelihoodLoss", 13, ignored, {floats({2, 2}, {1, 2, 3, 4}), ints({2}, {-1, 0})})[0],
      floats({}, {-3}));
  expect_close(run_op("NegativeLogLikelihoodLoss", 13, ignored, {floats({1, 2}, {1, 2}), ints({1}, {-1})})[0],
               floats({}, {std::numeric_limits<float>::quiet_NaN()}));
  expect_close(run_op("NegativeLogLikelihoodLoss", 13, reduced("none"),
                      {Tensor(DType::float32, {0, 3}), ints({0}, {})})[0],
               floats({0}, {}));
  expect_close(run_op("NegativeLogLikelihoodLoss", 13, reduced("none"),
                      {Tensor(DType::float32, {2, 3, 0}), ints({2, 0}, {})})[0],
               floats({2, 0}, {}));
}

TEST_CASE("Losses refuse what does not fit", "[loss]") {
  expect_error(ErrorCode::invalid_argument, "label 3 at position 1", [] {
    run_op("NegativeLogLikelihoodLoss", 13, {}, {floats({2, 2}, {1, 2, 3, 4}), ints({2}, {0, 3})});
  });
  expect_error(ErrorCode::bad_model, "none of none, mean, sum",
               [] { make("SoftmaxCrossEntropyLoss", 13, reduced("max"), 2); });
  expect_error(ErrorCode::bad_model, "do not fit the scores", [] {
    infer_op("NegativeLogLikelihoodLoss", 13, {}, {scores, ints({2}, {0, 1})});
  });
  expect_error(ErrorCode::invalid_argument, "do not fit the scores", [] {
    run_op("NegativeLogLikelihoodLoss", 13, {}, {scores, ints({2, 3}, {0, 1, 0, 0, 0, 0})});
  });
}

TEST_CASE("Losses infer and split", "[loss]") {
  const std::vector<InferInput> symbolic{
      {DType::float32, Shape{Dim::symbol("batch"), Dim(5), Dim::symbol("w")}},
      {DType::int64, Shape{Dim::symbol("batch"), Dim::symbol("w")}}};
  CHECK(infer_op("SoftmaxCrossEntropyLoss", 13, reduced("none"), symbolic, 2).text(0) == "float32[batch, w]");
  CHECK(infer_op("SoftmaxCrossEntropyLoss", 13, reduced("none"), symbolic, 2).text(1) ==
        "float32[batch, 5, w]");
  CHECK(infer_op("SoftmaxCrossEntropyLoss", 13, {}, symbolic).text() == "float32[]");
  expect_batch_split("SoftmaxCrossEntropyLoss", 13, reduced("none"), {scores, labels, weights}, {0, 0, -1},
                     2);
  CHECK(
      batch_op("SoftmaxCrossEntropyLoss", 13, {}, symbolic, {BatchState::batched(0), BatchState::batched(0)})
          .reason.find("reduced over the batch") != std::string::npos);
}
