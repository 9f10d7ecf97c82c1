#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include <spinel/postprocess.hpp>

using namespace spinel;

namespace {
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();
}  // namespace

TEST_CASE("softmax is right and does not overflow") {
  const Tensor out = softmax(Tensor::from<float>({2, 2}, {0.0f, std::log(3.0f), 30000.0f, 30000.0f}));
  const auto values = out.data<float>();
  CHECK(values[0] == Approx(0.25f));
  CHECK(values[1] == Approx(0.75f));
  CHECK(values[2] == 0.5f);
  const Tensor low = softmax(Tensor::from<float>({3}, {-1e30f, -infinity, -1e30f}));
  CHECK(low.data<float>()[0] == 0.5f);
  CHECK(low.data<float>()[1] == 0.0f);
  const Tensor half = softmax(Tensor::from<Half>({2}, {Half(1.0f), Half(1.0f)}));
  CHECK(half.dtype() == DType::float32);
  CHECK(half.data<float>()[1] == 0.5f);
}

TEST_CASE("softmax of NaN or infinity is NaN in its row alone") {
  const Tensor out = softmax(Tensor::from<float>({3, 2}, {nan_value, 1, 1, 1, infinity, 1}));
  CHECK(std::isnan(out.data<float>()[1]));
  CHECK(out.data<float>()[2] == 0.5f);
  CHECK(std::isnan(out.data<float>()[4]));
  CHECK_THROWS_AS(softmax(Tensor::scalar(1.0f)), Error);
  CHECK_THROWS_AS(softmax(Tensor::from<int64_t>({1}, {1})), Error);
}

TEST_CASE("top_k: greatest first, ties to the lower index, NaN last") {
  const std::vector<float> scores{1, 5, nan_value, 5, 2};
  const auto best = top_k(scores, 9);
  REQUIRE(best.size() == 5);
  const std::vector<int64_t> order{1, 3, 4, 0, 2};
  for (size_t i = 0; i < 5; ++i) CHECK(best[i].index == order[i]);
  CHECK(top_k(scores, 2).size() == 2);
  CHECK_THROWS_AS(top_k(scores, 0), Error);
}

TEST_CASE("labels for each sample") {
  const Postprocessor postprocess({{"cat", "dog", "hen"}, 2, true});
  const auto answers = postprocess(Tensor::from<float>({2, 3}, {0, 2, 1, 7, 7, 0}));
  REQUIRE(answers.size() == 2);
  REQUIRE(answers[0].size() == 2);
  CHECK(answers[0][0].label == "dog");
  CHECK(answers[0][0].score == Approx(0.66524f));
  CHECK(answers[0][1].label == "hen");
  CHECK(answers[1][0].label == "cat");
  CHECK(answers[1][1].label == "dog");
}

TEST_CASE("without labels or softmax") {
  const Postprocessor postprocess({{}, 5, false});
  const auto answers = postprocess(Tensor::from<float>({1, 2, 1, 1}, {3, 4}));
  REQUIRE(answers[0].size() == 2);
  CHECK(answers[0][0].label == "1");
  CHECK(answers[0][0].score == 4.0f);
  CHECK(postprocess(Tensor::from<float>({2}, {1, 2})).size() == 1);
  CHECK(postprocess(Tensor(DType::float32, {0, 4})).empty());
}

TEST_CASE("what cannot be postprocessed is an error that says why") {
  const Postprocessor postprocess({{"cat", "dog"}, 1, true});
  CHECK_THROWS_WITH(postprocess(Tensor(DType::float32, {1, 3})), Catch::Contains("2 labels for 3 classes"));
  CHECK_THROWS_WITH(postprocess(Tensor(DType::float32, {1, 2, 7, 7})), Catch::Contains("[1, 2, 7, 7]"));
  CHECK_THROWS_WITH(postprocess(Tensor(DType::int32, {1, 2})), Catch::Contains("int32"));
  CHECK_THROWS_AS(postprocess(Tensor(DType::float32, {1, 0})), Error);
  CHECK_THROWS_WITH(postprocess(Tensor::from<float>({2, 2}, {1, 2, nan_value, 0})),
                    Catch::Contains("sample 1"));
  CHECK_THROWS_WITH(postprocess(Tensor::from<float>({1, 2}, {infinity, 0})), Catch::Contains("infinite"));
  CHECK_THROWS_AS(Postprocessor({{}, 0, true}), Error);
}

TEST_CASE("answers as text") {
  const auto text = [](float score, std::string label) {
    return describe(std::vector<Classification>{{0, score, std::move(label)}});
  };
  CHECK(describe(std::vector<Classification>{}) == "[]");
  CHECK(text(0.49604f, "tiger cat") == "[{'score': 0.496, 'label': 'tiger cat'}]");
  CHECK(text(1, "a") == "[{'score': 1.0, 'label': 'a'}]");
  CHECK(text(0.00004f, "a") == "[{'score': 0.0, 'label': 'a'}]");
  CHECK(text(-12.3456789f, "a") == "[{'score': -12.3457, 'label': 'a'}]");
  CHECK(text(0.5f, "jack-o'-lantern") == "[{'score': 0.5, 'label': \"jack-o'-lantern\"}]");
  CHECK(text(0.5f, "'\"\\\t") == R"([{'score': 0.5, 'label': '\'"\\\t'}])");
  CHECK(describe(std::vector<Classification>{{1, 0.75f, "a"}, {0, 0.25f, "b"}}) ==
        "[{'score': 0.75, 'label': 'a'}, {'score': 0.25, 'label': 'b'}]");
}
