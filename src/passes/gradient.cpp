#include "passes/gradient.hpp"

#include <algorithm>
#include <numeric>

#include "base/text.hpp"
#include "ops/op_table.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::passes {

using graph::no_value;
using graph::ValueId;

namespace {

ops::OpArgs args_of(const graph::Node& node) {
  const graph::Recipe& recipe = *node.op->recipe();
  return {recipe.op, recipe.version, recipe.attributes, node.inputs.size(), node.outputs.size()};
}

}  // namespace

Term operator+(Term a, Term b) { return a.rule->add("Add", {a, b}); }
Term operator-(Term a, Term b) { return a.rule->add("Sub", {a, b}); }
Term operator*(Term a, Term b) { return a.rule->add("Mul", {a, b}); }
Term operator/(Term a, Term b) { return a.rule->add("Div", {a, b}); }
Term operator+(Term a, double b) { return a + a.rule->number(b); }
Term operator*(Term a, double b) { return b == 1 ? a : a * a.rule->number(b); }
Term operator-(double b, Term a) { return a.rule->number(b) - a; }
Term operator-(Term a) { return a.rule->add("Neg", {a}); }

GradientRule::GradientRule(const graph::Graph& graph, Expansion& out, graph::NodeId node,
                           const std::vector<ValueId>& gradients, const std::vector<bool>& active)
    : graph_(graph),
      out_(out),
      node_(graph.node(node)),
      gradients_(gradients),
      active_(active),
      args_(args_of(node_)),
      given_(node_.inputs.size(), no_value) {}

bool GradientRule::wants(size_t index) const {
  return has_input(index) && active_[static_cast<size_t>(node_.inputs[index])];
}

bool GradientRule::has_gradient(size_t output) const {
  return output < node_.outputs.size() && node_.outputs[output] != no_value &&
         gradients_[static_cast<size_t>(node_.outputs[output])] != no_value;
}

Term GradientRule::g(size_t output) {
  if (!has_gradient(output)) return zeros_like(y(output));
  return {this, gradients_[static_cast<size_t>(node_.outputs[output])]};
}

void GradientRule::give(size_t index, Term gradient) {
  if (!wants(index)) return;
  ValueId& sum = given_[index];
  sum = sum == no_value ? gradient.id : (Term{this, sum} + gradient).id;
}

void GradientRule::give_summed(size_t index, Term gradient, const graph::Shape& from) {
  if (!wants(index)) return;
  const graph::Shape& to = shape(x(index));
  if (same_shape(from, to)) return give(index, gradient);
  const size_t added = from.size() - to.size();
  if (added > 0) {
    Axes leading(added);
    std::iota(leading.begin(), leading.end(), 0);
    gradient = sum(gradient, std::move(leading), false);
  }
  // Along an axis of one element all of `from` was made of this one. Which axes those are may be known only
  // when running.
  Axes ones;
  bool all_known = true;
  for (size_t i = 0; i < to.size(); ++i) {
    if (to[i].is_constant(1) && !from[i + added].is_constant(1)) ones.push_back(static_cast<int64_t>(i));
    all_known = all_known && (to[i].is_constant() || equal(to[i], from[i + added]));
  }
  if (all_known) return give(index, ones.empty() ? gradient : sum(gradient, std::move(ones)));
  const Term places = add("NonZero", {add("Equal", {shape_of(x(index)), ints({1})})});
  const Term summed = add("ReduceSum", {gradient, add("Reshape", {places, ints({-1})})},
                          {{"keepdims", int64_t{1}}, {"noop_with_empty_axes", int64_t{1}}});
  give(index, reshape_like(summed, x(index)));
}

Term GradientRule::add(std::string_view op, std::vector<Term> inputs, ops::Attributes attributes) {
  std::vector<ValueId> ids;
  for (const Term& each : inputs) ids.push_back(each.id);
  return {this, out_.add(op, std::move(ids), std::move(attributes), DType::undefined)};
}

Term GradientRule::again(std::vector<Term> inputs) {
  std::vector<ValueId> ids;
  for (const Term& each : inputs) ids.push_back(each.id);
  return {this, out_.add_op(node_.op, node_.attributes, std::move(ids), 1).front()};
}

std::vector<Term> GradientRule::add_many(std::string_view op, int version, size_t outputs,
                                         std::vector<Term> inputs, ops::Attributes attributes) {
  std::vector<ValueId> ids;
  for (const Term& each : inputs) ids.push_back(each.id);
  const ops::OpArgs args(std::string(op), version, std::move(attributes), inputs.size(), outputs);
  std::vector<Term> terms;
  for (const ValueId id :
       out_.add_op(ops::make_op(ops::need_op("", op), args), args.text(), std::move(ids), outputs))
    terms.push_back({this, id});
  return terms;
}

Term GradientRule::number(double value) {
  size_t output = 0;
  while (!has_gradient(output)) ++output;
  const DType dtype = graph_.value(node_.outputs[output]).type.dtype;
  return {this, out_.constant(convert(Tensor::scalar(value), dtype))};
}

Term GradientRule::ints(Axes values) {
  return {this, out_.constant(Tensor::from<int64_t>({std::ssize(values)}, std::span<const int64_t>(values)))};
}

Term GradientRule::indicator(std::string_view comparison, Term a, Term b) {
  return add("CastLike", {add(comparison, {a, b}), a});
}

Term GradientRule::sum(Term value, Axes axes, bool keep) {
  return add("ReduceSum", {value, ints(std::move(axes))}, {{"keepdims", int64_t{keep}}});
}

Term GradientRule::mean(Term value, Axes axes) {
  return add("ReduceMean", {value, ints(std::move(axes))}, {{"keepdims", int64_t{1}}});
}

Term GradientRule::zeros_like(Term value) { return add("Expand", {number(0), shape_of(value)}); }

Term GradientRule::reshape_like(Term value, Term like) {
  return add("Reshape", {value, shape_of(like)}, {{"allowzero", int64_t{1}}});
}

Term GradientRule::swapped(Term value, size_t rank) {
  Axes perm(rank);
  std::iota(perm.begin(), perm.end(), 0);
  std::swap(perm[rank - 1], perm[rank - 2]);
  return add("Transpose", {value}, {{"perm", perm}});
}

const graph::Shape& GradientRule::shape(Term value) const {
  const graph::Value& known = graph_.value(value.id);
  if (!known.type.shape)
    fail(ErrorCode::unsupported, "the derivative of {} needs the rank of '{}'", node_.op->name(), known.name);
  return *known.type.shape;
}

int64_t GradientRule::size(Term value, size_t axis) const {
  const graph::Dim& dim = shape(value)[axis];
  if (!dim.is_constant())
    fail(ErrorCode::unsupported,
         "the derivative of {} needs axis {} of '{}' as a number, not as '{}'; fix the size of the model's "
         "inputs",
         node_.op->name(), axis, graph_.value(value.id).name, dim.text());
  return dim.constant();
}

GradientRule::Axes GradientRule::constant_ints(size_t index) const {
  const graph::Value& value = graph_.value(node_.inputs.at(index));
  if (!value.is_constant())
    fail(ErrorCode::unsupported, "the derivative of {} needs input {}, '{}', as a constant", node_.op->name(),
         index, value.name);
  return ops::to_int64s(value.constant);
}

GradientRule::Axes GradientRule::axes(size_t index) const {
  Axes found = args_.get_ints("axes");
  if (has_input(index)) found = constant_ints(index);
  const auto rank = static_cast<int>(shape({nullptr, node_.inputs[0]}).size());
  for (int64_t& axis : found) axis = ops::normalize_axis(axis, rank);
  return found;
}

void GradientRule::refuse(size_t index, std::string_view what) const {
  if (wants(index)) fail(ErrorCode::unsupported, "{} has no derivative by {} here", node_.op->name(), what);
}

}  // namespace spinel::passes
