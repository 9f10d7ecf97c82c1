#include "tensors.hpp"

#include <algorithm>
#include <memory>

namespace spinel::capi {
namespace {

/// Far above what any operator takes; guards against a rank that was never set.
constexpr size_t most_dims = 1024;

/// What spinel_tensor::owner points to.
struct TensorOwner {
  Tensor tensor;
  std::vector<spinel_string> strings;
};

size_t alignment_bytes(DType dtype) {
  switch (dtype) {
    case DType::string:
      return alignof(spinel_string);
    case DType::complex64:
      return alignof(float);
    case DType::complex128:
      return alignof(double);
    default:
      return std::max<size_t>(static_cast<size_t>(dtype_bits(dtype)) / 8, 1);
  }
}

size_t bytes_needed(DType dtype, const Dims& dims) {
  if (dtype != DType::string) return tensor_bytes(dtype, dims);
  size_t total;
  if (__builtin_mul_overflow(static_cast<size_t>(element_count(dims)), sizeof(spinel_string), &total))
    fail(ErrorCode::invalid_argument, "dims {} are larger than the address space", dims_text(dims));
  return total;
}

struct Layout {
  DType dtype;
  Dims dims;
  size_t size_bytes;
};

Layout read_layout(const spinel_tensor& tensor, const std::string& what) {
  if (!is_known_dtype(tensor.dtype)) misuse("{}.dtype is {}, which is no spinel_dtype", what, tensor.dtype);
  Layout out{static_cast<DType>(tensor.dtype), read_dims(tensor.dims, tensor.rank, what), 0};
  out.size_bytes = bytes_needed(out.dtype, out.dims);
  if (tensor.data == nullptr && out.size_bytes != 0) misuse("{}.data is NULL", what);
  if (reinterpret_cast<uintptr_t>(tensor.data) % alignment_bytes(out.dtype) != 0)
    misuse("{}.data is not aligned to {} bytes, as {} needs", what, alignment_bytes(out.dtype),
           dtype_name(out.dtype));
  return out;
}

Tensor copy_strings(const spinel_string* strings, Dims dims, const std::string& what) {
  Tensor out(DType::string, std::move(dims));
  auto texts = out.data<std::string>();
  for (size_t i = 0; i < texts.size(); ++i) {
    if (strings[i].data == nullptr && strings[i].size_bytes != 0)
      misuse("{}: string {} has no data", what, i);
    if (strings[i].size_bytes != 0) texts[i].assign(strings[i].data, strings[i].size_bytes);
  }
  return out;
}

std::unique_ptr<TensorOwner> make_owner(const Tensor& result) {
  auto owner = std::make_unique<TensorOwner>();
  owner->tensor = result.owned() ? result : result.clone();
  if (result.dtype() == DType::string)
    for (const std::string& text : std::as_const(owner->tensor).data<std::string>())
      owner->strings.push_back({text.data(), text.size()});
  return owner;
}

}  // namespace

Dims read_dims(const int64_t* dims, size_t rank, const std::string& what) {
  if (rank > most_dims) misuse("{}.rank is {}; at most {} dims are possible", what, rank, most_dims);
  if (dims == nullptr && rank != 0) misuse("{}.dims is NULL, but its rank is {}", what, rank);
  return rank == 0 ? Dims() : Dims(dims, dims + rank);
}

std::vector<Dims> read_shapes(const spinel_shape* shapes, size_t count, const char* name) {
  require_array(shapes, count, name);
  std::vector<Dims> out;
  for (size_t i = 0; i < count; ++i)
    out.push_back(read_dims(shapes[i].dims, shapes[i].rank, fmt::format("{}[{}]", name, i)));
  return out;
}

Tensor read_input(const spinel_tensor& tensor, const std::string& what) {
  Layout layout = read_layout(tensor, what);
  if (tensor.size_bytes != layout.size_bytes)
    misuse("{}.size_bytes is {}, but {}{} takes {}", what, tensor.size_bytes, dtype_name(layout.dtype),
           dims_text(layout.dims), layout.size_bytes);
  if (layout.dtype == DType::string)
    return copy_strings(static_cast<const spinel_string*>(tensor.data), std::move(layout.dims), what);
  return Tensor::view(layout.dtype, std::move(layout.dims), tensor.data);
}

std::vector<Tensor> read_inputs(const spinel_tensor* tensors, size_t count) {
  const auto array = struct_array(tensors, count, "inputs");
  std::vector<Tensor> out;
  for (size_t i = 0; i < count; ++i) out.push_back(read_input(array[i], fmt::format("inputs[{}]", i)));
  return out;
}

std::optional<Tensor> read_output(const spinel_tensor& tensor, const std::string& what) {
  if (tensor.data == nullptr) return std::nullopt;
  Layout layout = read_layout(tensor, what);
  if (layout.dtype == DType::string)
    misuse("{} is for strings, which the library allocates; leave its data NULL", what);
  if (tensor.size_bytes < layout.size_bytes)
    misuse("{}.size_bytes is {}, but {}{} takes {}", what, tensor.size_bytes, dtype_name(layout.dtype),
           dims_text(layout.dims), layout.size_bytes);
  return Tensor::view(layout.dtype, std::move(layout.dims), tensor.data);
}

std::vector<Tensor> read_outputs(const StructArray<spinel_tensor>& tensors) {
  std::vector<Tensor> out;
  for (size_t i = 0; i < tensors.size(); ++i)
    out.push_back(read_output(tensors[i], fmt::format("outputs[{}]", i)).value_or(Tensor()));
  return out;
}

spinel_tensor borrowed_view(Tensor& tensor) {
  spinel_tensor out{};
  out.struct_size = sizeof out;
  out.data = tensor.raw();
  out.size_bytes = tensor.size_bytes();
  out.dims = tensor.dims().data();
  out.rank = tensor.dims().size();
  out.dtype = static_cast<int32_t>(tensor.dtype());
  return out;
}

const Tensor& owned_tensor(const spinel_tensor& tensor) {
  return static_cast<const TensorOwner*>(tensor.owner)->tensor;
}

void deliver(const StructArray<spinel_tensor>& targets, std::span<const Tensor> results) {
  std::vector<std::unique_ptr<TensorOwner>> owners(targets.size());
  for (size_t i = 0; i < targets.size(); ++i)
    if (targets[i].data == nullptr) owners[i] = make_owner(results[i]);
  for (size_t i = 0; i < targets.size(); ++i) {
    if (!owners[i]) continue;
    TensorOwner& owner = *owners[i];
    spinel_tensor filled = borrowed_view(owner.tensor);
    if (owner.tensor.dtype() == DType::string) {
      filled.data = owner.strings.data();
      filled.size_bytes = owner.strings.size() * sizeof(spinel_string);
    }
    filled.owner = owners[i].release();
    write_struct(&targets[i], filled);
  }
}

}  // namespace spinel::capi

using namespace spinel;
using namespace spinel::capi;

void spinel_tensor_init(spinel_tensor* tensor, size_t struct_size) {
  init_struct(tensor, struct_size, spinel_tensor{});
}

void spinel_tensor_release(spinel_tensor* tensor) {
  if (tensor == nullptr || tensor->owner == nullptr) return;
  delete static_cast<TensorOwner*>(tensor->owner);
  tensor->data = nullptr;
  tensor->size_bytes = 0;
  tensor->dims = nullptr;
  tensor->rank = 0;
  tensor->owner = nullptr;
}

int32_t spinel_tensor_bytes(int32_t dtype, const int64_t* dims, size_t rank, size_t* size_bytes,
                            spinel_error** error) {
  return guard(__func__, error, [&] {
    require(size_bytes, "size_bytes");
    if (!is_known_dtype(dtype)) misuse("dtype is {}, which is no spinel_dtype", dtype);
    *size_bytes = bytes_needed(static_cast<DType>(dtype), read_dims(dims, rank, "the shape"));
  });
}
