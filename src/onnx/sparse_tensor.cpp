#include <cstring>
#include <string>

#include "base/text.hpp"
#include "onnx/tensor_data.hpp"

namespace spinel::onnx {
namespace {

/// Copies element `from_index` of `from` to element `to_index` of `to`; both have the same dtype, `to` is
/// zeroed.
void copy_element(const spinel::Tensor& from, size_t from_index, spinel::Tensor& to, size_t to_index) {
  if (from.dtype() == DType::string) {
    to.data<std::string>()[to_index] = from.data<std::string>()[from_index];
    return;
  }
  const auto bits = static_cast<size_t>(dtype_bits(from.dtype()));
  const auto* const source = static_cast<const uint8_t*>(from.raw());
  auto* const target = static_cast<uint8_t*>(to.raw());
  if (bits >= 8) {
    const size_t bytes = bits / 8;
    std::memcpy(target + to_index * bytes, source + from_index * bytes, bytes);
    return;
  }
  // Packed types: the first element stands in the lowest bits.
  const size_t per_byte = 8 / bits;
  const unsigned mask = (1u << bits) - 1;
  const unsigned value = (unsigned{source[from_index / per_byte]} >> (from_index % per_byte * bits)) & mask;
  uint8_t& byte = target[to_index / per_byte];
  byte = static_cast<uint8_t>(byte | (value << (to_index % per_byte * bits)));
}

/// Row `row` of the indices as an element number of the dense tensor; -1 if it lies outside.
int64_t linear_index(std::span<const int64_t> indices, size_t row, std::span<const int64_t> dims,
                     bool linearised, int64_t count) {
  if (linearised) return indices[row] >= 0 && indices[row] < count ? indices[row] : -1;
  int64_t linear = 0;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    const int64_t index = indices[row * dims.size() + axis];
    if (index < 0 || index >= dims[axis]) return -1;
    linear = linear * dims[axis] + index;
  }
  return linear < count ? linear : -1;
}

}  // namespace

spinel::Tensor to_dense_tensor(const SparseTensor& tensor, const TensorSource& source) {
  const std::string label = fmt::format("sparse tensor '{}'", tensor.values.name);
  if (!tensor.has_values) fail(ErrorCode::bad_model, "{} has no values", label);
  const spinel::Tensor values = to_tensor(tensor.values, source);
  if (values.rank() != 1)
    fail(ErrorCode::bad_model, "{}: its values have {} dims; they must have one", label, values.rank());
  int64_t count = 0;
  size_t bytes = 0;
  try {
    count = element_count(tensor.dims);
    bytes = tensor_bytes(values.dtype(), tensor.dims);
  } catch (const Error& error) {
    fail(ErrorCode::bad_model, "{}: {}", label, error.what());
  }
  if (source.limits.max_tensor_bytes != 0 && bytes > source.limits.max_tensor_bytes)
    fail(ErrorCode::limit_exceeded, "{} has {} bytes when dense; the limit (max_tensor_bytes) is {}", label,
         bytes, source.limits.max_tensor_bytes);

  const int64_t stored = values.element_count();
  spinel::Tensor indices;
  if (tensor.has_indices)
    indices = to_tensor(tensor.indices, source);
  else if (stored == 0)
    indices = spinel::Tensor(DType::int64, {0});
  else
    fail(ErrorCode::bad_model, "{} has no indices", label);
  const auto rank = static_cast<int64_t>(tensor.dims.size());
  const bool linearised = indices.dims() == Dims{stored};
  if (indices.dtype() != DType::int64 || (!linearised && indices.dims() != Dims{stored, rank}))
    fail(ErrorCode::bad_model, "{}: its indices are {}; they must be int64[{}] or int64[{}, {}]", label,
         describe(indices), stored, stored, rank);

  spinel::Tensor out(values.dtype(), tensor.dims);
  int64_t previous = -1;
  for (int64_t row = 0; row < stored; ++row) {
    const int64_t linear =
        linear_index(indices.data<int64_t>(), static_cast<size_t>(row), tensor.dims, linearised, count);
    if (linear < 0)
      fail(ErrorCode::bad_model, "{}: index {} lies outside {}", label, row, dims_text(tensor.dims));
    if (linear <= previous)
      fail(ErrorCode::bad_model,
           "{}: index {} is not larger than the one before; they must be ascending and unique", label, row);
    copy_element(values, static_cast<size_t>(row), out, static_cast<size_t>(linear));
    previous = linear;
  }
  return out;
}

}  // namespace spinel::onnx
