#include "onnx/tensor_data.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>

#include "onnx/test_tensor.hpp"

namespace spinel::onnx::testing {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using Bytes = std::vector<unsigned>;

template <class T>
std::vector<T> values(const spinel::Tensor& tensor) {
  const auto data = tensor.data<T>();
  return {data.begin(), data.end()};
}

}  // namespace

TEST_CASE("typed data of every element type") {
  CHECK(values<float>(TensorBytes(DType::float32, {2}).floats({1.5f, -2}).tensor()) ==
        std::vector<float>{1.5f, -2});
  CHECK(values<double>(TensorBytes(DType::float64, {2}).doubles({1e300, -2}).tensor()) ==
        std::vector<double>{1e300, -2});
  CHECK(values<int64_t>(TensorBytes(DType::int64, {2}).int64s({INT64_MIN, 7}).tensor()) ==
        std::vector<int64_t>{INT64_MIN, 7});
  CHECK(values<uint64_t>(TensorBytes(DType::uint64, {1}).uint64s({UINT64_MAX}).tensor()) ==
        std::vector<uint64_t>{UINT64_MAX});
  CHECK(values<uint32_t>(TensorBytes(DType::uint32, {1}).uint64s({UINT32_MAX}).tensor()) ==
        std::vector<uint32_t>{UINT32_MAX});
  CHECK(values<int32_t>(TensorBytes(DType::int32, {2}).int32s({INT32_MIN, 7}).tensor()) ==
        std::vector<int32_t>{INT32_MIN, 7});
  CHECK(values<int16_t>(TensorBytes(DType::int16, {2}).int32s({-32768, 32767}).tensor()) ==
        std::vector<int16_t>{-32768, 32767});
  CHECK(values<uint16_t>(TensorBytes(DType::uint16, {1}).int32s({65535}).tensor()) ==
        std::vector<uint16_t>{65535});
  CHECK(values<int8_t>(TensorBytes(DType::int8, {2}).int32s({-128, 127}).tensor()) ==
        std::vector<int8_t>{-128, 127});
  CHECK(values<uint8_t>(TensorBytes(DType::uint8, {1}).int32s({255}).tensor()) == std::vector<uint8_t>{255});
  CHECK(values<bool>(TensorBytes(DType::boolean, {3}).int32s({0, 1, 256}).tensor()) ==
        std::vector<bool>{false, true, true});
  CHECK(values<std::string>(TensorBytes(DType::string, {2}).strings({"", "caf\xc3\xa9"}).tensor()) ==
        std::vector<std::string>{"", "caf\xc3\xa9"});
  CHECK(TensorBytes(DType::float16, {1}).int32s({0x3c00}).tensor().data<Half>()[0].bits == 0x3c00);
  CHECK(TensorBytes(DType::bfloat16, {2}).int32s({0x3f80, -128}).tensor().data<BFloat16>()[1].bits == 0xff80);
  for (DType dtype : {DType::float8e4m3fn, DType::float8e4m3fnuz, DType::float8e5m2, DType::float8e5m2fnuz,
                      DType::float8e8m0})
    CHECK(bytes_of(TensorBytes(dtype, {2}).int32s({0x38, 0xff}).tensor()) == Bytes{0x38, 0xff});

  const spinel::Tensor complex64 = TensorBytes(DType::complex64, {2}).floats({1, 2, 3, 4}).tensor();
  CHECK(complex64.size_bytes() == 16);
  CHECK(static_cast<const float*>(complex64.raw())[3] == 4);
  const spinel::Tensor complex128 = TensorBytes(DType::complex128, {1}).doubles({1, 2}).tensor();
  CHECK(static_cast<const double*>(complex128.raw())[1] == 2);
}

TEST_CASE("packed types keep their packing, typed and raw") {
  for (DType dtype : {DType::int4, DType::uint4, DType::float4e2m1}) {
    CHECK(bytes_of(TensorBytes(dtype, {3}).int32s({0x21, 0x03}).tensor()) == Bytes{0x21, 0x03});
    CHECK(bytes_of(TensorBytes(dtype, {3}).raw("\x21\x03").tensor()) == Bytes{0x21, 0x03});
    CHECK_THAT(error_of([&] {
                 TensorBytes(dtype, {3}).int32s({1, 2, 3}).tensor();
               }),
               StartsWith("bad_model"));
  }
  for (DType dtype : {DType::int2, DType::uint2}) {
    CHECK(bytes_of(TensorBytes(dtype, {5}).int32s({0xe4, 0x03}).tensor()) == Bytes{0xe4, 0x03});
    CHECK_THAT(error_of([&] { TensorBytes(dtype, {5}).raw("\xe4").tensor(); }), StartsWith("bad_model"));
  }
}

TEST_CASE("typed data is read in order whether packed, one by one or mixed") {
  TensorBytes mixed(DType::float32, {6});
  mixed.floats({1}).floats_one_by_one({2, 3}).floats({4, 5}).floats_one_by_one({6});
  CHECK(values<float>(mixed.tensor()) == std::vector<float>{1, 2, 3, 4, 5, 6});
  TensorBytes ints(DType::int8, {5});
  ints.int32s_one_by_one({-1, 2}).int32s({3}).int32s_one_by_one({-4, 5});
  CHECK(ints.parsed().int32_data.runs.size() == 3);
  CHECK(values<int8_t>(ints.tensor()) == std::vector<int8_t>{-1, 2, 3, -4, 5});
}

TEST_CASE("raw data is a view that keeps its owner alive, unless it must be copied") {
  auto block = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3});
  Tensor message;
  message.data_type = static_cast<int32_t>(DType::float32);
  message.dims = {2};
  message.raw_data = std::as_bytes(std::span(*block)).subspan(4);
  TensorSource source;
  source.owner = block;
  const spinel::Tensor view = to_tensor(message, source);
  CHECK(view.raw() == block->data() + 1);
  CHECK(view.owner() == block);
  CHECK(values<float>(view) == std::vector<float>{2, 3});

  SECTION("no owner") {
    source.owner = nullptr;
    const spinel::Tensor copy = to_tensor(message, source);
    CHECK(copy.raw() != block->data() + 1);
    CHECK(values<float>(copy) == std::vector<float>{2, 3});
  }
  SECTION("not aligned") {
    message.raw_data = std::as_bytes(std::span(*block)).subspan(2, 8);
    const spinel::Tensor copy = to_tensor(message, source);
    CHECK(reinterpret_cast<uintptr_t>(copy.raw()) % 64 == 0);
    CHECK(std::memcmp(copy.raw(), message.raw_data->data(), 8) == 0);
  }
  SECTION("aligned to its own element type only") {
    message.data_type = static_cast<int32_t>(DType::float64);
    message.dims = {1};
    CHECK(to_tensor(message, source).raw() != block->data() + 1);
    message.data_type = static_cast<int32_t>(DType::complex64);
    CHECK(to_tensor(message, source).raw() == block->data() + 1);
  }
}

TEST_CASE("raw bools other than 0 and 1 become true") {
  auto block = std::make_shared<std::string>("\x00\x02\x01", 3);
  Tensor message;
  message.data_type = static_cast<int32_t>(DType::boolean);
  message.dims = {3};
  message.raw_data = std::as_bytes(std::span(*block));
  TensorSource source;
  source.owner = block;
  CHECK(bytes_of(to_tensor(message, source)) == Bytes{0, 1, 1});
  (*block)[1] = 1;
  CHECK(to_tensor(message, source).raw() == block->data());
}

TEST_CASE("empty and scalar tensors") {
  CHECK(TensorBytes(DType::float32, {0}).tensor().element_count() == 0);
  CHECK(TensorBytes(DType::float32, {3, 0}).raw("").tensor().dims() == Dims{3, 0});
  CHECK(TensorBytes(DType::string, {0}).tensor().element_count() == 0);
  CHECK(values<float>(TensorBytes(DType::float32, {}).floats({4}).tensor()) == std::vector<float>{4});
  CHECK(values<float>(TensorBytes(DType::float32, {1}).raw("").floats({4}).tensor()) ==
        std::vector<float>{4});
}

TEST_CASE("payloads that do not fit name the tensor, its dims and both sizes") {
  const std::string raw = error_of([] { TensorBytes(DType::float32, {2, 3}).raw("abcd").tensor(); });
  CHECK_THAT(raw, StartsWith("bad_model") && Contains("'w'") && Contains("float32[2, 3]") &&
                      Contains("24 bytes") && Contains("has 4"));
  const std::string typed = error_of([] { TensorBytes(DType::float32, {2, 3}).floats({1}).tensor(); });
  CHECK_THAT(typed, StartsWith("bad_model") && Contains("float_data") && Contains("6 values") &&
                        Contains("holds 1"));
  CHECK_THAT(error_of([] {
               TensorBytes(DType::complex64, {2}).floats({1, 2}).tensor();
             }),
             Contains("4 values"));
  CHECK_THAT(error_of([] { TensorBytes(DType::int64, {1}).tensor(); }), Contains("holds 0"));
  CHECK_THAT(error_of([] { TensorBytes(DType::float32, {1}).int64s({1}).tensor(); }),
             Contains("int64_data") && Contains("float_data"));
  CHECK_THAT(error_of([] { TensorBytes(DType::float32, {1}).floats({1}).raw("abcd").tensor(); }),
             Contains("both"));
  CHECK_THAT(error_of([] { TensorBytes(DType::string, {1}).raw("abcd").tensor(); }), StartsWith("bad_model"));
}

TEST_CASE("numbers outside their type") {
  CHECK_THAT(error_of([] { TensorBytes(DType::int8, {1}).int32s({128}).tensor(); }), Contains("128"));
  CHECK_THAT(error_of([] { TensorBytes(DType::uint8, {1}).int32s({-1}).tensor(); }), StartsWith("bad_model"));
  CHECK_THAT(error_of([] { TensorBytes(DType::uint16, {1}).int32s({65536}).tensor(); }),
             StartsWith("bad_model"));
  CHECK_THAT(error_of([] { TensorBytes(DType::float16, {1}).int32s({65536}).tensor(); }),
             StartsWith("bad_model"));
  CHECK_THAT(error_of([] { TensorBytes(DType::int4, {1}).int32s({256}).tensor(); }), StartsWith("bad_model"));
  CHECK_THAT(error_of([] { TensorBytes(DType::uint32, {1}).uint64s({1ull << 32}).tensor(); }),
             StartsWith("bad_model"));
}

TEST_CASE("element types, dims and segments that cannot be") {
  CHECK_THAT(error_of([] { TensorBytes(DType::float32, {1}).data_type(0).tensor(); }),
             StartsWith("bad_model"));
  CHECK_THAT(error_of([] { TensorBytes(DType::float32, {1}).data_type(99).tensor(); }),
             StartsWith("unsupported") && Contains("99"));
  CHECK_THAT(error_of([] { TensorBytes(DType::float32, {1}).data_type(-1).tensor(); }),
             StartsWith("unsupported"));
  CHECK_THAT(error_of([] { TensorBytes(DType::float32, {1}).segment().floats({1}).tensor(); }),
             StartsWith("unsupported"));
  CHECK_THAT(error_of([] { TensorBytes(DType::float32, {-1}).tensor(); }), StartsWith("bad_model"));
  CHECK_THAT(error_of([] {
               TensorBytes(DType::uint8, {int64_t{1} << 32, int64_t{1} << 32}).tensor();
             }),
             StartsWith("bad_model"));
  CHECK_THAT(error_of([] { TensorBytes(DType::float64, {int64_t{1} << 60}).tensor(); }),
             StartsWith("bad_model"));
  const std::vector<int64_t> many(100'000, 1);
  CHECK(error_of([&] { TensorBytes(DType::float32, many).tensor(); }).size() < 200);
}

TEST_CASE("max_tensor_bytes") {
  TensorSource source;
  source.limits.max_tensor_bytes = 8;
  const TensorBytes two = TensorBytes(DType::float32, {2}).floats({1, 2});
  CHECK(two.tensor(source).element_count() == 2);
  source.limits.max_tensor_bytes = 7;
  CHECK_THAT(error_of([&] { two.tensor(source); }),
             StartsWith("limit_exceeded") && Contains("max_tensor_bytes"));
  source.limits.max_tensor_bytes = 0;
  CHECK(two.tensor(source).element_count() == 2);
}

}  // namespace spinel::onnx::testing
