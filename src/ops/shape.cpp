// Shape and Size: the dims of a tensor, and their product, as int64.
#include <algorithm>

#include "base/text.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

/// What the output becomes when the input is batched: a size, whatever the samples hold.
void batch_of_shape(BatchContext& context) {
  if (!context.has_rank(0)) return context.block("the input's rank is not known");
  context.set_output(0, context.input(0).is_batched() ? BatchState::size() : context.input(0));
}

class ShapeOp final : public Op {
 public:
  ShapeOp(int64_t start, std::optional<int64_t> end) : start_(start), end_(end) {}

  std::string_view name() const override { return "Shape"; }
  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    const Shape* shape = context.shape(0);
    if (shape == nullptr) return context.set_tensor(0, DType::int64, Shape{Dim::unknown()});
    const auto [begin, end] = range(static_cast<int64_t>(shape->size()));
    const auto type = graph::ValueType::tensor(DType::int64, Shape{Dim(end - begin)});
    context.set_output(0, type);
    publish_ints(context, 0, type, Ints(shape->begin() + begin, shape->begin() + end));
  }
  void batch(BatchContext& context) const override { batch_of_shape(context); }
  void run(RunContext& context) const override {
    const Dims& dims = context.input(0).dims();
    const auto [begin, end] = range(static_cast<int64_t>(dims.size()));
    Tensor& y = context.output(0, DType::int64, {end - begin});
    std::copy(dims.begin() + begin, dims.begin() + end, y.data<int64_t>().begin());
  }

 private:
  std::pair<int64_t, int64_t> range(int64_t rank) const {
    const auto place = [rank](int64_t axis) {
      return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
    };
    const int64_t begin = place(start_);
    return {begin, std::max(begin, end_ ? place(*end_) : rank)};
  }

  int64_t start_;
  std::optional<int64_t> end_;
};

class SizeOp final : public Op {
 public:
  std::string_view name() const override { return "Size"; }
  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    const auto type = graph::ValueType::tensor(DType::int64, Shape{});
    context.set_output(0, type);
    if (const Shape* shape = context.shape(0))
      publish_ints(context, 0, type, {graph::product(*shape, 0, shape->size())});
  }
  void batch(BatchContext& context) const override { batch_of_shape(context); }
  void run(RunContext& context) const override {
    const int64_t count = context.input(0).element_count();
    context.output(0, DType::int64, {}).data<int64_t>()[0] = count;
  }
};

}  // namespace

OpPtr make_shape(const OpArgs& args) {
  const int64_t start = args.get_int("start", 0);
  std::optional<int64_t> end;
  if (args.has("end")) end = args.get_int("end", 0);
  return std::make_shared<ShapeOp>(start, end);
}

OpPtr make_size(const OpArgs&) { return std::make_shared<SizeOp>(); }

}  // namespace spinel::ops
