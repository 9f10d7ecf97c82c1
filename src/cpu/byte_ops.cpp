#include "cpu/byte_ops.hpp"

#include "cpu/tasks.hpp"
#include "cpu/vector_kernels.hpp"
#include "graph/recipe.hpp"
#include "ops/byte_map.hpp"
#include "ops/dynamic_quantize.hpp"

namespace spinel::cpu {
namespace {

bool is_byte(DType dtype) { return dtype == DType::int8 || dtype == DType::uint8; }
bool is_float(DType dtype) { return dtype == DType::float32 || dtype == DType::float16; }

ByteNumbers numbers_of(const ops::ByteScale& scale) {
  return {scale.dtype == DType::int8, scale.zero_point, scale.scale};
}
ByteNumbers read_numbers(const graph::RunContext& context, DType dtype, size_t scale, size_t zero_point) {
  return numbers_of(ops::read_byte_scale(context, dtype, scale, zero_point));
}

class ByteBinaryKernel final : public KernelOp {
 public:
  ByteBinaryKernel(graph::OpPtr reference, const Kernels& kernels)
      : KernelOp(std::move(reference)), kernels_(*kernels.vector) {}
  std::string_view kernel() const override { return "bytes"; }
  bool may_overwrite(size_t input) const override { return input == 0 || input == 3; }
  void run(graph::RunContext& context) const override {
    const Tensor& a = context.input(0);
    const Tensor& b = context.input(3);
    if (a.dims() != b.dims() || a.dtype() != b.dtype() || !is_byte(a.dtype()))
      return reference().run(context);
    const ByteNumbers a_numbers = read_numbers(context, a.dtype(), 1, 2);
    const ByteNumbers b_numbers = read_numbers(context, b.dtype(), 4, 5);
    const ByteNumbers c_numbers = read_numbers(context, a.dtype(), 6, 7);
    Tensor& c = context.output_or(0, a.dtype(), [&] { return a.dims(); });
    parallel_rows(context, a.element_count(), 1, [&](int64_t begin, int64_t count) {
      kernels_.combine_bytes({.a = element_at(a, begin),
                              .b = element_at(b, begin),
                              .to = element_at(c, begin),
                              .count = count,
                              .multiplies = reference().name() == "QLinearMul",
                              .a_numbers = a_numbers,
                              .b_numbers = b_numbers,
                              .to_numbers = c_numbers});
    });
  }

 private:
  const VectorKernels& kernels_;
};

class QuantizeKernel final : public KernelOp {
 public:
  QuantizeKernel(graph::OpPtr reference, const Kernels& kernels)
      : KernelOp(std::move(reference)), kernels_(*kernels.vector) {}
  std::string_view kernel() const override { return "bytes"; }
  void run(graph::RunContext& context) const override {
    const Tensor& x = context.input(0);
    const DType to = context.has_input(2) ? context.input(2).dtype() : DType::uint8;
    if (context.input(1).element_count() != 1 || !is_float(x.dtype()) || !is_byte(to))
      return reference().run(context);
    const ByteNumbers numbers = read_numbers(context, to, 1, 2);
    Tensor& y = context.output_or(0, to, [&] { return x.dims(); });
    parallel_rows(context, x.element_count(), 1, [&](int64_t begin, int64_t count) {
      kernels_.quantize(element_at(x, begin), is_half(x), count, numbers, element_at(y, begin));
    });
  }

 private:
  const VectorKernels& kernels_;
};

class DequantizeKernel final : public KernelOp {
 public:
  DequantizeKernel(graph::OpPtr reference, const Kernels& kernels, DType to)
      : KernelOp(std::move(reference)), kernels_(*kernels.vector), to_(to) {}
  std::string_view kernel() const override { return "bytes"; }
  void run(graph::RunContext& context) const override {
    const Tensor& x = context.input(0);
    if (context.input(1).element_count() != 1 || !is_byte(x.dtype())) return reference().run(context);
    const ByteNumbers numbers = read_numbers(context, x.dtype(), 1, 2);
    Tensor& y = context.output_or(0, to_, [&] { return x.dims(); });
    parallel_rows(context, x.element_count(), 1, [&](int64_t begin, int64_t count) {
      kernels_.dequantize(element_at(x, begin), count, numbers, is_half(y), element_at(y, begin));
    });
  }

 private:
  const VectorKernels& kernels_;
  DType to_;
};

class DynamicQuantizeKernel final : public KernelOp {
 public:
  DynamicQuantizeKernel(graph::OpPtr reference, const Kernels& kernels)
      : KernelOp(std::move(reference)), kernels_(*kernels.vector) {}
  std::string_view kernel() const override { return "bytes"; }
  graph::Scratch scratch(const graph::ScratchContext& context) const override {
    const auto dims = context.input_dims(0);
    return {.shared_bytes = 2 * sizeof(float) * static_cast<uint64_t>(parts(element_count(dims)))};
  }
  void run(graph::RunContext& context) const override {
    const Tensor& x = context.input(0);
    const int64_t count = x.element_count();
    Tensor& y = context.output_or(0, DType::uint8, [&] { return x.dims(); });
    auto* const ranges = reinterpret_cast<float*>(context.scratch());
    const int64_t part = task_rows(count, 1);
    parallel_rows(context, count, 1, [&](int64_t begin, int64_t length) {
      float* const range = ranges + 2 * (begin / part);
      kernels_.range(element_at(x, begin), is_half(x), length, range, range + 1);
    });
    float low = 0;
    float high = 0;
    for (int64_t i = 0; i < parts(count); ++i) {
      low = std::min(low, ranges[2 * i]);
      high = std::max(high, ranges[2 * i + 1]);
    }
    const ops::DynamicScale scale = ops::dynamic_scale(low, high);
    parallel_rows(context, count, 1, [&](int64_t begin, int64_t length) {
      kernels_.quantize(element_at(x, begin), is_half(x), length, {false, scale.zero_point, scale.scale},
                        element_at(y, begin));
    });
    if (context.output_count() > 1 && context.wants_output(1)) {
      Tensor& to = context.output(1, x.dtype(), {});
      if (is_half(x))
        to.data<Half>()[0] = Half(scale.scale);
      else
        to.data<float>()[0] = scale.scale;
    }
    if (context.output_count() > 2 && context.wants_output(2))
      context.output(2, DType::uint8, {}).data<uint8_t>()[0] = static_cast<uint8_t>(scale.zero_point);
  }

 private:
  static int64_t parts(int64_t count) {
    const int64_t part = task_rows(count, 1);
    return (count + part - 1) / part;
  }
  const VectorKernels& kernels_;
};

/// Whether the scale that is input 1 is known to be one for the whole tensor.
bool has_one_scale(const Candidate& candidate) {
  if (!candidate.has_input(1)) return false;
  const graph::ValueType& scale = candidate.input_type(1);
  return scale.dtype == DType::float32 && scale.shape &&
         std::ranges::all_of(*scale.shape, [](const graph::Dim& dim) { return dim.is_constant(1); });
}

}  // namespace

graph::OpPtr make_byte_binary_kernel(const Candidate& candidate, std::string& refusal) {
  if (!candidate.has_input(0) || !candidate.has_input(3)) return nullptr;
  const graph::ValueType& a = candidate.input_type(0);
  const graph::ValueType& b = candidate.input_type(3);
  if (!a.shape || !b.shape || a.shape->size() != b.shape->size() ||
      !std::ranges::equal(*a.shape, *b.shape,
                          [](const graph::Dim& x, const graph::Dim& y) { return equal(x, y); })) {
    refusal = "the operands' dims are not known to be equal";
    return nullptr;
  }
  return std::make_shared<ByteBinaryKernel>(candidate.node.op, candidate.kernels);
}

graph::OpPtr make_quantize_kernel(const Candidate& candidate, std::string& refusal) {
  const auto& recipe = candidate.node.op->recipe();
  const DType to = candidate.graph.value(candidate.node.outputs[0]).type.dtype;
  if (!has_one_scale(candidate) || !is_float(candidate.input_type(0).dtype) || !is_byte(to) ||
      (!candidate.has_input(2) && to != DType::uint8) || recipe == nullptr ||
      recipe->attributes.contains("precision")) {
    refusal = "not from floats to 8 bits by one scale of float32";
    return nullptr;
  }
  return std::make_shared<QuantizeKernel>(candidate.node.op, candidate.kernels);
}

graph::OpPtr make_dynamic_quantize_kernel(const Candidate& candidate, std::string& refusal) {
  if (!candidate.has_input(0) || !is_float(candidate.input_type(0).dtype)) {
    refusal = "it is neither float32 nor float16";
    return nullptr;
  }
  return std::make_shared<DynamicQuantizeKernel>(candidate.node.op, candidate.kernels);
}

graph::OpPtr make_dequantize_kernel(const Candidate& candidate, std::string& refusal) {
  const DType to = candidate.graph.value(candidate.node.outputs[0]).type.dtype;
  if (!has_one_scale(candidate) || !is_float(to) || !is_byte(candidate.input_type(0).dtype)) {
    refusal = "not from 8 bits to floats by one scale of float32";
    return nullptr;
  }
  return std::make_shared<DequantizeKernel>(candidate.node.op, candidate.kernels, to);
}

}  // namespace spinel::cpu
