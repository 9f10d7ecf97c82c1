#include "cpu/resize_op.hpp"

#include <optional>

#include "cpu/tasks.hpp"
#include "cpu/vector_kernels.hpp"
#include "ops/resize.hpp"

namespace spinel::cpu {
namespace {

/// Taps of one axis as the kernels read them.
struct Taps {
  int64_t input = 1, output = 1;
  int64_t count = 1;
  std::vector<int32_t> index{0};
  std::vector<float> weight{1};

  Taps() = default;
  Taps(const ops::ResizeTaps& taps, const ops::ResizeAxis& axis)
      : input(axis.input), output(axis.output), count(taps.taps) {
    index.assign(taps.index.begin(), taps.index.end());
    weight.clear();
    for (const double w : taps.weight) weight.push_back(static_cast<float>(w));
    if (count != 2) return;
    // Of two taps one that weighs nothing gives way to the other: 0 * inf would be NaN.
    for (size_t i = 0; i < index.size(); i += 2) {
      if ((weight[i] == 0) == (weight[i + 1] == 0)) continue;
      const size_t kept = weight[i] == 0 ? i + 1 : i;
      const float half = weight[kept] / 2;
      index[i] = index[i + 1] = index[kept];
      weight[i] = weight[i + 1] = half;
    }
  }
};

template <class T>
std::vector<T> taps_first(const std::vector<T>& from, int64_t taps) {
  const size_t count = static_cast<size_t>(taps);
  std::vector<T> out;
  for (size_t tap = 0; tap < count; ++tap)
    for (size_t i = tap; i < from.size(); i += count) out.push_back(from[i]);
  return out;
}

class ResizeKernel final : public KernelOp {
 public:
  /// `first` is the axis of `height`, the next one that of `width`.
  ResizeKernel(graph::OpPtr reference, const Kernels& kernels, size_t first, bool nearest, Taps height,
               Taps width)
      : KernelOp(std::move(reference)),
        kernels_(*kernels.vector),
        first_(first),
        nearest_(nearest),
        height_(std::move(height)),
        width_(std::move(width)) {
    width_.index = taps_first(width_.index, width_.count);
    width_.weight = taps_first(width_.weight, width_.count);
  }

  std::string_view kernel() const override { return "resize"; }
  graph::Scratch scratch(const graph::ScratchContext&) const override {
    return {.shared_bytes = 0, .per_thread_bytes = static_cast<uint64_t>(width_.input) * sizeof(float)};
  }

  void run(graph::RunContext& context) const override {
    const Tensor& x = context.input(0);
    if (x.dims()[first_] != height_.input || x.dims()[first_ + 1] != width_.input)
      return reference().run(context);
    Tensor& y = context.output_or(0, x.dtype(), [&] {
      Dims dims = x.dims();
      dims[first_] = height_.output;
      dims[first_ + 1] = width_.output;
      return dims;
    });
    if (y.element_count() == 0) return;
    ResizeRows all;
    all.from = x.raw();
    all.half = dtype_bits(x.dtype()) == 16;
    all.in_height = height_.input;
    all.in_width = width_.input;
    all.out_height = height_.output;
    all.out_width = width_.output;
    for (size_t axis = first_ + 2; axis < x.dims().size(); ++axis) all.inner *= x.dims()[axis];
    all.taps_h = height_.count;
    all.taps_w = width_.count;
    all.index_h = height_.index.data();
    all.index_w = width_.index.data();
    all.weight_h = height_.weight.data();
    all.weight_w = width_.weight.data();
    const int64_t row_elements = all.out_width * all.inner;
    const int64_t rows = y.element_count() / row_elements;
    parallel_rows_scratch(context, rows, row_elements, [&](int64_t begin, int64_t count, float* scratch) {
      ResizeRows part = all;
      part.to = element_at(y, begin * row_elements);
      part.row = begin;
      part.rows = count;
      part.scratch = scratch;
      (nearest_ ? kernels_.resize_nearest_rows : kernels_.resize_rows)(part);
    });
  }

 private:
  const VectorKernels& kernels_;
  size_t first_;
  bool nearest_;
  Taps height_, width_;
};

const Tensor* constant_input(const Candidate& candidate, size_t index) {
  if (index == 0 || !candidate.has_input(index)) return nullptr;
  const graph::Value& value = candidate.graph.value(candidate.node.inputs[index]);
  return value.is_constant() && value.constant.element_count() > 0 ? &value.constant : nullptr;
}

/// Every axis' sizes and scale, where axes of unknown size are of size 1 and not resized; empty if too little
/// is known.
std::optional<std::vector<ops::ResizeAxis>> known_axes(const Candidate& candidate,
                                                       const ops::ResizeAttrs& attrs, const graph::Shape& x,
                                                       const graph::Shape& y) {
  std::vector<ops::ResizeAxis> axes(x.size());
  bool same = true;
  std::vector<bool> fixed(x.size(), false);
  for (size_t i = 0; i < x.size(); ++i) {
    fixed[i] = x[i].is_constant() && y[i].is_constant();
    if (!fixed[i] && !equal(x[i], y[i])) return std::nullopt;
    if (!fixed[i]) continue;
    axes[i].input = x[i].constant();
    axes[i].output = y[i].constant();
    if (axes[i].input == 0) return std::nullopt;
    axes[i].scale = static_cast<float>(axes[i].output) / static_cast<float>(axes[i].input);
    same &= axes[i].input == axes[i].output;
  }
  const bool by_sizes = attrs.sizes_input > 0 && candidate.has_input(attrs.sizes_input);
  if (by_sizes) {
    if (attrs.policy != ops::AspectPolicy::stretch) return std::nullopt;
    return axes;
  }
  std::vector<float> scales;
  if (attrs.scales) {
    scales = *attrs.scales;
  } else if (const Tensor* tensor = constant_input(candidate, attrs.scales_input)) {
    const Tensor wide = ops::to_float32(*tensor);
    scales.assign(wide.data<float>().begin(), wide.data<float>().end());
  }
  const std::vector<size_t> order = attrs.order(x.size());
  if (scales.size() != order.size()) return std::nullopt;
  for (size_t i = 0; i < order.size(); ++i) {
    if (!fixed[order[i]] && scales[i] != 1) return std::nullopt;
    // A scale that changes no axis' size has no effect.
    if (!same) axes[order[i]].scale = scales[i];
  }
  return axes;
}

}  // namespace

graph::OpPtr make_resize_kernel(const Candidate& candidate, std::string& refusal) {
  const auto* resize = dynamic_cast<const ops::ResizeOp*>(candidate.node.op.get());
  if (resize == nullptr || !candidate.has_input(0)) return nullptr;
  const ops::ResizeAttrs& attrs = resize->attrs();
  const graph::ValueType& x = candidate.input_type(0);
  const graph::ValueType& y = candidate.graph.value(candidate.node.outputs[0]).type;
  if (x.dtype != DType::float32 && x.dtype != DType::float16) {
    refusal = "it is neither float32 nor float16";
    return nullptr;
  }
  if (attrs.rule.transform == ops::CoordinateTransform::tf_crop_and_resize) {
    refusal = "tf_crop_and_resize";
    return nullptr;
  }
  const auto axes = x.shape && y.shape && x.shape->size() == y.shape->size()
                        ? known_axes(candidate, attrs, *x.shape, *y.shape)
                        : std::nullopt;
  if (!axes) {
    refusal = "the sizes of the resized axes are not known";
    return nullptr;
  }
  std::vector<size_t> resized;
  std::vector<Taps> taps;
  for (size_t i = 0; i < axes->size(); ++i) {
    const ops::ResizeTaps found = ops::resize_taps(attrs.rule, (*axes)[i]);
    if (!found.identity) resized.push_back(i);
    taps.emplace_back(found, (*axes)[i]);
  }
  if (resized.empty() || resized.size() > 2 || resized.back() - resized.front() > 1) {
    refusal = "the resized axes are not two neighbours";
    return nullptr;
  }
  size_t first = resized[0];
  if (resized.size() == 1) {
    // The neighbour comes along unchanged if its size is known.
    if (first + 1 < taps.size() && (*x.shape)[first + 1].is_constant()) {
    } else if (first > 0 && (*x.shape)[first - 1].is_constant()) {
      --first;
    } else {
      refusal = "the axis beside the resized one is of unknown size";
      return nullptr;
    }
  }
  return std::make_shared<ResizeKernel>(candidate.node.op, candidate.kernels, first,
                                        attrs.rule.mode == ops::ResizeMode::nearest, std::move(taps[first]),
                                        std::move(taps[first + 1]));
}

}  // namespace spinel::cpu
