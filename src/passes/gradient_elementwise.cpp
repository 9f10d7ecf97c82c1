// Derivatives of operators that compute each element from those at its place. Where a function has a corner,
// the derivative is that of the side on which the operator's definition puts the corner.
#include <cmath>
#include <numbers>

#include "base/text.hpp"
#include "passes/gradient.hpp"

namespace spinel::passes {
namespace {

using Node = GradientRule;

Term sigmoid(Term x) { return x.rule->add("Sigmoid", {x}); }
Term exp(Term x) { return x.rule->add("Exp", {x}); }
Term sqrt(Term x) { return x.rule->add("Sqrt", {x}); }
Term abs(Term x) { return x.rule->add("Abs", {x}); }
Term sign(Term x) { return x.rule->add("Sign", {x}); }
Term greater(Term a, Term b) { return a.rule->add("Greater", {a, b}); }
Term less(Term a, Term b) { return a.rule->add("Less", {a, b}); }

/// The attribute, a float, as it was written.
double number(const Node& node, const char* name, double fallback) {
  return node.args().has(name) ? static_cast<double>(node.args().get_float(name, 0)) : fallback;
}

/// g where the condition holds, and 0 elsewhere.
Term masked(Node& node, Term condition, Term g) { return node.where(condition, g, node.number(0)); }

void add(Node& node) {
  for (size_t i = 0; i < node.node().inputs.size(); ++i) node.give_summed(i, node.g());
}

void mean(Node& node) {
  const size_t count = node.node().inputs.size();
  for (size_t i = 0; i < count; ++i) node.give_summed(i, node.g() * (1.0 / static_cast<double>(count)));
}

void subtract(Node& node) {
  node.give_summed(0, node.g());
  if (node.wants(1)) node.give_summed(1, -node.g());
}

void multiply(Node& node) {
  if (node.wants(0)) node.give_summed(0, node.g() * node.x(1));
  if (node.wants(1)) node.give_summed(1, node.g() * node.x(0));
}

void divide(Node& node) {
  const Term scaled = node.g() / node.x(1);
  node.give_summed(0, scaled);
  if (node.wants(1)) node.give_summed(1, -(scaled * node.y()));
}

void power(Node& node) {
  const Term base = node.x(0);
  const Term exponent = node.add("CastLike", {node.x(1), base});
  if (node.wants(0)) {
    // 0 times a power of 0 that is infinite.
    const Term slope = exponent * node.add("Pow", {base, exponent + -1.0});
    node.give_summed(
        0, node.g() * node.where(node.add("Equal", {exponent, node.number(0)}), node.number(0), slope));
  }
  if (node.wants(1)) {
    const Term logarithm = masked(node, greater(base, node.number(0)), node.add("Log", {base}));
    node.give_summed(1, node.add("CastLike", {node.g() * node.y() * logarithm, node.x(1)}));
  }
}

/// Max and Min: inputs that are equal share the gradient.
void extremum(Node& node) {
  const size_t count = node.node().inputs.size();
  std::vector<Term> chosen;
  for (size_t i = 0; i < count; ++i) chosen.push_back(node.indicator("Equal", node.y(), node.x(i)));
  const Term share = node.g() / node.add("Sum", chosen);
  for (size_t i = 0; i < count; ++i)
    if (node.wants(i)) node.give_summed(i, share * chosen[i]);
}

void where(Node& node) {
  if (node.wants(1)) node.give_summed(1, masked(node, node.x(0), node.g()));
  if (node.wants(2)) node.give_summed(2, node.where(node.x(0), node.number(0), node.g()));
}

void clip(Node& node) {
  node.refuse(1, "its bounds");
  node.refuse(2, "its bounds");
  Term g = node.g();
  const auto bound = [&](size_t index, const char* attribute, const char* outside) {
    if (!node.has_input(index) && !node.args().has(attribute)) return;
    const Term limit = node.has_input(index)
                           ? node.x(index)
                           : node.number(static_cast<double>(node.args().get_float(attribute, 0)));
    g = node.where(node.add(outside, {node.x(), limit}), node.number(0), g);
  };
  bound(1, "min", "Less");
  bound(2, "max", "Greater");
  node.give(0, g);
}

void prelu(Node& node) {
  const Term negative = less(node.x(), node.number(0));
  if (node.wants(0)) node.give(0, node.where(negative, node.g() * node.x(1), node.g()));
  if (node.wants(1)) node.give_summed(1, masked(node, negative, node.g() * node.x()));
}

/// alpha for x < 0, 1 elsewhere.
void leaky_relu(Node& node) {
  const double alpha = number(node, "alpha", 0.01F);
  node.give(0, node.where(less(node.x(), node.number(0)), node.g() * alpha, node.g()));
}

void elu(Node& node) {
  const Term below = node.y() + number(node, "alpha", 1);
  node.give(0, node.where(greater(node.x(), node.number(0)), node.g(), node.g() * below));
}

void celu(Node& node) {
  const Term below = exp(node.x() * (1 / number(node, "alpha", 1)));
  node.give(0, node.where(greater(node.x(), node.number(0)), node.g(), node.g() * below));
}

void selu(Node& node) {
  const double alpha = number(node, "alpha", 1.67326319217681884765625);
  const double gamma = number(node, "gamma", 1.05070102214813232421875);
  const Term below = node.y() + gamma * alpha;
  node.give(0, node.where(greater(node.x(), node.number(0)), node.g() * gamma, node.g() * below));
}

void thresholded_relu(Node& node) {
  node.give(0, masked(node, greater(node.x(), node.number(number(node, "alpha", 1))), node.g()));
}

void shrink(Node& node) {
  node.give(0, masked(node, greater(abs(node.x()), node.number(number(node, "lambd", 0.5))), node.g()));
}

void hard_sigmoid(Node& node) {
  const Term inside = node.add("And", {greater(node.y(), node.number(0)), less(node.y(), node.number(1))});
  node.give(0, masked(node, inside, node.g() * number(node, "alpha", 0.2F)));
}

void hard_swish(Node& node) {
  const Term inner = masked(node, greater(node.x(), node.number(-3)), node.x() * (1.0 / 3) + 0.5);
  node.give(0, node.g() * node.where(less(node.x(), node.number(3)), inner, node.number(1)));
}

void swish(Node& node) {
  const double alpha = number(node, "alpha", 1);
  const Term s = sigmoid(node.x() * alpha);
  node.give(0, node.g() * (s + node.y() * (1 - s) * alpha));
}

void mish(Node& node) {
  const Term t = node.add("Tanh", {node.add("Softplus", {node.x()})});
  node.give(0, node.g() * (t + node.x() * (1 - t * t) * sigmoid(node.x())));
}

void gelu(Node& node) {
  const Term x = node.x();
  if (node.args().get_string("approximate", "none") == "tanh") {
    // 0.5 x (1 + tanh(u)), u = sqrt(2 / pi) (x + 0.044715 x^3).
    const double c = std::sqrt(2 / std::numbers::pi);
    const Term square = x * x;
    const Term t = node.add("Tanh", {x * (square * (c * 0.044715) + c)});
    const Term slope = square * (3 * c * 0.044715) + c;
    return node.give(0, node.g() * ((t + 1.0) * 0.5 + x * (1 - t * t) * slope * 0.5));
  }
  const Term below = (node.add("Erf", {x * std::numbers::sqrt2 * 0.5}) + 1.0) * 0.5;
  const Term density = exp(x * x * -0.5) * (0.5 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi);
  node.give(0, node.g() * (below + x * density));
}

void cast(Node& node) { node.give(0, node.add("CastLike", {node.g(), node.x()})); }

/// For a given seed what is dropped depends on the place alone.
void dropout(Node& node) {
  std::vector<Term> inputs{node.g()};
  for (size_t i = 1; i < node.node().inputs.size(); ++i) inputs.push_back(node.x(i));
  node.give(0, node.again(std::move(inputs)));
}

constexpr GradientEntry table[] = {
    {"Abs", [](Node& n) { n.give(0, n.g() * sign(n.x())); }},
    {"Acos", [](Node& n) { n.give(0, -(n.g() / sqrt(1 - n.x() * n.x()))); }},
    {"Acosh", [](Node& n) { n.give(0, n.g() / sqrt(n.x() * n.x() + -1.0)); }},
    {"Add", add},
    {"Asin", [](Node& n) { n.give(0, n.g() / sqrt(1 - n.x() * n.x())); }},
    {"Asinh", [](Node& n) { n.give(0, n.g() / sqrt(n.x() * n.x() + 1.0)); }},
    {"Atan", [](Node& n) { n.give(0, n.g() / (n.x() * n.x() + 1.0)); }},
    {"Atanh", [](Node& n) { n.give(0, n.g() / (1 - n.x() * n.x())); }},
    {"Cast", cast},
    {"CastLike", cast},
    {"Ceil", [](Node&) {}},
    {"Celu", celu},
    {"Clip", clip},
    {"Cos", [](Node& n) { n.give(0, -(n.g() * n.add("Sin", {n.x()}))); }},
    {"Cosh", [](Node& n) { n.give(0, n.g() * n.add("Sinh", {n.x()})); }},
    {"Div", divide},
    {"Dropout", dropout},
    {"Elu", elu},
    {"Erf", [](Node& n) { n.give(0, n.g() * exp(-(n.x() * n.x())) * (2 * std::numbers::inv_sqrtpi)); }},
    {"Exp", [](Node& n) { n.give(0, n.g() * n.y()); }},
    {"Floor", [](Node&) {}},
    {"Gelu", gelu},
    {"HardSigmoid", hard_sigmoid},
    {"HardSwish", hard_swish},
    {"Identity", [](Node& n) { n.give(0, n.g()); }},
    {"LeakyRelu", leaky_relu},
    {"Log", [](Node& n) { n.give(0, n.g() / n.x()); }},
    {"Max", extremum},
    {"Mean", mean},
    {"Min", extremum},
    {"Mish", mish},
    {"Mul", multiply},
    {"Neg", [](Node& n) { n.give(0, -n.g()); }},
    {"PRelu", prelu},
    {"Pow", power},
    {"Reciprocal", [](Node& n) { n.give(0, -(n.g() * n.y() * n.y())); }},
    {"Relu", [](Node& n) { n.give(0, masked(n, greater(n.x(), n.number(0)), n.g())); }},
    {"Round", [](Node&) {}},
    {"Selu", selu},
    {"Shrink", shrink},
    {"Sigmoid", [](Node& n) { n.give(0, n.g() * n.y() * (1 - n.y())); }},
    {"Sign", [](Node&) {}},
    {"Sin", [](Node& n) { n.give(0, n.g() * n.add("Cos", {n.x()})); }},
    {"Sinh", [](Node& n) { n.give(0, n.g() * n.add("Cosh", {n.x()})); }},
    {"Softplus", [](Node& n) { n.give(0, n.g() * sigmoid(n.x())); }},
    {"Softsign",
     [](Node& n) {
       const Term root = abs(n.x()) + 1.0;
       n.give(0, n.g() / (root * root));
     }},
    {"Sqrt", [](Node& n) { n.give(0, n.g() / (n.y() * 2.0)); }},
    {"Sub", subtract},
    {"Sum", add},
    {"Swish", swish},
    {"Tan", [](Node& n) { n.give(0, n.g() * (n.y() * n.y() + 1.0)); }},
    {"Tanh", [](Node& n) { n.give(0, n.g() * (1 - n.y() * n.y())); }},
    {"ThresholdedRelu", thresholded_relu},
    {"Where", where},
};

}  // namespace

const std::span<const GradientEntry> elementwise_gradients = table;

}  // namespace spinel::passes
