// Det: determinants of a batch of square matrices.
#include "base/eigen.hpp"

#include <Eigen/LU>
#include <cstddef>

#include "base/text.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

template <class T>
void determinants(const Tensor& x, Tensor& y) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Source = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const int64_t n = x.dim(-1);
  auto out = y.data<T>();
  for (size_t i = 0; i < out.size(); ++i) {
    const Eigen::Map<const Source> source(x.data<T>().data() + static_cast<int64_t>(i) * n * n, n, n);
    const Matrix matrix = source.template cast<double>();
    out[i] = static_cast<T>(n == 0 ? 1.0 : matrix.partialPivLu().determinant());
  }
}

class Det final : public Op {
 public:
  std::string_view name() const override { return "Det"; }
  void infer(InferContext& context) const override {
    const Shape* shape = context.shape(0);
    if (shape == nullptr) return context.set_tensor(0, context.dtype(0));
    if (shape->size() < 2) fail(ErrorCode::bad_model, "the input {} is no matrix", shape_text(*shape));
    context.set_tensor(0, context.dtype(0), Shape(shape->begin(), shape->end() - 2));
  }
  void batch(BatchContext& context) const override {
    if (!context.has_rank(0)) return context.block("the input's rank is not known");
    const int rank = context.rank(0);
    batch_keep_axis(context, {rank - 2, rank - 1}, "a determinant over axis");
  }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    require_dtype(x, {DType::float32, DType::float64, DType::float16}, "input X");
    if (x.rank() < 2 || x.dim(-1) != x.dim(-2))
      fail(ErrorCode::invalid_argument, "{} does not hold square matrices", describe(x));
    Tensor& y = context.output(0, x.dtype(), Dims(x.dims().begin(), x.dims().end() - 2));
    if (x.dtype() == DType::float64) return determinants<double>(x, y);
    if (x.dtype() == DType::float32) return determinants<float>(x, y);
    Tensor wide(DType::float32, y.dims());
    determinants<float>(to_float32(x), wide);
    copy_elements(convert(wide, DType::float16), y);
  }
};

}  // namespace

OpPtr make_det(const OpArgs&) { return std::make_shared<Det>(); }

}  // namespace spinel::ops
