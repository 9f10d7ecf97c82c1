// OneHot: a new axis that holds `on` at the place that the index names, `off` elsewhere.
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/numeric.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

int64_t read_depth(const Tensor& tensor) {
  if (tensor.element_count() != 1)
    fail(ErrorCode::invalid_argument, "the depth {} is not one number", describe(tensor));
  double buffer;
  const double depth = *load(tensor, 0, 1, &buffer);
  if (!(depth >= 0 && depth < 0x1p53)) fail(ErrorCode::invalid_argument, "the depth is {}", depth);
  return static_cast<int64_t>(depth);
}

class OneHot final : public Op {
 public:
  explicit OneHot(int64_t axis) : axis_(axis) {}

  std::string_view name() const override { return "OneHot"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 3);
    require_movable(context.dtype(2));
    const Shape* indices = context.shape(0);
    if (indices == nullptr) return context.set_tensor(0, context.dtype(2));
    Dim depth = Dim::unknown();
    if (const Tensor* constant = context.constant(1))
      depth = Dim(read_depth(*constant));
    else if (const auto ints = known_ints(context, 1); ints && ints->size() == 1)
      depth = (*ints)[0];
    Shape to = *indices;
    to.insert(to.begin() + normalize_axis(axis_, static_cast<int>(indices->size()) + 1), depth);
    context.set_tensor(0, context.dtype(2), std::move(to));
  }

  void batch(BatchContext& context) const override {
    const BatchState state = context.input(0);
    if (!require_fixed_inputs(context, 1)) return;
    if (!state.is_batched() || !context.has_rank(0)) return context.block("the indices' rank is not known");
    const int axis = normalize_axis(axis_, context.rank(0) + 1);
    context.set_output(0, BatchState::batched(state.axis + (state.axis >= axis ? 1 : 0)));
  }

  void run(RunContext& context) const override {
    const Tensor& indices = context.input(0);
    const Tensor& values = context.input(2);
    const int64_t depth = read_depth(context.input(1));
    if (values.element_count() != 2)
      fail(ErrorCode::invalid_argument, "values {} must hold off and on", describe(values));
    const auto axis = static_cast<size_t>(normalize_axis(axis_, indices.rank() + 1));
    Dims dims = indices.dims();
    dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(axis), depth);
    Tensor& y = context.output(0, values.dtype(), dims);
    const int64_t outer = dim_product(dims, 0, axis);
    const int64_t inner = dim_product(dims, axis + 1, dims.size());
    with_storage_type(values.dtype(), [&](const auto& type) {
      using T = std::decay_t<decltype(type)>;
      T* to = storage<T>(y);
      std::fill_n(to, y.element_count(), storage<T>(values)[0]);
      for (int64_t o = 0; o < outer; ++o) {
        for (int64_t i = 0; i < inner; ++i) {
          double buffer;
          double index = *load(indices, o * inner + i, 1, &buffer);
          if (index < 0) index += static_cast<double>(depth);
          // An index outside [-depth, depth) leaves its row off.
          if (!(index >= 0 && index < static_cast<double>(depth))) continue;
          to[(o * depth + static_cast<int64_t>(index)) * inner + i] = storage<T>(values)[1];
        }
      }
    });
  }

 private:
  int64_t axis_;
};

}  // namespace

OpPtr make_one_hot(const OpArgs& args) { return std::make_shared<OneHot>(args.get_int("axis", -1)); }

}  // namespace spinel::ops
