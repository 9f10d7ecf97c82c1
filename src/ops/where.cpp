// Where: x where the condition holds, else y, all three broadcast together.
#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

class Where final : public Op {
 public:
  std::string_view name() const override { return "Where"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 3);
    const DType condition = context.dtype(0);
    if (condition != DType::boolean && condition != DType::undefined)
      fail(ErrorCode::bad_model, "the condition is {}, not bool", dtype_name(condition));
    const DType dtype = context.dtype(1);
    if (dtype != context.dtype(2) && dtype != DType::undefined && context.dtype(2) != DType::undefined)
      fail(ErrorCode::bad_model, "X is {} and Y is {}", dtype_name(dtype), dtype_name(context.dtype(2)));
    require_movable(dtype);
    std::optional<Shape> shape;
    if (context.shape(0) != nullptr && context.shape(1) != nullptr && context.shape(2) != nullptr)
      shape = broadcast_shapes(broadcast_shapes(*context.shape(0), *context.shape(1)), *context.shape(2));
    const auto type = graph::ValueType::tensor(dtype, std::move(shape));
    context.set_output(0, type);
    const auto holds = known_or_unknown_ints(context, 0);
    const auto x = known_or_unknown_ints(context, 1);
    const auto y = known_or_unknown_ints(context, 2);
    if (!holds || !x || !y || !type.shape) return;
    const size_t size = std::max({holds->size(), x->size(), y->size()});
    Ints out;
    for (size_t i = 0; i < size; ++i) {
      const auto at = [&](const Ints& ints) {
        return ints[ints.size() == 1 ? 0 : std::min(i, ints.size() - 1)];
      };
      if (holds->empty() || x->empty() || y->empty()) return;
      const Dim test = at(*holds);
      if (test.is_constant())
        out.push_back(at(test.constant() != 0 ? *x : *y));
      else
        out.push_back(equal(at(*x), at(*y)) ? at(*x) : Dim::unknown());
    }
    publish_ints(context, 0, type, std::move(out));
  }

  void batch(BatchContext& context) const override { batch_elementwise(context); }

  bool may_overwrite(size_t input) const override { return input == 1 || input == 2; }

  void run(RunContext& context) const override {
    const Tensor& condition = context.input(0);
    const Tensor& x = context.input(1);
    const Tensor& y = context.input(2);
    if (condition.dtype() != DType::boolean || x.dtype() != y.dtype())
      fail(ErrorCode::invalid_argument, "Where takes a bool and two tensors of one type, not {}, {} and {}",
           describe(condition), describe(x), describe(y));
    const Dims dims = broadcast_dims(broadcast_dims(condition.dims(), x.dims()), y.dims());
    Tensor& out = context.output(0, x.dtype(), dims);
    const BroadcastWalk walk({condition.dims(), x.dims(), y.dims()}, dims);
    const auto* holds = storage<uint8_t>(condition);
    with_storage_type(x.dtype(), [&](const auto& type) {
      using T = std::decay_t<decltype(type)>;
      walk.run(context, [&](int64_t begin, int64_t count, const int64_t* offsets) {
        T* to = storage<T>(out) + begin;
        const T* a = storage<T>(x) + offsets[1];
        const T* b = storage<T>(y) + offsets[2];
        for (int64_t i = 0; i < count; ++i)
          to[i] = holds[offsets[0] + i * walk.step(0)] != 0 ? a[i * walk.step(1)] : b[i * walk.step(2)];
      });
    });
  }
};

}  // namespace

OpPtr make_where(const OpArgs&) { return std::make_shared<Where>(); }

}  // namespace spinel::ops
