#include "cpu/linear.hpp"

#include "base/text.hpp"
#include "cpu/product.hpp"
#include "cpu/weights.hpp"

namespace spinel::cpu {

Tensor pack_linear_weights(const Isa& isa, const LinearLayer& layer, const Tensor& b, bool transposed) {
  const Tensor from = convert(b, layer.dtype);
  Tensor packed = Tensor::uninitialized(
      layer.dtype, {packed_weights_size(isa, layer.half_chunk, layer.depth, layer.columns)});
  pack_weights(isa, layer.half_chunk,
               {.from = from.raw(),
                .half = layer.dtype == DType::float16,
                .columns = layer.columns,
                .channels = layer.depth,
                .column_stride = transposed ? layer.depth : 1,
                .channel_stride = transposed ? 1 : layer.columns},
               packed.raw());
  return packed;
}

std::string linear_text(const LinearLayer& layer) {
  return fmt::format("{} half_chunk={} depth={} columns={} activation={}({},{})", dtype_name(layer.dtype),
                     layer.half_chunk, layer.depth, layer.columns, static_cast<int>(layer.activation),
                     layer.low, layer.high);
}

std::shared_ptr<const Linear> Linear::with_activation(Activation activation, float low, float high) const {
  LinearLayer layer = layer_;
  layer.activation = activation;
  layer.low = low;
  layer.high = high;
  return std::make_shared<const Linear>(isa_, layer);
}

void Linear::infer(graph::InferContext& context) const {
  const graph::Shape* a = context.shape(0);
  if (a == nullptr || a->empty()) fail(ErrorCode::internal, "a linear layer needs an input of known rank");
  graph::Shape y = *a;
  y.back() = graph::Dim(layer_.columns);
  context.set_tensor(0, context.dtype(0), std::move(y));
}

void Linear::batch(graph::BatchContext& context) const { batch_linear(context); }

void batch_linear(graph::BatchContext& context) {
  const graph::BatchState a = context.input(0);
  const bool residual = context.has_input(3);
  if (!a.is_batched() || !context.has_rank(0))
    return context.block("the batch does not reach the product through its first operand");
  if (a.axis == context.rank(0) - 1) return context.block("the product sums over the batch axis");
  if (residual && (!context.input(3).is_batched() || context.input(3).axis != a.axis))
    return context.block("the summand's batch is another axis");
  context.set_output(0, a);
}

graph::Scratch Linear::scratch(const graph::ScratchContext&) const {
  return {.per_thread_bytes = product_scratch_bytes(*isa_.kernels, product())};
}

/// What is known of the product before running.
Product Linear::product() const {
  return {.half = layer_.dtype == DType::float16,
          .half_weights = layer_.dtype == DType::float16 && layer_.half_chunk == 0,
          .half_chunk = layer_.half_chunk,
          .half_kernels = isa_.half_kernels,
          .a_stride = layer_.depth,
          .c_stride = layer_.columns,
          .residual_stride = layer_.columns,
          .depth = layer_.depth,
          .columns = layer_.columns};
}

void Linear::run(graph::RunContext& context) const {
  const Tensor& a = context.input(0);
  if (a.rank() == 0 || a.dim(-1) != layer_.depth || a.dtype() != layer_.dtype)
    fail(ErrorCode::invalid_argument, "A {} must be {} and have {} columns", describe(a),
         dtype_name(layer_.dtype), layer_.depth);
  Tensor& y = context.output_or(0, a.dtype(), [&] {
    Dims dims = a.dims();
    dims.back() = layer_.columns;
    return dims;
  });
  if (y.element_count() == 0) return;
  Product p = product();
  p.a = a.raw();
  p.b = context.input(1).raw();
  p.c = y.raw();
  if (context.has_input(3)) p.residual = context.input(3).raw();
  p.rows = y.element_count() / layer_.columns;
  p.epilogue = {.bias = context.has_input(2) ? context.input(2).data<float>().data() : nullptr,
                .activation = layer_.activation,
                .low = layer_.low,
                .high = layer_.high};
  run_products(context, *isa_.kernels, 1, [&](int64_t) { return p; });
}

}  // namespace spinel::cpu
