#include "ops/constant.hpp"
#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops;
using namespace spinel::ops::testing;

namespace {

const Dim batch = Dim::symbol("batch");

Tensor cast(const Tensor& x, DType to) {
  return run_op("Cast", 13, {{"to", static_cast<int64_t>(to)}}, {x})[0];
}

}  // namespace

TEST_CASE("Cast between numbers", "[cast]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = floats({5}, {-1.7f, 0.4f, 2.5f, 300, nan});
  expect_close(cast(x, DType::int32), Tensor::from<int32_t>({5}, {-1, 0, 2, 300, 0}));
  expect_close(cast(x, DType::boolean), bools({5}, {true, true, true, true, true}));
  expect_close(cast(x, DType::float16), halves({5}, {-1.7f, 0.4f, 2.5f, 300, nan}), 0, 0);
  expect_close(cast(floats({2}, {1e10f, -1e10f}), DType::int32),
               Tensor::from<int32_t>({2}, {2147483647, -2147483647 - 1}));
  expect_close(cast(ints({3}, {300, -1, 255}), DType::uint8), Tensor::from<uint8_t>({3}, {44, 255, 255}));
  expect_close(cast(Tensor::from<uint64_t>({1}, {~uint64_t{0}}), DType::int64), ints({1}, {-1}));
  expect_close(cast(bools({2}, {true, false}), DType::float32), floats({2}, {1, 0}));
  expect_close(cast(ints({1}, {16777217}), DType::float32), floats({1}, {16777216}), 0, 0);
  expect_close(cast(ints({1}, {9007199254740993}), DType::float32), floats({1}, {9007199254740992.0f}), 0, 0);
  expect_close(cast(ints({1}, {9007199254740993}), DType::int32), Tensor::from<int32_t>({1}, {1}));
  CHECK(cast(Tensor(DType::float32, {0, 4}), DType::int8).dims() == Dims{0, 4});
}

TEST_CASE("Cast between numbers and strings", "[cast]") {
  expect_close(cast(floats({4}, {0.25f, -3, 1e20f, INFINITY}), DType::string),
               Tensor::from<std::string>({4}, {"0.25", "-3", "1e+20", "INF"}));
  expect_close(cast(ints({2}, {-7, 9007199254740993}), DType::string),
               Tensor::from<std::string>({2}, {"-7", "9007199254740993"}));
  expect_close(cast(Tensor::from<std::string>({5}, {"0.25", "+3e2", "INF", "-inf", "NaN"}), DType::float32),
               floats({5}, {0.25f, 300, INFINITY, -INFINITY, NAN}));
  expect_close(cast(Tensor::from<std::string>({2}, {"-12", "+34"}), DType::int16),
               Tensor::from<int16_t>({2}, {-12, 34}));
  expect_error(ErrorCode::invalid_argument, "'1x'",
               [] { cast(Tensor::scalar<std::string>("1x"), DType::float32); });
  expect_error(ErrorCode::invalid_argument, "''",
               [] { cast(Tensor::scalar<std::string>(""), DType::int32); });
}

TEST_CASE("Cast keeps known elements and follows the model's float type", "[cast]") {
  const InferInput shape(DType::int64, {2}, {batch, Dim(6)});
  CHECK(infer_op("Cast", 13, {{"to", int64_t{6}}}, {shape}).ints_text() == "[batch, 6]");
  CHECK(infer_op("Cast", 13, {{"to", int64_t{1}}}, {shape}).ints_text() == "unknown");
  CHECK(infer_op("Cast", 13, {{"to", int64_t{9}}}, {shape}).ints_text() == "[?, 1]");
  const OpPtr to_float = make("Cast", 13, {{"to", int64_t{1}}});
  const OpPtr to_half = to_float->with_float_type(DType::float32, DType::float16);
  REQUIRE(to_half);
  expect_close(ops::testing::run(*to_half, {ints({1}, {3})})[0], halves({1}, {3}));
  CHECK(make("Cast", 13, {{"to", int64_t{7}}})->with_float_type(DType::float32, DType::float16) == nullptr);
  expect_close(run_op("Cast", 1, {{"to", std::string("FLOAT16")}}, {floats({1}, {2})})[0], halves({1}, {2}));
  expect_close(run_op("CastLike", 15, {}, {floats({1}, {2.5f}), ints({0}, {})})[0], ints({1}, {2}));
  expect_error(ErrorCode::bad_model, "to=99", [] { make("Cast", 13, {{"to", int64_t{99}}}); });
  expect_error(ErrorCode::bad_model, "'to' is missing", [] { make("Cast", 13); });
  expect_error(ErrorCode::unsupported, "no conversion from float32 to complex64", [] {
    infer_op("Cast", 13, {{"to", int64_t{14}}}, {floats({1}, {1})});
  });
  expect_batch_split("Cast", 13, {{"to", int64_t{10}}}, {noise({3, 4})}, {0});
}

TEST_CASE("Constant gives the tensor of any of its forms", "[constant]") {
  const auto value = [](const char* form, Attribute attribute) {
    return *constant_value(OpArgs("Constant", 13, {{form, std::move(attribute)}}, 0, 1));
  };
  expect_close(value("value", floats({2}, {1, 2})), floats({2}, {1, 2}));
  expect_close(value("value_float", 2.5f), Tensor::scalar(2.5f));
  expect_close(value("value_floats", std::vector<float>{1, 2}), floats({2}, {1, 2}));
  expect_close(value("value_int", int64_t{7}), Tensor::scalar(int64_t{7}));
  expect_close(value("value_ints", std::vector<int64_t>{}), ints({0}, {}));
  expect_close(value("value_string", std::string("a")), Tensor::scalar<std::string>("a"));
  expect_close(value("value_strings", std::vector<std::string>{"a", "b"}),
               Tensor::from<std::string>({2}, {"a", "b"}));
  CHECK(!constant_value(OpArgs("Add", 13, {}, 2, 1)));
  expect_error(ErrorCode::bad_model, "no value", [] { constant_value(OpArgs("Constant", 13, {}, 0, 1)); });
  expect_error(ErrorCode::bad_model, "both", [] {
    constant_value(OpArgs("Constant", 13, {{"value_int", int64_t{1}}, {"value_float", 1.0f}}, 0, 1));
  });
}

TEST_CASE("ConstantOfShape fills a shape, and its batch", "[constant]") {
  const Attributes seven{{"value", Tensor::from<int64_t>({1}, {7})}};
  expect_close(run_op("ConstantOfShape", 9, seven, {ints({2}, {2, 2})})[0], ints({2, 2}, {7, 7, 7, 7}));
  expect_close(run_op("ConstantOfShape", 9, {}, {ints({0}, {})})[0], Tensor::scalar(0.0f));
  CHECK(run_op("ConstantOfShape", 9, {}, {ints({2}, {0, 3})})[0].dims() == Dims{0, 3});
  CHECK(infer_op("ConstantOfShape", 9, seven, {ints({1}, {3})}).ints_text() == "[7, 7, 7]");
  const InferInput shape(DType::int64, {2}, {batch, Dim(6)});
  CHECK(infer_op("ConstantOfShape", 9, {}, {shape}).text() == "float32[batch, 6]");
  CHECK(batch_op("ConstantOfShape", 9, {}, {shape}, {BatchState::size()}).text() == "batched(0)");
  const InferInput twice(DType::int64, {1}, {batch * Dim(2)});
  CHECK(batch_op("ConstantOfShape", 9, {}, {twice}, {BatchState::size()}).blocked());
  const InferInput other(DType::int64, {1}, {Dim::symbol("height")});
  CHECK(batch_op("ConstantOfShape", 9, {}, {other}, {BatchState::size()}).text() == "shared");
  expect_error(ErrorCode::bad_model, "negative", [] { run_op("ConstantOfShape", 9, {}, {ints({1}, {-2})}); });
}
