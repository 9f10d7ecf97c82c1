#include <cstring>

#include "support.hpp"

TEST_CASE("tensor_init zeros a tensor") {
  spinel_tensor tensor;
  std::memset(&tensor, 0xff, sizeof tensor);
  spinel_tensor_init(&tensor, sizeof tensor);
  CHECK(tensor.struct_size == sizeof tensor);
  CHECK(tensor.data == nullptr);
  CHECK(tensor.dims == nullptr);
  CHECK(tensor.owner == nullptr);
  CHECK(tensor.dtype == SPINEL_UNDEFINED);
  spinel_tensor_init(nullptr, sizeof tensor);
}

TEST_CASE("releasing a tensor of the caller's leaves it as it is") {
  std::vector<float> data{1, 2};
  const std::vector<int64_t> dims{2};
  spinel_tensor tensor = tensor_of(SPINEL_FLOAT32, dims, data);
  spinel_tensor_release(&tensor);
  CHECK(tensor.data == data.data());
  CHECK(tensor.size_bytes == 8);
  spinel_tensor_release(nullptr);
}

TEST_CASE("bytes of tensors") {
  const int64_t dims[] = {2, 3, 5};
  const int64_t negative[] = {2, -1};
  const int64_t huge[] = {int64_t{1} << 40, int64_t{1} << 40};
  const int64_t empty[] = {0, 7};
  size_t size_bytes = 99;
  const auto bytes = [&](int32_t dtype, const int64_t* of, size_t rank) {
    return [=, &size_bytes](spinel_error** error) {
      return spinel_tensor_bytes(dtype, of, rank, &size_bytes, error);
    };
  };
  check_succeeds(bytes(SPINEL_FLOAT32, dims, 3));
  CHECK(size_bytes == 120);
  check_succeeds(bytes(SPINEL_INT4, dims, 3));
  CHECK(size_bytes == 15);
  check_succeeds(bytes(SPINEL_STRING, dims, 1));
  CHECK(size_bytes == 2 * sizeof(spinel_string));
  check_succeeds(bytes(SPINEL_INT64, nullptr, 0));
  CHECK(size_bytes == 8);
  check_succeeds(bytes(SPINEL_INT64, empty, 2));
  CHECK(size_bytes == 0);

  size_bytes = 99;
  check_fails(SPINEL_INVALID_ARGUMENT, "negative", bytes(SPINEL_FLOAT32, negative, 2));
  check_fails(SPINEL_INVALID_ARGUMENT, "64 bits", bytes(SPINEL_FLOAT32, huge, 2));
  check_fails(SPINEL_INVALID_ARGUMENT, "spinel_dtype", bytes(0, dims, 3));
  check_fails(SPINEL_INVALID_ARGUMENT, "spinel_dtype", bytes(27, dims, 3));
  check_fails(SPINEL_INVALID_ARGUMENT, "dims is NULL", bytes(SPINEL_FLOAT32, nullptr, 3));
  check_fails(SPINEL_INVALID_ARGUMENT, "rank is", bytes(SPINEL_FLOAT32, dims, SIZE_MAX));
  check_fails(SPINEL_INVALID_ARGUMENT, "size_bytes is NULL", [&](spinel_error** error) {
    return spinel_tensor_bytes(SPINEL_FLOAT32, dims, 3, nullptr, error);
  });
  CHECK(size_bytes == 99);
}
