// QuantizeLinear: floats as integers of 2 to 16 bits or floats of 4 and 8 bits, by a scale and a zero point.
#include <algorithm>

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/narrow.hpp"
#include "ops/numeric.hpp"
#include "ops/quant_scale.hpp"

namespace spinel::ops {
namespace {

struct QuantizeAttrs {
  ScaleAttrs scale;
  DType output = DType::undefined;     ///< undefined: the zero point's type, or uint8.
  DType precision = DType::undefined;  ///< What the quotient is rounded to; undefined: float32.
  bool saturate = true;
};

bool is_target(DType dtype) {
  return is_small_int(dtype) || (is_small_float(dtype) && dtype != DType::float8e8m0) ||
         dtype == DType::uint8 || dtype == DType::int8 || dtype == DType::uint16 || dtype == DType::int16;
}

/// x [any dims], y_scale, optional y_zero_point of the output's type; y = saturate(round(x / y_scale) +
/// y_zero_point). The quotient is computed in float32 whatever the types of x and y_scale, unless `precision`
/// says otherwise; NaN becomes the lowest integer. A zero point of 0 is not added to 8-bit floats, whose -0
/// survives.
class QuantizeLinear final : public Op {
 public:
  explicit QuantizeLinear(QuantizeAttrs attrs) : attrs_(attrs) {}

  std::string_view name() const override { return "QuantizeLinear"; }
  bool keeps_float32(size_t input) const override { return input == 1; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    const DType x = context.dtype(0);
    if (x != DType::undefined && domain_of(x) != Domain::float32 && x != DType::int32)
      fail(ErrorCode::unsupported, "input x of type {} is not supported; it must be a float type or int32",
           dtype_name(x));
    const DType to = target(context.has_input(2) ? context.dtype(2) : DType::undefined);
    if (!is_target(to)) fail(ErrorCode::bad_model, "{} is no type to quantise to", dtype_name(to));
    context.set_tensor(0, to, context.input(0).shape);
  }
  void batch(BatchContext& context) const override { batch_scaled(context, attrs_.scale); }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const ScaleWalk walk(attrs_.scale, x.dims(), context.input(1).dims());
    const std::vector<float> scale = scale_values(context.input(1));
    const std::vector<float> zero = zero_point_values(context, 2, scale.size());
    const DType to = target(context.has_input(2) ? context.input(2).dtype() : DType::undefined);
    Tensor& y = context.output(0, to, x.dims());
    for_each_block(context, x.element_count(), [&](int64_t begin, int64_t count) {
      for (const int64_t end = begin + count; begin < end; begin += chunk_elements)
        quantize(x, walk, scale.data(), zero.data(), y, begin, std::min(chunk_elements, end - begin));
    });
  }

 private:
  DType target(DType zero_point) const {
    if (zero_point == DType::undefined)
      return attrs_.output == DType::undefined ? DType::uint8 : attrs_.output;
    if (attrs_.output != DType::undefined && attrs_.output != zero_point)
      fail(ErrorCode::bad_model, "output_dtype is {}, but y_zero_point is {}", dtype_name(attrs_.output),
           dtype_name(zero_point));
    return zero_point;
  }

  void quantize(const Tensor& x, const ScaleWalk& walk, const float* scale, const float* zero, Tensor& y,
                int64_t begin, int64_t count) const {
    float values[chunk_elements];
    float quotients[chunk_elements];
    const float* from = load(x, begin, count, values);
    walk.spans(begin, count, [&](int64_t offset, int64_t length, int64_t index, int64_t step) {
      if (step == 0) {
        const float divisor = scale[index];
        for (int64_t i = 0; i < length; ++i) quotients[offset + i] = from[offset + i] / divisor;
      } else {
        for (int64_t i = 0; i < length; ++i) quotients[offset + i] = from[offset + i] / scale[index + i];
      }
    });
    if (attrs_.precision == DType::float16)
      for (int64_t i = 0; i < count; ++i) quotients[i] = static_cast<float>(Half(quotients[i]));
    if (attrs_.precision == DType::bfloat16)
      for (int64_t i = 0; i < count; ++i) quotients[i] = static_cast<float>(BFloat16(quotients[i]));
    switch (y.dtype()) {
      case DType::uint8:
        return store_integers<uint8_t>(walk, quotients, zero, y, begin, count);
      case DType::int8:
        return store_integers<int8_t>(walk, quotients, zero, y, begin, count);
      case DType::uint16:
        return store_integers<uint16_t>(walk, quotients, zero, y, begin, count);
      case DType::int16:
        return store_integers<int16_t>(walk, quotients, zero, y, begin, count);
      default:
        break;
    }
    if (is_small_int(y.dtype())) {
      int64_t integers[chunk_elements];
      round(walk, quotients, zero, int_range(y.dtype()), begin, count, integers);
      return store_any(integers, y, begin, count);
    }
    const bool keeps_minus_zero = y.dtype() != DType::float4e2m1;
    walk.spans(begin, count, [&](int64_t offset, int64_t length, int64_t index, int64_t step) {
      for (int64_t i = 0; i < length; ++i)
        if (const float z = zero[index + i * step]; z != 0 || !keeps_minus_zero) quotients[offset + i] += z;
    });
    store_any(quotients, y, begin, count, {.saturate = attrs_.saturate});
  }

  template <class T>
  static void round(const ScaleWalk& walk, const float* quotients, const float* zero, IntRange range,
                    int64_t begin, int64_t count, T* to) {
    const auto low = static_cast<float>(range.low);
    const auto high = static_cast<float>(range.high);
    walk.spans(begin, count, [&](int64_t offset, int64_t length, int64_t index, int64_t step) {
      const float* from = quotients + offset;
      T* out = to + offset;
      if (step == 0) {
        const float z = zero[index];
        for (int64_t i = 0; i < length; ++i)
          out[i] = static_cast<T>(saturated(from[i], low - z, high - z, static_cast<int32_t>(z)));
      } else {
        for (int64_t i = 0; i < length; ++i) {
          const float z = zero[index + i];
          out[i] = static_cast<T>(saturated(from[i], low - z, high - z, static_cast<int32_t>(z)));
        }
      }
    });
  }
  template <class T>
  static void store_integers(const ScaleWalk& walk, const float* quotients, const float* zero, Tensor& y,
                             int64_t begin, int64_t count) {
    round(walk, quotients, zero, int_range(y.dtype()), begin, count, static_cast<T*>(y.raw()) + begin);
  }

  QuantizeAttrs attrs_;
};

struct DequantizeAttrs {
  ScaleAttrs scale;
  DType output = DType::undefined;  ///< undefined: the scale's type.
};

/// x [any dims], x_scale, optional x_zero_point; y = (x - x_zero_point) * x_scale, computed in float32 and
/// rounded once.
class DequantizeLinear final : public Op {
 public:
  explicit DequantizeLinear(DequantizeAttrs attrs) : attrs_(attrs) {}

  std::string_view name() const override { return "DequantizeLinear"; }
  bool keeps_float32(size_t input) const override { return input == 1; }
  /// In a model converted to 16 bits the scale stays float32, and the output's type is stated.
  std::shared_ptr<const Op> with_float_type(DType from, DType to) const override {
    DequantizeAttrs changed = attrs_;
    if (attrs_.output == from || (attrs_.output == DType::undefined && from == DType::float32))
      changed.output = to;
    return changed.output == attrs_.output ? nullptr : std::make_shared<DequantizeLinear>(changed);
  }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    const DType x = context.dtype(0);
    if (x != DType::undefined && !is_target(x) && x != DType::int32)
      fail(ErrorCode::unsupported, "input x of type {} is not supported", dtype_name(x));
    const DType to = attrs_.output == DType::undefined ? context.dtype(1) : attrs_.output;
    if (to != DType::undefined && domain_of(to) != Domain::float32)
      fail(ErrorCode::bad_model, "{} is no type to dequantise to", dtype_name(to));
    context.set_tensor(0, to, context.input(0).shape);
  }
  void batch(BatchContext& context) const override { batch_scaled(context, attrs_.scale); }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const ScaleWalk walk(attrs_.scale, x.dims(), context.input(1).dims());
    const std::vector<float> scale = scale_values(context.input(1));
    const std::vector<float> zero = zero_point_values(context, 2, scale.size());
    const DType to = attrs_.output == DType::undefined ? context.input(1).dtype() : attrs_.output;
    Tensor& y = context.output(0, to, x.dims());
    for_each_block(context, x.element_count(), [&](int64_t begin, int64_t count) {
      for (const int64_t end = begin + count; begin < end; begin += chunk_elements) {
        const int64_t chunk = std::min(chunk_elements, end - begin);
        float values[chunk_elements];
        float products[chunk_elements];
        const float* from = load_any(x, begin, chunk, values);
        float* out = store_target(y, begin, products);
        walk.spans(begin, chunk, [&](int64_t offset, int64_t length, int64_t index, int64_t step) {
          if (step == 0) {
            const float s = scale[static_cast<size_t>(index)];
            const float z = zero[static_cast<size_t>(index)];
            for (int64_t i = offset; i < offset + length; ++i) out[i] = (from[i] - z) * s;
          } else {
            const float* s = scale.data() + index - offset;
            const float* z = zero.data() + index - offset;
            for (int64_t i = offset; i < offset + length; ++i) out[i] = (from[i] - z[i]) * s[i];
          }
        });
        store(out, y, begin, chunk);
      }
    });
  }

 private:
  DequantizeAttrs attrs_;
};

/// The standard's operators are of opset 10 and newer; com.microsoft's are of version 1.
bool has_axis(const OpArgs& args) { return args.version() >= 13 || args.version() < 10; }

ScaleAttrs read_scale(const OpArgs& args) {
  ScaleAttrs attrs;
  if (has_axis(args)) attrs.axis = args.get_int("axis", 1);
  if (args.version() >= 21 || args.version() < 10) attrs.block_size = args.get_int("block_size", 0);
  if (attrs.block_size < 0)
    fail(ErrorCode::bad_model, "{}: block_size is {}, it must be 0 or more", args.op_type(),
         attrs.block_size);
  return attrs;
}

DType read_type(const OpArgs& args, const char* name) {
  const int64_t type = args.get_int(name, 0);
  if (type == 0) return DType::undefined;
  if (type != static_cast<int32_t>(type) || !is_known_dtype(static_cast<int32_t>(type)))
    fail(ErrorCode::bad_model, "{}: the attribute {}={} is no element type", args.op_type(), name, type);
  return static_cast<DType>(type);
}

}  // namespace

OpPtr make_quantize_linear(const OpArgs& args) {
  QuantizeAttrs attrs;
  attrs.scale = read_scale(args);
  if (args.version() >= 19) attrs.saturate = args.get_flag("saturate", true);
  if (args.version() >= 21) attrs.output = read_type(args, "output_dtype");
  if (args.version() >= 23) attrs.precision = read_type(args, "precision");
  return std::make_shared<QuantizeLinear>(attrs);
}

OpPtr make_dequantize_linear(const OpArgs& args) {
  DequantizeAttrs attrs;
  attrs.scale = read_scale(args);
  if (args.version() >= 23) attrs.output = read_type(args, "output_dtype");
  return std::make_shared<DequantizeLinear>(attrs);
}

}  // namespace spinel::ops
