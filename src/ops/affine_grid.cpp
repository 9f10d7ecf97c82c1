// AffineGrid: the grid that GridSample reads, of an affine transformation a sample.
#include "ops/compute_type.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

/// Inputs theta [N, 2, 3] and size (N, C, H, W), or [N, 3, 4] and (N, C, D, H, W); output
/// [N, spatial..., spatial rank], the last axis first. Without align_corners coordinates are the centres of
/// equal parts of [-1, 1]; with it they reach from -1 to 1, and a single one is -1.
class AffineGrid final : public Op {
 public:
  explicit AffineGrid(bool align_corners) : align_corners_(align_corners) {}

  std::string_view name() const override { return "AffineGrid"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    require_float(context, 0, "theta");
    require_rank(context, 0, "theta", 3, 3);
    const auto size = known_or_unknown_ints(context, 1);
    if (!size) return context.set_tensor(0, context.dtype(0));
    if (size->size() < 4 || size->size() > 5)
      fail(ErrorCode::bad_model, "size {} must be (N, C, H, W) or (N, C, D, H, W)", shape_text(*size));
    Shape grid{(*size)[0]};
    if (grid[0].is_unknown() && context.shape(0) != nullptr) grid[0] = (*context.shape(0))[0];
    grid.insert(grid.end(), size->begin() + 2, size->end());
    grid.push_back(Dim(static_cast<int64_t>(size->size()) - 2));
    context.set_tensor(0, context.dtype(0), std::move(grid));
  }

  void batch(BatchContext& context) const override {
    if (!context.input(0).is_batched() || context.input(0).axis != 0 || context.input(1).is_batched())
      return context.block("the batch is not axis 0 of theta alone");
    const Shape* grid = context.output_shape(0);
    if (grid == nullptr || !equal((*grid)[0], context.batch_dim()))
      return context.block("size is not known to name the batch as the number of grids");
    for (size_t i = 1; i < grid->size(); ++i)
      if ((*grid)[i].is_unknown() ? !context.input(1).is_shared() : depends_on_batch(context, (*grid)[i]))
        return context.block("the size of the grid depends on the batch");
    context.set_output(0, BatchState::batched(0));
  }

  void run(RunContext& context) const override {
    const Tensor& theta = context.input(0);
    require_float(theta, "theta");
    const std::vector<int64_t> size = to_int64s(context.input(1));
    const int64_t rank = static_cast<int64_t>(size.size()) - 2;
    if (rank < 2 || rank > 3 || *std::ranges::min_element(size) < 0 ||
        theta.dims() != Dims{size[0], rank, rank + 1})
      fail(ErrorCode::invalid_argument,
           "theta {} and size {} do not fit: they must be [N, 2, 3] and (N, C, H, W), or [N, 3, 4] and (N, "
           "C, D, H, W)",
           describe(theta), dims_text(size));
    Dims dims{size[0]};
    dims.insert(dims.end(), size.begin() + 2, size.end());
    dims.push_back(rank);
    compute_in(theta.dtype(), [&](auto type) { compute<decltype(type)>(context, dims); });
  }

 private:
  template <class T>
  void compute(RunContext& context, const Dims& dims) const {
    const ComputeInput<T> theta(context.input(0));
    ComputeOutput<T> y(context, 0, context.input(0).dtype(), dims);
    const int64_t rank = dims.back();
    std::vector<T> coordinates[3];
    for (int64_t axis = 0; axis < rank; ++axis) {
      const int64_t size = dims[static_cast<size_t>(1 + axis)];
      for (int64_t i = 0; i < size; ++i) {
        const double at = static_cast<double>(i);
        const double length = static_cast<double>(size);
        const double value = !align_corners_ ? (2 * at + 1) / length - 1
                             : size == 1     ? -1
                                             : 2 * at / (length - 1) - 1;
        coordinates[axis].push_back(static_cast<T>(value));
      }
    }
    const int64_t points = dim_product(dims, 1, dims.size() - 1);
    context.parallel_for(points == 0 ? 0 : dims[0], [&](int64_t sample) {
      const T* matrix = theta.data() + sample * rank * (rank + 1);
      for (int64_t point = 0; point < points; ++point) {
        T at[3];  // The last axis first.
        int64_t rest = point;
        for (int64_t i = 0; i < rank; ++i) {
          const std::vector<T>& axis = coordinates[rank - 1 - i];
          at[i] = axis[static_cast<size_t>(rest % static_cast<int64_t>(axis.size()))];
          rest /= static_cast<int64_t>(axis.size());
        }
        for (int64_t row = 0; row < rank; ++row) {
          T sum = 0;
          for (int64_t i = 0; i < rank; ++i) sum += matrix[row * (rank + 1) + i] * at[i];
          y.data()[(sample * points + point) * rank + row] = sum + matrix[row * (rank + 1) + rank];
        }
      }
    });
    y.store();
  }

  bool align_corners_;
};

}  // namespace

OpPtr make_affine_grid(const OpArgs& args) {
  return std::make_shared<AffineGrid>(args.get_flag("align_corners", false));
}

}  // namespace spinel::ops
