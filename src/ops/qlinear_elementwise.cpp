// com.microsoft QLinearAdd, QLinearMul, QLinearWhere and QLinearConcat: what needs no more than rescaling.
#include <algorithm>

#include "base/text.hpp"
#include "ops/byte_map.hpp"
#include "ops/elements.hpp"
#include "ops/int_matmul.hpp"

namespace spinel::ops {
namespace {

bool is_scale_input(size_t input, std::initializer_list<size_t> scales) {
  return std::ranges::find(scales, input) != scales.end();
}

/// Blocks and returns false unless every input but those listed is shared.
bool require_only_batched(BatchContext& context, std::initializer_list<size_t> data) {
  for (size_t i = 0; i < context.input_count(); ++i)
    if (!is_scale_input(i, data) && context.has_input(i) && !context.input(i).is_shared()) {
      context.block(fmt::format("input {} depends on the batch", i));
      return false;
    }
  return true;
}

std::optional<Shape> broadcast_of(const InferContext& context, std::initializer_list<size_t> inputs) {
  Shape out;
  for (const size_t input : inputs) {
    const Shape* shape = context.shape(input);
    if (shape == nullptr) return std::nullopt;
    out = broadcast_shapes(out, *shape);
  }
  return out;
}

/// Inputs A, A_scale, A_zero_point, B, B_scale, B_zero_point, C_scale, C_zero_point, the zero points
/// optional; C of A's type, broadcast. Computed in float32 and rounded to nearest even.
class QLinearBinary final : public Op {
 public:
  explicit QLinearBinary(bool adds) : adds_(adds) {}
  std::string_view name() const override { return adds_ ? "QLinearAdd" : "QLinearMul"; }
  bool keeps_float32(size_t input) const override { return is_scale_input(input, {1, 4, 6}); }
  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    require_int8(context, 0, "A");
    require_int8(context, 3, "B");
    context.set_tensor(0, context.dtype(0), broadcast_of(context, {0, 3}));
  }
  void batch(BatchContext& context) const override {
    if (require_only_batched(context, {0, 3})) batch_elementwise(context);
  }
  void run(RunContext& context) const override {
    const Tensor& a = context.input(0);
    const Tensor& b = context.input(3);
    const ByteScale a_scale = read_byte_scale(context, a.dtype(), 1, 2);
    const ByteScale b_scale = read_byte_scale(context, b.dtype(), 4, 5);
    const ByteScale c_scale = read_byte_scale(context, a.dtype(), 6, 7);
    const Dims dims = broadcast_dims(a.dims(), b.dims());
    Tensor& c = context.output(0, a.dtype(), dims);
    float a_numbers[256];
    float b_numbers[256];
    for (int i = 0; i < 256; ++i) {
      a_numbers[i] = a_scale.number(static_cast<uint8_t>(i));
      b_numbers[i] = b_scale.number(static_cast<uint8_t>(i));
    }
    const BroadcastWalk walk({a.dims(), b.dims()}, dims);
    walk.run(context, [&](int64_t begin, int64_t count, const int64_t* offsets) {
      const uint8_t* from_a = storage<uint8_t>(a) + offsets[0];
      const uint8_t* from_b = storage<uint8_t>(b) + offsets[1];
      uint8_t* to = storage<uint8_t>(c) + begin;
      float left[BroadcastWalk::span_elements];
      float right[BroadcastWalk::span_elements];
      for (int64_t i = 0; i < count; ++i) left[i] = a_numbers[from_a[i * walk.step(0)]];
      for (int64_t i = 0; i < count; ++i) right[i] = b_numbers[from_b[i * walk.step(1)]];
      if (adds_)
        for (int64_t i = 0; i < count; ++i) to[i] = c_scale.byte(left[i] + right[i]);
      else
        for (int64_t i = 0; i < count; ++i) to[i] = c_scale.byte(left[i] * right[i]);
    });
  }

 private:
  bool adds_;
};

/// Inputs condition, X, x_scale, x_zero_point, Y, y_scale, y_zero_point, z_scale, z_zero_point; Z of X's
/// type.
class QLinearWhere final : public Op {
 public:
  std::string_view name() const override { return "QLinearWhere"; }
  bool keeps_float32(size_t input) const override { return is_scale_input(input, {2, 5, 7}); }
  void infer(InferContext& context) const override {
    require_only_tensors(context, 9);
    require_int8(context, 1, "X");
    require_int8(context, 4, "Y");
    context.set_tensor(0, context.dtype(1), broadcast_of(context, {0, 1, 4}));
  }
  void batch(BatchContext& context) const override {
    if (require_only_batched(context, {0, 1, 4})) batch_elementwise(context);
  }
  void run(RunContext& context) const override {
    const Tensor& condition = context.input(0);
    const Tensor& x = context.input(1);
    const Tensor& y = context.input(4);
    const ByteScale scale = read_byte_scale(context, x.dtype(), 7, 8);
    const ByteMap x_map = rescaling_map(read_byte_scale(context, x.dtype(), 2, 3), scale);
    const ByteMap y_map = rescaling_map(read_byte_scale(context, y.dtype(), 5, 6), scale);
    const Dims dims = broadcast_dims(broadcast_dims(condition.dims(), x.dims()), y.dims());
    const bool* choose = condition.data<bool>().data();
    Tensor& z = context.output(0, x.dtype(), dims);
    const BroadcastWalk walk({condition.dims(), x.dims(), y.dims()}, dims);
    walk.run(context, [&](int64_t begin, int64_t count, const int64_t* offsets) {
      const uint8_t* from_x = storage<uint8_t>(x) + offsets[1];
      const uint8_t* from_y = storage<uint8_t>(y) + offsets[2];
      uint8_t* to = storage<uint8_t>(z) + begin;
      for (int64_t i = 0; i < count; ++i)
        to[i] = choose[offsets[0] + i * walk.step(0)] ? x_map[from_x[i * walk.step(1)]]
                                                      : y_map[from_y[i * walk.step(2)]];
    });
  }
};

/// Inputs Y_scale, Y_zero_point, then X, its scale and its zero point for each of the tensors that are
/// joined.
class QLinearConcat final : public Op {
 public:
  explicit QLinearConcat(int64_t axis) : axis_(axis) {}
  std::string_view name() const override { return "QLinearConcat"; }
  bool keeps_float32(size_t input) const override { return input == 0 || (input >= 2 && input % 3 == 0); }
  void infer(InferContext& context) const override {
    require_only_tensors(context, context.input_count());
    if (context.input_count() < 5 || context.input_count() % 3 != 2)
      fail(ErrorCode::bad_model,
           "{} inputs; there must be Y's scale and zero point, and three for each tensor",
           context.input_count());
    std::optional<Shape> joined;
    for (size_t i = 2; i < context.input_count(); i += 3) {
      require_int8(context, i, "X");
      const Shape* shape = context.shape(i);
      if (shape == nullptr) return context.set_tensor(0, context.dtype(1));
      const auto axis = static_cast<size_t>(normalize_axis(axis_, static_cast<int>(shape->size())));
      if (!joined) {
        joined = *shape;
        continue;
      }
      if (joined->size() != shape->size())
        fail(ErrorCode::bad_model, "shapes {} and {} differ in rank", shape_text(*joined),
             shape_text(*shape));
      (*joined)[axis] = (*joined)[axis] + (*shape)[axis];
    }
    context.set_tensor(0, context.dtype(1), std::move(joined));
  }
  void batch(BatchContext& context) const override {
    std::optional<int> axis;
    for (size_t i = 0; i < context.input_count(); ++i) {
      const BatchState state = context.input(i);
      if (i < 2 || i % 3 != 2) {
        if (!state.is_shared()) return context.block(fmt::format("input {} depends on the batch", i));
        continue;
      }
      if (!state.is_batched() || !context.has_rank(i))
        return context.block("a tensor of fixed size is joined to tensors of the batch");
      if (axis && *axis != state.axis) return context.block("the inputs' batch axes do not meet");
      axis = state.axis;
    }
    if (*axis == normalize_axis(axis_, context.rank(2)))
      return context.block("tensors are joined along the batch axis");
    context.set_output(0, BatchState::batched(*axis));
  }
  void run(RunContext& context) const override {
    const Tensor& first = context.input(2);
    const auto axis = static_cast<size_t>(normalize_axis(axis_, first.rank()));
    const ByteScale scale = read_byte_scale(context, context.input(1).dtype(), 0, 1);
    Dims dims = first.dims();
    for (size_t i = 5; i < context.input_count(); i += 3) {
      Dims other = context.input(i).dims();
      if (other.size() == dims.size()) {
        dims[axis] += other[axis];
        other[axis] = dims[axis];
      }
      if (other != dims)
        fail(ErrorCode::invalid_argument, "{} and {} cannot be joined along axis {}", describe(first),
             describe(context.input(i)), axis);
    }
    Tensor& y = context.output(0, scale.dtype, dims);
    const int64_t outer = dim_product(dims, 0, axis);
    const int64_t row = dim_product(dims, axis, dims.size());
    int64_t place = 0;
    for (size_t i = 2; i < context.input_count(); i += 3) {
      const Tensor& x = context.input(i);
      const ByteMap map = rescaling_map(read_byte_scale(context, x.dtype(), i + 1, i + 2), scale);
      const int64_t length = dim_product(x.dims(), axis, dims.size());
      for (int64_t o = 0; o < outer; ++o) {
        const uint8_t* from = storage<uint8_t>(x) + o * length;
        uint8_t* to = storage<uint8_t>(y) + o * row + place;
        for (int64_t k = 0; k < length; ++k) to[k] = map[from[k]];
      }
      place += length;
    }
  }

 private:
  int64_t axis_;
};

}  // namespace

OpPtr make_qlinear_binary(const OpArgs& args) {
  return std::make_shared<QLinearBinary>(args.op_type() == "QLinearAdd");
}
OpPtr make_qlinear_where(const OpArgs&) { return std::make_shared<QLinearWhere>(); }
OpPtr make_qlinear_concat(const OpArgs& args) {
  args.require("axis");
  return std::make_shared<QLinearConcat>(args.get_int("axis", 0));
}

}  // namespace spinel::ops
