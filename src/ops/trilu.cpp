// Trilu: the upper or lower triangle of matrices; the rest is zero.
#include "ops/elements.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

class Trilu final : public Op {
 public:
  explicit Trilu(bool upper) : upper_(upper) {}

  std::string_view name() const override { return "Trilu"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    require_movable(context.dtype(0));
    if (context.shape(0) != nullptr && context.shape(0)->size() < 2)
      fail(ErrorCode::bad_model, "the input {} has no matrices", shape_text(*context.shape(0)));
    infer_same(context);
  }

  void batch(BatchContext& context) const override {
    if (!context.has_rank(0)) return context.block("the input's rank is not known");
    batch_keep_axis(context, {context.rank(0) - 2, context.rank(0) - 1}, "the triangle along axis");
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    if (x.rank() < 2) fail(ErrorCode::invalid_argument, "the input {} has no matrices", describe(x));
    int64_t k = 0;
    if (context.has_input(1)) {
      const std::vector<int64_t> given = to_int64s(context.input(1));
      if (given.size() != 1) fail(ErrorCode::invalid_argument, "k is not one number");
      // No diagonal lies further away, and the sums below must not overflow.
      const int64_t bound = x.dim(-1) + x.dim(-2);
      k = std::clamp(given[0], -bound, bound);
    }
    Tensor& y = context.output(0, x.dtype(), x.dims());
    const int64_t columns = x.dim(-1);
    with_storage_type(x.dtype(), [&](const auto& type) {
      using T = std::decay_t<decltype(type)>;
      for (int64_t i = 0; i < x.element_count(); ++i) {
        const int64_t column = i % columns;
        const int64_t row = i / columns % x.dim(-2);
        const bool kept = upper_ ? column >= row + k : column <= row + k;
        storage<T>(y)[i] = kept ? storage<T>(x)[i] : T{};
      }
    });
  }

 private:
  bool upper_;
};

}  // namespace

OpPtr make_trilu(const OpArgs& args) { return std::make_shared<Trilu>(args.get_flag("upper", true)); }

}  // namespace spinel::ops
