// Split: a tensor cut into parts along an axis.
#include <numeric>

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

struct SplitAttrs {
  int64_t axis = 0;
  std::vector<int64_t> lengths;  ///< The attribute of opset < 13; empty: input 1, else equal parts.
  bool uneven = false;           ///< Opset 18 on: the last of the equal parts may be shorter.
};

class Split final : public Op {
 public:
  explicit Split(SplitAttrs attrs) : attrs_(std::move(attrs)) {}

  std::string_view name() const override { return "Split"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    require_movable(context.dtype(0));
    const Shape* from = context.shape(0);
    const size_t parts = context.output_count();
    if (from == nullptr) {
      for (size_t i = 0; i < parts; ++i) context.set_tensor(i, context.dtype(0));
      return;
    }
    const auto axis = static_cast<size_t>(normalize_axis(attrs_.axis, static_cast<int>(from->size())));
    const Shape lengths = infer_lengths(context, (*from)[axis], parts);
    const auto ints = known_ints(context, 0);
    int64_t place = 0;
    for (size_t i = 0; i < parts; ++i) {
      Shape to = *from;
      to[axis] = lengths[i];
      const auto type = graph::ValueType::tensor(context.dtype(0), std::move(to));
      context.set_output(i, type);
      if (!ints || !lengths[i].is_constant()) continue;
      const int64_t end = place + lengths[i].constant();
      if (end > static_cast<int64_t>(ints->size())) continue;
      publish_ints(context, i, type, Ints(ints->begin() + place, ints->begin() + end));
      place = end;
    }
  }

  void batch(BatchContext& context) const override {
    if (!context.has_rank(0)) return context.block("the input's rank is not known");
    if (!require_fixed_inputs(context, 1)) return;
    const BatchState state = context.input(0);
    if (state.axis == normalize_axis(attrs_.axis, context.rank(0)))
      return context.block("the batch axis is cut into parts");
    context.set_all_outputs(state);
  }

  std::optional<int64_t> splits_along() const override { return attrs_.axis; }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const auto axis = static_cast<size_t>(normalize_axis(attrs_.axis, x.rank()));
    const std::vector<int64_t> lengths = lengths_at_run(context, x.dims()[axis]);
    const int64_t outer = dim_product(x.dims(), 0, axis);
    const int64_t inner = dim_product(x.dims(), axis + 1, x.dims().size());
    const int64_t row = x.dims()[axis] * inner;
    int64_t place = 0;
    for (size_t i = 0; i < lengths.size(); ++i) {
      const int64_t length = lengths[i] * inner;
      if (context.wants_output(i)) {
        Dims dims = x.dims();
        dims[axis] = lengths[i];
        Tensor& y = context.output(i, x.dtype(), dims);
        for (int64_t o = 0; o < outer; ++o) copy_range(x, o * row + place, y, o * length, length);
      }
      place += length;
    }
  }

 private:
  Shape infer_lengths(const InferContext& context, const Dim& whole, size_t parts) const {
    Shape lengths(parts, Dim::unknown());
    if (!attrs_.lengths.empty() || context.has_input(1)) {
      const auto given = attrs_.lengths.empty() ? known_or_unknown_ints(context, 1)
                                                : std::optional(graph::to_shape(attrs_.lengths));
      if (!given) return lengths;
      if (given->size() != parts)
        fail(ErrorCode::bad_model, "{} lengths are given for {} outputs", given->size(), parts);
      const auto constants = graph::constant_dims(*given);
      if (constants && whole.is_constant()) check(*constants, whole.constant());
      return *given;
    }
    const Dim count(static_cast<int64_t>(parts));
    // What does not fit is told when it runs: a model may have it in a branch that is never taken.
    const bool fits =
        whole.is_constant() && (!attrs_.uneven || (whole.constant() + count.constant() - 1) /
                                                          count.constant() * (count.constant() - 1) <=
                                                      whole.constant());
    if (whole.is_constant()) return fits ? graph::to_shape(equal_lengths(whole.constant(), parts)) : lengths;
    if (!attrs_.uneven) return Shape(parts, floor_div(whole, count));
    return parts == 1 ? Shape{whole} : lengths;
  }

  std::vector<int64_t> lengths_at_run(const RunContext& context, int64_t whole) const {
    const size_t parts = context.output_count();
    if (attrs_.lengths.empty() && !context.has_input(1)) return equal_lengths(whole, parts);
    std::vector<int64_t> lengths = attrs_.lengths.empty() ? to_int64s(context.input(1)) : attrs_.lengths;
    if (lengths.size() != parts)
      fail(ErrorCode::invalid_argument, "{} lengths are given for {} outputs", lengths.size(), parts);
    check(lengths, whole);
    return lengths;
  }

  std::vector<int64_t> equal_lengths(int64_t whole, size_t parts) const {
    const auto count = static_cast<int64_t>(parts);
    if (whole % count != 0 && !attrs_.uneven)
      fail(ErrorCode::invalid_argument, "{} rows cannot be cut into {} equal parts", whole, parts);
    const int64_t length = (whole + count - 1) / count;
    std::vector<int64_t> lengths(parts, length);
    lengths.back() = whole - length * (count - 1);
    if (lengths.back() < 0)
      fail(ErrorCode::invalid_argument, "{} rows cannot be cut into {} parts of {}", whole, parts, length);
    return lengths;
  }

  static void check(const std::vector<int64_t>& lengths, int64_t whole) {
    int64_t rest = whole;
    for (const int64_t length : lengths) {
      if (length < 0 || length > rest)
        fail(ErrorCode::invalid_argument, "{} rows cannot be cut into parts of {}", whole,
             dims_text(lengths));
      rest -= length;
    }
    if (rest != 0)
      fail(ErrorCode::invalid_argument, "{} rows cannot be cut into parts of {}", whole, dims_text(lengths));
  }

  SplitAttrs attrs_;
};

}  // namespace

OpPtr make_split(const OpArgs& args) {
  SplitAttrs attrs;
  attrs.axis = args.get_int("axis", 0);
  if (args.version() < 13) attrs.lengths = args.get_ints("split");
  attrs.uneven = args.version() >= 18;
  if (args.has("num_outputs")) {
    const int64_t count = args.get_int("num_outputs", 0);
    if (count != static_cast<int64_t>(args.output_count()))
      fail(ErrorCode::bad_model, "num_outputs is {}, but the node has {} outputs", count,
           args.output_count());
  }
  return std::make_shared<Split>(std::move(attrs));
}

}  // namespace spinel::ops
