#include "graph/origin.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"

namespace spinel::graph {
namespace {

/// Visits the elements of `dims` in order, with the offset that each has under `strides`.
template <class Fn>
void for_each_offset(std::span<const int64_t> dims, std::span<const int64_t> strides, Fn&& fn) {
  if (std::ranges::find(dims, 0) != dims.end()) return;
  std::vector<int64_t> at(dims.size(), 0);
  int64_t offset = 0;
  while (true) {
    fn(offset);
    size_t axis = dims.size();
    for (; axis > 0; --axis) {
      offset += strides[axis - 1];
      if (++at[axis - 1] < dims[axis - 1]) break;
      offset -= strides[axis - 1] * dims[axis - 1];
      at[axis - 1] = 0;
    }
    if (axis == 0) return;
  }
}

/// By axis of the value: the distance in the origin of two neighbours, in elements.
std::vector<int64_t> origin_strides(const Value& value, const Dims& origin) {
  std::vector<int64_t> dense(origin.size(), 1);
  for (size_t axis = origin.size(); axis > 1; --axis) dense[axis - 2] = dense[axis - 1] * origin[axis - 1];
  std::vector<int64_t> strides;
  for (int axis : value.origin_axes) strides.push_back(axis < 0 ? 0 : dense[static_cast<size_t>(axis)]);
  return strides;
}

/// Copies elements between the value's dense order and its origin's.
void reorder(const Value& value, const Tensor& from, Tensor& to, const Tensor& in_value_order,
             const Dims& origin) {
  if (dtype_bits(from.dtype()) % 8 != 0 || from.dtype() == DType::string)
    fail(ErrorCode::unsupported, "value '{}': the layout of {} cannot be turned back", value.name,
         dtype_name(from.dtype()));
  const auto bytes = static_cast<size_t>(dtype_bits(from.dtype()) / 8);
  const auto* source = static_cast<const std::byte*>(from.raw());
  auto* target = static_cast<std::byte*>(to.raw());
  const bool reads_value = &in_value_order == &from;
  size_t dense = 0;
  for_each_offset(in_value_order.dims(), origin_strides(value, origin), [&](int64_t offset) {
    const auto other = static_cast<size_t>(offset);
    std::memcpy(target + (reads_value ? other : dense) * bytes,
                source + (reads_value ? dense : other) * bytes, bytes);
    ++dense;
  });
}

}  // namespace

void clear_origin(Value& value) {
  value.origin.clear();
  value.origin_axes.clear();
}

void inherit_origin(Value& to, const Value& from, std::span<const int> axes) {
  std::vector<int> composed = from.origin_axes;
  if (!axes.empty()) {
    composed.clear();
    for (int axis : axes)
      composed.push_back(axis < 0 || from.origin_axes.empty() ? axis
                                                              : from.origin_axes[static_cast<size_t>(axis)]);
  }
  to.origin = from.origin;
  to.origin_axes = std::move(composed);
  if (to.origin.empty()) to.origin_axes.clear();
}

void inherit_origin(Value& to, const Value& from, std::initializer_list<int> axes) {
  inherit_origin(to, from, std::span<const int>(axes.begin(), axes.size()));
}

bool has_readable_origin(const Value& value, size_t rank) {
  if (value.origin.empty()) return false;
  if (value.origin_axes.empty()) return true;
  if (value.origin_axes.size() != rank) return false;
  std::vector<int> sorted = value.origin_axes;
  std::erase(sorted, -1);
  std::ranges::sort(sorted);
  for (size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != static_cast<int>(i)) return false;
  return true;
}

Dims origin_dims(const Value& value, std::span<const int64_t> dims) {
  if (value.origin_axes.empty()) return Dims(dims.begin(), dims.end());
  Dims out(static_cast<size_t>(std::ranges::count_if(value.origin_axes, [](int axis) { return axis >= 0; })));
  for (size_t i = 0; i < dims.size(); ++i)
    if (value.origin_axes[i] >= 0) out[static_cast<size_t>(value.origin_axes[i])] = dims[i];
  return out;
}

Tensor to_origin(const Value& value, const Tensor& tensor) {
  if (value.origin_axes.empty()) return tensor;
  const Dims dims = origin_dims(value, tensor.dims());
  Tensor out = Tensor::uninitialized(tensor.dtype(), dims);
  reorder(value, tensor, out, tensor, dims);
  return out;
}

void from_origin(const Value& value, const Tensor& tensor, Tensor& out) {
  if (tensor.dtype() != out.dtype() || tensor.dims() != origin_dims(value, out.dims()))
    fail(ErrorCode::invalid_argument, "value '{}' is {}{}, which {} cannot replace", value.origin,
         dtype_name(out.dtype()), dims_text(origin_dims(value, out.dims())), describe(tensor));
  if (value.origin_axes.empty())
    copy_elements(tensor, out);
  else
    reorder(value, tensor, out, out, tensor.dims());
}

}  // namespace spinel::graph
