// Derivatives of sums and means over axes, of normalisations, and of losses.
#include <numeric>

#include "base/text.hpp"
#include "ops/shape_rules.hpp"
#include "passes/gradient.hpp"

namespace spinel::passes {
namespace {

using Node = GradientRule;
using Axes = Node::Axes;

/// How many elements each one of y was made from.
Term elements_each(Node& node) {
  const Term whole = node.add("Size", {node.x()});
  const Term parts =
      node.add("Max", {node.add("Size", {node.y()}), node.add("CastLike", {node.ints({1}), whole})});
  return node.add("CastLike", {node.add("Div", {whole, parts}), node.x()});
}

/// A reduction: y and g with axes of one element where it reduced, so that they broadcast to x.
struct Reduction {
  Term y, g;
};

Reduction reduction(Node& node) {
  const bool keeps = node.args().get_flag("keepdims", true);
  const Axes axes = node.axes(1);
  const auto kept = [&](Term value) {
    return keeps || axes.empty() ? value : node.add("Unsqueeze", {value, node.ints(axes)});
  };
  return {kept(node.y()), kept(node.g())};
}

void give_expanded(Node& node, Term g) { node.give(0, node.add("Expand", {g, node.shape_of(node.x())})); }

void reduce_sum(Node& node) { give_expanded(node, reduction(node).g); }

void reduce_mean(Node& node) { give_expanded(node, reduction(node).g / elements_each(node)); }

void reduce_l1(Node& node) { node.give(0, reduction(node).g * node.add("Sign", {node.x()})); }

void reduce_l2(Node& node) {
  const Reduction r = reduction(node);
  const Term is_zero = node.add("Equal", {r.y, node.number(0)});
  node.give(0, node.where(is_zero, node.number(0), r.g * node.x() / r.y));
}

void reduce_sum_square(Node& node) { node.give(0, reduction(node).g * node.x() * 2.0); }

void reduce_log_sum(Node& node) {
  const Reduction r = reduction(node);
  give_expanded(node, r.g / node.add("Exp", {r.y}));
}

void reduce_log_sum_exp(Node& node) {
  const Reduction r = reduction(node);
  node.give(0, r.g * node.add("Exp", {node.x() - r.y}));
}

/// Elements that are equal share the gradient.
void share_among_equal(Node& node, const Reduction& r, Axes axes) {
  if (axes.empty()) {
    axes.resize(node.rank(node.x()));
    std::iota(axes.begin(), axes.end(), 0);
  }
  const Term chosen = node.indicator("Equal", node.x(), r.y);
  node.give(0, r.g * chosen / node.sum(chosen, std::move(axes)));
}

void reduce_extremum(Node& node) { share_among_equal(node, reduction(node), node.axes(1)); }

Axes axes_from(size_t first, size_t rank) {
  Axes axes(rank - first);
  std::iota(axes.begin(), axes.end(), static_cast<int64_t>(first));
  return axes;
}

void global_average_pool(Node& node) { give_expanded(node, node.g() / elements_each(node)); }

void global_max_pool(Node& node) {
  share_among_equal(node, {node.y(), node.g()}, axes_from(2, node.rank(node.x())));
}

/// Until opset 12 the axes from `axis` on are one.
Axes softmax_axes(Node& node) {
  const size_t rank = node.rank(node.x());
  const bool single = node.args().version() >= 13;
  const int axis = ops::normalize_axis(node.args().get_int("axis", single ? -1 : 1), static_cast<int>(rank));
  return single ? Axes{axis} : axes_from(static_cast<size_t>(axis), rank);
}

void softmax(Node& node) {
  node.give(0, node.y() * (node.g() - node.sum(node.g() * node.y(), softmax_axes(node))));
}

void log_softmax(Node& node) {
  node.give(0, node.g() - node.add("Exp", {node.y()}) * node.sum(node.g(), softmax_axes(node)));
}

/// LayerNormalization and RMSNormalization: x over the root of its variance, or mean square, times a scale.
void normalization(Node& node, bool centred) {
  for (size_t i = 1; i < node.node().outputs.size(); ++i)
    if (node.has_gradient(i))
      fail(ErrorCode::unsupported, "the statistics of {} have no derivative here", node.node().op->name());
  const size_t rank = node.rank(node.x());
  const int axis = ops::normalize_axis(node.args().get_int("axis", -1), static_cast<int>(rank));
  const Axes axes = axes_from(static_cast<size_t>(axis), rank);
  const Term x = centred ? node.x() - node.mean(node.x(), axes) : node.x();
  const double epsilon = static_cast<double>(node.args().get_float("epsilon", 1e-5F));
  const Term deviation = node.add("Sqrt", {node.mean(x * x, axes) + epsilon});
  const Term normal = x / deviation;
  const Term g = node.g() * node.x(1);
  if (node.wants(0)) {
    Term rest = g - normal * node.mean(g * normal, axes);
    if (centred) rest = rest - node.mean(g, axes);
    node.give(0, rest / deviation);
  }
  if (node.wants(1)) node.give_summed(1, node.g() * normal);
  if (node.wants(2)) node.give_summed(2, node.g());
}

/// Inputs X, scale, bias, mean, variance; in training the statistics are those of X.
void batch_normalization(Node& node) {
  if (node.has_gradient(1) || node.has_gradient(2))
    fail(ErrorCode::unsupported, "the statistics of BatchNormalization have no derivative here");
  const size_t rank = node.rank(node.x());
  Axes others{0};
  for (size_t i = 2; i < rank; ++i) others.push_back(static_cast<int64_t>(i));
  const Axes behind = axes_from(1, rank - 1);
  const auto by_channel = [&](size_t index) {
    return behind.empty() ? node.x(index) : node.add("Unsqueeze", {node.x(index), node.ints(behind)});
  };
  const bool training = node.args().get_flag("training_mode", false);
  const double epsilon = static_cast<double>(node.args().get_float("epsilon", 1e-5F));
  const Term x = node.x() - (training ? node.mean(node.x(), others) : by_channel(3));
  const Term variance = training ? node.mean(x * x, others) : by_channel(4);
  const Term deviation = node.add("Sqrt", {variance + epsilon});
  const Term normal = x / deviation;
  const Term g = node.g() * by_channel(1) / deviation;
  if (node.wants(0))
    node.give(0, training ? g - node.mean(g, others) - normal * node.mean(g * normal, others) : g);
  if (node.wants(1)) node.give(1, node.sum(node.g() * normal, others, false));
  if (node.wants(2)) node.give(2, node.sum(node.g(), others, false));
  if (training) {
    node.refuse(3, "the running mean");
    node.refuse(4, "the running variance");
    return;
  }
  if (node.wants(3)) node.give(3, -node.sum(g, others, false));
  if (node.wants(4)) node.give(4, node.sum(g * normal / deviation * -0.5, others, false));
}

/// The derivative of a negative log likelihood by its input 0, [N, C, ...]: minus the weight of the label's
/// class at its place, under `reduction`.
Term likelihood_gradient(Node& node) {
  node.refuse(2, "the weights");
  const auto classes = node.shape_of(node.x());
  const Term depth = node.add("Gather", {classes, node.ints({1})});
  const Term labels = node.add("Cast", {node.x(1)}, {{"to", static_cast<int64_t>(DType::int64)}});
  const Term off_on = node.add("CastLike", {node.ints({0, 1}), node.number(0)});
  // The label that is to be ignored becomes one behind the last class, of which OneHot makes zeros.
  Term counted = labels;
  if (node.args().has("ignore_index"))
    counted = node.where(node.add("Equal", {labels, node.ints({node.args().get_int("ignore_index", 0)})}),
                         depth, labels);
  Term weights = node.add("OneHot", {counted, depth, off_on}, {{"axis", int64_t{1}}});
  if (node.has_input(2)) {
    const Axes behind = axes_from(1, node.rank(node.x()) - 1);
    weights = weights * (behind.empty() ? node.x(2) : node.add("Unsqueeze", {node.x(2), node.ints(behind)}));
  }
  const std::string reduction = node.args().get_string("reduction", "mean");
  if (reduction == "none") return -(weights * node.add("Unsqueeze", {node.g(), node.ints({1})}));
  if (reduction == "mean") weights = weights / node.sum(weights, axes_from(0, node.rank(node.x())));
  return -(weights * node.g());
}

void negative_log_likelihood(Node& node) { node.give(0, likelihood_gradient(node)); }

/// Of the log probabilities, which output 1 gives out, to the scores.
void softmax_cross_entropy(Node& node) {
  Term g = node.has_gradient(0) ? likelihood_gradient(node) : node.g(1);
  if (node.has_gradient(0) && node.has_gradient(1)) g = g + node.g(1);
  const Term probabilities = node.add("Softmax", {node.x()}, {{"axis", int64_t{1}}});
  node.give(0, g - probabilities * node.sum(g, {1}));
}

constexpr GradientEntry table[] = {
    {"BatchNormalization", batch_normalization},
    {"GlobalAveragePool", global_average_pool},
    {"GlobalMaxPool", global_max_pool},
    {"LayerNormalization", [](Node& n) { normalization(n, true); }},
    {"LogSoftmax", log_softmax},
    {"NegativeLogLikelihoodLoss", negative_log_likelihood},
    {"RMSNormalization", [](Node& n) { normalization(n, false); }},
    {"ReduceL1", reduce_l1},
    {"ReduceL2", reduce_l2},
    {"ReduceLogSum", reduce_log_sum},
    {"ReduceLogSumExp", reduce_log_sum_exp},
    {"ReduceMax", reduce_extremum},
    {"ReduceMean", reduce_mean},
    {"ReduceMin", reduce_extremum},
    {"ReduceSum", reduce_sum},
    {"ReduceSumSquare", reduce_sum_square},
    {"Softmax", softmax},
    {"SoftmaxCrossEntropyLoss", softmax_cross_entropy},
};

}  // namespace

const std::span<const GradientEntry> reduction_gradients = table;

}  // namespace spinel::passes
