// Makes convolutions and pools over one axis those over two: [N, C, L] becomes [N, C, 1, L], the lifted form,
// for which there are kernels.
//
// One walk over the sorted nodes, as in choose_layout: a value may exist in both forms. A node that is lifted
// makes the lifted form of its output alone, and the plain one follows by a Squeeze only if somebody reads
// it; so nodes that compute elements from elements stay between convolutions without a change of form.
#include <algorithm>

#include "cpu/quant_product.hpp"
#include "graph/origin.hpp"
#include "ops/binary.hpp"
#include "ops/clip.hpp"
#include "ops/conv.hpp"
#include "ops/conv_transpose.hpp"
#include "ops/op_table.hpp"
#include "ops/pool.hpp"
#include "ops/qlinear_conv.hpp"
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
using Attributes = std::map<std::string, ops::Attribute, std::less<>>;

/// A list of one axis with that of height before it.
std::vector<int64_t> with_height(int64_t height, const std::vector<int64_t>& list) {
  std::vector<int64_t> out{height};
  out.insert(out.end(), list.begin(), list.end());
  return out;
}

/// The same window, one element high.
Attributes lifted_window(const ops::WindowAttrs& window) {
  const ops::WindowAttrs full = window.at_rank(1);
  Attributes out{{"strides", with_height(1, full.strides)}, {"dilations", with_height(1, full.dilations)}};
  if (!full.kernel_shape.empty()) out["kernel_shape"] = with_height(1, full.kernel_shape);
  switch (full.auto_pad) {
    case ops::AutoPad::notset:
      out["pads"] = std::vector<int64_t>{0, full.pads[0], 0, full.pads[1]};
      break;
    case ops::AutoPad::same_upper:
      out["auto_pad"] = std::string("SAME_UPPER");
      break;
    case ops::AutoPad::same_lower:
      out["auto_pad"] = std::string("SAME_LOWER");
      break;
    case ops::AutoPad::valid:
      out["auto_pad"] = std::string("VALID");
      break;
  }
  return out;
}

bool swaps_last(const ops::Transpose& transpose) {
  return std::ranges::equal(transpose.order(3), std::initializer_list<size_t>{0, 2, 1});
}

class Lift {
 public:
  explicit Lift(Graph& graph)
      : graph_(graph),
        uses_(graph.use_counts()),
        lifted_(graph.values.size(), no_value),
        owed_(graph.values.size(), false),
        swapped_(graph.values.size(), no_value) {}

  size_t run() {
    std::vector<Node> nodes = std::move(graph_.nodes);
    for (Node& node : nodes) {
      if (lift(node)) {
        ++count_;
        continue;
      }
      Graph::for_each_use(node, [&](ValueId id) { provide_plain(id); });
      const auto* transpose = dynamic_cast<const ops::Transpose*>(node.op.get());
      if (transpose != nullptr && is_signal(node.inputs[0]) && swaps_last(*transpose))
        swapped_[index(node.outputs[0])] = node.inputs[0];
      done_.push_back(std::move(node));
    }
    for (ValueId id : graph_.outputs) provide_plain(id);
    graph_.nodes.clear();
    for (Value& value : graph_.values) value.producer = graph::no_node;
    for (Node& node : done_) graph_.add_node(std::move(node));
    if (count_ > 0) graph::remove_dead(graph_);
    return count_;
  }

 private:
  bool lift(const Node& node) {
    if (node.outputs.empty() || node.outputs[0] == no_value || node.inputs.empty() ||
        node.inputs[0] == no_value || !node.subgraphs.empty() || !is_signal(node.outputs[0]))
      return false;
    for (size_t i = 1; i < node.outputs.size(); ++i)
      if (node.outputs[i] != no_value) return false;
    const graph::Op* op = node.op.get();
    if (const auto* conv = dynamic_cast<const ops::ConvOp*>(op)) {
      Attributes attributes = lifted_window(conv->attrs().window);
      attributes["group"] = conv->attrs().group;
      return lift_conv(node, "Conv", 1, std::move(attributes));
    }
    if (const auto* conv = dynamic_cast<const ops::IntConvOp*>(op)) {
      Attributes attributes = lifted_window(conv->attrs().window);
      attributes["group"] = conv->attrs().group;
      return lift_conv(node, op->name(), conv->weights_input(), std::move(attributes));
    }
    if (const auto* conv = dynamic_cast<const ops::ConvTransposeOp*>(op)) {
      const ops::ConvTransposeAttrs& attrs = conv->attrs();
      Attributes attributes = lifted_window(attrs.window);
      attributes["group"] = attrs.group;
      if (!attrs.output_padding.empty()) attributes["output_padding"] = with_height(0, attrs.output_padding);
      if (!attrs.output_shape.empty()) attributes["output_shape"] = with_height(1, attrs.output_shape);
      return lift_conv(node, "ConvTranspose", 1, std::move(attributes));
    }
    if (const auto* pool = dynamic_cast<const ops::MaxPoolOp*>(op))
      return lift_pool(node, "MaxPool", pool->attrs().window, {});
    if (const auto* pool = dynamic_cast<const ops::AveragePoolOp*>(op))
      return lift_pool(node, "AveragePool", pool->attrs().window,
                       {{"count_include_pad", int64_t{pool->attrs().count_include_pad}}});
    // What follows is lifted where an input has been.
    if (!std::ranges::any_of(node.inputs, [&](ValueId id) { return has_lifted(id); })) return false;
    if (const auto* transpose = dynamic_cast<const ops::Transpose*>(op)) return lift_swap(node, *transpose);
    if (op->name() == "GlobalAveragePool" || op->name() == "BatchNormalization" ||
        dynamic_cast<const ops::Unary*>(op) != nullptr || dynamic_cast<const ops::Clip*>(op) != nullptr)
      return lift_as_it_is(node, 1);
    const auto* binary = dynamic_cast<const ops::Binary*>(op);
    return binary != nullptr && binary->attrs().legacy.is_numpy() && lift_as_it_is(node, 2);
  }

  /// X is input 0, W input `weights_input`.
  bool lift_conv(const Node& node, std::string_view type, size_t weights_input, Attributes attributes) {
    const ValueId w = node.inputs[weights_input];
    const Tensor weights = constant(w);
    const bool quantized = cpu::is_byte(graph_.value(node.inputs[0]).type.dtype);
    if (!(quantized ? is_signal(node.inputs[0]) : computes(node.inputs[0])) || !weights.defined() ||
        weights.rank() != 3)
      return false;
    Node out = like(node);
    out.inputs = node.inputs;
    for (size_t i = 1; i < out.inputs.size(); ++i)
      if (out.inputs[i] != no_value) provide_plain(out.inputs[i]);
    out.inputs[0] = provide_lifted(node.inputs[0]);
    out.inputs[weights_input] =
        add_constant(graph_.value(w).name + ".lifted",
                     weights.reshaped({weights.dim(0), weights.dim(1), 1, weights.dim(2)}));
    attributes["kernel_shape"] = std::vector<int64_t>{1, weights.dim(2)};
    set_op(out, type, std::move(attributes));
    if (--uses_[index(w)] == 0) graph_.value(w).constant = {};
    emit(std::move(out), node.outputs[0]);
    return true;
  }

  bool lift_pool(const Node& node, const char* type, const ops::WindowAttrs& window, Attributes attributes) {
    if (!computes(node.inputs[0]) || window.kernel_shape.size() != 1) return false;
    attributes.merge(lifted_window(window));
    attributes["ceil_mode"] = int64_t{window.ceil_mode};
    Node out = like(node);
    out.inputs = {provide_lifted(node.inputs[0])};
    set_op(out, type, std::move(attributes));
    emit(std::move(out), node.outputs[0]);
    return true;
  }

  /// An operator that takes either form, and whose first `operands` inputs have it.
  bool lift_as_it_is(const Node& node, size_t operands) {
    for (size_t i = 0; i < operands; ++i)
      if (constant(node.inputs[i]).defined() ? constant(node.inputs[i]).rank() > 3
                                             : !is_signal(node.inputs[i]))
        return false;
    Node out = like(node);
    out.op = node.op;
    out.inputs = node.inputs;
    for (size_t i = 0; i < operands; ++i) out.inputs[i] = provide_lifted(node.inputs[i]);
    for (size_t i = operands; i < out.inputs.size(); ++i)
      if (out.inputs[i] != no_value) provide_plain(out.inputs[i]);
    emit(std::move(out), node.outputs[0]);
    return true;
  }

  /// [N, C, L] to [N, L, C]: the channels-last form of the lifted value, but for an axis of size 1.
  bool lift_swap(const Node& node, const ops::Transpose& transpose) {
    if (!swaps_last(transpose)) return false;
    const ValueType& y = graph_.value(node.outputs[0]).type;
    Node turn = like(node);
    turn.inputs = {lifted_[index(node.inputs[0])]};
    const Shape shape{(*y.shape)[0], graph::Dim(1), (*y.shape)[1], (*y.shape)[2]};
    const ValueId turned =
        add_value(graph_.value(node.outputs[0]).name + ".lifted", ValueType::tensor(y.dtype, shape));
    turn.outputs = {turned};
    set_op(turn, "Transpose", {{"perm", std::vector<int64_t>{0, 2, 3, 1}}});
    done_.push_back(std::move(turn));
    move_axis("Squeeze", turned, node.outputs[0], 1);
    swapped_[index(node.outputs[0])] = node.inputs[0];
    return true;
  }

  // --- values ----------------------------------------------------------------------------------------------

  static size_t index(ValueId id) { return static_cast<size_t>(id); }
  bool is_signal(ValueId id) const {
    const ValueType& type = graph_.value(id).type;
    return type.is_tensor() && type.shape && type.shape->size() == 3;
  }
  bool computes(ValueId id) const {
    const DType dtype = graph_.value(id).type.dtype;
    return is_signal(id) && (dtype == DType::float32 || dtype == DType::float16);
  }
  bool has_lifted(ValueId id) const { return id != no_value && lifted_[index(id)] != no_value; }
  /// A handle, for the graph's values move when one is added; undefined if the value is not constant.
  Tensor constant(ValueId id) const { return graph_.value(id).constant; }

  ValueId grown(ValueId id) {
    lifted_.push_back(no_value);
    owed_.push_back(false);
    swapped_.push_back(no_value);
    return id;
  }
  ValueId add_value(std::string name, ValueType type) {
    Value value;
    value.name = std::move(name);
    value.type = std::move(type);
    return grown(graph_.add_value(std::move(value)));
  }
  ValueId add_constant(const std::string& name, Tensor tensor) {
    return grown(graph_.add_constant(name, std::move(tensor)));
  }
  ValueId add_lifted_value(ValueId plain) {
    const Value& from = graph_.value(plain);
    const Shape& s = *from.type.shape;
    const ValueId id = add_value(from.name + ".lifted",
                                 ValueType::tensor(from.type.dtype, Shape{s[0], s[1], graph::Dim(1), s[2]}));
    graph::inherit_origin(graph_.value(id), graph_.value(plain), {0, 1, -1, 2});
    return id;
  }

  /// The lifted form, made now if it does not exist.
  ValueId provide_lifted(ValueId id) {
    if (has_lifted(id)) return lifted_[index(id)];
    if (constant(id).defined()) return lifted_[index(id)] = lifted_constant(id);
    const ValueId to = add_lifted_value(id);
    if (const ValueId source = swapped_[index(id)]; source != no_value) {
      // It was [N, L, C] before: choose_layout finds its channels-last form at once.
      const Shape& s = *graph_.value(source).type.shape;
      const ValueId high =
          add_value(graph_.value(id).name + ".high",
                    ValueType::tensor(graph_.value(id).type.dtype, Shape{s[0], graph::Dim(1), s[1], s[2]}));
      provide_plain(source);
      move_axis("Unsqueeze", source, high, 1);
      Node turn;
      turn.name = graph_.value(id).name + ".turned";
      turn.inputs = {high};
      turn.outputs = {to};
      set_op(turn, "Transpose", {{"perm", std::vector<int64_t>{0, 3, 1, 2}}});
      done_.push_back(std::move(turn));
    } else {
      move_axis("Unsqueeze", id, to, 2);
    }
    return lifted_[index(id)] = to;
  }

  /// A constant operand of dims up to [N, C, L], with an axis put before the last.
  ValueId lifted_constant(ValueId id) {
    const Tensor tensor = constant(id);
    if (tensor.rank() < 2) return id;
    Dims dims = tensor.dims();
    dims.insert(dims.end() - 1, 1);
    return add_constant(graph_.value(id).name + ".lifted", tensor.reshaped(std::move(dims)));
  }

  /// Makes the plain form of a value that was lifted.
  void provide_plain(ValueId id) {
    if (!owed_[index(id)]) return;
    owed_[index(id)] = false;
    move_axis("Squeeze", lifted_[index(id)], id, 2);
  }

  // --- nodes -----------------------------------------------------------------------------------------------

  static Node like(const Node& node) {
    Node out;
    out.name = node.name;
    out.attributes = node.attributes;
    out.sources = node.sources;
    return out;
  }
  static void set_op(Node& node, std::string_view type, Attributes attributes) {
    constexpr int version = 22;
    const ops::OpArgs args(std::string(type), version, std::move(attributes), node.inputs.size(), 1);
    node.op = ops::make_op(ops::need_op("", type), args);
    node.attributes = args.text();
  }
  /// Squeeze or Unsqueeze of one axis.
  void move_axis(const char* type, ValueId from, ValueId to, int64_t axis) {
    Node node;
    node.name = graph_.value(to).name + "." + type;
    node.inputs = {from, add_constant(node.name + ".axes", Tensor::from<int64_t>({1}, {axis}))};
    node.outputs = {to};
    set_op(node, type, {});
    done_.push_back(std::move(node));
  }
  /// Adds a node that makes the lifted form of `plain`.
  void emit(Node node, ValueId plain) {
    const ValueId to = add_lifted_value(plain);
    node.outputs = {to};
    lifted_[index(plain)] = to;
    owed_[index(plain)] = true;
    done_.push_back(std::move(node));
  }

  Graph& graph_;
  std::vector<int> uses_;         ///< By value of the original graph.
  std::vector<ValueId> lifted_;   ///< By plain value: its lifted form.
  std::vector<bool> owed_;        ///< By plain value: it was lifted, and nobody has read its plain form yet.
  std::vector<ValueId> swapped_;  ///< By plain value: what it is the Transpose (0, 2, 1) of.
  std::vector<Node> done_;
  size_t count_ = 0;
};

}  // namespace

size_t lift_conv1d(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (graph::Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += lift_conv1d(*subgraph, settings);
  return changes + Lift(graph).run();
}

}  // namespace spinel::passes
