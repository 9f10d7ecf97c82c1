// MatMul with numpy's rules.
#include "ops/matmul.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/row_product.hpp"

namespace spinel::ops {

MatMulLayout make_matmul_layout(const Dims& a, const Dims& b) {
  if (a.empty() || b.empty())
    fail(ErrorCode::invalid_argument, "A {} and B {}: neither may be a scalar", dims_text(a), dims_text(b));
  MatMulLayout out;
  out.m = a.size() == 1 ? 1 : a[a.size() - 2];
  out.k = a.back();
  const int64_t b_rows = b.size() == 1 ? b[0] : b[b.size() - 2];
  out.n = b.size() == 1 ? 1 : b.back();
  if (out.k != b_rows)
    fail(ErrorCode::invalid_argument, "A {} and B {} do not fit: {} columns times {} rows", dims_text(a),
         dims_text(b), out.k, b_rows);
  const Dims a_stack(a.begin(), a.end() - std::min<std::ptrdiff_t>(2, std::ssize(a)));
  const Dims b_stack(b.begin(), b.end() - std::min<std::ptrdiff_t>(2, std::ssize(b)));
  out.stack = broadcast_dims(a_stack, b_stack);
  out.a_strides = broadcast_strides(a_stack, out.stack);
  out.b_strides = broadcast_strides(b_stack, out.stack);
  out.output = out.stack;
  if (a.size() > 1) out.output.push_back(out.m);
  if (b.size() > 1) out.output.push_back(out.n);
  return out;
}

namespace {

constexpr int64_t row_block = 16;

bool is_supported(DType dtype) {
  return is_float_dtype(dtype) || dtype == DType::int32 || dtype == DType::int64 || dtype == DType::uint32 ||
         dtype == DType::uint64;
}

template <class T>
void multiply(RunContext& context, const MatMulLayout& layout, const T* a, const T* b, T* y) {
  const int64_t m = layout.m;
  const int64_t k = layout.k;
  const int64_t n = layout.n;
  const int64_t row_blocks = (m + row_block - 1) / row_block;
  const int64_t column_blocks = (n + product_column_block - 1) / product_column_block;
  context.parallel_for(element_count(layout.stack) * row_blocks * column_blocks, [&](int64_t task) {
    const int64_t i0 = task % row_blocks * row_block;
    const int64_t j0 = task / row_blocks % column_blocks * product_column_block;
    const int64_t matrix = task / row_blocks / column_blocks;
    const int64_t a_matrix = layout.a_matrix(matrix);
    const int64_t b_matrix = layout.b_matrix(matrix);
    const int64_t rows = std::min(row_block, m - i0);
    const int64_t columns = std::min(product_column_block, n - j0);
    T* out = y + (matrix * m + i0) * n + j0;
    for (int64_t i = 0; i < rows; ++i) std::fill_n(out + i * n, columns, T{0});
    if (k > 0)
      add_product<T>(rows, columns, k, {a + (a_matrix * m + i0) * k, k, 1}, {b + b_matrix * k * n + j0, n, 1},
                     out, n, nullptr);
  });
}

template <class T>
void multiply_floats(RunContext& context, const Tensor& left, const Tensor& right, const MatMulLayout& layout,
                     float factor) {
  const ComputeInput<T> a(left);
  const ComputeInput<T> b(right);
  ComputeOutput<T> y(context, 0, left.dtype(), layout.output);
  multiply(context, layout, a.data(), b.data(), y.data());
  if (factor != 1)
    for (int64_t i = 0; i < y.count(); ++i) y.data()[i] *= static_cast<T>(factor);
  y.store();
}

/// Signed integers are multiplied as unsigned ones of the same size, whose overflow is defined.
template <class T>
void multiply_ints(RunContext& context, const Tensor& a, const Tensor& b, const MatMulLayout& layout) {
  Tensor& y = context.output(0, a.dtype(), layout.output);
  multiply(context, layout, static_cast<const T*>(a.raw()), static_cast<const T*>(b.raw()),
           static_cast<T*>(y.raw()));
}

}  // namespace

void MatMulOp::infer(InferContext& context) const {
  require_only_tensors(context, 2);
  const DType dtype = context.dtype(0);
  if (dtype != DType::undefined && !is_supported(dtype))
    fail(ErrorCode::unsupported, "input A of type {} is not supported", dtype_name(dtype));
  context.set_tensor(0, dtype, infer_matmul(context, 0, 1));
}

Shape matmul_shape(const Shape& a, const Shape& b) {
  if (a.empty() || b.empty()) fail(ErrorCode::bad_model, "an operand is a scalar; it must have axes");
  const Dim& ka = a.back();
  const Dim& kb = b.size() == 1 ? b[0] : b[b.size() - 2];
  if (ka.is_constant() && kb.is_constant() && !equal(ka, kb))
    fail(ErrorCode::bad_model, "A {} and B {} do not fit: {} columns times {} rows", shape_text(a),
         shape_text(b), ka.text(), kb.text());
  const Shape a_stack(a.begin(), a.end() - std::min<std::ptrdiff_t>(2, std::ssize(a)));
  const Shape b_stack(b.begin(), b.end() - std::min<std::ptrdiff_t>(2, std::ssize(b)));
  Shape y = broadcast_shapes(a_stack, b_stack);
  if (a.size() > 1) y.push_back(a[a.size() - 2]);
  if (b.size() > 1) y.push_back(b.back());
  return y;
}

std::optional<Shape> infer_matmul(const InferContext& context, size_t a_index, size_t b_index) {
  const Shape* a = context.shape(a_index);
  const Shape* b = context.shape(b_index);
  if (a == nullptr || b == nullptr) return std::nullopt;
  return matmul_shape(*a, *b);
}

void MatMulOp::batch(BatchContext& context) const { batch_matmul(context, 0, 1); }

void batch_matmul(BatchContext& context, size_t a_index, size_t b_index) {
  if (!context.has_rank(a_index) || !context.has_rank(b_index) || context.output_shape(0) == nullptr)
    return context.block("an operand's rank is not known");
  const int stack = std::max(0, static_cast<int>(std::max(context.rank(a_index), context.rank(b_index))) - 2);
  std::optional<int> axis;  // In the output, vectors counted as matrices.
  for (const size_t i : {a_index, b_index}) {
    const BatchState state = context.input(i);
    const int rank = context.rank(i);
    if (state.is_size()) return context.block("a value computed from the batch size is used as data");
    if (!state.is_batched()) continue;
    int here = -1;
    if (state.axis < rank - 2)
      here = state.axis + stack - (rank - 2);
    else if (i == a_index && rank >= 2 && state.axis == rank - 2)
      here = stack;
    else if (i == b_index && rank >= 2 && state.axis == rank - 1)
      here = stack + 1;
    if (here < 0) return context.block("the batch is the axis that the product sums over");
    if (axis && (*axis != here || here >= stack))
      return context.block("both operands depend on the batch, but not along a common leading axis");
    axis = here;
  }
  if (!axis) return context.set_output(0, BatchState::shared());
  if (*axis == stack + 1) return context.block("the batch is the axis of B that makes the output's columns");
  for (const size_t i : {a_index, b_index}) {
    if (*axis >= stack) break;
    const int here = *axis - (stack - (context.rank(i) - 2));
    if (context.input(i).is_shared() && here >= 0 && context.rank(i) > 2 &&
        !(*context.input_shape(i))[static_cast<size_t>(here)].is_constant(1))
      return context.block("a tensor of fixed size is combined with the batch axis");
  }
  context.set_output(0, BatchState::batched(*axis));
}

void multiply_matrices(RunContext& context, const Tensor& a, const Tensor& b, float factor) {
  if (a.dtype() != b.dtype())
    fail(ErrorCode::invalid_argument, "A {} and B {} must have the same type", describe(a), describe(b));
  if (!is_supported(a.dtype()) || (factor != 1 && !is_float_dtype(a.dtype())))
    fail(ErrorCode::unsupported, "input A of type {} is not supported", dtype_name(a.dtype()));
  const MatMulLayout layout = make_matmul_layout(a.dims(), b.dims());
  if (is_float_dtype(a.dtype()))
    return compute_in(a.dtype(),
                      [&](auto type) { multiply_floats<decltype(type)>(context, a, b, layout, factor); });
  if (dtype_bits(a.dtype()) == 32) return multiply_ints<uint32_t>(context, a, b, layout);
  multiply_ints<uint64_t>(context, a, b, layout);
}

void MatMulOp::run(RunContext& context) const {
  multiply_matrices(context, context.input(0), context.input(1));
}

OpPtr make_matmul(const OpArgs&) { return std::make_shared<MatMulOp>(); }

}  // namespace spinel::ops
