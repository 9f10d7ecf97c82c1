#include "spinel_dlpack.h"

#include <dlpack/dlpack.h>

#include "support.hpp"

namespace {

DLManagedTensor managed_of(std::vector<float>& data, std::vector<int64_t>& shape) {
  DLManagedTensor out{};
  out.dl_tensor.data = data.data();
  out.dl_tensor.device = {kDLCPU, 0};
  out.dl_tensor.ndim = static_cast<int>(shape.size());
  out.dl_tensor.dtype = {kDLFloat, 32, 1};
  out.dl_tensor.shape = shape.data();
  return out;
}

}  // namespace

TEST_CASE("a DLPack tensor is an input and an output without copies") {
  const auto engine = load("two");
  std::vector<float> x{-1, 1, 2, 3}, y{10, 20, 30}, sum(3);
  std::vector<int64_t> shape{1, 3};
  std::vector<int64_t> strides{99, 1};  // That of a dim of 1 says nothing.
  DLManagedTensor managed[] = {managed_of(x, shape), managed_of(y, shape), managed_of(sum, shape)};
  managed[0].dl_tensor.byte_offset = sizeof(float);
  managed[1].dl_tensor.strides = strides.data();
  spinel_tensor tensors[3];
  for (int i = 0; i < 3; ++i) {
    spinel_tensor_init(&tensors[i], sizeof tensors[i]);
    check_succeeds(
        [&](spinel_error** error) { return spinel_tensor_from_dlpack(&managed[i], &tensors[i], error); });
  }
  spinel_tensor outputs[] = {tensors[2], empty_tensor()};
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_run(engine.get(), tensors, 2, outputs, 2, nullptr, error);
  });
  CHECK(sum == std::vector<float>{11, 22, 33});

  // The product belongs to the library: it is given away.
  DLManagedTensor* given = nullptr;
  check_succeeds([&](spinel_error** error) { return spinel_tensor_to_dlpack(&outputs[1], &given, error); });
  CHECK(outputs[1].data == nullptr);
  CHECK(outputs[1].owner == nullptr);
  REQUIRE(given != nullptr);
  CHECK(given->dl_tensor.ndim == 2);
  CHECK(given->dl_tensor.shape[1] == 3);
  CHECK(given->dl_tensor.dtype.bits == 32);
  CHECK(static_cast<const float*>(given->dl_tensor.data)[2] == 90);
  given->deleter(given);
}

TEST_CASE("DLPack tensors that cannot be used") {
  std::vector<float> data(6);
  std::vector<int64_t> shape{2, 3}, strides{1, 2};
  DLManagedTensor managed = managed_of(data, shape);
  spinel_tensor view = empty_tensor();
  const auto from = [&](spinel_error** error) { return spinel_tensor_from_dlpack(&managed, &view, error); };
  managed.dl_tensor.strides = strides.data();
  check_fails(SPINEL_INVALID_ARGUMENT, "not dense", from);
  managed = managed_of(data, shape);
  managed.dl_tensor.device = {kDLCUDA, 0};
  check_fails(SPINEL_UNSUPPORTED, "device type 2", from);
  managed = managed_of(data, shape);
  managed.dl_tensor.dtype.lanes = 4;
  check_fails(SPINEL_UNSUPPORTED, "4 lanes", from);
  CHECK(view.data == nullptr);

  spinel_tensor own = tensor_of(SPINEL_FLOAT32, shape, data);
  DLManagedTensor* given = nullptr;
  check_fails(SPINEL_INVALID_ARGUMENT, "caller's",
              [&](spinel_error** error) { return spinel_tensor_to_dlpack(&own, &given, error); });
  CHECK(given == nullptr);
}
