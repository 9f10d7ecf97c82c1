#include "cpu/op_checks.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cpu/attention.hpp"
#include "cpu/chain.hpp"
#include "cpu/conv.hpp"
#include "cpu/conv_pair.hpp"
#include "cpu/conv_transpose.hpp"
#include "cpu/element_grid.hpp"
#include "cpu/linear.hpp"
#include "cpu/patches.hpp"
#include "cpu/planar_conv.hpp"
#include "cpu/pool.hpp"
#include "cpu/quant_conv.hpp"
#include "cpu/quant_linear.hpp"
#include "cpu/weights.hpp"
#include "ops/regroup.hpp"

namespace spinel::cpu {
namespace {

using graph::Dim;
using graph::InferContext;
using graph::Shape;

constexpr int64_t max_taps = int64_t{1} << 20;

template <class... Args>
void require(bool condition, fmt::format_string<Args...> text, Args&&... args) {
  if (!condition) throw Error(ErrorCode::bad_model, fmt::format(text, std::forward<Args>(args)...));
}

/// The shape of an input that must be there, a tensor of known rank.
const Shape& shape_of(const InferContext& context, size_t index) {
  require(context.has_input(index) && context.input(index).is_tensor() && context.shape(index) != nullptr,
          "input {} is missing or of unknown rank", index);
  return *context.shape(index);
}

void require_float(const InferContext& context, size_t index) {
  const DType dtype = context.dtype(index);
  require(dtype == DType::float32 || dtype == DType::float16, "input {} is {}, not float32 or float16", index,
          dtype_name(dtype));
}

void require_one_output(const InferContext& context) {
  require(context.output_count() == 1, "it has {} outputs", context.output_count());
}

/// Elements of `count` packed matrices; an Error where the numbers are beyond all memory.
int64_t packed_elements(const Isa& isa, int64_t half_chunk, int64_t count, int64_t depth, int64_t columns) {
  constexpr int64_t most = int64_t{1} << 44;
  int64_t elements = 0;
  require(!__builtin_mul_overflow(depth, columns, &elements) && elements <= most &&
              !__builtin_mul_overflow(elements, count, &elements) && elements <= most,
          "{} matrices of {} x {} are more than any memory holds", count, depth, columns);
  return count * packed_weights_size(isa, half_chunk, depth, columns);
}

/// Sums of float16 arithmetic: of an even number of products, where the instruction set has it.
void require_half_chunk(const Isa& isa, int64_t half_chunk, DType dtype) {
  require(half_chunk == 0 || (isa.half_kernels != nullptr && dtype == DType::float16 && half_chunk % 2 == 0 &&
                              half_chunk <= half_depth_block),
          "float16 arithmetic in sums of {} for {}", half_chunk, dtype_name(dtype));
}

void require_weights(const InferContext& context, DType dtype, int64_t elements, size_t input = 1) {
  const Tensor* weights = context.constant(input);
  require(weights != nullptr, "the weights are no constant");
  require(weights->dtype() == dtype && weights->element_count() == elements,
          "the packed weights are {}, the layer has {} of {}", describe(*weights), elements,
          dtype_name(dtype));
}

void require_bias(const InferContext& context, int64_t columns, size_t input = 2) {
  if (!context.has_input(input)) return;
  const Tensor* bias = context.constant(input);
  require(bias != nullptr && bias->dtype() == DType::float32 && bias->element_count() == columns,
          "the bias is not {} constants of float32", columns);
}

/// The summand must have the output's type and dims, whatever the sizes.
void require_residual(const InferContext& context, const Shape& output, DType dtype) {
  if (!context.has_input(3)) return;
  require(
      context.dtype(3) == dtype && std::ranges::equal(shape_of(context, 3), output,
                                                      [](const Dim& a, const Dim& b) { return equal(a, b); }),
      "the summand is {}, the output {}", context.input(3).text(), graph::shape_text(output));
}

/// Bytes of packed 8-bit integers; an Error where the numbers are beyond all memory.
int64_t packed_bytes(const ByteKernels& kernels, int64_t depth, int64_t columns) {
  int64_t elements = 0;
  require(depth <= int64_t{1} << 31 && !__builtin_mul_overflow(depth, columns, &elements) &&
              elements <= int64_t{1} << 44,
          "{} x {} weights are more than any memory holds", depth, columns);
  return kernels.packed_bytes(depth, columns);
}

/// What belongs to the columns of a quantised layer.
void require_columns(const InferContext& context, size_t input, DType dtype, int64_t columns) {
  const Tensor* constant = context.has_input(input) ? context.constant(input) : nullptr;
  require(constant != nullptr && constant->dtype() == dtype && constant->element_count() == columns,
          "input {} is not {} constants of {}", input, columns, dtype_name(dtype));
}

template <class Layer>
void check_window(const Layer& layer) {
  require(layer.window.kernel_shape == Dims{layer.kernel_h, layer.kernel_w}, "the kernel has two sizes");
  require(layer.kernel_h * layer.kernel_w <= max_taps, "the kernel has {} x {} taps", layer.kernel_h,
          layer.kernel_w);
}

/// What convolutions of either kind need of their input.
template <class Layer>
void check_image(const Layer& layer, DType dtype, const InferContext& context, size_t channel_axis) {
  const Shape& x = shape_of(context, 0);
  require(
      channel_axis < x.size() && context.dtype(0) == dtype && x[channel_axis].is_constant(layer.in_channels),
      "X is {}; the layer takes {} with {} channels at axis {}", context.input(0).text(), dtype_name(dtype),
      layer.in_channels, channel_axis);
  require(layer.in_channels % layer.group == 0 && layer.out_channels % layer.group == 0,
          "{} and {} channels do not make {} groups", layer.in_channels, layer.out_channels, layer.group);
  check_window(layer);
}

void check_layer(const ConvLayer& layer, const InferContext& context, size_t channel_axis) {
  require_one_output(context);
  require(shape_of(context, 0).size() == layer.rank(), "X is {}, not of rank {}", context.input(0).text(),
          layer.rank());
  require(layer.kernel_d() <= max_taps / (layer.kernel_h * layer.kernel_w), "the kernel has {} taps",
          layer.taps());
  check_image(layer, layer.dtype, context, channel_axis);
}

}  // namespace

void check_nhwc_conv(const graph::Op& op, const InferContext& context, const Isa& isa) {
  const ConvLayer& layer = dynamic_cast<const NhwcConv&>(op).layer();
  check_layer(layer, context, layer.rank() - 1);
  require_half_chunk(isa, layer.half_chunk, layer.dtype);
  const int64_t columns = layer.out_channels / layer.group;
  switch (layer.algorithm) {
    case ConvAlgorithm::product: {
      int64_t depth = 0;
      require(!__builtin_mul_overflow(layer.taps(), layer.in_channels / layer.group, &depth),
              "the patches are larger than any memory");
      require_weights(context, layer.dtype,
                      packed_elements(isa, layer.half_chunk, layer.group, depth, columns));
      break;
    }
    case ConvAlgorithm::depthwise:
      require(std::ranges::count(conv_algorithms(layer), ConvAlgorithm::depthwise) == 1,
              "{} groups of {} to {} channels, or a kernel with a depth, are not for this algorithm",
              layer.group, layer.in_channels, layer.out_channels);
      require_weights(
          context, DType::float32,
          layer.kernel_h * layer.kernel_w * (layer.in_channels / layer.group) * layer.out_channels);
      break;
    case ConvAlgorithm::winograd:
      require(takes_planes_alone(layer.depth_window) && layer.kernel_h == 3 && layer.kernel_w == 3 &&
                  layer.group == 1 && layer.window.strides == Dims{1, 1},
              "Winograd's algorithm is for kernels 3x3 of stride 1 in one group");
      require_weights(context, DType::float32,
                      packed_elements(isa, 0, 36, layer.in_channels, layer.out_channels));
      break;
  }
  require_bias(context, layer.out_channels);
  require_residual(
      context,
      window_output_shape(layer.depth_window, layer.window, *context.shape(0), Dim(layer.out_channels)),
      layer.dtype);
}

void check_nhwc_conv_pair(const graph::Op& op, const InferContext& context, const Isa& isa) {
  const auto& [first, second] = dynamic_cast<const NhwcConvPair&>(op).pair();
  check_layer(first, context, 3);
  require_half_chunk(isa, first.half_chunk, first.dtype);
  require(are_pair(first, second), "a convolution of {} to {} channels and one of {} groups are no pair",
          first.in_channels, first.out_channels, second.group);
  check_window(first);
  check_window(second);
  require_weights(context, first.dtype,
                  packed_elements(isa, first.half_chunk, 1, first.in_channels, first.out_channels));
  require_bias(context, first.out_channels);
  require_weights(context, DType::float32, second.kernel_h * second.kernel_w * second.out_channels, 3);
  require_bias(context, second.out_channels, 4);
}

void check_nhwc_quant_conv(const graph::Op& op, const InferContext& context, const Isa& isa) {
  const QuantConvLayer& layer = dynamic_cast<const NhwcQuantConv&>(op).layer();
  require_one_output(context);
  require(is_byte(layer.x_dtype) && is_byte(layer.y_dtype), "a quantised convolution from {} to {}",
          dtype_name(layer.x_dtype), dtype_name(layer.y_dtype));
  for (const auto& [dtype, zero] :
       {std::pair{layer.x_dtype, layer.x_zero_point}, {layer.y_dtype, layer.y_zero_point}}) {
    const int32_t lowest = dtype == DType::int8 ? -128 : 0;
    require(zero >= lowest && zero <= lowest + 255, "zero point {} of {}", zero, dtype_name(dtype));
  }
  require(shape_of(context, 0).size() == 4, "X is {}, not of rank 4", context.input(0).text());
  check_image(layer, layer.x_dtype, context, 3);
  int64_t depth = 0;
  require(!__builtin_mul_overflow(layer.taps(), layer.in_channels / layer.group, &depth),
          "the patches are larger than any memory");
  packed_bytes(*isa.byte_kernels, depth, layer.out_channels);
  const QuantConvSizes sizes = quant_conv_sizes(*isa.byte_kernels, layer);
  require_weights(context, sizes.weights_dtype, sizes.weights);
  require(!layer.narrow || (layer.depthwise() && isa.byte_kernels->pack_depthwise != nullptr),
          "{} has no weights of 8 bits for this convolution", isa.name);
  const bool bytes = layer.result == QuantProduct::Result::bytes;
  const bool floats = layer.result == QuantProduct::Result::floats;
  if (bytes || floats) require_columns(context, 4, DType::float32, sizes.columns);
  if (bytes || context.has_input(5)) require_columns(context, 5, DType::int32, sizes.columns);
  if (context.has_input(6)) require_columns(context, 6, DType::int32, sizes.columns);
  require(floats || (!context.has_input(2) && !context.has_input(3)), "a bias of floats for {}",
          dtype_name(layer.result_type()));
  if (!floats) return;
  require_bias(context, layer.out_channels);
  require_residual(context, window_output_shape({}, layer.window, *context.shape(0), Dim(layer.out_channels)),
                   DType::float32);
  require(context.has_input(7) && context.dtype(7) == DType::float32, "the scale of X is not float32");
}

void check_nhwc_conv_transpose(const graph::Op& op, const InferContext& context, const Isa& isa) {
  const ConvTransposeLayer& layer = dynamic_cast<const NhwcConvTranspose&>(op).layer();
  require_one_output(context);
  const Shape& x = shape_of(context, 0);
  require(x.size() == 4 && context.dtype(0) == layer.dtype && x[3].is_constant(layer.in_channels),
          "X is {}; the layer takes {} with {} channels at axis 3", context.input(0).text(),
          dtype_name(layer.dtype), layer.in_channels);
  require(suits_phases(layer), "{} and {} channels do not make {} groups, or strides {} are too large",
          layer.in_channels, layer.out_channels, layer.attrs.group, dims_text(layer.attrs.window.strides));
  require(layer.attrs.window.kernel_shape == Dims{layer.kernel_h, layer.kernel_w},
          "the kernel has two sizes");
  require(layer.kernel_h * layer.kernel_w <= max_taps, "the kernel has {} x {} taps", layer.kernel_h,
          layer.kernel_w);
  require_half_chunk(isa, layer.half_chunk, layer.dtype);
  // A phase has at most all taps, and there are no more phases than suits_phases allows.
  int64_t elements = 0;
  require(!__builtin_mul_overflow(layer.in_channels, layer.out_channels, &elements) &&
              elements <= (int64_t{1} << 44) / (layer.kernel_h * layer.kernel_w),
          "weights of {} x {} channels and {} x {} taps are more than any memory holds", layer.in_channels,
          layer.out_channels, layer.kernel_h, layer.kernel_w);
  require_weights(context, packed_transposed_dtype(layer), packed_transposed_size(isa, layer));
  require_bias(context, layer.out_channels);
  require(!context.has_input(3), "it takes no summand");
}

void check_planar_conv(const graph::Op& op, const InferContext& context, const Isa& isa) {
  const ConvLayer& layer = dynamic_cast<const PlanarConv&>(op).layer();
  check_layer(layer, context, 1);
  require(!layer.has_depth(), "planes of a volume");
  require(suits_planar_conv(layer), "{} channels are too many, or the kernel is too large",
          layer.in_channels);
  require_weights(context, DType::float32, packed_elements(isa, 0, 1, layer.depth(), layer.out_channels));
  require_bias(context, layer.out_channels);
  require(!context.has_input(3), "it takes no summand");
}

void check_linear(const graph::Op& op, const InferContext& context, const Isa& isa) {
  const LinearLayer& layer = dynamic_cast<const Linear&>(op).layer();
  require_one_output(context);
  const Shape& a = shape_of(context, 0);
  require(!a.empty() && context.dtype(0) == layer.dtype && a.back().is_constant(layer.depth),
          "A is {}; the layer takes {} with {} columns", context.input(0).text(), dtype_name(layer.dtype),
          layer.depth);
  require_half_chunk(isa, layer.half_chunk, layer.dtype);
  require_weights(context, layer.dtype,
                  packed_elements(isa, layer.half_chunk, 1, layer.depth, layer.columns));
  require_bias(context, layer.columns);
  Shape y = a;
  y.back() = Dim(layer.columns);
  require_residual(context, y, layer.dtype);
}

void check_quant_linear(const graph::Op& op, const InferContext& context, const Isa& isa) {
  const QuantLinearLayer& layer = dynamic_cast<const QuantLinear&>(op).layer();
  const ByteKernels& kernels = *isa.byte_kernels;
  require_one_output(context);
  const Shape& a = shape_of(context, 0);
  require(!a.empty() && context.dtype(0) == layer.a_dtype && a.back().is_constant(layer.depth),
          "A is {}; the layer takes {} with {} columns", context.input(0).text(), dtype_name(layer.a_dtype),
          layer.depth);
  require_weights(context, kernels.element_bytes == 1 ? DType::uint8 : DType::int16,
                  packed_bytes(kernels, layer.depth, layer.columns) / kernels.element_bytes);
  require_bias(context, layer.columns);
  Shape y = a;
  y.back() = Dim(layer.columns);
  require_residual(context, y, DType::float32);
  const int64_t whole = kernels.whole_columns(layer.columns);
  require_columns(context, 4, DType::float32, whole);
  if (kernels.multiplies_bytes) require_columns(context, 5, DType::int32, whole);
  if (context.has_input(6)) require_columns(context, 6, DType::int32, whole);
  require(context.has_input(7) && context.dtype(7) == DType::float32, "the scale of A is not float32");
}

void check_nhwc_pool(const graph::Op& op, const InferContext& context, const Isa&) {
  require_one_output(context);
  const PoolLayer& layer = dynamic_cast<const NhwcPool&>(op).layer();
  require(shape_of(context, 0).size() == layer.rank(), "X is {}, not of rank {}", context.input(0).text(),
          layer.rank());
  if (layer.kind != PoolLayer::Kind::max || layer.rank() != 4 || !is_byte(context.dtype(0)))
    require_float(context, 0);
}

void check_nhwc_image(const graph::Op&, const InferContext& context, const Isa&) {
  require_one_output(context);
  const size_t rank = shape_of(context, 0).size();
  require(rank == 4 || rank == 5, "X is {}, not of rank 4 or 5", context.input(0).text());
  require_float(context, 0);
}

void check_attention(const graph::Op& op, const InferContext& context, const Isa&) {
  const AttentionLayer& layer = dynamic_cast<const Attention&>(op).layer();
  require_one_output(context);
  require_float(context, 0);
  const AttentionOperand* operands[] = {&layer.q, &layer.k, &layer.v};
  for (size_t i = 0; i < 3; ++i) {
    const auto rank = static_cast<int>(shape_of(context, i).size());
    require(context.dtype(i) == context.dtype(0), "Q, K and V differ in type");
    const AttentionOperand& operand = *operands[i];
    for (const AttentionAxis* each : {&operand.batch, &operand.head, &operand.row, &operand.column})
      require(each->axis < rank, "operand {} has no axis {}", i, each->axis);
    for (const auto& [axis, at] : operand.begin) require(axis < rank, "operand {} has no axis {}", i, axis);
  }
  require(
      layer.q.column.step == 1 && layer.q.column.axis == static_cast<int>(shape_of(context, 0).size()) - 1,
      "the elements of a row of Q do not lie side by side");
  if (!context.has_input(3)) return;
  shape_of(context, 3);
  require_float(context, 3);
}

void check_chain(const graph::Op& op, const InferContext& context, const Isa&) {
  const ElementProgram& program = dynamic_cast<const ElementwiseChain&>(op).program();
  require_one_output(context);
  require(program.input_count() > 0 && program.input_count() == context.input_count(),
          "the program has {} inputs, the node {}", program.input_count(), context.input_count());
  for (size_t i = 0; i < context.input_count(); ++i) {
    require(shape_of(context, i).size() <= ElementGrid::max_rank, "input {} has too many axes", i);
    require_float(context, i);
  }
  // The kernel of a * b + c loads b and c alike.
  const auto is_half = [&](const ElementProgram::Operand& operand) {
    return operand.source == ElementProgram::Source::input && context.dtype(operand.index) == DType::float16;
  };
  for (const ElementProgram::Step& step : program.steps())
    require(
        step.function != ElementFunction::mul_add || is_half(step.operands[1]) == is_half(step.operands[2]),
        "a factor and a summand differ in type");
}

void check_regroup(const graph::Op& op, const InferContext& context, const Isa&) {
  require_one_output(context);
  const Shape& x = shape_of(context, 0);
  Dim elements(1);
  for (const auto& factors : dynamic_cast<const ops::Regroup&>(op).dims())
    for (const ops::RegroupFactor& factor : factors) {
      require(factor.axis < static_cast<int>(x.size()), "X has no axis {}", factor.axis);
      elements = elements * (factor.axis < 0 ? Dim(factor.size) : x[static_cast<size_t>(factor.axis)]);
    }
  require(equal(elements, graph::product(x, 0, x.size())), "{} has another number of elements than {}",
          context.input(0).text(), elements.text());
}

}  // namespace spinel::cpu
