// Values of another layout than the ONNX value that they stand for.
#include "graph/origin.hpp"

#include <catch2/catch.hpp>

namespace spinel::graph {
namespace {

Value onnx_value(const char* name) {
  Value value;
  value.name = value.origin = name;
  return value;
}

std::vector<float> floats(const Tensor& tensor) {
  const auto data = tensor.data<float>();
  return {data.begin(), data.end()};
}

}  // namespace

TEST_CASE("axes compose over several steps") {
  const Value plain = onnx_value("x");
  Value lifted;
  inherit_origin(lifted, plain, {0, 1, -1, 2});
  Value last;
  inherit_origin(last, lifted, {0, 2, 3, 1});
  CHECK(last.origin == "x");
  CHECK(last.origin_axes == std::vector<int>{0, -1, 2, 1});
  CHECK(origin_dims(last, Dims{2, 1, 5, 7}) == Dims{2, 7, 5});
  Value copy;
  inherit_origin(copy, last);
  CHECK(copy.origin_axes == last.origin_axes);
}

TEST_CASE("what stands for nothing passes nothing on") {
  Value to = onnx_value("old");
  to.origin_axes = {1, 0};
  inherit_origin(to, Value{}, {0, 1});
  CHECK(to.origin.empty());
  CHECK(to.origin_axes.empty());
  CHECK_FALSE(has_readable_origin(to, 2));
}

TEST_CASE("a channels-last tensor is turned back, and written again") {
  Value nhwc;
  inherit_origin(nhwc, onnx_value("x"), {0, 2, 3, 1});
  REQUIRE(has_readable_origin(nhwc, 4));
  // [1, 1, 3, 2]: three pixels of two channels.
  const Tensor stored = Tensor::from<float>({1, 1, 3, 2}, {1, 10, 2, 20, 3, 30});
  const Tensor plain = to_origin(nhwc, stored);
  CHECK(plain.dims() == Dims{1, 2, 1, 3});
  CHECK(floats(plain) == std::vector<float>{1, 2, 3, 10, 20, 30});
  Tensor again(DType::float32, {1, 1, 3, 2});
  from_origin(nhwc, plain, again);
  CHECK(floats(again) == floats(stored));
  CHECK_THROWS_AS(from_origin(nhwc, stored, again), Error);
}

TEST_CASE("an empty tensor is turned back") {
  Value turned;
  inherit_origin(turned, onnx_value("x"), {1, 0});
  CHECK(to_origin(turned, Tensor(DType::float32, {0, 3})).dims() == Dims{3, 0});
}

TEST_CASE("axes that are no permutation are not read") {
  Value value = onnx_value("x");
  CHECK(has_readable_origin(value, 3));
  for (const std::vector<int>& axes : {std::vector<int>{0, 0}, {0, 2}, {0}, {0, 1, 2}}) {
    value.origin_axes = axes;
    CHECK_FALSE(has_readable_origin(value, 2));
  }
}

}  // namespace spinel::graph
