#include <catch2/catch.hpp>

#include "onnx/test_tensor.hpp"

namespace spinel::onnx::testing {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

/// A sparse tensor of these parts, made dense.
spinel::Tensor dense(const TensorBytes& values, const TensorBytes& indices, std::vector<int64_t> dims,
                     const TensorSource& source = {}) {
  SparseTensor sparse;
  sparse.values = values.parsed();
  sparse.indices = indices.parsed();
  sparse.has_values = sparse.has_indices = true;
  sparse.dims = std::move(dims);
  return to_dense_tensor(sparse, source);
}

std::vector<float> floats(const spinel::Tensor& tensor) {
  return {tensor.data<float>().begin(), tensor.data<float>().end()};
}

TensorBytes three_values() { return TensorBytes(DType::float32, {3}, "s").floats({7, 8, 9}); }
TensorBytes indices(std::vector<int64_t> dims, const std::vector<int64_t>& values) {
  return TensorBytes(DType::int64, dims, "i").int64s(values);
}

}  // namespace

TEST_CASE("sparse tensors become dense from both forms of indices") {
  const std::vector<float> expected{0, 7, 0, 8, 0, 9};
  const spinel::Tensor linear = dense(three_values(), indices({3}, {1, 3, 5}), {2, 3});
  CHECK(linear.dims() == Dims{2, 3});
  CHECK(floats(linear) == expected);
  CHECK(floats(dense(three_values(), indices({3, 2}, {0, 1, 1, 0, 1, 2}), {2, 3})) == expected);
}

TEST_CASE("sparse tensors of packed types and strings") {
  const TensorBytes nibbles = TensorBytes(DType::int4, {3}).raw("\xba\x0c");
  CHECK(bytes_of(dense(nibbles, indices({3}, {0, 3, 4}), {5})) == std::vector<unsigned>{0x0a, 0xb0, 0x0c});
  const TensorBytes texts = TensorBytes(DType::string, {1}).strings({"x"});
  CHECK(dense(texts, indices({1}, {1}), {2}).data<std::string>()[1] == "x");
}

TEST_CASE("sparse tensors without values") {
  const TensorBytes none(DType::float32, {0});
  CHECK(floats(dense(none, indices({0}, {}), {2})) == std::vector<float>{0, 0});
  CHECK(dense(none, indices({0}, {}), {0, int64_t{1} << 62}).element_count() == 0);
}

TEST_CASE("sparse tensors that are damaged") {
  const auto error = [](const TensorBytes& i, std::vector<int64_t> dims) {
    return error_of([&] { dense(three_values(), i, dims); });
  };
  CHECK_THAT(error(indices({3}, {1, 3, 6}), {2, 3}),
             StartsWith("bad_model") && Contains("'s'") && Contains("index 2"));
  CHECK_THAT(error(indices({3}, {-1, 3, 5}), {2, 3}), StartsWith("bad_model"));
  CHECK_THAT(error(indices({3}, {1, 1, 5}), {2, 3}), Contains("ascending"));
  CHECK_THAT(error(indices({3}, {3, 1, 5}), {2, 3}), Contains("ascending"));
  CHECK_THAT(error(indices({3, 2}, {0, 1, 1, 0, 1, 3}), {2, 3}), Contains("index 2"));
  CHECK_THAT(error(indices({3, 2}, {0, 3, 1, 1, 1, 2}), {2, 3}), Contains("index 0 lies outside"));
  CHECK_THAT(error(indices({2}, {1, 3}), {2, 3}), Contains("int64[3]"));
  CHECK_THAT(error(indices({3, 1}, {1, 3, 5}), {2, 3}), Contains("int64[3, 2]"));
  CHECK_THAT(error(TensorBytes(DType::int32, {3}).int32s({1, 3, 5}), {2, 3}), StartsWith("bad_model"));
  CHECK_THAT(error(indices({3}, {1, 3, 5}), {-2, 3}), StartsWith("bad_model"));
  CHECK_THAT(error(indices({3}, {1, 3, 5}), {int64_t{1} << 40, int64_t{1} << 40}), StartsWith("bad_model"));
  CHECK_THAT(error_of([] { to_dense_tensor(SparseTensor{}, {}); }), StartsWith("bad_model"));
  const TensorBytes matrix = TensorBytes(DType::float32, {1, 1}).floats({1});
  CHECK_THAT(error_of([&] { dense(matrix, indices({1}, {0}), {2}); }), StartsWith("bad_model"));
}

TEST_CASE("a small sparse tensor may not claim a large dense one") {
  TensorSource source;
  source.limits.max_tensor_bytes = 1 << 20;
  CHECK_THAT(error_of([&] {
               dense(three_values(), indices({3}, {1, 3, 5}), {1 << 20}, source);
             }),
             StartsWith("limit_exceeded") && Contains("max_tensor_bytes"));
}

}  // namespace spinel::onnx::testing
