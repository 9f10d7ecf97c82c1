#include "cpu/reduce_ops.hpp"

#include <optional>

#include "cpu/tasks.hpp"
#include "cpu/vector_kernels.hpp"
#include "ops/reduce.hpp"

namespace spinel::cpu {
namespace {

/// Reduces one run of neighbouring axes: the tensor is [outer][reduced][inner].
class ReduceKernel final : public KernelOp {
 public:
  /// `reduced` says of each axis whether it goes; axes of size 1 between two that go may stay.
  ReduceKernel(graph::OpPtr reference, const Kernels& kernels, Reduction kind, std::vector<bool> reduced,
               bool keep_dims)
      : KernelOp(std::move(reference)),
        kernels_(*kernels.vector),
        kind_(kind),
        reduced_(std::move(reduced)),
        keep_dims_(keep_dims) {}

  std::string_view kernel() const override { return "reduce"; }

  void run(graph::RunContext& context) const override {
    const Tensor& x = context.input(0);
    int64_t outer = 1;
    int64_t inner = 1;
    ReduceBlock all;
    all.rows = 1;
    bool before = true;
    for (size_t i = 0; i < reduced_.size(); ++i) {
      const int64_t dim = x.dims()[i];
      if (dim == 1) continue;
      if (reduced_[i]) {
        if (inner != 1) return reference().run(context);
        all.rows *= dim;
        before = false;
      } else {
        (before ? outer : inner) *= dim;
      }
    }
    Tensor& y = context.output_or(0, x.dtype(), [&] { return output_dims(x.dims()); });
    if (y.element_count() == 0) return;
    all.kind = kind_;
    all.half = is_half(x);
    if (inner == 1) {
      all.columns = all.rows;
      all.row_stride = all.columns;
      parallel_rows(context, outer, all.columns, [&](int64_t begin, int64_t count) {
        ReduceBlock part = all;
        part.rows = count;
        part.from = element_at(x, begin * all.columns);
        part.to = element_at(y, begin);
        kernels_.reduce_rows(part);
      });
      return;
    }
    all.row_stride = inner;
    // Whole cache lines a part, so that threads do not share any.
    const int64_t width = (task_rows(inner, all.rows) + 63) / 64 * 64;
    const int64_t parts = (inner + width - 1) / width;
    parallel_rows(context, outer * parts, all.rows * std::min(width, inner),
                  [&](int64_t begin, int64_t count) {
                    for (int64_t i = begin; i < begin + count; ++i) {
                      ReduceBlock part = all;
                      const int64_t column = i % parts * width;
                      part.columns = std::min(width, inner - column);
                      part.from = element_at(x, i / parts * all.rows * inner + column);
                      part.to = element_at(y, i / parts * inner + column);
                      kernels_.reduce_columns(part);
                    }
                  });
  }

 private:
  Dims output_dims(const Dims& x) const {
    Dims out;
    for (size_t i = 0; i < x.size(); ++i) {
      if (!reduced_[i])
        out.push_back(x[i]);
      else if (keep_dims_)
        out.push_back(1);
    }
    return out;
  }

  const VectorKernels& kernels_;
  Reduction kind_;
  std::vector<bool> reduced_;
  bool keep_dims_;
};

std::optional<Reduction> reduction_of(ops::ReduceAttrs::Kind kind) {
  using Kind = ops::ReduceAttrs::Kind;
  switch (kind) {
    case Kind::sum:
      return Reduction::sum;
    case Kind::mean:
      return Reduction::mean;
    case Kind::max:
      return Reduction::max;
    case Kind::min:
      return Reduction::min;
    case Kind::l1:
      return Reduction::l1;
    case Kind::l2:
      return Reduction::l2;
    case Kind::sum_square:
      return Reduction::sum_square;
    default:
      return std::nullopt;
  }
}

/// The rank of a float input, or nothing.
const graph::Shape* input_shape(const Candidate& candidate, std::string& refusal) {
  if (!candidate.has_input(0)) return nullptr;
  const graph::ValueType& x = candidate.input_type(0);
  if (x.dtype != DType::float32 && x.dtype != DType::float16)
    refusal = "it is neither float32 nor float16";
  else if (!x.shape)
    refusal = "the rank is not known";
  else
    return &*x.shape;
  return nullptr;
}

/// Whether the axes that go are neighbours, but for axes of size 1.
bool is_one_run(const graph::Shape& shape, const std::vector<bool>& reduced) {
  int runs = 0;
  bool inside = false;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i].is_constant(1)) continue;
    if (reduced[i] && !inside) ++runs;
    inside = reduced[i];
  }
  return runs == 1;
}

}  // namespace

graph::OpPtr make_reduce_kernel(const Candidate& candidate, std::string& refusal) {
  const auto* reduce = dynamic_cast<const ops::ReduceOp*>(candidate.node.op.get());
  const graph::Shape* shape = input_shape(candidate, refusal);
  if (reduce == nullptr || shape == nullptr) return nullptr;
  const auto kind = reduction_of(reduce->attrs().kind);
  if (!kind) return nullptr;
  std::vector<int64_t> axes = reduce->attrs().axes.value_or(std::vector<int64_t>{});
  if (candidate.has_input(1)) {
    const graph::Value& value = candidate.graph.value(candidate.node.inputs[1]);
    if (!value.is_constant()) {
      refusal = "the axes are not constant";
      return nullptr;
    }
    axes = ops::to_int64s(value.constant);
  }
  if (axes.empty() && reduce->attrs().noop_with_empty_axes) return nullptr;
  std::vector<bool> reduced(shape->size(), axes.empty());
  for (const int64_t axis : axes)
    reduced[static_cast<size_t>(ops::normalize_axis(axis, static_cast<int>(shape->size())))] = true;
  if (!is_one_run(*shape, reduced)) {
    refusal = "the reduced axes are not neighbours";
    return nullptr;
  }
  return std::make_shared<ReduceKernel>(candidate.node.op, candidate.kernels, *kind, std::move(reduced),
                                        reduce->attrs().keep_dims);
}

graph::OpPtr make_global_pool_kernel(const Candidate& candidate, std::string& refusal) {
  const graph::Shape* shape = input_shape(candidate, refusal);
  if (shape == nullptr || shape->size() < 3) return nullptr;
  std::vector<bool> reduced(shape->size(), true);
  reduced[0] = reduced[1] = false;
  const bool mean = candidate.node.op->name() == "GlobalAveragePool";
  return std::make_shared<ReduceKernel>(candidate.node.op, candidate.kernels,
                                        mean ? Reduction::mean : Reduction::max, std::move(reduced), true);
}

}  // namespace spinel::cpu
