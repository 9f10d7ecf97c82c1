#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include <spinel/metrics.hpp>

using namespace spinel;

namespace {
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();
}  // namespace

TEST_CASE("accuracy weighs samples, not batches") {
  Accuracy accuracy(2);
  CHECK(accuracy.top1() == 0.0);
  accuracy.add(Tensor::from<float>({3, 3}, {3, 2, 1, 3, 2, 1, 3, 2, 1}), std::vector<int64_t>{0, 1, 2});
  accuracy.add(Tensor::from<float>({1, 3}, {1, 2, 3}), std::vector<int64_t>{2});
  CHECK(accuracy.count() == 4);
  CHECK(accuracy.top1() == 0.5);
  CHECK(accuracy.topk() == 0.75);
}

TEST_CASE("ties go to the lower index and NaN is wrong") {
  Accuracy accuracy(5);
  accuracy.add(Tensor::from<float>({2, 2}, {1, 1, 1, 1}), std::vector<int64_t>{0, 1});
  CHECK(accuracy.top1_hits() == 1);
  CHECK(accuracy.topk_hits() == 2);
  accuracy.add(Tensor::from<float>({1, 2}, {nan_value, 1}), std::vector<int64_t>{0});
  CHECK(accuracy.count() == 3);
  CHECK(accuracy.topk_hits() == 2);
}

TEST_CASE("counters of ranks add up") {
  Accuracy one(5);
  Accuracy two(5);
  two.add_counts(10, 6, 8);
  one.add_counts(30, 12, 20);
  one.add(two);
  CHECK(one.top1() == 18.0 / 40.0);
  CHECK(one.topk() == 28.0 / 40.0);
  CHECK_THROWS_AS(one.add(Accuracy(3)), Error);
  CHECK_THROWS_AS(Accuracy(0), Error);
}

TEST_CASE("labels that do not fit count nothing") {
  Accuracy accuracy;
  CHECK_THROWS_WITH(accuracy.add(Tensor(DType::float32, {2, 3}), std::vector<int64_t>{0}),
                    Catch::Contains("1 labels"));
  CHECK_THROWS_WITH(accuracy.add(Tensor(DType::float32, {2, 3}), std::vector<int64_t>{0, 3}),
                    Catch::Contains("label 3"));
  CHECK_THROWS_AS(accuracy.add(Tensor(DType::float32, {1, 3}), std::vector<int64_t>{-1}), Error);
  CHECK(accuracy.count() == 0);
}

TEST_CASE("diff2 and diff3") {
  const Tensor a = Tensor::from<float>({4}, {1.5f, 2.0f, 0.0f, 3.0f});
  const Tensor b = Tensor::from<float>({4}, {1.0f, 2.0f, 0.0f, 4.0f});
  const Difference d = difference(a, b);
  CHECK(d.diff2 == Approx(std::sqrt((0.25 + 1.0) / (1.0 + 4.0 + 16.0))));
  CHECK(d.diff3_max == 0.5);
  CHECK(d.diff3_mean == Approx((0.5 + 0.25) / 4));
  CHECK(d.abs_max == 1.0);
  CHECK(d.count == 4);
  // Below the threshold the error is absolute.
  CHECK(difference(Tensor::from<float>({1}, {0.75f}), Tensor::from<float>({1}, {0.5f}), 0.6).diff3_max ==
        0.25);
  CHECK(default_difference_threshold(DType::float16) == 1e-4);
  CHECK(default_difference_threshold(DType::float32) == 1e-6);
}

TEST_CASE("differences of equal and of zero tensors") {
  const Tensor zero(DType::float32, {3});
  CHECK(difference(zero, zero).diff2 == 0.0);
  CHECK(difference(Tensor::from<float>({3}, {0, 1, 0}), zero).diff2 ==
        std::numeric_limits<double>::infinity());
  CHECK(difference(Tensor(DType::float32, {0}), Tensor(DType::float32, {0})).diff3_mean == 0.0);
  CHECK(difference(convert(zero, DType::float16), zero).diff2 == 0.0);
  CHECK_THROWS_WITH(difference(zero, Tensor(DType::float32, {1, 3})), Catch::Contains("dims"));
}

TEST_CASE("NaN and Inf are counted and never pass for equal") {
  const Tensor a = Tensor::from<float>({4}, {nan_value, infinity, 1, 1});
  CHECK(difference(a, a).diff2 == 0.0);
  CHECK(difference(a, a).nan_actual == 1);
  CHECK(difference(a, a).inf_expected == 1);
  const Difference d = difference(a, Tensor::from<float>({4}, {1, -infinity, 1, 1}));
  CHECK(d.mismatched_nonfinite == 2);
  CHECK(std::isinf(d.diff2));
  CHECK(std::isinf(d.diff3_mean));
  CHECK_THAT(describe(d), Catch::Contains("1 NaN (expected 0)") && Catch::Contains("1 Inf (expected 1)"));
}
