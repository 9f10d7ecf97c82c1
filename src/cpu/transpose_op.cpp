#include "cpu/transpose_op.hpp"

#include <array>
#include <cstring>

#include "cpu/tasks.hpp"
#include "cpu/vector_kernels.hpp"
#include "ops/transpose.hpp"

namespace spinel::cpu {
namespace {

constexpr size_t max_rank = 8;

/// An axis of the output, with strides in elements.
struct Axis {
  int64_t size, from_stride, to_stride;
};

/// The axes in the output's order without those of size 1, neighbours merged that are neighbours in both.
struct Axes {
  std::array<Axis, max_rank> axes = {};
  size_t count = 0;

  Axes(const Dims& x, const std::vector<size_t>& order) {
    std::array<int64_t, max_rank> strides = {};
    int64_t elements = 1;
    for (size_t i = x.size(); i-- > 0; elements *= x[i]) strides[i] = elements;
    int64_t left = elements;
    for (const size_t from : order) {
      left /= std::max<int64_t>(x[from], 1);
      if (x[from] == 1) continue;
      const Axis axis{x[from], strides[from], left};
      if (count > 0 && axes[count - 1].from_stride == axis.from_stride * axis.size) {
        axes[count - 1].size *= axis.size;
        axes[count - 1].from_stride = axis.from_stride;
        axes[count - 1].to_stride = axis.to_stride;
      } else {
        axes[count++] = axis;
      }
    }
  }

  Axis take(size_t at) {
    const Axis axis = axes[at];
    for (size_t i = at + 1; i < count; ++i) axes[i - 1] = axes[i];
    --count;
    return axis;
  }
  /// Where the `index`-th combination of these axes begins.
  void offsets(int64_t index, int64_t& from, int64_t& to) const {
    for (size_t i = count; i-- > 0; index /= axes[i].size) {
      from += index % axes[i].size * axes[i].from_stride;
      to += index % axes[i].size * axes[i].to_stride;
    }
  }
  int64_t combinations() const {
    int64_t n = 1;
    for (size_t i = 0; i < count; ++i) n *= axes[i].size;
    return n;
  }
};

class TransposeKernel final : public KernelOp {
 public:
  TransposeKernel(graph::OpPtr reference, const Kernels& kernels, std::vector<size_t> order)
      : KernelOp(std::move(reference)), kernels_(*kernels.vector), order_(std::move(order)) {}

  std::string_view kernel() const override { return "transpose"; }

  void run(graph::RunContext& context) const override {
    const Tensor& x = context.input(0);
    const int64_t bytes = dtype_bits(x.dtype()) / 8;
    Tensor& y = context.output_or(0, x.dtype(), [&] {
      Dims dims;
      for (const size_t axis : order_) dims.push_back(x.dims()[axis]);
      return dims;
    });
    if (y.element_count() == 0) return;
    const char* from = static_cast<const char*>(x.raw());
    char* to = static_cast<char*>(y.raw());
    Axes axes(x.dims(), order_);
    if (axes.count == 0) axes.axes[axes.count++] = {1, 1, 1};
    if (axes.axes[axes.count - 1].from_stride == 1) return copy(context, axes, from, to, bytes);
    turn(context, axes, from, to, bytes);
  }

 private:
  /// The last axis stays: runs of elements are copied.
  void copy(graph::RunContext& context, Axes& axes, const char* from, char* to, int64_t bytes) const {
    const Axis run = axes.take(axes.count - 1);
    // One run alone is cut, several are not.
    if (axes.count == 0) {
      parallel_rows(context, run.size, 1, [&](int64_t begin, int64_t count) {
        std::memcpy(to + begin * bytes, from + begin * bytes, static_cast<size_t>(count * bytes));
      });
      return;
    }
    const Axis rows = axes.take(axes.count - 1);
    const int64_t part = task_rows(rows.size, run.size);
    const int64_t parts = (rows.size + part - 1) / part;
    parallel_rows(context, axes.combinations() * parts, part * run.size, [&](int64_t begin, int64_t count) {
      for (int64_t i = begin; i < begin + count; ++i) {
        const int64_t row = i % parts * part;
        int64_t at = row * rows.from_stride;
        int64_t target = row * rows.to_stride;
        axes.offsets(i / parts, at, target);
        kernels_.copy_rows(from + at * bytes, rows.from_stride * bytes, to + target * bytes,
                           rows.to_stride * bytes, std::min(part, rows.size - row), run.size * bytes);
      }
    });
  }

  /// The input's last axis and the output's change places.
  void turn(graph::RunContext& context, Axes& axes, const char* from, char* to, int64_t bytes) const {
    const Axis rows = axes.take(axes.count - 1);
    size_t last = 0;
    while (axes.axes[last].from_stride != 1) ++last;
    const Axis columns = axes.take(last);
    // Blocks are whole tiles, and long where the other side is short.
    const int64_t column_part = columns.size < 64 ? columns.size : rows.size < 64 ? 4096 : 512;
    const int64_t row_part = rows.size < 64 ? rows.size : columns.size < 64 ? 4096 : 128;
    const int64_t column_parts = (columns.size + column_part - 1) / column_part;
    const int64_t row_parts = (rows.size + row_part - 1) / row_part;
    const int64_t block_elements = std::min(rows.size, row_part) * std::min(columns.size, column_part);
    parallel_rows(context, axes.combinations() * column_parts * row_parts, block_elements,
                  [&](int64_t begin, int64_t count) {
                    for (int64_t i = begin; i < begin + count; ++i) {
                      const int64_t row = i % row_parts * row_part;
                      const int64_t column = i / row_parts % column_parts * column_part;
                      int64_t at = row * rows.from_stride + column;
                      int64_t target = row + column * columns.to_stride;
                      axes.offsets(i / row_parts / column_parts, at, target);
                      TransposeBlock block;
                      block.from = from + at * bytes;
                      block.to = to + target * bytes;
                      block.from_stride = rows.from_stride;
                      block.to_stride = columns.to_stride;
                      block.rows = std::min(row_part, rows.size - row);
                      block.columns = std::min(column_part, columns.size - column);
                      block.element_bytes = static_cast<int>(bytes);
                      kernels_.transpose(block);
                    }
                  });
  }

  const VectorKernels& kernels_;
  std::vector<size_t> order_;
};

}  // namespace

graph::OpPtr make_transpose_kernel(const Candidate& candidate, std::string& refusal) {
  const auto* transpose = dynamic_cast<const ops::Transpose*>(candidate.node.op.get());
  if (transpose == nullptr || !candidate.has_input(0)) return nullptr;
  const graph::ValueType& x = candidate.input_type(0);
  if (!x.shape || x.shape->size() > max_rank) {
    refusal = "the rank is not known, or above 8";
    return nullptr;
  }
  const int bits = dtype_bits(x.dtype);
  if ((bits != 32 && bits != 16 && bits != 8) || x.dtype == DType::string) {
    refusal = "elements are not of 1, 2 or 4 bytes";
    return nullptr;
  }
  return std::make_shared<TransposeKernel>(candidate.node.op, candidate.kernels,
                                           transpose->order(x.shape->size()));
}

}  // namespace spinel::cpu
