#include "runtime/batch_split.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"

namespace spinel::runtime {
namespace {

/// Copies `count` rows along an axis from row `from_row` of one tensor to row `to_row` of another.
void copy_rows(const Tensor& from, int64_t from_row, Tensor& to, int64_t to_row, int64_t count, int axis) {
  int64_t outer = 1;
  for (int i = 0; i < axis; ++i) outer *= from.dim(i);
  int64_t inner = 1;
  for (int i = axis + 1; i < from.rank(); ++i) inner *= from.dim(i);
  if (from.dtype() == DType::string) {
    const auto source = from.data<std::string>();
    auto target = to.data<std::string>();
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < count * inner; ++i)
        target[static_cast<size_t>((o * to.dim(axis) + to_row) * inner + i)] =
            source[static_cast<size_t>((o * from.dim(axis) + from_row) * inner + i)];
    return;
  }
  const int64_t row_bits = inner * dtype_bits(from.dtype());
  if (row_bits % 8 != 0)
    fail(ErrorCode::unsupported, "a batch of {} cannot be split: its rows share bytes", describe(from));
  const auto row = static_cast<size_t>(row_bits / 8);
  if (row == 0 || count == 0) return;
  for (int64_t o = 0; o < outer; ++o)
    std::memcpy(
        static_cast<std::byte*>(to.raw()) + static_cast<size_t>(o * to.dim(axis) + to_row) * row,
        static_cast<const std::byte*>(from.raw()) + static_cast<size_t>(o * from.dim(axis) + from_row) * row,
        static_cast<size_t>(count) * row);
}

}  // namespace

std::vector<Part> split_evenly(int64_t batch, int64_t parts) {
  parts = std::clamp<int64_t>(parts, 1, std::max<int64_t>(batch, 1));
  std::vector<Part> out;
  int64_t begin = 0;
  for (int64_t i = 0; i < parts; ++i) {
    const int64_t count = batch / parts + (i < batch % parts ? 1 : 0);
    out.push_back({begin, count, count});
    begin += count;
  }
  return out;
}

std::vector<Part> split_for_stealing(int64_t batch, int64_t spas, int64_t part_samples) {
  const int64_t parts = (batch + part_samples - 1) / part_samples;
  return split_evenly(batch, std::min(batch, (parts + spas - 1) / spas * spas));
}

std::vector<Part> split_fixed(int64_t batch, int64_t size) {
  std::vector<Part> out;
  for (int64_t begin = 0; begin < batch; begin += size)
    out.push_back({begin, std::min(size, batch - begin), size});
  return out;
}

namespace {

void set_part_dims(const Tensor& whole, int axis, const Part& part, PartBuffer& buffer) {
  buffer.dims = whole.dims();
  buffer.dims[static_cast<size_t>(axis)] = part.run_count;
}

void view_buffer(const Tensor& whole, PartBuffer& buffer, Tensor& to) {
  if (buffer.memory.dtype() != whole.dtype() || buffer.memory.dims() != buffer.dims)
    buffer.memory = Tensor(whole.dtype(), buffer.dims);
  to.become_view(whole.dtype(), buffer.dims, buffer.memory.raw());
}

}  // namespace

void* rows_in_place(const Tensor& whole, int axis, const Part& part) {
  auto* first = const_cast<void*>(whole.raw());
  if (part.begin == 0 && part.run_count == whole.dim(axis)) return first;
  if (axis != 0 || part.count != part.run_count || whole.dtype() == DType::string ||
      dtype_bits(whole.dtype()) % 8 != 0)
    return nullptr;
  const size_t row_bytes = whole.size_bytes() / static_cast<size_t>(std::max<int64_t>(whole.dim(0), 1));
  return static_cast<std::byte*>(first) + row_bytes * static_cast<size_t>(part.begin);
}

void take_part(const Tensor& whole, int axis, const Part& part, PartBuffer& buffer, Tensor& to) {
  set_part_dims(whole, axis, part, buffer);
  if (void* rows = rows_in_place(whole, axis, part)) return to.become_view(whole.dtype(), buffer.dims, rows);
  view_buffer(whole, buffer, to);
  copy_rows(whole, part.begin, to, 0, part.count, axis);
  for (int64_t row = part.count; row < part.run_count; ++row)
    copy_rows(whole, part.begin + part.count - 1, to, row, 1, axis);
}

void make_part(Tensor& whole, int axis, const Part& part, PartBuffer& buffer, Tensor& to) {
  set_part_dims(whole, axis, part, buffer);
  if (void* rows = rows_in_place(whole, axis, part)) return to.become_view(whole.dtype(), buffer.dims, rows);
  view_buffer(whole, buffer, to);
}

void put_part(const Tensor& from, Tensor& whole, int axis, const Part& part) {
  copy_rows(from, 0, whole, part.begin, part.count, axis);
}

Tensor pad_to(const Tensor& tensor, const Dims& dims, double value) {
  if (tensor.dtype() == DType::string)
    fail(ErrorCode::unsupported, "strings cannot be padded from {} to {}", describe(tensor), dims_text(dims));
  Tensor filler = convert(Tensor::scalar(value), tensor.dtype());
  Tensor out(tensor.dtype(), dims);
  const size_t element = filler.size_bytes();
  auto* to = static_cast<std::byte*>(out.raw());
  for (int64_t i = 0; i < out.element_count(); ++i)
    std::memcpy(to + static_cast<size_t>(i) * element, filler.raw(), element);
  if (tensor.element_count() == 0 || dims.empty()) return out;
  const int64_t row = tensor.dims().back();
  const int64_t rows = tensor.element_count() / row;
  std::vector<int64_t> index(dims.size() - 1, 0);
  for (int64_t r = 0; r < rows; ++r) {
    int64_t offset = 0;
    for (size_t axis = 0; axis + 1 < dims.size(); ++axis) offset = (offset + index[axis]) * dims[axis + 1];
    std::memcpy(to + static_cast<size_t>(offset) * element,
                static_cast<const std::byte*>(tensor.raw()) + static_cast<size_t>(r * row) * element,
                static_cast<size_t>(row) * element);
    for (size_t axis = index.size(); axis-- > 0;) {
      if (++index[axis] < tensor.dims()[axis]) break;
      index[axis] = 0;
    }
  }
  return out;
}

}  // namespace spinel::runtime
