#include "cpu/linear.hpp"

#include "base/text.hpp"
#include "cpu/product.hpp"

namespace spinel::cpu {

Tensor pack_linear_weights(const Kernels& kernels, const Tensor& b, bool transposed) {
  const int64_t depth = b.dim(transposed ? 1 : 0);
  const int64_t columns = b.dim(transposed ? 0 : 1);
  Tensor packed(DType::float32, {kernels.packed_size(depth, columns)});
  kernels.pack_columns(b.data<float>().data(), transposed ? 1 : columns, transposed ? depth : 1, depth,
                       columns, packed.data<float>().data());
  return packed;
}

std::string linear_text(const LinearLayer& layer) {
  return fmt::format("depth={} columns={} activation={}({},{})", layer.depth, layer.columns,
                     static_cast<int>(layer.activation), layer.low, layer.high);
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

void Linear::batch(graph::BatchContext& context) const {
  const graph::BatchState a = context.input(0);
  const bool residual = context.has_input(3);
  if (!a.is_batched() || !context.has_rank(0))
    return context.block("the batch does not reach the product through its first operand");
  if (a.axis == context.rank(0) - 1) return context.block("the product sums over the batch axis");
  if (residual && (!context.input(3).is_batched() || context.input(3).axis != a.axis))
    return context.block("the summand's batch is another axis");
  context.set_output(0, a);
}

void Linear::run(graph::RunContext& context) const {
  const Tensor& a = context.input(0);
  if (a.rank() == 0 || a.dim(-1) != layer_.depth)
    fail(ErrorCode::invalid_argument, "A {} must have {} columns", describe(a), layer_.depth);
  Tensor& y = context.output_or(0, a.dtype(), [&] {
    Dims dims = a.dims();
    dims.back() = layer_.columns;
    return dims;
  });
  if (y.element_count() == 0) return;
  const Product product{
      .a = a.data<float>().data(),
      .a_stride = layer_.depth,
      .b = context.input(1).data<float>().data(),
      .c = y.data<float>().data(),
      .c_stride = layer_.columns,
      .residual = context.has_input(3) ? context.input(3).data<float>().data() : nullptr,
      .residual_stride = layer_.columns,
      .rows = y.element_count() / layer_.columns,
      .depth = layer_.depth,
      .columns = layer_.columns,
      .epilogue = {.bias = context.has_input(2) ? context.input(2).data<float>().data() : nullptr,
                   .activation = layer_.activation,
                   .low = layer_.low,
                   .high = layer_.high}};
  run_products(context, *isa_.kernels, 1, [&](int64_t) { return product; });
}

}  // namespace spinel::cpu
