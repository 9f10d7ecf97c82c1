#include <cmath>
#include <limits>

#include "support.hpp"

TEST_CASE("accuracy over batches") {
  const auto accuracy = make<spinel_accuracy>(
      [](spinel_accuracy** made, spinel_error** error) { return spinel_accuracy_create(2, made, error); });
  std::vector<float> data{1, 3, 2, 9, 5, 5, 0, 1, 2};
  const std::vector<int64_t> dims{3, 3};
  const spinel_tensor scores = tensor_of(SPINEL_FLOAT32, dims, data);
  std::vector<int64_t> labels{1, 2, 1};  // Right, wrong at 2 (0 and 1 are better), second best.
  const auto add = [&](spinel_error** error) {
    return spinel_accuracy_add(accuracy.get(), &scores, labels.data(), labels.size(), error);
  };
  check_succeeds(add);
  auto counts = sized<spinel_accuracy_counts>();
  const auto get = [&](spinel_error** error) { return spinel_accuracy_get(accuracy.get(), &counts, error); };
  check_succeeds(get);
  CHECK(counts.k == 2);
  CHECK(counts.count == 3);
  CHECK(counts.top1_hits == 1);
  CHECK(counts.topk_hits == 2);
  CHECK(counts.topk == Approx(2.0 / 3));

  labels = {1, 7, 1};
  check_fails(SPINEL_INVALID_ARGUMENT, "7", add);
  labels.pop_back();
  check_fails(SPINEL_INVALID_ARGUMENT, "", add);
  check_succeeds(get);
  CHECK(counts.count == 3);

  const auto other = make<spinel_accuracy>(
      [](spinel_accuracy** made, spinel_error** error) { return spinel_accuracy_create(2, made, error); });
  check_succeeds(
      [&](spinel_error** error) { return spinel_accuracy_merge(other.get(), accuracy.get(), error); });
  check_succeeds(
      [&](spinel_error** error) { return spinel_accuracy_merge(accuracy.get(), other.get(), error); });
  check_succeeds(get);
  CHECK(counts.count == 6);
  spinel_accuracy* none = nullptr;
  check_fails(SPINEL_INVALID_ARGUMENT, "",
              [&](spinel_error** error) { return spinel_accuracy_create(0, &none, error); });
}

TEST_CASE("how far two tensors are apart") {
  std::vector<float> a{1, 2, 3, 5};
  std::vector<double> b{1, 2, 3, 4};
  const std::vector<int64_t> dims{2, 2};
  const spinel_tensor actual = tensor_of(SPINEL_FLOAT32, dims, a);
  const spinel_tensor expected = tensor_of(SPINEL_FLOAT64, dims, b);
  auto found = sized<spinel_difference>();
  const auto compare = [&](spinel_error** error) {
    return spinel_tensor_difference(&actual, &expected, -1, &found, error);
  };
  check_succeeds(compare);
  CHECK(found.count == 4);
  CHECK(found.diff2 == Approx(std::sqrt(1.0 / 30)));
  CHECK(found.diff3_max == Approx(0.25));
  CHECK(found.diff3_mean == Approx(0.25 / 4));
  CHECK(found.abs_max == 1);
  a[0] = std::numeric_limits<float>::quiet_NaN();
  check_succeeds(compare);
  CHECK(found.nan_actual == 1);
  CHECK(found.mismatched_nonfinite == 1);
  CHECK(std::isinf(found.diff2));
  found.struct_size = 3;
  check_fails(SPINEL_INVALID_ARGUMENT, "struct_size", compare);
}

TEST_CASE("softmax") {
  std::vector<float> data{0, std::log(3.0F), 1000, 1000};
  const std::vector<int64_t> dims{2, 2};
  const spinel_tensor logits = tensor_of(SPINEL_FLOAT32, dims, data);
  spinel_tensor out = empty_tensor();
  const auto softmax = [&](spinel_error** error) { return spinel_softmax(&logits, &out, error); };
  check_succeeds(softmax);
  const auto* p = static_cast<const float*>(out.data);
  CHECK(p[0] == Approx(0.25));
  CHECK(p[1] == Approx(0.75));
  CHECK(p[3] == Approx(0.5));
  spinel_tensor_release(&out);
  std::vector<float> room(2, -1);
  const std::vector<int64_t> wrong{2};
  out = tensor_of(SPINEL_FLOAT32, wrong, room);
  check_fails(SPINEL_INVALID_ARGUMENT, "float32[2, 2] is needed", softmax);
  CHECK(room[0] == -1);
}
