#include "cpu/normalize_ops.hpp"

#include <limits>

#include "cpu/tasks.hpp"
#include "cpu/vector_kernels.hpp"
#include "ops/group_normalization.hpp"
#include "ops/layer_normalization.hpp"
#include "ops/softmax.hpp"

namespace spinel::cpu {
namespace {

bool takes(DType dtype) { return dtype == DType::float32 || dtype == DType::float16; }

bool has_float_input(const Candidate& candidate, std::string& refusal) {
  if (candidate.has_input(0) && takes(candidate.input_type(0).dtype)) return true;
  refusal = "it is neither float32 nor float16";
  return false;
}

Dims to_dims(std::span<const int64_t> dims) { return Dims(dims.begin(), dims.end()); }

class SoftmaxKernel final : public KernelOp {
 public:
  SoftmaxKernel(graph::OpPtr reference, const Kernels& kernels)
      : KernelOp(std::move(reference)), kernels_(*kernels.vector) {}

  std::string_view kernel() const override { return "softmax"; }
  bool may_overwrite(size_t input) const override { return input == 0; }
  graph::Scratch scratch(const graph::ScratchContext& context) const override {
    const auto lines = softmax().lines(to_dims(context.input_dims(0)));
    return {.shared_bytes = 0, .per_thread_bytes = static_cast<uint64_t>(lines.length) * sizeof(float)};
  }

  void run(graph::RunContext& context) const override {
    const Tensor& x = context.input(0);
    Tensor& y = context.output_or(0, x.dtype(), [&] { return x.dims(); });
    if (y.element_count() == 0) return;
    const ops::SoftmaxOp::Lines lines = softmax().lines(x.dims());
    SoftmaxBlock block;
    block.half = is_half(x);
    block.log = softmax().attrs().kind == ops::SoftmaxAttrs::Kind::log_softmax;
    if (lines.inner == 1) {
      block.columns = lines.length;
      block.row_stride = lines.length;
      parallel_rows_scratch(context, lines.outer, lines.length,
                            [&](int64_t begin, int64_t count, float* scratch) {
                              SoftmaxBlock part = block;
                              part.from = element_at(x, begin * lines.length);
                              part.to = element_at(y, begin * lines.length);
                              part.rows = count;
                              part.scratch = scratch;
                              kernels_.softmax_rows(part);
                            });
      return;
    }
    // Parts of the columns, all of one outer index.
    block.rows = lines.length;
    block.row_stride = lines.inner;
    const int64_t width = task_rows(lines.inner, lines.length);
    const int64_t parts = (lines.inner + width - 1) / width;
    context.parallel_for(lines.outer * parts, [&](int64_t task) {
      SoftmaxBlock part = block;
      const int64_t column = task % parts * width;
      const int64_t at = task / parts * lines.length * lines.inner + column;
      part.from = element_at(x, at);
      part.to = element_at(y, at);
      part.columns = std::min(width, lines.inner - column);
      kernels_.softmax_columns(part);
    });
  }

 private:
  const ops::SoftmaxOp& softmax() const { return static_cast<const ops::SoftmaxOp&>(reference()); }
  const VectorKernels& kernels_;
};

class LayerNormalizationKernel final : public KernelOp {
 public:
  LayerNormalizationKernel(graph::OpPtr reference, const Kernels& kernels, int axis)
      : KernelOp(std::move(reference)), kernels_(*kernels.vector), axis_(axis) {}

  std::string_view kernel() const override { return "layer_norm"; }
  bool may_overwrite(size_t input) const override { return input == 0; }

  void run(graph::RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Tensor& scale = context.input(1);
    NormalizeRows all;
    all.columns = 1;
    for (int axis = axis_; axis < x.rank(); ++axis) all.columns *= x.dim(axis);
    const bool has_bias = context.has_input(2);
    if (scale.element_count() != all.columns || !takes(scale.dtype()) ||
        (has_bias &&
         (context.input(2).element_count() != all.columns || context.input(2).dtype() != scale.dtype())))
      return reference().run(context);
    Tensor& y = context.output_or(0, x.dtype(), [&] { return x.dims(); });
    const auto statistics = [&](size_t index) -> float* {
      if (index >= context.output_count() || !context.wants_output(index)) return nullptr;
      Tensor& out = context.output_or(index, DType::float32, [&] {
        Dims dims = x.dims();
        std::fill(dims.begin() + axis_, dims.end(), 1);
        return dims;
      });
      return out.data<float>().data();
    };
    all.means = statistics(1);
    all.inverses = statistics(2);
    if (y.element_count() == 0) return;
    all.half = is_half(x);
    all.half_parameters = is_half(scale);
    all.scale = scale.raw();
    all.bias = has_bias ? context.input(2).raw() : nullptr;
    const auto& attrs = static_cast<const ops::LayerNormalizationOp&>(reference()).attrs();
    all.epsilon = attrs.epsilon;
    all.root_mean_square = attrs.root_mean_square;
    parallel_rows(context, y.element_count() / all.columns, all.columns, [&](int64_t begin, int64_t count) {
      NormalizeRows part = all;
      part.from = element_at(x, begin * all.columns);
      part.to = element_at(y, begin * all.columns);
      part.rows = count;
      if (part.means != nullptr) part.means += begin;
      if (part.inverses != nullptr) part.inverses += begin;
      kernels_.normalize_rows(part);
    });
  }

 private:
  const VectorKernels& kernels_;
  int axis_;
};

class GroupNormalizationKernel final : public KernelOp {
 public:
  GroupNormalizationKernel(graph::OpPtr reference, const Kernels& kernels)
      : KernelOp(std::move(reference)), kernels_(*kernels.vector) {}

  std::string_view kernel() const override { return "group_norm"; }
  bool may_overwrite(size_t input) const override { return input == 0; }
  /// A factor and a summand for each channel of a group.
  graph::Scratch scratch(const graph::ScratchContext& context) const override {
    const auto dims = context.input_dims(0);
    const int64_t channels = dims.size() > 1 ? dims[1] / std::max<int64_t>(groups_of(dims[1]), 1) : 0;
    return {.shared_bytes = 0, .per_thread_bytes = static_cast<uint64_t>(2 * channels) * sizeof(float)};
  }

  void run(graph::RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Tensor& scale = context.input(1);
    const Tensor& bias = context.input(2);
    const int64_t groups = x.rank() < 2 ? 0 : groups_of(x.dim(1));
    const bool per_channel = attrs().parameters_per_channel;
    const int64_t parameters = per_channel && x.rank() > 1 ? x.dim(1) : groups;
    if (groups == 0 || x.dim(1) % groups != 0 || scale.element_count() != parameters ||
        bias.element_count() != parameters || x.element_count() == 0)
      return reference().run(context);
    Tensor& y = context.output_or(0, x.dtype(), [&] { return x.dims(); });
    const int64_t channels = x.dim(1) / groups;
    const int64_t plane = x.element_count() / x.dim(0) / x.dim(1);
    parallel_rows_scratch(
        context, x.dim(0) * groups, channels * plane, [&](int64_t begin, int64_t count, float* scratch) {
          for (int64_t i = begin; i < begin + count; ++i) {
            const int64_t group = i % groups;
            normalize(element_at(x, i * channels * plane), element_at(y, i * channels * plane), is_half(x),
                      channels, plane, scale.data<float>().data() + group * (per_channel ? channels : 1),
                      bias.data<float>().data() + group * (per_channel ? channels : 1), scratch);
          }
        });
  }

 private:
  const ops::GroupNormalizationAttrs& attrs() const {
    return static_cast<const ops::GroupNormalizationOp&>(reference()).attrs();
  }
  int64_t groups_of(int64_t channels) const { return attrs().groups == 0 ? channels : attrs().groups; }

  /// One group: x * s + t, s = scale / deviation, t = bias - mean * s.
  void normalize(const char* x, char* y, bool half, int64_t channels, int64_t plane, const float* scale,
                 const float* bias, float* scratch) const {
    float mean = 0;
    float inverse = 0;
    kernels_.row_moments(x, half, channels * plane, attrs().epsilon, &mean, &inverse);
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t at = attrs().parameters_per_channel ? c : 0;
      scratch[c] = scale[at] * inverse;
      scratch[channels + c] = bias[at] - mean * scratch[c];
    }
    ElementStep step;
    step.function = ElementFunction::mul_add;
    step.p = -std::numeric_limits<float>::infinity();
    step.q = std::numeric_limits<float>::infinity();
    step.operands[0] = {.data = x, .row_stride = plane, .repeats = false, .half = half};
    step.operands[1] = {.data = scratch, .row_stride = 1, .repeats = true, .half = false};
    step.operands[2] = {.data = scratch + channels, .row_stride = 1, .repeats = true, .half = false};
    step.to = y;
    step.to_row_stride = plane;
    step.to_half = half;
    step.rows = channels;
    step.columns = plane;
    kernels_.elementwise(step);
  }

  const VectorKernels& kernels_;
};

/// Elements of a shape's last axes, if they are known.
std::optional<int64_t> count_from(const graph::Shape& shape, size_t axis) {
  int64_t count = 1;
  for (size_t i = axis; i < shape.size(); ++i) {
    if (!shape[i].is_constant()) return std::nullopt;
    count *= shape[i].constant();
  }
  return count;
}

}  // namespace

graph::OpPtr make_softmax_kernel(const Candidate& candidate, std::string& refusal) {
  const auto* softmax = dynamic_cast<const ops::SoftmaxOp*>(candidate.node.op.get());
  if (softmax == nullptr || !has_float_input(candidate, refusal)) return nullptr;
  if (softmax->attrs().kind == ops::SoftmaxAttrs::Kind::hardmax) return nullptr;
  return std::make_shared<SoftmaxKernel>(candidate.node.op, candidate.kernels);
}

graph::OpPtr make_layer_normalization_kernel(const Candidate& candidate, std::string& refusal) {
  const auto* norm = dynamic_cast<const ops::LayerNormalizationOp*>(candidate.node.op.get());
  if (norm == nullptr || !has_float_input(candidate, refusal)) return nullptr;
  const auto& shape = candidate.input_type(0).shape;
  if (!shape) {
    refusal = "the rank is not known";
    return nullptr;
  }
  if (norm->attrs().root_mean_square && candidate.input_type(1).dtype != candidate.input_type(0).dtype) {
    refusal = "the scale has another type than the input";
    return nullptr;
  }
  const int axis = ops::normalize_axis(norm->attrs().axis, static_cast<int>(shape->size()));
  const auto columns = count_from(*shape, static_cast<size_t>(axis));
  for (size_t i = 1; i < 3; ++i) {
    if (!candidate.has_input(i)) continue;
    const graph::ValueType& type = candidate.input_type(i);
    if (!columns || !type.shape || count_from(*type.shape, 0) != columns || !takes(type.dtype) ||
        type.dtype != candidate.input_type(1).dtype) {
      refusal = "the parameters are not known to have one element for each of a row";
      return nullptr;
    }
  }
  return std::make_shared<LayerNormalizationKernel>(candidate.node.op, candidate.kernels, axis);
}

graph::OpPtr make_group_normalization_kernel(const Candidate& candidate, std::string& refusal) {
  const auto* norm = dynamic_cast<const ops::GroupNormalizationOp*>(candidate.node.op.get());
  if (norm == nullptr || !has_float_input(candidate, refusal)) return nullptr;
  for (size_t i = 1; i < 3; ++i)
    if (!candidate.has_input(i) || candidate.input_type(i).dtype != DType::float32) {
      refusal = "the parameters are not float32";
      return nullptr;
    }
  return std::make_shared<GroupNormalizationKernel>(candidate.node.op, candidate.kernels);
}

}  // namespace spinel::cpu
