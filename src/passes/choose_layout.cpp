// Gives convolutions, pools and what stands between them the channels-last layout.
//
// One walk over the sorted nodes; layout_values.hpp keeps the two forms of each value, quantized_layout.hpp
// lowers operators of 8-bit integers.
#include <algorithm>
#include <cmath>

#include "base/cancel.hpp"
#include "base/text.hpp"
#include "cpu/conv.hpp"
#include "cpu/conv_transpose.hpp"
#include "cpu/patches.hpp"
#include "cpu/planar_conv.hpp"
#include "cpu/pool.hpp"
#include "cpu/tune.hpp"
#include "cpu/weights.hpp"
#include "ops/batch_normalization.hpp"
#include "ops/binary.hpp"
#include "ops/clip.hpp"
#include "ops/conv.hpp"
#include "ops/pool.hpp"
#include "ops/transpose.hpp"
#include "ops/unary.hpp"
#include "passes/pipeline.hpp"
#include "passes/quantized_layout.hpp"

namespace spinel::passes {
namespace {

/// Whether float16 holds the value with all its digits, or it is 0.
bool fits_float16(float value) {
  const float size = std::fabs(value);
  return size == 0 || (size >= 0x1p-14f && size <= 65504.0f);
}

class Layout : private QuantizedLayout {
 public:
  Layout(Graph& graph, const Settings& settings)
      : QuantizedLayout(graph, *settings.isa), settings_(settings) {}

  size_t run() {
    find_scaled_convs();
    nodes_ = std::move(graph_.nodes);
    for (Node& node : nodes_) {
      check_load_cancelled();
      const auto index = static_cast<graph::NodeId>(&node - nodes_.data());
      if (absorbed_.contains(index)) continue;
      if (const auto found = scaled_convs_.find(index); found != scaled_convs_.end()) {
        lower_scaled_conv(found->second);
        ++lowered_;
        continue;
      }
      if (lower(node)) {
        ++lowered_;
        continue;
      }
      Graph::for_each_use(node, [&](ValueId id) { provide_plain(id); });
      done_.push_back(std::move(node));
    }
    for (ValueId id : graph_.outputs) provide_plain(id);
    graph_.nodes.clear();
    for (Value& value : graph_.values) value.producer = graph::no_node;
    for (Node& node : done_) graph_.add_node(std::move(node));
    if (lowered_ > 0) graph::remove_dead(graph_);
    return lowered_;
  }

 private:
  bool lower(const Node& node) {
    if (node.outputs.empty() || node.outputs[0] == no_value || node.inputs.empty() || !node.subgraphs.empty())
      return false;
    if (node.op->name() == "DynamicQuantizeLinear") return lower_dynamic_quantize(node);
    for (size_t i = 1; i < node.outputs.size(); ++i)
      if (node.outputs[i] != no_value) return false;
    if (const auto* conv = dynamic_cast<const ops::ConvOp*>(node.op.get())) return lower_conv(node, *conv);
    if (const auto* conv = dynamic_cast<const ops::ConvTransposeOp*>(node.op.get()))
      return lower_conv_transpose(node, *conv);
    if (const auto* pool = dynamic_cast<const ops::MaxPoolOp*>(node.op.get()))
      return lower_pool(node, cpu::PoolLayer::Kind::max, pool->attrs().window);
    if (const auto* pool = dynamic_cast<const ops::AveragePoolOp*>(node.op.get()))
      return lower_pool(node,
                        pool->attrs().count_include_pad ? cpu::PoolLayer::Kind::average_counting_padding
                                                        : cpu::PoolLayer::Kind::average,
                        pool->attrs().window);
    if (node.op->name() == "QLinearConv") return lower_quantized_conv(node);
    if (node.op->name() == "ConvInteger") return lower_int_conv(node);
    if (node.op->name() == "GlobalAveragePool") return lower_global_average_pool(node);
    if (const auto* transpose = dynamic_cast<const ops::Transpose*>(node.op.get()))
      return lower_transpose(node, *transpose);
    // What follows computes elements from elements: it takes whatever layout its input has.
    if (node.op->name() == "QLinearAdd" || node.op->name() == "QLinearMul")
      return lower_quantized_binary(node);
    if (!has_nhwc(node.inputs[0]) && !(node.inputs.size() > 1 && has_nhwc(node.inputs[1]))) return false;
    if (node.op->name() == "QLinearSigmoid" || node.op->name() == "QLinearLeakyRelu")
      return lower_elementwise(node, 1);
    if (dynamic_cast<const ops::Unary*>(node.op.get()) != nullptr) return lower_elementwise(node, 1);
    if (dynamic_cast<const ops::Clip*>(node.op.get()) != nullptr && has_nhwc(node.inputs[0]))
      return lower_elementwise(node, 1);
    if (const auto* binary = dynamic_cast<const ops::Binary*>(node.op.get()))
      return binary->attrs().legacy.is_numpy() && lower_elementwise(node, 2);
    if (node.op->name() == "Concat") return lower_concat(node);
    if (node.op->name() == "Pad") return lower_pad(node);
    if (const auto* bn = dynamic_cast<const ops::BatchNormalizationOp*>(node.op.get()))
      return lower_batch_normalization(node, bn->attrs());
    return false;
  }

  bool lower_conv(const Node& node, const ops::ConvOp& conv) {
    const ValueType x = type_of(node.inputs[0]);
    const Tensor weights = constant(node, 1);
    const bool has_bias = node.inputs.size() > 2 && node.inputs[2] != no_value;
    if (!is_image(x) || !computes_in(x.dtype) || !weights.defined() ||
        weights.rank() != static_cast<int>(rank_of(x)) || (has_bias && !constant(node, 2).defined()) ||
        !is_image(type_of(node.outputs[0])))
      return false;
    cpu::ConvLayer layer;
    layer.dtype = x.dtype;
    layer.window = conv.attrs().window.at_rank(rank_of(x) - 2);
    layer.window.kernel_shape.assign(weights.dims().begin() + 2, weights.dims().end());
    layer.depth_window = cpu::take_depth(layer.window);
    layer.kernel_h = weights.dim(-2);
    layer.kernel_w = weights.dim(-1);
    layer.group = conv.attrs().group;
    layer.in_channels = weights.dim(1) * layer.group;
    layer.out_channels = weights.dim(0);
    if (weights.element_count() == 0 || layer.out_channels % layer.group != 0 ||
        cpu::conv_algorithms(layer).empty())
      return false;
    const auto size = [&](size_t axis) {
      const graph::Dim& dim = (*x.shape)[axis];
      return dim.is_constant() ? dim.constant() : int64_t{0};
    };
    if (!layer.has_depth() && !has_nhwc(node.inputs[0]) && cpu::suits_planar_conv(layer))
      return lower_planar_conv(node, std::move(layer));
    choose_arithmetic(layer, weights);
    layer.algorithm = choose_algorithm(node, layer, weights, size(rank_of(x) - 2), size(rank_of(x) - 1));

    Node lowered = like(node);
    lowered.attributes = cpu::conv_text(layer);
    lowered.inputs = {provide_nhwc(node.inputs[0]),
                      add_constant(graph_.value(node.inputs[1]).name + ".packed",
                                   cpu::pack_conv_weights(isa_, layer, weights))};
    if (has_bias)
      lowered.inputs.push_back(add_constant(node.name + ".bias", ops::to_float32(constant(node, 2))));
    lowered.op = std::make_shared<cpu::NhwcConv>(isa_, std::move(layer));
    release(node.inputs[1]);
    emit(std::move(lowered), node.outputs[0]);
    return true;
  }

  bool lower_conv_transpose(const Node& node, const ops::ConvTransposeOp& conv) {
    const ValueType x = type_of(node.inputs[0]);
    const Tensor weights = constant(node, 1);
    const bool has_bias = node.inputs.size() > 2 && node.inputs[2] != no_value;
    if (!is_flat_image(x) || !computes_in(x.dtype) || !weights.defined() || weights.element_count() == 0 ||
        (has_bias && !constant(node, 2).defined()) || !is_image(type_of(node.outputs[0])))
      return false;
    cpu::ConvTransposeLayer layer;
    layer.dtype = x.dtype;
    layer.attrs = conv.attrs();
    layer.attrs.window = layer.attrs.window.at_rank(2);
    layer.attrs.window.kernel_shape = {weights.dim(2), weights.dim(3)};
    layer.attrs.output_padding.resize(2, 0);
    layer.kernel_h = weights.dim(2);
    layer.kernel_w = weights.dim(3);
    layer.in_channels = weights.dim(0);
    layer.out_channels = weights.dim(1) * layer.attrs.group;
    if (!cpu::suits_phases(layer)) return false;
    choose_arithmetic(layer, weights);

    Node lowered = like(node);
    lowered.attributes = cpu::conv_transpose_text(layer);
    lowered.inputs = {provide_nhwc(node.inputs[0]),
                      add_constant(graph_.value(node.inputs[1]).name + ".packed",
                                   cpu::pack_transposed_weights(isa_, layer, weights))};
    if (has_bias)
      lowered.inputs.push_back(add_constant(node.name + ".bias", ops::to_float32(constant(node, 2))));
    lowered.op = std::make_shared<cpu::NhwcConvTranspose>(isa_, std::move(layer));
    release(node.inputs[1]);
    emit(std::move(lowered), node.outputs[0]);
    return true;
  }

  /// Of a convolution, transposed or not.
  template <class Layer>
  void choose_arithmetic(Layer& layer, const Tensor& weights) const {
    const cpu::WeightFacts facts = cpu::weigh(isa_, weights);
    layer.finite_weights = facts.finite;
    layer.half_chunk =
        cpu::choose_half_chunk(isa_, layer.dtype, facts, weights.element_count(), settings_.half_chunk);
  }

  cpu::ConvAlgorithm choose_algorithm(const Node& node, const cpu::ConvLayer& layer, const Tensor& weights,
                                      int64_t height, int64_t width) {
    if (!settings_.tune || layer.has_depth() || height <= 0 || width <= 0 ||
        cpu::conv_algorithms(layer).size() == 1)
      return cpu::choose_conv_algorithm(layer, height, width);
    const auto timings = cpu::time_conv_algorithms(isa_, layer, weights, height, width);
    if (settings_.log)
      settings_.log(LogLevel::info,
                    fmt::format("node '{}' is tuned: {}", node.name, cpu::timing_text(timings)));
    return timings.front().algorithm;
  }

  bool lower_planar_conv(const Node& node, cpu::ConvLayer layer) {
    Node lowered = like(node);
    lowered.attributes = cpu::conv_text(layer);
    provide_plain(node.inputs[0]);
    lowered.inputs = {node.inputs[0],
                      add_constant(graph_.value(node.inputs[1]).name + ".packed",
                                   cpu::pack_planar_weights(*isa_.kernels, constant(node, 1)))};
    if (node.inputs.size() > 2 && node.inputs[2] != no_value)
      lowered.inputs.push_back(add_constant(node.name + ".bias", ops::to_float32(constant(node, 2))));
    lowered.op = std::make_shared<cpu::PlanarConv>(isa_, std::move(layer));
    emit(std::move(lowered), node.outputs[0]);
    return true;
  }

  bool lower_pool(const Node& node, cpu::PoolLayer::Kind kind, const ops::WindowAttrs& window) {
    const ValueType x = type_of(node.inputs[0]);
    const bool takes_bytes = kind == cpu::PoolLayer::Kind::max && has_nhwc(node.inputs[0]) &&
                             is_flat_image(x) && cpu::is_byte(x.dtype);
    if (!is_image(x) || !(computes_in(x.dtype) || takes_bytes) ||
        window.kernel_shape.size() != rank_of(x) - 2 || !is_image(type_of(node.outputs[0])))
      return false;
    Node lowered = like(node);
    lowered.inputs = {provide_nhwc(node.inputs[0])};
    lowered.attributes += fmt::format(" kind={}", static_cast<int>(kind));
    cpu::PoolLayer layer{kind, window.at_rank(rank_of(x) - 2), {}};
    layer.depth_window = cpu::take_depth(layer.window);
    lowered.op = std::make_shared<cpu::NhwcPool>(isa_, std::move(layer));
    emit(std::move(lowered), node.outputs[0]);
    return true;
  }

  bool lower_global_average_pool(const Node& node) {
    const ValueType x = type_of(node.inputs[0]);
    if (!is_image(x) || !computes_in(x.dtype) || !has_nhwc(node.inputs[0])) return false;
    Node lowered = like(node);
    lowered.inputs = {provide_nhwc(node.inputs[0])};
    lowered.op = std::make_shared<cpu::NhwcGlobalAveragePool>(isa_);
    emit(std::move(lowered), node.outputs[0]);
    return true;
  }

  /// A Transpose between the two forms is nothing; any other reads the channels-last form directly.
  bool lower_transpose(const Node& node, const ops::Transpose& transpose) {
    if (!is_image(type_of(node.inputs[0]))) return false;
    const size_t rank = rank_of(type_of(node.inputs[0]));
    const std::vector<size_t> order = transpose.order(rank);
    if (!has_nhwc(node.inputs[0])) {
      if (order != to_nchw(rank)) return false;
      nhwc_[index(node.outputs[0])] = node.inputs[0];
      owed_[index(node.outputs[0])] = true;
      return true;
    }
    std::vector<int64_t> perm;
    for (size_t axis : order) perm.push_back(static_cast<int64_t>(to_nchw(rank)[axis]));
    Node lowered = like(node);
    lowered.inputs = {nhwc_[index(node.inputs[0])]};
    lowered.outputs = node.outputs;
    set_op(lowered, "Transpose", {{"perm", std::move(perm)}});
    done_.push_back(std::move(lowered));
    return true;
  }

  bool lower_elementwise(const Node& node, size_t operands) {
    const ValueType y = type_of(node.outputs[0]);
    if (!is_image(y)) return false;
    for (size_t i = 0; i < operands; ++i)
      if (!takes_nhwc(node.inputs[i], rank_of(y))) return false;
    Node lowered = like(node);
    lowered.op = node.op;
    lowered.inputs = node.inputs;
    for (size_t i = 0; i < operands; ++i) lowered.inputs[i] = provide_nhwc(node.inputs[i], rank_of(y));
    emit(std::move(lowered), node.outputs[0]);
    return true;
  }

  /// y = x * s + (B - mean * s), s = scale / sqrt(var + epsilon).
  bool lower_batch_normalization(const Node& node, const ops::BatchNormalizationAttrs& attrs) {
    const ValueType x = type_of(node.inputs[0]);
    const DType dtype = x.dtype;
    if (!attrs.per_channel || !is_image(x) || !computes_in(x.dtype)) return false;
    for (size_t i = 1; i < 5; ++i)
      if (!constant(node, i).defined()) return false;
    Tensor wide[5];
    for (size_t i = 1; i < 5; ++i) wide[i] = ops::to_float32(constant(node, i));
    const auto parameter = [&](size_t i) { return wide[i].data<float>(); };
    const size_t channels = parameter(1).size();
    Tensor scale(DType::float32, {static_cast<int64_t>(channels)});
    Tensor shift(DType::float32, {static_cast<int64_t>(channels)});
    for (size_t c = 0; c < channels; ++c) {
      const float s = parameter(1)[c] / std::sqrt(parameter(4)[c] + attrs.epsilon);
      scale.data<float>()[c] = s;
      shift.data<float>()[c] = parameter(2)[c] - parameter(3)[c] * s;
      if (dtype == DType::float16 && !(fits_float16(s) && fits_float16(shift.data<float>()[c]))) return false;
    }
    Node multiply = like(node);
    multiply.name += ".scale";
    const ValueId from = provide_nhwc(node.inputs[0]);
    const ValueId scaled = add_value(graph_.value(node.outputs[0]));
    graph_.value(scaled).name += ".scaled";
    graph::clear_origin(graph_.value(scaled));
    multiply.inputs = {from, add_constant(multiply.name, spinel::convert(scale, dtype))};
    multiply.outputs = {scaled};
    set_op(multiply, "Mul", {});
    done_.push_back(std::move(multiply));
    Node add = like(node);
    add.inputs = {scaled, add_constant(node.name + ".shift", spinel::convert(shift, dtype))};
    set_op(add, "Add", {});
    emit(std::move(add), node.outputs[0]);
    return true;
  }

  /// Pads that are known, given for all axes.
  bool lower_pad(const Node& node) {
    if (!has_nhwc(node.inputs[0]) || node.inputs.size() < 2 ||
        (node.inputs.size() > 3 && node.inputs[3] != no_value))
      return false;
    const Tensor pads = constant(node, 1);
    const size_t rank = rank_of(type_of(node.inputs[0]));
    if (!pads.defined() || pads.element_count() != static_cast<int64_t>(2 * rank) ||
        !is_image(type_of(node.outputs[0])))
      return false;
    const std::vector<int64_t> plain = ops::to_int64s(pads);
    if (std::ranges::count(plain, 0) == std::ssize(plain)) {
      nhwc_[index(node.outputs[0])] = nhwc_[index(node.inputs[0])];
      owed_[index(node.outputs[0])] = true;
      return true;
    }
    Tensor permuted_pads(DType::int64, {std::ssize(plain)});
    for (size_t i = 0; i < rank; ++i) {
      permuted_pads.data<int64_t>()[i] = plain[to_nhwc(rank)[i]];
      permuted_pads.data<int64_t>()[i + rank] = plain[to_nhwc(rank)[i] + rank];
    }
    Node lowered = like(node);
    lowered.op = node.op;
    lowered.inputs = node.inputs;
    lowered.inputs[0] = provide_nhwc(node.inputs[0]);
    lowered.inputs[1] = add_constant(node.name + ".pads", std::move(permuted_pads));
    emit(std::move(lowered), node.outputs[0]);
    return true;
  }

  bool lower_concat(const Node& node) {
    const auto axis = node.op->joins_along();
    if (!axis || !is_image(type_of(node.outputs[0]))) return false;
    const size_t rank = rank_of(type_of(node.outputs[0]));
    for (ValueId id : node.inputs)
      if (id == no_value || !is_image(type_of(id)) || rank_of(type_of(id)) != rank) return false;
    Node lowered = like(node);
    for (ValueId id : node.inputs) lowered.inputs.push_back(provide_nhwc(id));
    set_op(
        lowered, "Concat",
        {{"axis", static_cast<int64_t>(to_nchw(
                      rank)[static_cast<size_t>(*axis < 0 ? *axis + static_cast<int64_t>(rank) : *axis)])}});
    emit(std::move(lowered), node.outputs[0]);
    return true;
  }

  const Settings& settings_;
  size_t lowered_ = 0;
};

}  // namespace

size_t choose_layout(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (graph::Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += choose_layout(*subgraph, settings);
  return changes + Layout(graph, settings).run();
}

}  // namespace spinel::passes
