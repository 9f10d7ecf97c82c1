#include "passes/scaled_sums.hpp"

#include <algorithm>

namespace spinel::passes {
namespace {

using graph::no_node;
using graph::no_value;
using graph::NodeId;
using graph::ValueId;

/// float32 of dims that are 1 but for the columns' axis (0: everywhere), as far as the sums' rank reaches.
bool is_scale(const Matcher& m, ValueId id, size_t rank, size_t axis_from_end) {
  const graph::ValueType& type = m.value(id).type;
  if (!type.is_tensor() || type.dtype != DType::float32 || !type.shape || type.shape->size() > rank)
    return false;
  for (size_t back = 1; back <= type.shape->size(); ++back)
    if (back != axis_from_end && !(*type.shape)[type.shape->size() - back].is_constant(1)) return false;
  return true;
}

}  // namespace

std::optional<ScaledSums> scaled_sums(const Matcher& m, NodeId n, size_t axis_from_end) {
  const ValueId sums = m.node(n).outputs[0];
  const auto sole_reader = [&](ValueId id, std::string_view op) {
    const NodeId reader = m.uses(id) == 1 ? m.only_reader(id) : no_node;
    return reader != no_node && m.node(reader).op->name() == op && m.node(reader).outputs[0] != no_value
               ? reader
               : no_node;
  };
  ScaledSums out;
  out.cast = sole_reader(sums, "Cast");
  if (out.cast == no_node) return std::nullopt;
  const ValueId floats = m.node(out.cast).outputs[0];
  out.multiply = sole_reader(floats, "Mul");
  if (out.multiply == no_node || m.value(floats).type.dtype != DType::float32) return std::nullopt;
  const graph::Node& multiply = m.node(out.multiply);
  out.y = multiply.outputs[0];
  const ValueId scale = multiply.inputs[multiply.inputs[0] == floats ? 1 : 0];
  const auto& shape = m.value(sums).type.shape;
  if (!shape || scale == floats || !m.value(out.y).type.shape ||
      !same_shape(*shape, *m.value(out.y).type.shape))
    return std::nullopt;
  const auto single = [&](ValueId id) { return is_scale(m, id, shape->size(), 0); };
  const auto by_column = [&](ValueId id) { return is_scale(m, id, shape->size(), axis_from_end); };
  if (!by_column(scale)) return std::nullopt;
  (single(scale) ? out.factor : out.scales) = scale;
  const NodeId product = m.producer(scale, {"Mul"});
  if (product == no_node) return out;
  // The factor is the operand that is computed, which belongs to the product's left operand.
  for (const size_t left : {size_t{0}, size_t{1}}) {
    const ValueId a = m.node(product).inputs[left];
    const ValueId b = m.node(product).inputs[1 - left];
    if (m.value(a).is_constant() || !single(a) || !by_column(b)) continue;
    out.factor = a;
    out.scales = b;
    break;
  }
  return out;
}

}  // namespace spinel::passes
