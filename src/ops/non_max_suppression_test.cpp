#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;

namespace {

Tensor select(const Attributes& attributes, const Tensor& boxes, const Tensor& scores, int64_t most,
              float iou, std::optional<float> least = std::nullopt) {
  return run_op(
      "NonMaxSuppression", 11, attributes,
      {boxes, scores, ints({1}, {most}), floats({1}, {iou}), least ? floats({1}, {*least}) : Tensor()})[0];
}

/// Three boxes a row: the first two overlap by 9 / 11, the third stands apart.
const Tensor boxes = floats({1, 3, 4}, {0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 5, 5, 6, 6});

}  // namespace

TEST_CASE("NonMaxSuppression drops what overlaps a better box", "[nms]") {
  const Tensor scores = floats({1, 2, 3}, {0.5f, 0.9f, 0.7f, 0.1f, 0.2f, 0.3f});
  expect_close(select({}, boxes, scores, 9, 0.5f), ints({4, 3}, {0, 0, 1, 0, 0, 2, 0, 1, 2, 0, 1, 1}));
  expect_close(select({}, boxes, scores, 9, 0.9f),
               ints({6, 3}, {0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 1, 2, 0, 1, 1, 0, 1, 0}));
  expect_close(select({}, boxes, scores, 1, 0.5f), ints({2, 3}, {0, 0, 1, 0, 1, 2}));
  // The threshold itself is not enough.
  expect_close(select({}, boxes, scores, 9, 0.5f, 0.7f), ints({1, 3}, {0, 0, 1}));
  expect_close(select({}, boxes, scores, 0, 0.5f), ints({0, 3}, {}));
  expect_close(select({}, boxes, scores, -2, 0.5f), ints({0, 3}, {}));
  expect_close(run_op("NonMaxSuppression", 10, {}, {boxes, scores})[0], ints({0, 3}, {}));
}

// As ONNX Runtime: corners in any order, equal scores by place, boxes without area suppress nothing.
TEST_CASE("NonMaxSuppression ties and odd boxes", "[nms]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor same = floats({1, 4, 4}, {0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0});
  const Tensor scores = floats({1, 1, 4}, {0.5f, 0.9f, 0.9f, nan});
  expect_close(select({}, same, scores, 4, 0.5f), ints({2, 3}, {0, 0, 1, 0, 0, 3}));
  expect_close(select({}, same, scores, 4, 0.5f, 0.0f), ints({1, 3}, {0, 0, 1}));
  expect_close(select({}, same, scores, 4, 1.0f, 0.0f), ints({3, 3}, {0, 0, 1, 0, 0, 2, 0, 0, 0}));
  const Tensor points = floats({1, 2, 4}, {1, 1, 1, 2, 1, 1, 1, 2});
  expect_close(select({}, points, floats({1, 1, 2}, {2, 1}), 4, 0.0f), ints({2, 3}, {0, 0, 0, 0, 0, 1}));
}

TEST_CASE("NonMaxSuppression of centres, of batches, of nothing", "[nms]") {
  const Attributes centre{{"center_point_box", int64_t{1}}};
  const Tensor centres = floats({2, 2, 4}, {0, 0, 2, 2, 1, 0, 2, 2, 0, 0, 2, 2, 2, 0, 2, 2});
  // They overlap by a third, then not at all.
  const Tensor scores = floats({2, 1, 2}, {1, 2, 1, 2});
  expect_close(select(centre, centres, scores, 9, 0.3f), ints({3, 3}, {0, 0, 1, 1, 0, 1, 1, 0, 0}));
  expect_close(select(centre, centres, scores, 9, 0.4f), ints({4, 3}, {0, 0, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0}));
  expect_close(select({}, floats({1, 0, 4}, {}), floats({1, 3, 0}, {}), 9, 0.3f), ints({0, 3}, {}));
}

TEST_CASE("NonMaxSuppression of many boxes equals the definition", "[nms]") {
  const Tensor corners = noise({1, 200, 4}, 3, 0, 10);
  const Tensor scores = noise({1, 1, 200}, 4, 0, 1);
  const float* box = corners.data<float>().data();
  const auto area = [&](int64_t i) {
    return std::abs((box[4 * i + 2] - box[4 * i]) * (box[4 * i + 3] - box[4 * i + 1]));
  };
  const auto side = [&](int64_t i, int64_t j, int64_t k) {
    return std::min(std::max(box[4 * i + k], box[4 * i + k + 2]),
                    std::max(box[4 * j + k], box[4 * j + k + 2])) -
           std::max(std::min(box[4 * i + k], box[4 * i + k + 2]),
                    std::min(box[4 * j + k], box[4 * j + k + 2]));
  };
  std::vector<int64_t> order(200);
  for (int64_t i = 0; i < 200; ++i) order[static_cast<size_t>(i)] = i;
  std::ranges::stable_sort(order, std::greater<>(),
                           [&](int64_t i) { return scores.data<float>()[static_cast<size_t>(i)]; });
  std::vector<int64_t> kept;
  for (int64_t i : order) {
    const bool clear = std::ranges::none_of(kept, [&](int64_t j) {
      const float common = std::max(side(i, j, 0), 0.0f) * std::max(side(i, j, 1), 0.0f);
      return common / (area(i) + area(j) - common) > 0.2f;
    });
    if (clear) kept.push_back(i);
  }
  const Tensor got = select({}, corners, scores, 200, 0.2f);
  REQUIRE(got.dim(0) == static_cast<int64_t>(kept.size()));
  REQUIRE(kept.size() > 20);
  for (size_t i = 0; i < kept.size(); ++i) CHECK(got.data<int64_t>()[3 * i + 2] == kept[i]);
}

TEST_CASE("NonMaxSuppression refuses what does not fit", "[nms]") {
  const Tensor scores = floats({1, 1, 3}, {1, 2, 3});
  expect_error(ErrorCode::invalid_argument, "must be 0 to 1", [&] { select({}, boxes, scores, 9, 1.5f); });
  expect_error(ErrorCode::invalid_argument, "do not fit", [&] {
    select({}, boxes, floats({1, 1, 2}, {1, 2}), 9, 0.5f);
  });
  expect_error(ErrorCode::bad_model, "center_point_box is 2", [] {
    make("NonMaxSuppression", 11, {{"center_point_box", int64_t{2}}}, 2);
  });
  CHECK(infer_op("NonMaxSuppression", 11, {}, {boxes, scores}).text() == "int64[?, 3]");
}
