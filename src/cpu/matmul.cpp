#include "cpu/matmul.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "cpu/attention_kernels.hpp"
#include "cpu/product.hpp"
#include "ops/matmul.hpp"

namespace spinel::cpu {
namespace {

/// Floats that a task packs, so that waking a thread for it is worth while.
constexpr int64_t min_packed_floats = int64_t{1} << 14;

/// How A, B and the output are stacks of matrices; a vector counts as one row (A) or column (B).
struct Stacks {
  int64_t rows = 1, depth = 1, columns = 1;
  int64_t products = 1;
  int64_t distinct_b = 1;
  Dims stack;
  std::vector<int64_t> a_strides, b_strides;  ///< In matrices, along the stack's axes.
  Dims output;

  Stacks(std::span<const int64_t> a, std::span<const int64_t> b) {
    if (a.empty() || b.empty()) fail(ErrorCode::invalid_argument, "neither operand may be a scalar");
    rows = a.size() == 1 ? 1 : a[a.size() - 2];
    depth = a.back();
    columns = b.size() == 1 ? 1 : b.back();
    if (const int64_t b_rows = b.size() == 1 ? b[0] : b[b.size() - 2]; b_rows != depth)
      fail(ErrorCode::invalid_argument, "A {} and B {} do not fit: {} columns times {} rows",
           dims_text(Dims(a.begin(), a.end())), dims_text(Dims(b.begin(), b.end())), depth, b_rows);
    const Dims a_stack(a.begin(), a.end() - std::min<std::ptrdiff_t>(2, std::ssize(a)));
    const Dims b_stack(b.begin(), b.end() - std::min<std::ptrdiff_t>(2, std::ssize(b)));
    stack = ops::broadcast_dims(a_stack, b_stack);
    a_strides = ops::broadcast_strides(a_stack, stack);
    b_strides = ops::broadcast_strides(b_stack, stack);
    products = element_count(stack);
    distinct_b = element_count(b_stack);
    output = stack;
    if (a.size() > 1) output.push_back(rows);
    if (b.size() > 1) output.push_back(columns);
    // One B for all: the matrices of A are one tall matrix.
    if (distinct_b == 1 && element_count(a_stack) == products) {
      rows *= products;
      products = 1;
      stack.clear();
    }
  }

  /// Which matrix of an operand the product `index` reads.
  int64_t matrix(const std::vector<int64_t>& strides, int64_t index) const {
    int64_t out = 0;
    for (size_t axis = stack.size(); axis-- > 0; index /= stack[axis])
      out += index % stack[axis] * strides[axis];
    return out;
  }
};

class PackedMatMul final : public KernelOp {
 public:
  PackedMatMul(graph::OpPtr reference, const Kernels& kernels, bool half)
      : KernelOp(std::move(reference)), kernels_(kernels), half_(half) {}

  std::string_view kernel() const override { return "packed at run time"; }

  graph::Scratch scratch(const graph::ScratchContext& context) const override {
    const Stacks s(context.input_dims(0), context.input_dims(1));
    const int64_t packed = s.distinct_b * kernels_.packed_size(s.depth, s.columns);
    return {.shared_bytes = static_cast<uint64_t>(packed) * sizeof(float),
            .per_thread_bytes = product_scratch_bytes(kernels_, product(s))};
  }

  void run(graph::RunContext& context) const override {
    const Tensor& a = context.input(0);
    const Tensor& b = context.input(1);
    const Stacks s(a.dims(), b.dims());
    Tensor& y = context.output_or(0, a.dtype(), [&] { return s.output; });
    if (y.element_count() == 0) return;
    if (s.depth == 0) {
      std::memset(y.raw(), 0, y.size_bytes());
      return;
    }
    auto* packed = reinterpret_cast<float*>(context.scratch());
    const int64_t packed_size = kernels_.packed_size(s.depth, s.columns);
    pack(context, s, b, packed, packed_size);
    const auto* from = static_cast<const std::byte*>(a.raw());
    auto* to = static_cast<std::byte*>(y.raw());
    const int64_t bytes = half_ ? 2 : 4;
    run_products(context, kernels_, s.products, [&](int64_t i) {
      Product p = product(s);
      p.a = from + s.matrix(s.a_strides, i) * s.rows * s.depth * bytes;
      p.b = packed + s.matrix(s.b_strides, i) * packed_size;
      p.c = to + i * s.rows * s.columns * bytes;
      return p;
    });
  }

 private:
  Product product(const Stacks& s) const {
    Product p;
    p.half = half_;
    p.a_stride = s.depth;
    p.c_stride = s.columns;
    p.rows = s.rows;
    p.depth = s.depth;
    p.columns = s.columns;
    return p;
  }

  void pack(graph::RunContext& context, const Stacks& s, const Tensor& b, float* to,
            int64_t packed_size) const {
    const int64_t panels = (s.columns + kernels_.panel_columns - 1) / kernels_.panel_columns;
    const int64_t panel_floats = s.depth * kernels_.panel_columns;
    const int64_t group = std::clamp<int64_t>(min_packed_floats / panel_floats, 1, panels);
    const int64_t groups = (panels + group - 1) / group;
    const auto* from = static_cast<const std::byte*>(b.raw());
    context.parallel_for(s.distinct_b * groups, [&](int64_t task) {
      const int64_t matrix = task / groups;
      const int64_t column = task % groups * group * kernels_.panel_columns;
      const int64_t columns = std::min(group * kernels_.panel_columns, s.columns - column);
      const StridedMatrix view{.data = from + (matrix * s.depth * s.columns + column) * (half_ ? 2 : 4),
                               .half = half_,
                               .row_stride = s.columns,
                               .column_stride = 1};
      kernels_.attention->pack(view, s.depth, columns, to + matrix * packed_size + column * s.depth);
    });
  }

  const Kernels& kernels_;
  bool half_;
};

}  // namespace

graph::OpPtr make_matmul(const Candidate& candidate, std::string& refusal) {
  for (size_t i = 0; i < 2; ++i) {
    const graph::ValueType& type = candidate.input_type(i);
    if (type.dtype != DType::float32 && type.dtype != DType::float16) {
      refusal = fmt::format("operands of {}", dtype_name(type.dtype));
      return nullptr;
    }
    if (!type.shape) {
      refusal = "an operand's rank is not known";
      return nullptr;
    }
  }
  const DType dtype = candidate.input_type(0).dtype;
  if (candidate.input_type(1).dtype != dtype) {
    refusal = "the operands differ in type";
    return nullptr;
  }
  return std::make_shared<PackedMatMul>(candidate.node.op, candidate.kernels, dtype == DType::float16);
}

}  // namespace spinel::cpu
