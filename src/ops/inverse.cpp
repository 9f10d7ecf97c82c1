// Inverse of com.microsoft: inverses of a batch of square matrices.
#include "base/eigen.hpp"

#include <Eigen/LU>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

/// Computed in float64. A singular matrix has no finite inverse and gives infinities or NaN.
class Inverse final : public Op {
 public:
  std::string_view name() const override { return "Inverse"; }
  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    require_float(context, 0, "X");
    if (const Shape* shape = context.shape(0); shape != nullptr && shape->size() < 2)
      fail(ErrorCode::bad_model, "the input {} is no matrix", shape_text(*shape));
    infer_same(context);
  }
  void batch(BatchContext& context) const override {
    if (!context.has_rank(0)) return context.block("the input's rank is not known");
    batch_keep_axis(context, {context.rank(0) - 2, context.rank(0) - 1}, "an inverse over axis");
  }
  void run(RunContext& context) const override {
    using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Tensor& x = context.input(0);
    if (x.rank() < 2 || x.dim(-1) != x.dim(-2))
      fail(ErrorCode::invalid_argument, "{} does not hold square matrices", describe(x));
    const int64_t n = x.dim(-1);
    const Tensor wide = convert(x, DType::float64);
    Tensor out(DType::float64, x.dims());
    for (int64_t at = 0; at < x.element_count(); at += n * n) {
      const Eigen::Map<const Matrix> source(wide.data<double>().data() + at, n, n);
      Eigen::Map<Matrix>(out.data<double>().data() + at, n, n) = source.partialPivLu().inverse();
    }
    copy_elements(convert(out, x.dtype()), context.output(0, x.dtype(), x.dims()));
  }
};

}  // namespace

OpPtr make_inverse(const OpArgs&) { return std::make_shared<Inverse>(); }

}  // namespace spinel::ops
