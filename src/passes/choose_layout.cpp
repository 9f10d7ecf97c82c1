// Gives convolutions, pools and what stands between them the channels-last layout.
//
// One walk over the sorted nodes. A value of dims [N, C, H, W] may exist in two forms: plain, under its own
// id, and channels-last, dims [N, H, W, C], under another. A node that is lowered makes the channels-last
// form of its output alone; the plain form follows by a Transpose only if somebody reads it.
#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "cpu/conv.hpp"
#include "cpu/conv_transpose.hpp"
#include "cpu/planar_conv.hpp"
#include "cpu/pool.hpp"
#include "cpu/tune.hpp"
#include "ops/batch_normalization.hpp"
#include "ops/binary.hpp"
#include "ops/clip.hpp"
#include "ops/conv.hpp"
#include "ops/op_table.hpp"
#include "ops/pool.hpp"
#include "ops/transpose.hpp"
#include "ops/unary.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::Shape;
using graph::Value;
using graph::ValueId;
using graph::ValueType;

/// Axis i of the channels-last form is axis to_nhwc[i] of the plain one, and the other way round.
constexpr size_t to_nhwc[] = {0, 2, 3, 1};
constexpr size_t to_nchw[] = {0, 3, 1, 2};

bool all_finite(const Tensor& tensor) {
  const Tensor wide = ops::to_float32(tensor);
  return std::ranges::all_of(wide.data<float>(), [](float v) { return std::isfinite(v); });
}

class Layout {
 public:
  Layout(Graph& graph, const Settings& settings)
      : graph_(graph),
        settings_(settings),
        isa_(*settings.isa),
        uses_(graph.use_counts()),
        nhwc_(graph.values.size(), no_value),
        owed_(graph.values.size(), false) {}

  size_t run() {
    std::vector<Node> nodes = std::move(graph_.nodes);
    for (Node& node : nodes) {
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
    if (node.op->name() == "GlobalAveragePool") return lower_global_average_pool(node);
    if (const auto* transpose = dynamic_cast<const ops::Transpose*>(node.op.get()))
      return lower_transpose(node, *transpose);
    // What follows computes elements from elements: it takes whatever layout its input has.
    if (!has_nhwc(node.inputs[0]) && !(node.inputs.size() > 1 && has_nhwc(node.inputs[1]))) return false;
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
    if (!is_image(x) || !computes_in(x.dtype) || !weights.defined() || weights.rank() != 4 ||
        (has_bias && !constant(node, 2).defined()) || !is_image(type_of(node.outputs[0])))
      return false;
    cpu::ConvLayer layer;
    layer.dtype = x.dtype;
    layer.window = conv.attrs().window.at_rank(2);
    layer.window.kernel_shape = {weights.dim(2), weights.dim(3)};
    layer.kernel_h = weights.dim(2);
    layer.kernel_w = weights.dim(3);
    layer.group = conv.attrs().group;
    layer.in_channels = weights.dim(1) * layer.group;
    layer.out_channels = weights.dim(0);
    if (weights.element_count() == 0 || layer.out_channels % layer.group != 0) return false;
    const auto size = [&](size_t axis) {
      const graph::Dim& dim = (*x.shape)[axis];
      return dim.is_constant() ? dim.constant() : int64_t{0};
    };
    if (!has_nhwc(node.inputs[0]) && cpu::suits_planar_conv(layer))
      return lower_planar_conv(node, std::move(layer));
    layer.finite_weights = all_finite(weights);
    if (x.dtype == DType::float16 && isa_.half_kernels != nullptr) layer.half_chunk = settings_.half_chunk;
    layer.algorithm = choose_algorithm(node, layer, weights, size(2), size(3));

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
    if (!is_image(x) || !computes_in(x.dtype) || !weights.defined() || weights.element_count() == 0 ||
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
    layer.finite_weights = all_finite(weights);
    if (x.dtype == DType::float16 && isa_.half_kernels != nullptr) layer.half_chunk = settings_.half_chunk;

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

  cpu::ConvAlgorithm choose_algorithm(const Node& node, const cpu::ConvLayer& layer, const Tensor& weights,
                                      int64_t height, int64_t width) {
    if (!settings_.tune || height <= 0 || width <= 0 || cpu::conv_algorithms(layer).size() == 1)
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
    if (!is_image(x) || !computes_in(x.dtype) || window.kernel_shape.size() != 2 ||
        !is_image(type_of(node.outputs[0])))
      return false;
    Node lowered = like(node);
    lowered.inputs = {provide_nhwc(node.inputs[0])};
    lowered.attributes += fmt::format(" kind={}", static_cast<int>(kind));
    lowered.op = std::make_shared<cpu::NhwcPool>(isa_, cpu::PoolLayer{kind, window.at_rank(2)});
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
    const std::vector<size_t> order = transpose.order(4);
    if (!has_nhwc(node.inputs[0])) {
      if (!std::ranges::equal(order, to_nchw)) return false;
      nhwc_[index(node.outputs[0])] = node.inputs[0];
      owed_[index(node.outputs[0])] = true;
      return true;
    }
    std::vector<int64_t> perm;
    for (size_t axis : order) perm.push_back(static_cast<int64_t>(to_nchw[axis]));
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
      if (!takes_nhwc(node.inputs[i])) return false;
    Node lowered = like(node);
    lowered.op = node.op;
    lowered.inputs = node.inputs;
    for (size_t i = 0; i < operands; ++i) lowered.inputs[i] = provide_nhwc(node.inputs[i]);
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
    }
    Node multiply = like(node);
    multiply.name += ".scale";
    const ValueId from = provide_nhwc(node.inputs[0]);
    const ValueId scaled = add_value(graph_.value(node.outputs[0]));
    graph_.value(scaled).name += ".scaled";
    graph_.value(scaled).origin.clear();
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

  /// Pads that are known, given for all four axes.
  bool lower_pad(const Node& node) {
    if (!has_nhwc(node.inputs[0]) || node.inputs.size() < 2 ||
        (node.inputs.size() > 3 && node.inputs[3] != no_value))
      return false;
    const Tensor pads = constant(node, 1);
    if (!pads.defined() || pads.element_count() != 8 || !is_image(type_of(node.outputs[0]))) return false;
    const std::vector<int64_t> plain = ops::to_int64s(pads);
    if (std::ranges::count(plain, 0) == 8) {
      nhwc_[index(node.outputs[0])] = nhwc_[index(node.inputs[0])];
      owed_[index(node.outputs[0])] = true;
      return true;
    }
    Tensor permuted_pads(DType::int64, {8});
    for (size_t i = 0; i < 4; ++i) {
      permuted_pads.data<int64_t>()[i] = plain[to_nhwc[i]];
      permuted_pads.data<int64_t>()[i + 4] = plain[to_nhwc[i] + 4];
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
    for (ValueId id : node.inputs)
      if (id == no_value || !is_image(type_of(id))) return false;
    Node lowered = like(node);
    for (ValueId id : node.inputs) lowered.inputs.push_back(provide_nhwc(id));
    set_op(lowered, "Concat",
           {{"axis", static_cast<int64_t>(to_nchw[static_cast<size_t>(*axis < 0 ? *axis + 4 : *axis)])}});
    emit(std::move(lowered), node.outputs[0]);
    return true;
  }

  // --- values ----------------------------------------------------------------------------------------------

  static size_t index(ValueId id) { return static_cast<size_t>(id); }
  const ValueType& type_of(ValueId id) const { return graph_.value(id).type; }
  static bool computes_in(DType dtype) { return dtype == DType::float32 || dtype == DType::float16; }
  static bool is_image(const ValueType& type) {
    return type.is_tensor() && type.shape && type.shape->size() == 4;
  }
  bool has_nhwc(ValueId id) const { return id != no_value && nhwc_[index(id)] != no_value; }
  /// A handle, for the graph's values move when one is added; undefined if the input is not constant.
  Tensor constant(const Node& node, size_t i) const { return graph_.value(node.inputs[i]).constant; }
  /// Whether an operand with broadcasting has, or can be given, a channels-last form.
  bool takes_nhwc(ValueId id) const {
    const Value& value = graph_.value(id);
    if (value.is_constant()) return value.constant.rank() <= 4;
    return is_image(value.type);
  }

  static ValueType permuted(const ValueType& type) {
    Shape shape;
    for (size_t axis : to_nhwc) shape.push_back((*type.shape)[axis]);
    return ValueType::tensor(type.dtype, std::move(shape));
  }

  ValueId add_value(const Value& plain) {
    Value value;
    value.name = plain.name + ".nhwc";
    value.type = permuted(plain.type);
    value.origin = plain.origin.empty() ? plain.name : plain.origin;
    nhwc_.push_back(no_value);
    owed_.push_back(false);
    return graph_.add_value(std::move(value));
  }
  ValueId add_constant(const std::string& name, Tensor tensor) {
    nhwc_.push_back(no_value);
    owed_.push_back(false);
    return graph_.add_constant(name, std::move(tensor));
  }

  /// The channels-last form, made now if it does not exist.
  ValueId provide_nhwc(ValueId id) {
    if (has_nhwc(id)) return nhwc_[index(id)];
    if (graph_.value(id).is_constant()) return nhwc_[index(id)] = constant_nhwc(id);
    const ValueId to = add_value(graph_.value(id));
    convert(id, to, to_nhwc, graph_.value(id).type, "to_nhwc");
    return nhwc_[index(id)] = to;
  }

  /// A constant operand of dims up to [N, C, H, W], permuted. One element stays as it is.
  ValueId constant_nhwc(ValueId id) {
    const Value& value = graph_.value(id);
    if (value.constant.element_count() == 1) return id;
    Dims dims(4, 1);
    std::ranges::copy_backward(value.constant.dims(), dims.end());
    const size_t bytes = static_cast<size_t>(dtype_bits(value.constant.dtype()) / 8);
    Dims out;
    for (size_t axis : to_nhwc) out.push_back(dims[axis]);
    Tensor to(value.constant.dtype(), out);
    const auto* from = static_cast<const std::byte*>(value.constant.raw());
    auto* at = static_cast<std::byte*>(to.raw());
    for (int64_t n = 0; n < dims[0]; ++n)
      for (int64_t p = 0; p < dims[2] * dims[3]; ++p)
        for (int64_t c = 0; c < dims[1]; ++c, at += bytes)
          std::copy_n(from + static_cast<size_t>((n * dims[1] + c) * dims[2] * dims[3] + p) * bytes, bytes,
                      at);
    return add_constant(value.name + ".nhwc", std::move(to));
  }

  /// Makes the plain form of a value that was lowered.
  void provide_plain(ValueId id) {
    if (!owed_[index(id)]) return;
    owed_[index(id)] = false;
    convert(nhwc_[index(id)], id, to_nchw, type_of(nhwc_[index(id)]), "to_nchw");
  }

  /// A node that permutes the axes. Where there is but one pixel, or one channel, the elements keep their
  /// order.
  void convert(ValueId from, ValueId to, const size_t (&order)[4], ValueType type, const char* suffix) {
    const Shape& shape = *type.shape;
    const auto is_one = [&](size_t axis) { return shape[axis].is_constant() && shape[axis].constant() == 1; };
    const bool nchw = &order == &to_nhwc;
    const size_t channel = nchw ? 1 : 3;
    const bool one_pixel = nchw ? is_one(2) && is_one(3) : is_one(1) && is_one(2);
    Node node;
    node.name = graph_.value(from).name + "." + suffix;
    node.inputs = {from};
    node.outputs = {to};
    if (one_pixel && shape[channel].is_constant()) {
      Tensor dims(DType::int64, {4});
      const auto d = dims.data<int64_t>();
      d[0] = 0;  // As the input has it.
      for (size_t i = 1; i < 4; ++i) d[i] = order[i] == channel ? shape[channel].constant() : 1;
      node.inputs.push_back(add_constant(node.name + ".dims", std::move(dims)));
      set_op(node, "Reshape", {});
    } else {
      set_op(node, "Transpose", {{"perm", std::vector<int64_t>(std::begin(order), std::end(order))}});
    }
    done_.push_back(std::move(node));
  }

  // --- nodes -----------------------------------------------------------------------------------------------

  static Node like(const Node& node) {
    Node out;
    out.name = node.name;
    out.attributes = node.attributes;
    out.sources = node.sources;
    return out;
  }
  static void set_op(Node& node, const char* type,
                     std::map<std::string, ops::Attribute, std::less<>> attributes) {
    constexpr int version = 14;
    const ops::OpArgs args(type, version, std::move(attributes), node.inputs.size(), 1);
    node.op = ops::make_op(*ops::find_op("", type), args);
    node.attributes = args.text();
  }
  /// Adds a node that makes the channels-last form of `plain`.
  void emit(Node node, ValueId plain) {
    const ValueId to = add_value(graph_.value(plain));
    node.outputs = {to};
    nhwc_[index(plain)] = to;
    owed_[index(plain)] = true;
    done_.push_back(std::move(node));
  }

  Graph& graph_;
  /// Lets go of weights that were packed, so that they are in memory once while the others are still to be
  /// packed.
  void release(ValueId weights) {
    if (--uses_[index(weights)] == 0) graph_.value(weights).constant = {};
  }

  const Settings& settings_;
  const cpu::Isa& isa_;
  std::vector<int> uses_;      ///< By value of the original graph.
  std::vector<ValueId> nhwc_;  ///< By plain value: its channels-last form.
  std::vector<bool> owed_;     ///< By plain value: it was lowered, and nobody has read its plain form yet.
  std::vector<Node> done_;
  size_t lowered_ = 0;
};

}  // namespace

size_t choose_layout(Graph& graph, const Settings& settings) { return Layout(graph, settings).run(); }

}  // namespace spinel::passes
