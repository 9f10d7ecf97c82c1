#include <cmath>
#include <cstring>
#include <limits>

#include "support.hpp"

TEST_CASE("the best classes of every row") {
  std::vector<float> logits{1, 3, 2, 0, 5, 5, -1, 4};
  const std::vector<int64_t> dims{2, 4};
  const spinel_tensor scores = tensor_of(SPINEL_FLOAT32, dims, logits);
  std::vector<int64_t> indices(8, -7);
  std::vector<float> values(8, -7);
  size_t per_row = 0;
  const auto top = [&](size_t k, int32_t softmax, size_t capacity) {
    return [&, k, softmax, capacity](spinel_error** error) {
      return spinel_top_k(&scores, softmax, k, indices.data(), values.data(), capacity, &per_row, error);
    };
  };
  check_succeeds(top(2, 0, 4));
  CHECK(per_row == 2);
  CHECK(indices == std::vector<int64_t>{1, 2, 0, 1, -7, -7, -7, -7});
  CHECK(values == std::vector<float>{3, 2, 5, 5, -7, -7, -7, -7});

  check_succeeds(top(99, 1, 8));
  CHECK(per_row == 4);
  CHECK(indices == std::vector<int64_t>{1, 2, 0, 3, 0, 1, 3, 2});
  const double sum = std::exp(1.0) + std::exp(3.0) + std::exp(2.0) + 1;
  CHECK(values[0] == Approx(std::exp(3.0) / sum));

  std::fill(indices.begin(), indices.end(), -7);
  check_fails(SPINEL_INVALID_ARGUMENT, "capacity is 7", top(4, 1, 7));
  check_fails(SPINEL_INVALID_ARGUMENT, "k is 0", top(0, 1, 8));
  check_fails(SPINEL_INVALID_ARGUMENT, "apply_softmax is 2", top(1, 2, 8));
  logits[6] = std::numeric_limits<float>::quiet_NaN();
  check_fails(SPINEL_BAD_DATA, "", top(2, 1, 8));
  CHECK(indices == std::vector<int64_t>(8, -7));
  CHECK(per_row == 4);
}

TEST_CASE("scores in float16 and without values") {
  std::vector<uint16_t> halves{0x3c00, 0x4000, 0x0000};  // 1, 2, 0
  const std::vector<int64_t> dims{3};
  const spinel_tensor scores = tensor_of(SPINEL_FLOAT16, dims, halves);
  int64_t best = -1;
  size_t per_row = 0;
  check_succeeds(
      [&](spinel_error** error) { return spinel_top_k(&scores, 1, 1, &best, nullptr, 1, &per_row, error); });
  CHECK(best == 1);
}

TEST_CASE("scores that are none") {
  std::vector<int32_t> integers{1, 2, 3};
  const std::vector<int64_t> dims{3};
  spinel_tensor scores = tensor_of(SPINEL_INT32, dims, integers);
  int64_t best = -1;
  size_t per_row = 0;
  const auto top = [&](spinel_error** error) {
    return spinel_top_k(&scores, 1, 1, &best, nullptr, 1, &per_row, error);
  };
  check_fails(SPINEL_INVALID_ARGUMENT, "int32", top);
  scores.data = nullptr;
  check_fails(SPINEL_INVALID_ARGUMENT, "data is NULL", top);
  scores.struct_size = 0;
  check_fails(SPINEL_INVALID_ARGUMENT, "struct_size is 0", top);
  check_fails(SPINEL_INVALID_ARGUMENT, "scores is NULL", [&](spinel_error** error) {
    return spinel_top_k(nullptr, 1, 1, &best, nullptr, 1, &per_row, error);
  });
  CHECK(best == -1);
}

TEST_CASE("labels of a synset file") {
  const std::string path = std::string(SPINEL_SOURCE_DIR) + "/samples/resnet/synset.txt";
  spinel_strings* raw = nullptr;
  const auto load_labels = [&](const char* file, size_t classes) {
    return [&raw, file, classes](spinel_error** error) {
      return spinel_labels_load(file, classes, &raw, error);
    };
  };
  check_succeeds(load_labels(path.c_str(), 10));
  const Owned<spinel_strings> labels(raw);
  REQUIRE(spinel_strings_count(raw) == 10);
  CHECK(std::strcmp(spinel_strings_get(raw, 0), "T-shirt/top") == 0);
  CHECK(std::strcmp(spinel_strings_get(raw, 9), "Ankle boot") == 0);

  spinel_strings* const before = raw;
  check_fails(SPINEL_BAD_DATA, "10", load_labels(path.c_str(), 11));
  check_fails(SPINEL_NOT_FOUND, "no/such", load_labels("no/such", 0));
  check_fails(SPINEL_INVALID_ARGUMENT, "path is NULL", load_labels(nullptr, 0));
  check_fails(SPINEL_INVALID_ARGUMENT, "labels is NULL",
              [&](spinel_error** error) { return spinel_labels_load(path.c_str(), 0, nullptr, error); });
  CHECK(raw == before);
}
