#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;

namespace {

Tensor number(float value) { return Tensor::scalar(value); }
Tensor count(int64_t value) { return Tensor::scalar(value); }

std::vector<Tensor> step(const char* name, const Attributes& attributes, const std::vector<Tensor>& inputs,
                         size_t outputs) {
  return run(*make(name, 1, attributes, inputs.size(), outputs, "ai.onnx.preview.training"), inputs, outputs);
}

}  // namespace

// By hand: v = 0.5 v + g, times beta from the second step on; x -= r v. More is in ONNX's test data.
TEST_CASE("Momentum's first and later steps, two tensors at once", "[optimizer]") {
  const Tensor x = floats({2}, {1, 2}), g = floats({2}, {4, -2}), v = floats({2}, {0, 1});
  const Tensor x2 = floats({1}, {3}), g2 = floats({1}, {1}), v2 = floats({1}, {2});
  const Attributes attributes{
      {"alpha", 0.5F}, {"beta", 0.25F}, {"norm_coefficient", 0.0F}, {"mode", std::string("standard")}};
  const auto first = step("Momentum", attributes, {number(0.5F), count(0), x, x2, g, g2, v, v2}, 4);
  expect_close(first[0], floats({2}, {-1, 2.75F}));
  expect_close(first[1], floats({1}, {2}));
  expect_close(first[2], floats({2}, {4, -1.5F}));
  expect_close(first[3], floats({1}, {2}));
  const auto later = step("Momentum", attributes, {number(0.5F), count(1), x, g, v}, 2);
  expect_close(later[0], floats({2}, {0.5F, 2}));
  expect_close(later[1], floats({2}, {1, 0}));
}

TEST_CASE("optimizers refuse what does not belong together", "[optimizer]") {
  const Tensor x = floats({2}, {1, 2});
  const Attributes attributes{{"mode", std::string("sideways")}};
  expect_error(ErrorCode::bad_model, "sideways", [&] {
    step("Momentum", attributes, {number(1), count(0), x, x, x}, 2);
  });
  expect_error(ErrorCode::bad_model, "inputs", [&] { step("Adagrad", {}, {number(1), count(0), x, x}, 2); });
  expect_error(ErrorCode::invalid_argument, "belongs to", [&] {
    step("Adagrad", {}, {number(1), count(0), x, floats({1}, {1}), x}, 2);
  });
}
