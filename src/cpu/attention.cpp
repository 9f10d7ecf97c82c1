#include "cpu/attention.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "cpu/attention_kernels.hpp"

namespace spinel::cpu {
namespace {

using graph::BatchState;
using graph::Dim;
using graph::Shape;

/// A block of scores should leave room in the second-level cache for the keys and values that it meets.
constexpr int64_t max_score_floats = int64_t{1} << 16;
constexpr int64_t max_block_tiles = 8;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

Dim size_of(const Shape& shape, const AttentionAxis& axis) {
  if (axis.axis < 0) return Dim(1);
  return axis.size > 0 ? Dim(axis.size) : shape[static_cast<size_t>(axis.axis)];
}
int64_t size_of(std::span<const int64_t> dims, const AttentionAxis& axis) {
  if (axis.axis < 0) return 1;
  return axis.size > 0 ? axis.size : dims[static_cast<size_t>(axis.axis)];
}

/// An operand of known dims.
struct Operand {
  int64_t batches, heads, rows, columns;
  int64_t batch_stride, head_stride, row_stride, column_stride;
  int64_t begin = 0;

  Operand(const AttentionOperand& layout, std::span<const int64_t> dims)
      : batches(size_of(dims, layout.batch)),
        heads(size_of(dims, layout.head)),
        rows(size_of(dims, layout.row)),
        columns(size_of(dims, layout.column)) {
    std::vector<int64_t> strides(dims.size());
    int64_t stride = 1;
    for (size_t i = dims.size(); i-- > 0; stride *= dims[i]) strides[i] = stride;
    const auto along = [&](const AttentionAxis& axis) {
      return axis.axis < 0 ? 0 : axis.step * strides[static_cast<size_t>(axis.axis)];
    };
    batch_stride = along(layout.batch);
    head_stride = along(layout.head);
    row_stride = along(layout.row);
    column_stride = along(layout.column);
    for (const auto& [axis, at] : layout.begin) begin += at * strides[static_cast<size_t>(axis)];
    for (size_t i = 0; i < dims.size(); ++i) require_inside(layout, static_cast<int>(i), dims);
  }

  /// Throws Error(invalid_argument) if the operand would reach beyond an axis.
  void require_inside(const AttentionOperand& layout, int axis, std::span<const int64_t> dims) const {
    int64_t last = 0;
    const std::pair<const AttentionAxis*, int64_t> indices[] = {
        {&layout.batch, batches}, {&layout.head, heads}, {&layout.row, rows}, {&layout.column, columns}};
    for (const auto& [index, size] : indices) {
      if (size == 0) return;
      if (index->axis == axis) last += index->step * (size - 1);
    }
    for (const auto& [at, offset] : layout.begin)
      if (at == axis) last += offset;
    if (last >= dims[static_cast<size_t>(axis)])
      fail(ErrorCode::invalid_argument, "attention reads element {} of axis {}, which has {}", last, axis,
           dims[static_cast<size_t>(axis)]);
  }

  StridedMatrix matrix(const Tensor& tensor, int64_t batch, int64_t head, int64_t row = 0) const {
    const int64_t at = begin + batch * batch_stride + head * head_stride + row * row_stride;
    const auto* bytes = static_cast<const std::byte*>(tensor.raw());
    return {.data = bytes + at * (dtype_bits(tensor.dtype()) / 8),
            .half = tensor.dtype() == DType::float16,
            .row_stride = row_stride,
            .column_stride = column_stride};
  }
};

/// The mask's strides; 0 where it repeats. Throws Error(invalid_argument) if its dims do not fit.
struct Mask {
  int64_t batch = 0, head = 0, row = 0, column = 0;

  Mask(const AttentionMask& layout, const Dims& dims, const Operand& q, const Operand& k) {
    const auto rank = static_cast<int>(dims.size());
    std::vector<int64_t> strides(dims.size());
    int64_t stride = 1;
    for (size_t i = dims.size(); i-- > 0; stride *= dims[i]) strides[i] = dims[i] == 1 ? 0 : stride;
    const auto along = [&](int axis, int64_t size) -> int64_t {
      if (axis == 0 || axis > rank) return 0;
      const auto at = static_cast<size_t>(rank - axis);
      if (dims[at] != 1 && dims[at] != size)
        fail(ErrorCode::invalid_argument, "the mask {} does not fit scores of {} batches, {} heads, {} x {}",
             dims_text(dims), q.batches, q.heads, q.rows, k.rows);
      return strides[at];
    };
    if (layout.packed) {
      head = along(layout.batch, q.batches * q.heads);
      batch = head * q.heads;
    } else {
      batch = along(layout.batch, q.batches);
      head = along(layout.head, q.heads);
    }
    row = along(2, q.rows);
    column = along(1, k.rows);
  }
};

/// Where a task's scratch holds what.
struct ScratchLayout {
  int64_t block_rows;  ///< Rows of Q at a time.
  int64_t score_stride;
  int64_t keys, values, scores, sums, queries, results, end;  ///< Offsets in floats.

  ScratchLayout(const Kernels& kernels, const Operand& q, const Operand& k, const Operand& v) {
    const int64_t vector = kernels.vector_floats;
    score_stride = ceil_div(std::max<int64_t>(k.rows, 1), vector) * vector;
    const int64_t tiles = max_score_floats / (score_stride * kernels.tile_rows);
    block_rows = kernels.tile_rows * std::clamp<int64_t>(tiles, 1, max_block_tiles);
    int64_t at = 0;
    const auto book = [&](int64_t floats) {
      const int64_t here = at;
      at += ceil_div(floats, 16) * 16;
      return here;
    };
    keys = book(kernels.packed_size(k.columns, k.rows));
    values = book(kernels.packed_size(v.rows, v.columns));
    scores = book(block_rows * score_stride);
    sums = book(block_rows);
    queries = book(block_rows * q.columns);
    results = book(block_rows * v.columns);
    end = at;
  }
};

/// C = A * packed B, over depth_block after depth_block.
void multiply(const Kernels& kernels, const float* a, int64_t a_stride, const float* b, int64_t rows,
              int64_t depth, int64_t columns, float* c, int64_t c_stride) {
  GemmBlock block{.a_stride = a_stride,
                  .b = b,
                  .whole_depth = depth,
                  .c = c,
                  .c_stride = c_stride,
                  .rows = rows,
                  .columns = columns};
  for (int64_t k = 0; k < depth; k += depth_block) {
    block.a = a + k;
    block.k = k;
    block.depth = std::min(depth_block, depth - k);
    kernels.gemm_block(block);
    block.start = c;
    block.start_stride = c_stride;
  }
}

std::string axis_text(const AttentionAxis& axis) {
  return axis.axis < 0 ? "-" : fmt::format("{}/{}/{}", axis.axis, axis.step, axis.size);
}

std::string operand_text(const AttentionOperand& operand) {
  std::string text = fmt::format("{},{},{},{}", axis_text(operand.batch), axis_text(operand.head),
                                 axis_text(operand.row), axis_text(operand.column));
  for (const auto& [axis, at] : operand.begin) text += fmt::format("+{}@{}", at, axis);
  return text;
}

}  // namespace

std::string attention_text(const AttentionLayer& layer) {
  return fmt::format("q={} k={} v={} mask={},{},{} scale={} undefined_is_zero={}", operand_text(layer.q),
                     operand_text(layer.k), operand_text(layer.v), layer.mask.batch, layer.mask.head,
                     layer.mask.packed, layer.scale, layer.undefined_is_zero);
}

void Attention::infer(graph::InferContext& context) const {
  for (size_t i = 0; i < 3; ++i)
    if (context.shape(i) == nullptr) fail(ErrorCode::internal, "attention needs operands of known rank");
  const Shape& q = *context.shape(0);
  context.set_tensor(0, context.dtype(0),
                     Shape{size_of(q, layer_.q.batch), size_of(q, layer_.q.row),
                           size_of(q, layer_.q.head) * size_of(*context.shape(2), layer_.v.column)});
}

void Attention::batch(graph::BatchContext& context) const {
  const AttentionOperand* operands[] = {&layer_.q, &layer_.k, &layer_.v};
  for (size_t i = 0; i < 3; ++i) {
    const BatchState state = context.input(i);
    const AttentionAxis& axis = operands[i]->batch;
    if (!state.is_batched() || axis.axis != state.axis || axis.size != 0)
      return context.block("the batch is no axis of its own in every operand of the attention");
  }
  if (context.input_count() > 3 && context.has_input(3)) {
    const BatchState state = context.input(3);
    if (!context.has_rank(3) || state.is_size()) return context.block("the mask's rank is not known");
    const int at = context.rank(3) - layer_.mask.batch;
    const bool repeats =
        layer_.mask.batch == 0 || at < 0 || (*context.input_shape(3))[static_cast<size_t>(at)].is_constant(1);
    if (state.is_batched() ? layer_.mask.packed || state.axis != at : !repeats)
      return context.block("the mask does not follow the batch along an axis of its own");
  }
  context.set_output(0, BatchState::batched(0));
}

graph::Scratch Attention::scratch(const graph::ScratchContext& context) const {
  const ScratchLayout layout(*isa_.kernels, Operand(layer_.q, context.input_dims(0)),
                             Operand(layer_.k, context.input_dims(1)),
                             Operand(layer_.v, context.input_dims(2)));
  return {.per_thread_bytes = static_cast<uint64_t>(layout.end) * sizeof(float)};
}

void Attention::run(graph::RunContext& context) const {
  const Kernels& kernels = *isa_.kernels;
  const AttentionKernels& fn = *kernels.attention;
  const Tensor& q_tensor = context.input(0);
  const Tensor& k_tensor = context.input(1);
  const Tensor& v_tensor = context.input(2);
  const Operand q(layer_.q, q_tensor.dims());
  const Operand k(layer_.k, k_tensor.dims());
  const Operand v(layer_.v, v_tensor.dims());
  if (q.batches != k.batches || q.batches != v.batches || q.heads != k.heads || q.heads != v.heads ||
      q.columns != k.columns || k.rows != v.rows)
    fail(ErrorCode::invalid_argument, "Q {}, K {} and V {} do not fit each other", describe(q_tensor),
         describe(k_tensor), describe(v_tensor));
  Tensor& y = context.output_or(0, q_tensor.dtype(), [&] {
    return Dims{q.batches, q.rows, q.heads * v.columns};
  });
  if (y.element_count() == 0) return;
  if (k.rows == 0) {
    std::memset(y.raw(), 0, y.size_bytes());
    return;
  }
  const Tensor* mask_tensor = context.has_input(3) ? &context.input(3) : nullptr;
  const Mask mask(layer_.mask, mask_tensor != nullptr ? mask_tensor->dims() : Dims{}, q, k);
  const bool half = y.dtype() == DType::float16;
  const ScratchLayout layout(kernels, q, k, v);

  const int64_t pairs = q.batches * q.heads;
  const int64_t blocks = ceil_div(q.rows, layout.block_rows);
  // A pair's keys and values are packed once a task; it is cut further only where there are few pairs.
  const int64_t cuts = std::clamp<int64_t>(ceil_div(4 * context.concurrency(), pairs), 1, blocks);
  const int64_t cut_rows = ceil_div(blocks, cuts) * layout.block_rows;
  const int64_t tasks_per_pair = context.concurrency() == 1 ? 1 : ceil_div(q.rows, cut_rows);
  const int64_t task_rows = tasks_per_pair == 1 ? q.rows : cut_rows;
  context.parallel_for_scratch(pairs * tasks_per_pair, [&](int64_t task, std::byte* scratch) {
    auto* floats = reinterpret_cast<float*>(scratch);
    const int64_t batch = task / tasks_per_pair / q.heads;
    const int64_t head = task / tasks_per_pair % q.heads;
    StridedMatrix keys = k.matrix(k_tensor, batch, head);
    std::swap(keys.row_stride, keys.column_stride);
    fn.pack(keys, k.columns, k.rows, floats + layout.keys);
    fn.pack(v.matrix(v_tensor, batch, head), v.rows, v.columns, floats + layout.values);
    const int64_t first = task % tasks_per_pair * task_rows;
    const int64_t last = std::min(first + task_rows, q.rows);
    float* const scores = floats + layout.scores;
    float* const sums = floats + layout.sums;
    for (int64_t row = first; row < last; row += layout.block_rows) {
      const int64_t rows = std::min(layout.block_rows, last - row);
      const StridedMatrix queries = q.matrix(q_tensor, batch, head, row);
      const float* a = static_cast<const float*>(queries.data);
      int64_t a_stride = queries.row_stride;
      if (half) {
        fn.widen_rows(queries, rows, q.columns, floats + layout.queries, q.columns);
        a = floats + layout.queries;
        a_stride = q.columns;
      }
      multiply(kernels, a, a_stride, floats + layout.keys, rows, q.columns, k.rows, scores,
               layout.score_stride);
      SoftmaxRows softmax{.scores = scores,
                          .stride = layout.score_stride,
                          .rows = rows,
                          .columns = k.rows,
                          .scale = static_cast<float>(layer_.scale),
                          .mask = {},
                          .inverse_sums = sums,
                          .undefined_is_zero = layer_.undefined_is_zero};
      if (mask_tensor != nullptr) {
        const int64_t at = batch * mask.batch + head * mask.head + row * mask.row;
        const bool half_mask = mask_tensor->dtype() == DType::float16;
        softmax.mask = {.data = static_cast<const std::byte*>(mask_tensor->raw()) + at * (half_mask ? 2 : 4),
                        .half = half_mask,
                        .row_stride = mask.row,
                        .column_stride = mask.column};
      }
      fn.softmax_rows(softmax);
      const int64_t y_stride = q.heads * v.columns;
      const int64_t y_at = (batch * q.rows + row) * y_stride + head * v.columns;
      float* results = half ? floats + layout.results : y.data<float>().data() + y_at;
      const int64_t results_stride = half ? v.columns : y_stride;
      multiply(kernels, scores, layout.score_stride, floats + layout.values, rows, k.rows, v.columns, results,
               results_stride);
      void* const to = static_cast<std::byte*>(y.raw()) + y_at * (half ? 2 : 4);
      fn.scale_rows(results, results_stride, sums, rows, v.columns, to, y_stride, half);
    }
  });
}

}  // namespace spinel::cpu
