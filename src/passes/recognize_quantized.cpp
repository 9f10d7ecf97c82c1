// Finds operators between DequantizeLinear and QuantizeLinear, as quantisers write them, and computes them on
// the integers: exact sums, rounded once, where the model's text sums rounded floats.
#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "ops/binary.hpp"
#include "ops/conv.hpp"
#include "ops/matmul.hpp"
#include "ops/op_table.hpp"
#include "passes/match.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::no_node;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::ValueId;
using Attributes = std::map<std::string, ops::Attribute, std::less<>>;

bool is_8_bit(DType dtype) { return dtype == DType::int8 || dtype == DType::uint8; }

/// A tensor of integers and what they stand for. Scale and zero point are constants.
struct Quantized {
  ValueId integers;
  DType dtype;
  ValueId scale;
  ValueId zero_point;  ///< no_value: 0.
  int64_t axis;        ///< Of a scale with several elements.
  bool per_tensor;
};

/// The QuantizeLinear behind an operator.
struct Target {
  Quantized y;
  std::vector<NodeId> nodes;  ///< It, and what it makes superfluous.
};

class Recognizer {
 public:
  Recognizer(const Graph& graph, const Settings& settings, Rewrite& rewrite)
      : m_(graph), settings_(settings), rewrite_(rewrite) {}

  bool rewrite_node(NodeId n) {
    const Node& node = m_.node(n);
    const std::string_view op = node.op->name();
    if (node.outputs.empty() || node.outputs[0] == no_value || node.inputs.empty() ||
        settings_.keep_float32.contains(node.name))
      return false;
    if (op == "Conv") return conv(n);
    if (op == "MatMul") return matmul(n);
    if (op == "Gemm") return gemm(n);
    if (op == "Add" || op == "Mul") return binary(n);
    if (op == "Concat") return concat(n);
    for (const char* wrapped : {"Sigmoid", "LeakyRelu", "GlobalAveragePool", "AveragePool"})
      if (op == wrapped) return unary(n);
    for (const char* mover : {"MaxPool", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice"})
      if (op == mover) return move(n);
    return false;
  }

 private:
  const Tensor& constant(ValueId id) const { return m_.value(id).constant; }
  bool is_scale(ValueId id) const {
    return m_.value(id).is_constant() && constant(id).dtype() == DType::float32 &&
           constant(id).element_count() > 0;
  }

  std::optional<Quantized> read(const Node& node, ValueId integers) const {
    if (int_attribute(node, "block_size", 0) != 0 || !is_scale(node.inputs[1])) return std::nullopt;
    Quantized out{integers, m_.value(integers).type.dtype,  node.inputs[1],
                  no_value, int_attribute(node, "axis", 1), constant(node.inputs[1]).element_count() == 1};
    if (!m_.has_input(node, 2)) return out;
    out.zero_point = node.inputs[2];
    const graph::Value& zero = m_.value(out.zero_point);
    if (!zero.is_constant() || zero.constant.element_count() != constant(out.scale).element_count())
      return std::nullopt;
    return out;
  }

  /// The integers that a float32 value is made of by DequantizeLinear.
  std::optional<Quantized> source(ValueId id) const {
    if (id == no_value || m_.value(id).type.dtype != DType::float32) return std::nullopt;
    const NodeId n = m_.producer(id, {"DequantizeLinear"});
    if (n == no_node) return std::nullopt;
    return read(m_.node(n), m_.node(n).inputs[0]);
  }
  std::optional<Quantized> byte_source(ValueId id, bool per_tensor = true) const {
    const auto out = source(id);
    return out && is_8_bit(out->dtype) && (out->per_tensor || !per_tensor) ? out : std::nullopt;
  }

  /// The QuantizeLinear to 8 bits that alone reads a value. A Relu before it that cuts off only what the
  /// quantised type has no numbers for is left out.
  std::optional<Target> target(ValueId id) const {
    Target out;
    NodeId n = m_.only_reader(id);
    if (n != no_node && m_.uses(id) == 1 && m_.node(n).op->name() == "Relu") {
      out.nodes.push_back(n);
      id = m_.node(n).outputs[0];
      n = m_.only_reader(id);
    }
    if (n == no_node || m_.uses(id) != 1 || m_.node(n).op->name() != "QuantizeLinear" ||
        m_.node(n).inputs[0] != id)
      return std::nullopt;
    const auto y = read(m_.node(n), m_.node(n).outputs[0]);
    if (!y || !y->per_tensor || !is_8_bit(y->dtype)) return std::nullopt;
    if (!out.nodes.empty() && zero_of(*y) != (y->dtype == DType::int8 ? -128 : 0)) return std::nullopt;
    out.y = *y;
    out.nodes.push_back(n);
    return out;
  }

  int64_t zero_of(const Quantized& q) const {
    return q.zero_point == no_value ? 0 : convert(constant(q.zero_point), DType::int64).data<int64_t>()[0];
  }
  ValueId zero_point(const Quantized& q) const {
    if (q.zero_point != no_value) return q.zero_point;
    return rewrite_.patch().constant(m_.value(q.integers).name + ".zero_point",
                                     Tensor(q.dtype, constant(q.scale).dims()));
  }
  bool same_scale(const Quantized& a, const Quantized& b) const {
    return a.dtype == b.dtype && a.per_tensor && b.per_tensor &&
           constant(a.scale).data<float>()[0] == constant(b.scale).data<float>()[0] &&
           zero_of(a) == zero_of(b);
  }

  /// The int32 constant that a bias is made of, if its scale is that of the sums: a scale for all columns or
  /// one a column.
  std::optional<ValueId> bias(ValueId id, float a_scale, const Quantized& b) const {
    const auto out = source(id);
    if (!out || out->dtype != DType::int32 || !m_.value(out->integers).is_constant()) return std::nullopt;
    if (out->zero_point != no_value) {
      const Tensor zeros = convert(constant(out->zero_point), DType::int64);
      if (std::ranges::any_of(zeros.data<int64_t>(), [](int64_t z) { return z != 0; })) return std::nullopt;
    }
    const auto scales = constant(out->scale).data<float>();
    const auto b_scales = constant(b.scale).data<float>();
    const size_t count = std::max(scales.size(), b_scales.size());
    if ((scales.size() != 1 && scales.size() != count) || (b_scales.size() != 1 && b_scales.size() != count))
      return std::nullopt;
    for (size_t i = 0; i < count; ++i) {
      const float wanted = a_scale * b_scales[b_scales.size() == 1 ? 0 : i];
      if (std::fabs(scales[scales.size() == 1 ? 0 : i] - wanted) > 1e-5F * wanted) return std::nullopt;
    }
    return out->integers;
  }

  bool refuse(NodeId n, std::string reason) const {
    note_refusal(settings_, m_.node(n), std::move(reason));
    return false;
  }

  bool replace(NodeId n, std::string_view domain, std::string name, Attributes attributes,
               std::vector<ValueId> inputs, const Target& to) {
    const ops::OpDef* def = ops::find_op(domain, name);
    if (def == nullptr) return refuse(n, fmt::format("{} is left out of this build", name));
    const ops::OpArgs args(name, domain.empty() ? 10 : 1, std::move(attributes), inputs.size(), 1);
    note_change(settings_, m_.node(n), name);
    std::vector<NodeId> nodes{n};
    nodes.insert(nodes.end(), to.nodes.begin(), to.nodes.end());
    rewrite_.node(n, ops::make_op(*def, args), args.text(), std::move(inputs), to.y.integers, nodes);
    return true;
  }

  Attributes attributes_of(NodeId n) const {
    const auto& recipe = m_.node(n).op->recipe();
    return recipe ? recipe->attributes : Attributes();
  }

  bool conv(NodeId n) {
    const Node& node = m_.node(n);
    const auto x = byte_source(node.inputs[0]);
    const auto w = byte_source(node.inputs[1], false);
    const auto y = target(node.outputs[0]);
    if (!x || !w || !y || !node.op->recipe()) return false;
    if (!m_.value(w->integers).is_constant()) return refuse(n, "W is not a constant");
    const int rank = constant(w->integers).rank();
    if (!w->per_tensor && w->axis != 0 && w->axis != -rank)
      return refuse(n, "W's scales do not belong to its outputs");
    std::vector<ValueId> inputs{x->integers, x->scale,       zero_point(*x), w->integers,
                                w->scale,    zero_point(*w), y->y.scale,     zero_point(y->y)};
    if (m_.has_input(node, 2)) {
      const auto b = bias(node.inputs[2], constant(x->scale).data<float>()[0], *w);
      if (!b || constant(*b).element_count() != constant(w->integers).dim(0))
        return refuse(n, "B is not quantised by the scales of X and W");
      inputs.push_back(*b);
    }
    return replace(n, "", "QLinearConv", attributes_of(n), std::move(inputs), *y);
  }

  bool matmul(NodeId n) {
    const Node& node = m_.node(n);
    const auto a = byte_source(node.inputs[0]);
    const auto b = byte_source(node.inputs[1], false);
    const auto y = target(node.outputs[0]);
    if (!a || !b || !y) return false;
    if (!b->per_tensor && (m_.rank(b->integers) != 2 || (b->axis != 1 && b->axis != -1)))
      return refuse(n, "B's scales do not belong to its columns");
    return replace(n, "", "QLinearMatMul", {},
                   {a->integers, a->scale, zero_point(*a), b->integers, b->scale, zero_point(*b), y->y.scale,
                    zero_point(y->y)},
                   *y);
  }

  bool gemm(NodeId n) {
    const Node& node = m_.node(n);
    const auto* op = dynamic_cast<const ops::GemmOp*>(node.op.get());
    const auto a = byte_source(node.inputs[0]);
    const auto b = byte_source(node.inputs[1], false);
    const auto y = target(node.outputs[0]);
    if (op == nullptr || !a || !b || !y) return false;
    const ops::GemmAttrs& attrs = op->attrs();
    const int64_t columns_axis = attrs.transpose_b ? 0 : 1;
    if (!b->per_tensor && b->axis != columns_axis && b->axis != columns_axis - 2)
      return refuse(n, "B's scales do not belong to its columns");
    ValueId c = no_value;
    if (m_.has_input(node, 2)) {
      const auto found = bias(node.inputs[2], attrs.alpha * constant(a->scale).data<float>()[0], *b);
      if (!found || attrs.beta != 1) return refuse(n, "C is not quantised by the scales of A and B");
      c = *found;
    }
    return replace(n, "com.microsoft", "QGemm",
                   {{"alpha", attrs.alpha},
                    {"transA", int64_t{attrs.transpose_a}},
                    {"transB", int64_t{attrs.transpose_b}}},
                   {a->integers, a->scale, zero_point(*a), b->integers, b->scale, zero_point(*b), c,
                    y->y.scale, zero_point(y->y)},
                   *y);
  }

  bool binary(NodeId n) {
    const Node& node = m_.node(n);
    const auto* op = dynamic_cast<const ops::Binary*>(node.op.get());
    const auto a = byte_source(node.inputs[0]);
    const auto b = byte_source(node.inputs[1]);
    const auto y = target(node.outputs[0]);
    if (op == nullptr || !op->attrs().legacy.is_numpy() || !a || !b || !y) return false;
    if (a->dtype != y->y.dtype || b->dtype != y->y.dtype) return refuse(n, "int8 and uint8 are mixed");
    return replace(n, "com.microsoft", node.op->name() == "Add" ? "QLinearAdd" : "QLinearMul", {},
                   {a->integers, a->scale, zero_point(*a), b->integers, b->scale, zero_point(*b), y->y.scale,
                    zero_point(y->y)},
                   *y);
  }

  bool concat(NodeId n) {
    const Node& node = m_.node(n);
    const auto y = target(node.outputs[0]);
    if (!y) return false;
    std::vector<ValueId> inputs{y->y.scale, zero_point(y->y)};
    for (const ValueId id : node.inputs) {
      const auto x = byte_source(id);
      if (!x || x->dtype != y->y.dtype) return false;
      inputs.insert(inputs.end(), {x->integers, x->scale, zero_point(*x)});
    }
    return replace(n, "com.microsoft", "QLinearConcat", {{"axis", int_attribute(node, "axis", 1)}},
                   std::move(inputs), *y);
  }

  bool unary(NodeId n) {
    const Node& node = m_.node(n);
    const auto x = byte_source(node.inputs[0]);
    const auto y = target(node.outputs[0]);
    if (!x || !y || x->dtype != y->y.dtype || !node.op->recipe()) return false;
    Attributes attributes = attributes_of(n);
    // Attributes that only older or newer versions have and that change nothing here, or too much.
    if (attributes.contains("dilations")) return refuse(n, "the pool has dilations");
    attributes.erase("consumed_inputs");
    return replace(n, "com.microsoft", fmt::format("QLinear{}", node.op->name()), std::move(attributes),
                   {x->integers, x->scale, zero_point(*x), y->y.scale, zero_point(y->y)}, *y);
  }

  /// What only moves elements, or chooses among them, does so with integers of one scale.
  bool move(NodeId n) {
    const Node& node = m_.node(n);
    const auto x = byte_source(node.inputs[0]);
    const auto y = target(node.outputs[0]);
    if (!x || !y || y->nodes.size() != 1 || !same_scale(*x, y->y) || node.outputs.size() != 1) return false;
    std::vector<ValueId> inputs = node.inputs;
    inputs[0] = x->integers;
    note_change(settings_, node, "moves integers");
    rewrite_.node(n, node.op, node.attributes, std::move(inputs), y->y.integers, {n, y->nodes[0]});
    return true;
  }

  Matcher m_;
  const Settings& settings_;
  Rewrite& rewrite_;
};

}  // namespace

size_t recognize_quantized(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += recognize_quantized(*subgraph, settings);
  Rewrite rewrite(graph);
  Recognizer recognizer(graph, settings, rewrite);
  for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n) recognizer.rewrite_node(n);
  return changes + rewrite.apply();
}

}  // namespace spinel::passes
