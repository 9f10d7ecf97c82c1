// Resize and Upsample.
#include "ops/resize.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "ops/axis_gather.hpp"
#include "ops/compute_type.hpp"
#include "ops/int_rules.hpp"
#include "ops/numeric.hpp"

namespace spinel::ops {
namespace {

std::vector<float> to_floats(const Tensor& tensor) {
  const Tensor wide = to_float32(tensor);
  const auto values = wide.data<float>();
  return {values.begin(), values.end()};
}

void check_count(size_t given, size_t wanted, const char* what, ErrorCode code) {
  if (given != wanted) fail(code, "{} holds {} elements for {} axes", what, given, wanted);
}

/// The output dim of a scaled one, if it can be told.
Dim scaled(const Dim& dim, float scale) {
  if (scale == 1.0f) return dim;
  if (dim.is_constant()) {
    const int64_t size = static_cast<int64_t>(static_cast<float>(dim.constant()) * scale);
    // The batch rule takes an equal size for an untouched axis.
    return size == dim.constant() ? Dim::unknown() : Dim(size);
  }
  for (int64_t denominator = 1; denominator <= 64; denominator *= 2) {
    const float numerator = scale * static_cast<float>(denominator);
    if (numerator == std::floor(numerator) && numerator < 65536)
      return floor_div(dim * Dim(static_cast<int64_t>(numerator)), Dim(denominator));
  }
  return Dim::unknown();
}

bool given(const InferContext& context, size_t input) {
  if (input == 0 || !context.has_input(input)) return false;
  const Shape* shape = context.shape(input);
  return shape == nullptr || shape->size() != 1 || !(*shape)[0].is_constant(0);
}
bool given(const RunContext& context, size_t input) {
  return input > 0 && context.has_input(input) && context.input(input).element_count() > 0;
}

std::optional<std::vector<float>> known_scales(const ResizeAttrs& attrs, const InferContext& context) {
  if (attrs.scales) return attrs.scales;
  if (!given(context, attrs.scales_input)) return std::nullopt;
  const Tensor* constant = context.constant(attrs.scales_input);
  if (constant == nullptr) return std::nullopt;
  return to_floats(*constant);
}

void apply_sizes(const ResizeAttrs& attrs, const std::vector<int64_t>& sizes,
                 const std::vector<size_t>& order, std::vector<ResizeAxis>& axes) {
  std::optional<float> common;
  for (size_t i = 0; i < order.size(); ++i) {
    ResizeAxis& axis = axes[order[i]];
    if (sizes[i] < 0) fail(ErrorCode::invalid_argument, "size {} of axis {} is negative", sizes[i], order[i]);
    axis.output = sizes[i];
    axis.scale = axis.input == 0 ? 1.0f : static_cast<float>(sizes[i]) / static_cast<float>(axis.input);
    if (!common)
      common = axis.scale;
    else
      common = attrs.policy == AspectPolicy::not_larger ? std::min(*common, axis.scale)
                                                        : std::max(*common, axis.scale);
  }
  if (attrs.policy == AspectPolicy::stretch) return;
  for (size_t each : order) {
    axes[each].scale = *common;
    axes[each].output =
        static_cast<int64_t>(std::floor(static_cast<float>(axes[each].input) * *common + 0.5f));
  }
}

std::vector<ResizeAxis> plan(const ResizeAttrs& attrs, const RunContext& context) {
  const Tensor& x = context.input(0);
  const std::vector<size_t> order = attrs.order(x.dims().size());
  std::vector<ResizeAxis> axes(x.dims().size());
  for (size_t i = 0; i < axes.size(); ++i) axes[i].input = axes[i].output = x.dims()[i];
  if (attrs.rule.transform == CoordinateTransform::tf_crop_and_resize) {
    if (!given(context, attrs.roi_input))
      fail(ErrorCode::invalid_argument, "input roi is missing; tf_crop_and_resize needs it");
    const std::vector<float> roi = to_floats(context.input(attrs.roi_input));
    check_count(roi.size(), 2 * order.size(), "roi", ErrorCode::invalid_argument);
    for (size_t i = 0; i < order.size(); ++i) {
      axes[order[i]].roi_begin = roi[i];
      axes[order[i]].roi_end = roi[order.size() + i];
    }
  }
  if (given(context, attrs.sizes_input)) {
    const std::vector<int64_t> sizes = to_int64s(context.input(attrs.sizes_input));
    check_count(sizes.size(), order.size(), "sizes", ErrorCode::invalid_argument);
    apply_sizes(attrs, sizes, order, axes);
    return axes;
  }
  std::vector<float> scales;
  if (attrs.scales)
    scales = *attrs.scales;
  else if (given(context, attrs.scales_input))
    scales = to_floats(context.input(attrs.scales_input));
  else
    fail(ErrorCode::invalid_argument, "neither scales nor sizes are given");
  check_count(scales.size(), order.size(), "scales", ErrorCode::invalid_argument);
  for (size_t i = 0; i < order.size(); ++i) {
    ResizeAxis& axis = axes[order[i]];
    if (!(scales[i] > 0) || scales[i] > 65536.0f)
      fail(ErrorCode::invalid_argument, "scale {} of axis {} must be above 0 and at most 65536", scales[i],
           order[i]);
    axis.scale = scales[i];
    axis.output = static_cast<int64_t>(static_cast<float>(axis.input) * scales[i]);
  }
  return axes;
}

void run_nearest(const ResizeAttrs& attrs, RunContext& context, const Dims& dims,
                 const std::vector<ResizeTaps>& taps) {
  const Tensor& x = context.input(0);
  Tensor& y = context.output(0, x.dtype(), dims);
  if (y.element_count() == 0) return;
  std::vector<std::vector<int64_t>> sources;
  for (const ResizeTaps& axis : taps) {
    sources.push_back(axis.index);
    for (size_t i = 0; i < axis.outside.size(); ++i)
      if (axis.outside[i]) sources.back()[i] = -1;
  }
  Tensor value(x.dtype(), {1});
  if (attrs.extrapolation_value != 0)
    value = convert(Tensor::from<float>({1}, {attrs.extrapolation_value}), x.dtype());
  with_storage_type(x.dtype(), [&](auto type) {
    using T = decltype(type);
    gather_axes<T>(x, y, sources, storage<T>(value)[0]);
  });
}

template <class T>
void extrapolate(const ResizeAttrs& attrs, T* values, const Dims& dims, const std::vector<ResizeTaps>& taps) {
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    const int64_t inner = dim_product(dims, axis + 1, dims.size());
    const int64_t outer = dim_product(dims, 0, axis);
    for (int64_t i = 0; i < outer; ++i)
      for (int64_t o = 0; o < dims[axis]; ++o)
        if (taps[axis].outside[static_cast<size_t>(o)])
          std::fill_n(values + (i * dims[axis] + o) * inner, inner,
                      static_cast<T>(attrs.extrapolation_value));
  }
}

/// Interpolates along one axis of [outer, taps' input, inner].
template <class T>
void interpolate_axis(RunContext& context, const ResizeTaps& taps, int64_t outer, int64_t input,
                      int64_t inner, const T* x, T* y) {
  const int64_t output = std::ssize(taps.outside);
  const std::vector<T> weights(taps.weight.begin(), taps.weight.end());
  context.parallel_for(outer, [&](int64_t i) {
    const T* from = x + i * input * inner;
    T* to = y + i * output * inner;
    for (int64_t o = 0; o < output; ++o, to += inner) {
      const T* weight = weights.data() + o * taps.taps;
      const int64_t* index = taps.index.data() + o * taps.taps;
      if (inner == 1) {
        T sum = 0;
        for (int64_t tap = 0; tap < taps.taps; ++tap)
          if (weight[tap] != 0) sum += weight[tap] * from[index[tap]];
        *to = sum;
        continue;
      }
      bool first = true;
      for (int64_t tap = 0; tap < taps.taps; ++tap) {
        if (weight[tap] == 0) continue;
        const T* source = from + index[tap] * inner;
        if (first)
          for (int64_t k = 0; k < inner; ++k) to[k] = weight[tap] * source[k];
        else
          for (int64_t k = 0; k < inner; ++k) to[k] += weight[tap] * source[k];
        first = false;
      }
      if (first) std::fill_n(to, inner, T{0});
    }
  });
}

/// Results for an integer type: antialiased and cubic ones are rounded, others cut off, as ONNX Runtime does;
/// the rounding errors of a sum of weights must not cost a whole step.
template <class T>
void make_whole(const ResizeRule& rule, T* values, int64_t count) {
  const bool rounded = rule.antialias || rule.mode == ResizeMode::cubic;
  for (int64_t i = 0; i < count; ++i)
    values[i] =
        rounded ? std::floor(values[i] + T{0.5}) : std::trunc(values[i] + std::copysign(T{1e-5}, values[i]));
}

/// One axis after the other, the last first.
template <class T>
void run_weighted(const ResizeAttrs& attrs, RunContext& context, const Dims& dims,
                  const std::vector<ResizeTaps>& taps) {
  const Tensor& x = context.input(0);
  Tensor& out = context.output(0, x.dtype(), dims);
  const int64_t count = out.element_count();
  if (count == 0) return;
  const ComputeInput<T> from(x);
  const T* now = from.data();
  Dims sizes = x.dims();
  std::vector<T> values, next;
  for (size_t axis = dims.size(); axis-- > 0;) {
    if (taps[axis].identity) continue;
    const int64_t inner = dim_product(sizes, axis + 1, sizes.size());
    const int64_t outer = dim_product(sizes, 0, axis);
    next.resize(static_cast<size_t>(outer * dims[axis] * inner));
    interpolate_axis(context, taps[axis], outer, sizes[axis], inner, now, next.data());
    std::swap(values, next);
    now = values.data();
    sizes[axis] = dims[axis];
  }
  if (now == from.data()) values.assign(now, now + count);
  extrapolate(attrs, values.data(), dims, taps);
  if (is_integer(x.dtype())) make_whole(attrs.rule, values.data(), count);
  store(values.data(), out, 0, count);
}

ResizeMode parse_mode(const OpArgs& args) {
  const std::string mode = args.get_string("mode", "nearest");
  if (mode == "nearest") return ResizeMode::nearest;
  if (mode == "linear" || mode == "bilinear") return ResizeMode::linear;
  if (mode == "cubic") return ResizeMode::cubic;
  fail(ErrorCode::bad_model, "{}: mode '{}' is none of nearest, linear, cubic", args.op_type(), mode);
}

template <class T, size_t N>
T parse_one_of(const OpArgs& args, const char* name, const char* fallback,
               const std::pair<std::string_view, T> (&values)[N]) {
  const std::string text = args.get_string(name, fallback);
  for (const auto& [key, value] : values)
    if (key == text) return value;
  fail(ErrorCode::bad_model, "{}: {} '{}' is not known", args.op_type(), name, text);
}

}  // namespace

std::vector<size_t> ResizeAttrs::order(size_t rank) const {
  std::vector<size_t> out;
  if (axes)
    for (int64_t axis : *axes)
      out.push_back(static_cast<size_t>(normalize_axis(axis, static_cast<int>(rank))));
  else
    for (size_t axis = 0; axis < rank; ++axis) out.push_back(axis);
  return out;
}

OpPtr ResizeOp::with_axes_moved(std::span<const size_t> to) const {
  // Cropping all axes means the batch as well, which batch() tells by the missing list.
  if (attrs_.rule.transform == CoordinateTransform::tf_crop_and_resize && !attrs_.axes) return nullptr;
  ResizeAttrs moved = attrs_;
  moved.axes.emplace();
  for (const size_t axis : attrs_.order(to.size())) moved.axes->push_back(static_cast<int64_t>(to[axis]));
  return std::make_shared<ResizeOp>(name_, std::move(moved));
}

void ResizeOp::infer(InferContext& context) const {
  require_only_tensors(context, 1);
  const DType dtype = context.dtype(0);
  if (attrs_.rule.mode == ResizeMode::nearest)
    require_movable(dtype);
  else if (dtype != DType::undefined && !is_float(dtype) && !is_integer(dtype))
    fail(ErrorCode::unsupported, "elements of type {} cannot be interpolated", dtype_name(dtype));
  const Shape* x = context.shape(0);
  if (x == nullptr) return context.set_tensor(0, dtype);
  const std::vector<size_t> axes = attrs_.order(x->size());
  Shape y = *x;
  for (size_t axis : axes) y[axis] = Dim::unknown();
  if (given(context, attrs_.sizes_input)) {
    const auto sizes = known_ints(context, attrs_.sizes_input);
    if (sizes) check_count(sizes->size(), axes.size(), "sizes", ErrorCode::bad_model);
    for (size_t i = 0; sizes && i < axes.size(); ++i)
      if (attrs_.policy == AspectPolicy::stretch) y[axes[i]] = (*sizes)[i];
  } else if (const auto scales = known_scales(attrs_, context)) {
    check_count(scales->size(), axes.size(), "scales", ErrorCode::bad_model);
    for (size_t i = 0; i < axes.size(); ++i) y[axes[i]] = scaled((*x)[axes[i]], (*scales)[i]);
  }
  context.set_tensor(0, dtype, std::move(y));
}

void ResizeOp::batch(BatchContext& context) const {
  const BatchState state = context.input(0);
  if (!state.is_batched()) return context.block("a value computed from the batch size is used as data");
  const Shape* y = context.output_shape(0);
  if (!context.has_rank(0) || y == nullptr) return context.block("the input's rank is not known");
  const size_t axis = static_cast<size_t>(state.axis);
  if (!equal((*context.input_shape(0))[axis], (*y)[axis]))
    return context.block(fmt::format("axis {}, the batch, is not known to keep its size", axis));
  for (size_t i = 1; i < context.input_count(); ++i) {
    if (!context.has_input(i) || context.input(i).is_shared()) continue;
    if (!context.input(i).is_size() || i != attrs_.sizes_input)
      return context.block(fmt::format("input {} depends on the batch", i));
  }
  for (size_t i = 0; i < y->size(); ++i)
    if (i != axis &&
        ((*y)[i].is_unknown() ? context.has_input(attrs_.sizes_input) && attrs_.sizes_input > 0 &&
                                    !context.input(attrs_.sizes_input).is_shared()
                              : depends_on_batch(context, (*y)[i])))
      return context.block(fmt::format("the size of axis {} depends on the batch", i));
  if (attrs_.rule.transform == CoordinateTransform::tf_crop_and_resize && !attrs_.axes)
    return context.block("the batch is an axis that tf_crop_and_resize crops");
  context.set_output(0, state);
}

void ResizeOp::run(RunContext& context) const {
  const Tensor& x = context.input(0);
  const std::vector<ResizeAxis> axes = plan(attrs_, context);
  Dims dims;
  for (const ResizeAxis& axis : axes) dims.push_back(axis.output);
  if (element_count(dims) > 0 && x.element_count() == 0)
    fail(ErrorCode::invalid_argument, "X {} is empty and cannot be resized to {}", describe(x),
         dims_text(dims));
  std::vector<ResizeTaps> taps;
  const bool cropped = attrs_.rule.transform == CoordinateTransform::tf_crop_and_resize;
  for (ResizeAxis axis : axes) {
    if (element_count(dims) == 0) break;
    // As in ONNX Runtime, a scale that changes no axis' size has no effect.
    if (dims == x.dims() && !cropped) axis.scale = 1;
    taps.push_back(resize_taps(attrs_.rule, axis));
  }
  if (attrs_.rule.mode == ResizeMode::nearest) return run_nearest(attrs_, context, dims, taps);
  if (is_float(x.dtype()) && x.dtype() != DType::float64)
    run_weighted<float>(attrs_, context, dims, taps);
  else
    run_weighted<double>(attrs_, context, dims, taps);
}

OpPtr make_resize(const OpArgs& args) {
  using enum CoordinateTransform;
  static constexpr std::pair<std::string_view, CoordinateTransform> transforms[] = {
      {"half_pixel", half_pixel},
      {"half_pixel_symmetric", half_pixel_symmetric},
      {"pytorch_half_pixel", pytorch_half_pixel},
      {"align_corners", align_corners},
      {"asymmetric", asymmetric},
      {"tf_half_pixel_for_nn", tf_half_pixel_for_nn},
      {"tf_crop_and_resize", tf_crop_and_resize}};
  static constexpr std::pair<std::string_view, NearestMode> nearest_modes[] = {
      {"round_prefer_floor", NearestMode::round_prefer_floor},
      {"round_prefer_ceil", NearestMode::round_prefer_ceil},
      {"floor", NearestMode::floor},
      {"ceil", NearestMode::ceil}};
  static constexpr std::pair<std::string_view, AspectPolicy> policies[] = {
      {"stretch", AspectPolicy::stretch},
      {"not_larger", AspectPolicy::not_larger},
      {"not_smaller", AspectPolicy::not_smaller}};
  ResizeAttrs attrs;
  attrs.rule.mode = parse_mode(args);
  if (args.version() < 11) {
    attrs.rule.transform = asymmetric;
    attrs.rule.nearest = NearestMode::simple;
    attrs.scales_input = 1;
    return std::make_shared<ResizeOp>(args.op_type(), std::move(attrs));
  }
  attrs.roi_input = 1;
  attrs.scales_input = 2;
  attrs.sizes_input = 3;
  attrs.rule.transform = parse_one_of(args, "coordinate_transformation_mode", "half_pixel", transforms);
  attrs.rule.nearest = parse_one_of(args, "nearest_mode", "round_prefer_floor", nearest_modes);
  attrs.rule.cubic_a = args.get_float("cubic_coeff_a", -0.75f);
  attrs.rule.exclude_outside = args.get_flag("exclude_outside", false);
  attrs.extrapolation_value = args.get_float("extrapolation_value", 0);
  if (args.version() >= 18) {
    attrs.rule.antialias = args.get_flag("antialias", false);
    if (args.has("axes")) attrs.axes = args.get_ints("axes");
    attrs.policy = parse_one_of(args, "keep_aspect_ratio_policy", "stretch", policies);
  }
  return std::make_shared<ResizeOp>(args.op_type(), std::move(attrs));
}

OpPtr make_upsample(const OpArgs& args) {
  ResizeAttrs attrs;
  attrs.rule.mode = parse_mode(args);
  attrs.rule.transform = CoordinateTransform::asymmetric;
  attrs.rule.nearest = NearestMode::simple;
  if (args.version() >= 9) {
    attrs.scales_input = 1;
  } else if (args.version() >= 7) {
    args.require("scales");
    attrs.scales = args.get_floats("scales");
  } else {
    args.require("height_scale");
    args.require("width_scale");
    attrs.scales = {1, 1, args.get_float("height_scale", 1), args.get_float("width_scale", 1)};
  }
  return std::make_shared<ResizeOp>(args.op_type(), std::move(attrs));
}

}  // namespace spinel::ops
