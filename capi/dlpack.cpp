#include "spinel_dlpack.h"

#include <dlpack/dlpack.h>

#include <memory>

#include "tensors.hpp"

#if !defined(DLPACK_MAJOR_VERSION)
/// What headers before DLPack 1.0 lack, laid out as its specification says.
struct DLPackVersion {
  uint32_t major;
  uint32_t minor;
};

struct DLManagedTensorVersioned {
  DLPackVersion version;
  void* manager_ctx;
  void (*deleter)(DLManagedTensorVersioned* self);
  uint64_t flags;
  DLTensor dl_tensor;
};
#endif

using namespace spinel;
using namespace spinel::capi;

namespace {

/// DLPack's code of booleans, which headers before 0.8 do not name.
constexpr uint8_t dl_bool = 6;

/// The flag of a tensor that must not be written to.
constexpr uint64_t dl_read_only = 1;

struct DLPackType {
  DType dtype;
  uint8_t code;
  uint8_t bits;
};

constexpr DLPackType dlpack_types[] = {
    {DType::float32, kDLFloat, 32},     {DType::float16, kDLFloat, 16},
    {DType::float64, kDLFloat, 64},     {DType::bfloat16, kDLBfloat, 16},
    {DType::int8, kDLInt, 8},           {DType::int16, kDLInt, 16},
    {DType::int32, kDLInt, 32},         {DType::int64, kDLInt, 64},
    {DType::uint8, kDLUInt, 8},         {DType::uint16, kDLUInt, 16},
    {DType::uint32, kDLUInt, 32},       {DType::uint64, kDLUInt, 64},
    {DType::complex64, kDLComplex, 64}, {DType::complex128, kDLComplex, 128},
    {DType::boolean, dl_bool, 8},
};

/// What manager_ctx points to: of DLManagedTensor, or the versioned one.
template <class Managed>
struct Exported {
  Managed managed;
  Tensor tensor;
  Dims shape;
};

DType dtype_of_dlpack(DLDataType type) {
  for (const DLPackType& each : dlpack_types)
    if (type.code == each.code && type.bits == each.bits && type.lanes == 1) return each.dtype;
  fail(ErrorCode::unsupported, "a DLPack tensor of type code {}, {} bits, {} lanes is not supported",
       type.code, type.bits, type.lanes);
}

void check_dense(const DLTensor& tensor) {
  if (tensor.strides == nullptr) return;
  int64_t expected = 1;
  for (int i = tensor.ndim - 1; i >= 0; --i) {
    if (tensor.shape[i] == 0) return;
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected)
      fail(ErrorCode::invalid_argument,
           "the DLPack tensor is not dense: stride {} of axis {} should be {}; copy it to a contiguous one",
           tensor.strides[i], i, expected);
    expected *= tensor.shape[i];
  }
}

void view_of(const DLTensor& from, spinel_tensor* view) {
  checked_struct_size(view, "view");
  if (from.device.device_type != kDLCPU)
    fail(ErrorCode::unsupported, "the DLPack tensor lies on device type {}; only the CPU (1) is supported",
         static_cast<int>(from.device.device_type));
  if (from.ndim < 0) misuse("managed has {} dims", from.ndim);
  const DType dtype = dtype_of_dlpack(from.dtype);
  const Dims dims = read_dims(from.shape, static_cast<size_t>(from.ndim), "managed");
  spinel_tensor out{};
  out.size_bytes = tensor_bytes(dtype, dims);
  if (from.data == nullptr && out.size_bytes != 0) misuse("managed has no data");
  check_dense(from);
  out.data = from.data == nullptr ? nullptr : static_cast<char*>(from.data) + from.byte_offset;
  out.dims = from.shape;
  out.rank = dims.size();
  out.dtype = static_cast<int32_t>(dtype);
  write_struct(view, out);
}

template <class Managed>
std::unique_ptr<Exported<Managed>> export_tensor(const spinel_tensor& tensor) {
  if (tensor.owner == nullptr)
    misuse("tensor is not one that the library allocated; its memory is the caller's to give away");
  const Tensor& own = owned_tensor(tensor);
  const DLPackType* type = nullptr;
  for (const DLPackType& each : dlpack_types)
    if (each.dtype == own.dtype()) type = &each;
  if (type == nullptr)
    fail(ErrorCode::unsupported, "DLPack has no type for {} elements", dtype_name(own.dtype()));
  auto out = std::make_unique<Exported<Managed>>(Exported<Managed>{{}, own, own.dims()});
  DLTensor& to = out->managed.dl_tensor;
  to.data = out->tensor.raw();
  to.device = {kDLCPU, 0};
  to.ndim = static_cast<int>(out->shape.size());
  to.dtype = {type->code, type->bits, 1};
  to.shape = out->shape.data();
  out->managed.manager_ctx = out.get();
  out->managed.deleter = [](Managed* self) { delete static_cast<Exported<Managed>*>(self->manager_ctx); };
  return out;
}

}  // namespace

int32_t spinel_tensor_from_dlpack(const DLManagedTensor* managed, spinel_tensor* view, spinel_error** error) {
  return guard(__func__, error, [&] { view_of(require(managed, "managed").dl_tensor, view); });
}

int32_t spinel_tensor_to_dlpack(spinel_tensor* tensor, DLManagedTensor** managed, spinel_error** error) {
  return guard(__func__, error, [&] {
    checked_struct_size(tensor, "tensor");
    require(managed, "managed");
    auto out = export_tensor<DLManagedTensor>(*tensor);
    spinel_tensor_release(tensor);
    *managed = &out.release()->managed;
  });
}

int32_t spinel_tensor_from_dlpack_versioned(const DLManagedTensorVersioned* managed, spinel_tensor* view,
                                            int32_t* read_only, spinel_error** error) {
  return guard(__func__, error, [&] {
    const DLPackVersion& version = require(managed, "managed").version;
    if (version.major != 1)
      fail(ErrorCode::unsupported, "the DLPack tensor is of version {}.{}; 1.x can be read", version.major,
           version.minor);
    view_of(managed->dl_tensor, view);
    if (read_only != nullptr) *read_only = (managed->flags & dl_read_only) != 0 ? 1 : 0;
  });
}

int32_t spinel_tensor_to_dlpack_versioned(spinel_tensor* tensor, DLManagedTensorVersioned** managed,
                                          spinel_error** error) {
  return guard(__func__, error, [&] {
    checked_struct_size(tensor, "tensor");
    require(managed, "managed");
    auto out = export_tensor<DLManagedTensorVersioned>(*tensor);
    out->managed.version = {1, 0};
    spinel_tensor_release(tensor);
    *managed = &out.release()->managed;
  });
}
