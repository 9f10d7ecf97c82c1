// Gemm: alpha * A' B' + beta * C.
#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/matmul.hpp"
#include "ops/row_product.hpp"

namespace spinel::ops {
namespace {

/// Rows of the output that one task computes.
constexpr int64_t row_block = 16;

template <class T>
void run_gemm(RunContext& context, const GemmAttrs& attrs, int64_t m, int64_t n, int64_t k) {
  const Tensor& a = context.input(0);
  const Tensor& b = context.input(1);
  const bool has_c = context.has_input(2);
  const std::vector<int64_t> c_strides =
      has_c ? broadcast_strides(context.input(2).dims(), {m, n}) : std::vector<int64_t>{0, 0};
  const ComputeInput<T> a_data(a);
  const ComputeInput<T> b_data(b);
  const ComputeInput<T> c_data = has_c ? ComputeInput<T>(context.input(2)) : ComputeInput<T>();
  ComputeOutput<T> y(context, 0, a.dtype(), {m, n});
  const MatrixView<T> a_view = attrs.transpose_a ? MatrixView<T>{a_data.data(), 1, a.dim(1)}
                                                 : MatrixView<T>{a_data.data(), a.dim(1), 1};
  const MatrixView<T> b_view = attrs.transpose_b ? MatrixView<T>{b_data.data(), 1, b.dim(1)}
                                                 : MatrixView<T>{b_data.data(), b.dim(1), 1};
  const int64_t row_blocks = (m + row_block - 1) / row_block;
  const int64_t column_blocks = (n + product_column_block - 1) / product_column_block;
  context.parallel_for(row_blocks * column_blocks, [&](int64_t task) {
    const int64_t i0 = task % row_blocks * row_block;
    const int64_t j0 = task / row_blocks * product_column_block;
    const int64_t rows = std::min(row_block, m - i0);
    const int64_t columns = std::min(product_column_block, n - j0);
    T* out = y.data() + i0 * n + j0;
    for (int64_t i = 0; i < rows; ++i) std::fill_n(out + i * n, columns, T{0});
    std::vector<T> scratch(attrs.transpose_b ? product_depth_block * product_column_block : 0);
    if (k > 0)
      add_product(rows, columns, k, {&a_view.at(i0, 0), a_view.row_stride, a_view.column_stride},
                  {&b_view.at(0, j0), b_view.row_stride, b_view.column_stride}, out, n, scratch.data());
    const T alpha = static_cast<T>(attrs.alpha);
    const T beta = static_cast<T>(attrs.beta);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        T value = out[i * n + j] * alpha;
        if (has_c) value += beta * c_data[(i0 + i) * c_strides[0] + (j0 + j) * c_strides[1]];
        out[i * n + j] = value;
      }
  });
  y.store();
}

}  // namespace

void GemmOp::infer(InferContext& context) const {
  require_only_tensors(context, 2);
  for (size_t i = 0; i < 3; ++i) require_float(context, i, i == 0 ? "A" : i == 1 ? "B" : "C");
  require_rank(context, 0, "A", 2, 2);
  require_rank(context, 1, "B", 2, 2);
  require_rank(context, 2, "C", 0, 2);
  const Shape* a = context.shape(0);
  const Shape* b = context.shape(1);
  if (a == nullptr || b == nullptr)
    return context.set_tensor(0, context.dtype(0),
                              Shape{a ? (*a)[attrs_.transpose_a ? 1 : 0] : Dim::unknown(),
                                    b ? (*b)[attrs_.transpose_b ? 0 : 1] : Dim::unknown()});
  const Dim& ka = (*a)[attrs_.transpose_a ? 0 : 1];
  const Dim& kb = (*b)[attrs_.transpose_b ? 1 : 0];
  if (ka.is_constant() && kb.is_constant() && !equal(ka, kb))
    fail(ErrorCode::bad_model, "A {} and B {} do not fit: {} columns times {} rows", shape_text(*a),
         shape_text(*b), ka.text(), kb.text());
  Shape y{(*a)[attrs_.transpose_a ? 1 : 0], (*b)[attrs_.transpose_b ? 0 : 1]};
  if (const Shape* c = context.shape(2)) broadcast_shapes(y, *c);
  context.set_tensor(0, context.dtype(0), std::move(y));
}

void GemmOp::batch(BatchContext& context) const {
  const int rows_axis = attrs_.transpose_a ? 1 : 0;
  if (context.has_input(1) && !context.input(1).is_shared())
    return context.block("B depends on the batch, which the product mixes");
  const BatchState a = context.input(0);
  if (a.is_size()) return context.block("a value computed from the batch size is used as data");
  if (a.is_batched() && a.axis != rows_axis)
    return context.block("the batch is the axis of A that the product sums over");
  const BatchState c = context.has_input(2) ? context.input(2) : BatchState::shared();
  if (!c.is_shared()) {
    if (!c.is_batched() || !context.has_rank(2) || c.axis != context.rank(2) - 2)
      return context.block("C depends on the batch, but not along the output's rows");
    if (!a.is_batched()) return context.block("C depends on the batch, but A does not");
  } else if (a.is_batched() && context.has_input(2)) {
    if (!context.has_rank(2)) return context.block("C's rank is not known");
    if (context.rank(2) == 2 && !(*context.input_shape(2))[0].is_constant(1))
      return context.block("C has a fixed number of rows, which are the batch");
  }
  context.set_output(0, BatchState::batched(0));
}

void GemmOp::run(RunContext& context) const {
  const Tensor& a = context.input(0);
  const Tensor& b = context.input(1);
  require_float(a, "A");
  if (a.rank() != 2 || b.rank() != 2)
    fail(ErrorCode::invalid_argument, "A {} and B {} must be matrices", describe(a), describe(b));
  const int64_t m = a.dim(attrs_.transpose_a ? 1 : 0);
  const int64_t k = a.dim(attrs_.transpose_a ? 0 : 1);
  const int64_t n = b.dim(attrs_.transpose_b ? 0 : 1);
  if (k != b.dim(attrs_.transpose_b ? 1 : 0))
    fail(ErrorCode::invalid_argument, "A {} and B {} do not fit (transA {}, transB {})", describe(a),
         describe(b), attrs_.transpose_a, attrs_.transpose_b);
  if (context.has_input(2) && broadcast_dims(context.input(2).dims(), {m, n}) != Dims{m, n})
    fail(ErrorCode::invalid_argument, "C {} cannot be broadcast to [{}, {}]", describe(context.input(2)), m,
         n);
  compute_in(a.dtype(), [&](auto type) { run_gemm<decltype(type)>(context, attrs_, m, n, k); });
}

OpPtr make_gemm(const OpArgs& args) {
  GemmAttrs attrs;
  attrs.alpha = args.get_float("alpha", 1);
  attrs.beta = args.get_float("beta", 1);
  attrs.transpose_a = args.get_flag("transA", false);
  attrs.transpose_b = args.get_flag("transB", false);
  if (args.version() < 7) args.ignore("broadcast");
  return std::make_shared<GemmOp>(attrs);
}

}  // namespace spinel::ops
