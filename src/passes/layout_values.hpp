// The two forms of values while nodes get the channels-last layout, and the nodes made so far.
#pragma once
#include <algorithm>
#include <map>

#include "graph/graph.hpp"
#include "graph/origin.hpp"
#include "ops/op_table.hpp"

namespace spinel::passes {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::Shape;
using graph::Value;
using graph::ValueId;
using graph::ValueType;

/// Axis i of the channels-last form is axis to_nhwc(rank)[i] of the plain one, and the other way round.
inline std::vector<size_t> to_nhwc(size_t rank) {
  std::vector<size_t> order{0};
  for (size_t axis = 2; axis < rank; ++axis) order.push_back(axis);
  order.push_back(1);
  return order;
}
inline std::vector<size_t> to_nchw(size_t rank) {
  std::vector<size_t> order{0, rank - 1};
  for (size_t axis = 1; axis + 1 < rank; ++axis) order.push_back(axis);
  return order;
}

/// A value of dims [N, C, H, W], or [N, C, D, H, W], may exist in two forms: plain, under its own id, and
/// channels-last, dims [N, H, W, C], under another. What lowers a node emits the channels-last form of its
/// output alone; the plain form follows by a Transpose only if somebody reads it.
class LayoutValues {
 protected:
  explicit LayoutValues(Graph& graph)
      : graph_(graph),
        uses_(graph.use_counts()),
        nhwc_(graph.values.size(), no_value),
        owed_(graph.values.size(), false) {}
  ~LayoutValues() = default;

  // --- values ----------------------------------------------------------------------------------------------

  static size_t index(ValueId id) { return static_cast<size_t>(id); }
  const ValueType& type_of(ValueId id) const { return graph_.value(id).type; }
  static bool computes_in(DType dtype) { return dtype == DType::float32 || dtype == DType::float16; }
  static size_t rank_of(const ValueType& type) { return type.shape ? type.shape->size() : 0; }
  static bool is_image(const ValueType& type) {
    return type.is_tensor() && (rank_of(type) == 4 || rank_of(type) == 5);
  }
  static bool is_flat_image(const ValueType& type) { return is_image(type) && rank_of(type) == 4; }
  bool has_nhwc(ValueId id) const { return id != no_value && nhwc_[index(id)] != no_value; }
  /// A handle, for the graph's values move when one is added; undefined if the input is not constant.
  Tensor constant(const Node& node, size_t i) const { return graph_.value(node.inputs[i]).constant; }
  /// Whether an operand with broadcasting to that rank has, or can be given, a channels-last form.
  bool takes_nhwc(ValueId id, size_t rank) const {
    const Value& value = graph_.value(id);
    if (value.is_constant()) return value.constant.rank() <= static_cast<int>(rank);
    return is_image(value.type) && rank_of(value.type) == rank;
  }

  static ValueType permuted(const ValueType& type) {
    Shape shape;
    for (size_t axis : to_nhwc(rank_of(type))) shape.push_back((*type.shape)[axis]);
    return ValueType::tensor(type.dtype, std::move(shape));
  }

  ValueId add_value(const Value& plain) {
    Value value;
    value.name = plain.name + ".nhwc";
    value.type = permuted(plain.type);
    std::vector<int> axes;
    for (const size_t axis : to_nhwc(rank_of(plain.type))) axes.push_back(static_cast<int>(axis));
    graph::inherit_origin(value, plain, std::span<const int>(axes));
    nhwc_.push_back(no_value);
    owed_.push_back(false);
    return graph_.add_value(std::move(value));
  }
  ValueId add_constant(const std::string& name, Tensor tensor) {
    nhwc_.push_back(no_value);
    owed_.push_back(false);
    return graph_.add_constant(name, std::move(tensor));
  }

  /// The channels-last form, made now if it does not exist; a constant's is that of an operand of such a
  /// rank.
  ValueId provide_nhwc(ValueId id, size_t rank) {
    if (graph_.value(id).is_constant()) return constant_nhwc(id, rank);
    if (has_nhwc(id)) return nhwc_[index(id)];
    const ValueId to = add_value(graph_.value(id));
    convert(id, to, to_nhwc(rank), graph_.value(id).type, "to_nhwc");
    return nhwc_[index(id)] = to;
  }

  /// The same of an image.
  ValueId provide_nhwc(ValueId id) { return provide_nhwc(id, rank_of(graph_.value(id).type)); }

  /// A constant operand of dims up to [N, C, D, H, W], permuted. One element stays as it is.
  ValueId constant_nhwc(ValueId id, size_t rank) {
    const std::pair key{id, rank};
    if (const auto found = constants_.find(key); found != constants_.end()) return found->second;
    return constants_[key] = permuted_constant(id, rank);
  }
  ValueId permuted_constant(ValueId id, size_t rank) {
    const Value& value = graph_.value(id);
    if (value.constant.element_count() == 1) return id;
    Dims dims(rank, 1);
    std::ranges::copy_backward(value.constant.dims(), dims.end());
    int64_t pixels = 1;
    for (size_t axis = 2; axis < rank; ++axis) pixels *= dims[axis];
    const size_t bytes = static_cast<size_t>(dtype_bits(value.constant.dtype()) / 8);
    Dims out;
    for (size_t axis : to_nhwc(rank)) out.push_back(dims[axis]);
    Tensor to(value.constant.dtype(), out);
    const auto* from = static_cast<const std::byte*>(value.constant.raw());
    auto* at = static_cast<std::byte*>(to.raw());
    for (int64_t n = 0; n < dims[0]; ++n)
      for (int64_t p = 0; p < pixels; ++p)
        for (int64_t c = 0; c < dims[1]; ++c, at += bytes)
          std::copy_n(from + static_cast<size_t>((n * dims[1] + c) * pixels + p) * bytes, bytes, at);
    return add_constant(value.name + ".nhwc", std::move(to));
  }

  /// Makes the plain form of a value that was lowered.
  void provide_plain(ValueId id) {
    if (!owed_[index(id)]) return;
    owed_[index(id)] = false;
    const ValueType type = type_of(nhwc_[index(id)]);
    convert(nhwc_[index(id)], id, to_nchw(rank_of(type)), type, "to_nchw");
  }

  /// A node that permutes the axes. Where there is but one pixel, or one channel, the elements keep their
  /// order.
  void convert(ValueId from, ValueId to, const std::vector<size_t>& order, ValueType type,
               const char* suffix) {
    const Shape& shape = *type.shape;
    const size_t channel = order.back() == 1 ? 1 : order.size() - 1;
    bool one_pixel = true;
    for (size_t axis = 1; axis < shape.size(); ++axis)
      one_pixel = one_pixel && (axis == channel || shape[axis].is_constant(1));
    Node node;
    node.name = graph_.value(from).name + "." + suffix;
    node.inputs = {from};
    node.outputs = {to};
    if (one_pixel && shape[channel].is_constant()) {
      Tensor dims(DType::int64, {std::ssize(order)});
      const auto d = dims.data<int64_t>();
      d[0] = 0;  // As the input has it.
      for (size_t i = 1; i < order.size(); ++i) d[i] = order[i] == channel ? shape[channel].constant() : 1;
      node.inputs.push_back(add_constant(node.name + ".dims", std::move(dims)));
      set_op(node, "Reshape", {});
    } else {
      set_op(node, "Transpose", {{"perm", std::vector<int64_t>(order.begin(), order.end())}});
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
    node.op = ops::make_op(ops::need_op("", type), args);
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

  /// Lets go of weights that were packed, so that they are in memory once while the others are still to be
  /// packed.
  void release(ValueId weights) {
    if (--uses_[index(weights)] == 0) graph_.value(weights).constant = {};
  }

  Graph& graph_;
  std::vector<int> uses_;                                    ///< By value of the original graph.
  std::map<std::pair<ValueId, size_t>, ValueId> constants_;  ///< Channels-last forms by rank.
  std::vector<ValueId> nhwc_;  ///< By plain value that is no constant: its channels-last form.
  std::vector<bool> owed_;     ///< By plain value: it was lowered, and nobody has read its plain form yet.
  std::vector<Node> done_;
};

}  // namespace spinel::passes
