// Finds the activations that exporters write as products: Swish, HardSwish, Gelu.
//
// Each is read as a form p(x) + q(x) * t, with polynomials p and q of the activation's input x, and t the
// bounded function (Sigmoid, Clip, Erf, Tanh) of another polynomial of x. Whatever the order of the factors
// and summands, an activation is the form with the right coefficients.
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "ops/binary.hpp"
#include "ops/clip.hpp"
#include "ops/unary.hpp"
#include "passes/match.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::no_node;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::ValueId;

/// Coefficients of 1, x, x^2 and x^3.
using Polynomial = std::array<double, 4>;

struct Form {
  Polynomial p{};
  Polynomial q{};
};

bool is_zero(const Polynomial& a) {
  return std::ranges::all_of(a, [](double c) { return c == 0; });
}
bool is_constant(const Form& a) { return a.p[1] == 0 && a.p[2] == 0 && a.p[3] == 0 && is_zero(a.q); }

Polynomial sum(const Polynomial& a, const Polynomial& b, double sign) {
  Polynomial out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = a[i] + sign * b[i];
  return out;
}

/// Empty if the degree is above 3.
std::optional<Polynomial> product(const Polynomial& a, const Polynomial& b) {
  Polynomial out{};
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < b.size(); ++j) {
      const double c = a[i] * b[j];
      if (c == 0) continue;
      if (i + j >= out.size()) return std::nullopt;
      out[i + j] += c;
    }
  return out;
}

std::optional<Form> product(const Form& a, const Form& b) {
  if (!is_zero(a.q) && !is_zero(b.q)) return std::nullopt;
  const auto p = product(a.p, b.p);
  const auto q = is_zero(b.q) ? product(a.q, b.p) : product(b.q, a.p);
  if (!p || !q) return std::nullopt;
  return Form{*p, *q};
}

bool matches(const Polynomial& a, const Polynomial& b, DType dtype) {
  for (size_t i = 0; i < a.size(); ++i)
    if (b[i] == 0 ? a[i] != 0 : !same_constant(a[i], b[i], dtype)) return false;
  return true;
}

/// Values between an activation's input and its output are few.
constexpr int max_depth = 8;

/// The form of `id` in terms of x and t; empty if it is none.
std::optional<Form> form_of(const Matcher& m, ValueId id, ValueId x, ValueId t, int depth = 0) {
  if (id == no_value || depth > max_depth) return std::nullopt;
  if (id == t) return Form{{}, {1, 0, 0, 0}};
  if (id == x) return Form{{0, 1, 0, 0}, {}};
  if (const auto number = m.scalar(id)) return Form{{*number, 0, 0, 0}, {}};
  const NodeId n = m.producer(id, {"Add", "Sub", "Mul", "Div", "Pow", "Neg"});
  if (n == no_node) return std::nullopt;
  const Node& node = m.node(n);
  if (const auto* binary = dynamic_cast<const ops::Binary*>(node.op.get());
      binary != nullptr && !binary->attrs().legacy.is_numpy())
    return std::nullopt;
  const std::string_view op = node.op->name();
  auto a = form_of(m, node.inputs[0], x, t, depth + 1);
  if (!a) return std::nullopt;
  if (op == "Neg") return Form{sum({}, a->p, -1), sum({}, a->q, -1)};
  if (op == "Pow") {
    const auto exponent = m.scalar(node.inputs[1]);
    if (!exponent || (*exponent != 2 && *exponent != 3)) return std::nullopt;
    auto power = product(*a, *a);
    return power && *exponent == 3 ? product(*power, *a) : power;
  }
  const auto b = form_of(m, node.inputs[1], x, t, depth + 1);
  if (!b) return std::nullopt;
  if (op == "Mul") return product(*a, *b);
  if (op == "Div") {
    if (!is_constant(*b) || b->p[0] == 0) return std::nullopt;
    return product(*a, Form{{1 / b->p[0], 0, 0, 0}, {}});
  }
  const double sign = op == "Sub" ? -1 : 1;
  return Form{sum(a->p, b->p, sign), sum(a->q, b->q, sign)};
}

/// What a bounded function's argument may be a polynomial of, nearest first.
std::vector<ValueId> candidates(const Matcher& m, ValueId argument) {
  constexpr size_t most = 8;
  std::vector<ValueId> found{argument};
  for (size_t i = 0; i < found.size() && found.size() < most; ++i) {
    const NodeId n = m.producer(found[i], {"Add", "Sub", "Mul", "Div", "Pow", "Neg"});
    if (n == no_node) continue;
    for (ValueId id : m.node(n).inputs)
      if (id != no_value && !m.scalar(id) && std::ranges::find(found, id) == found.end()) found.push_back(id);
  }
  return found;
}

struct Activation {
  const char* op;  ///< ONNX operator.
  const char* text;
  Polynomial argument;  ///< Of the bounded function.
  Polynomial p, q;      ///< Of the activation.
};

constexpr double half_sqrt_2 = 0.70710678118654752;
constexpr double gelu_slope = 0.79788456080286536;  // sqrt(2 / pi)
constexpr Activation erf_forms[] = {
    {"Gelu", "Gelu, by erf", {0, half_sqrt_2, 0, 0}, {0, 0.5, 0, 0}, {0, 0.5, 0, 0}}};
constexpr Activation tanh_forms[] = {
    {"Gelu", "Gelu, by tanh", {0, gelu_slope, 0, gelu_slope * 0.044715}, {0, 0.5, 0, 0}, {0, 0.5, 0, 0}}};
constexpr Activation sigmoid_forms[] = {
    {"Swish", "Swish", {0, 1, 0, 0}, {}, {0, 1, 0, 0}},
    {"Swish", "Swish, the approximation of Gelu", {0, 1.702, 0, 0}, {}, {0, 1, 0, 0}}};
constexpr Activation clip_6_forms[] = {{"HardSwish", "HardSwish", {3, 1, 0, 0}, {}, {0, 1.0 / 6, 0, 0}}};
constexpr Activation clip_1_forms[] = {{"HardSwish", "HardSwish", {0.5, 1.0 / 6, 0, 0}, {}, {0, 1, 0, 0}}};
constexpr Activation hard_sigmoid_forms[] = {{"HardSwish", "HardSwish", {0, 1, 0, 0}, {}, {0, 1, 0, 0}}};

std::optional<double> bound(const Matcher& m, const Node& node, size_t input,
                            std::optional<float> attribute) {
  if (m.has_input(node, input)) return m.scalar(node.inputs[input]);
  return attribute;
}

/// The activations that a node may be the bounded function of.
std::span<const Activation> forms_of(const Matcher& m, const Node& node) {
  const std::string_view op = node.op->name();
  if (op == "Erf") return erf_forms;
  if (op == "Tanh") return tanh_forms;
  if (op == "Sigmoid") return sigmoid_forms;
  if (op == "HardSigmoid") {
    const auto* unary = dynamic_cast<const ops::Unary*>(node.op.get());
    if (unary == nullptr || unary->attrs().beta != 0.5F ||
        !same_constant(unary->attrs().alpha, 1.0 / 6, DType::float32))
      return {};
    return hard_sigmoid_forms;
  }
  if (const auto* clip = dynamic_cast<const ops::Clip*>(node.op.get())) {
    const auto low = bound(m, node, 1, clip->attrs().min);
    const auto high = bound(m, node, 2, clip->attrs().max);
    if (low != 0.0) return {};
    if (high == 6.0) return clip_6_forms;
    if (high == 1.0) return clip_1_forms;
  }
  return {};
}

struct Found {
  const Activation* activation = nullptr;
  double slope = 1;  ///< The argument of Swish is slope * x.
  ValueId x = no_value;
  ValueId y = no_value;
  std::vector<NodeId> replaces;
};

class Recognizer {
 public:
  Recognizer(const Graph& graph, const Settings& settings) : m_(graph), settings_(settings) {}

  std::optional<Found> find(NodeId n) {
    const Node& node = m_.node(n);
    const auto forms = forms_of(m_, node);
    if (forms.empty() || node.outputs[0] == no_value) return std::nullopt;
    bool shared = false;
    for (const Activation& form : forms)
      for (ValueId x : candidates(m_, node.inputs[0]))
        if (auto found = find(n, form, x, shared)) return found;
    const std::string_view op = node.op->name();
    if (shared)
      note_refusal(settings_, node, fmt::format("{}: a value inside the activation is read elsewhere", op));
    else if (op == "Erf")
      note_refusal(settings_, node, "Erf: it is not part of x * (1 + erf(x / sqrt 2)) / 2");
    return std::nullopt;
  }

 private:
  std::optional<Found> find(NodeId n, const Activation& form, ValueId x, bool& shared) {
    const Node& node = m_.node(n);
    const ValueId t = node.outputs[0];
    const DType dtype = m_.value(t).type.dtype;
    const auto argument = form_of(m_, node.inputs[0], x, no_value);
    if (!argument || !matches(argument->p, form.argument, dtype)) return std::nullopt;
    Found found{.activation = &form, .slope = argument->p[1], .x = x, .replaces = {n}};
    ValueId at = t;
    bool read_elsewhere = false;
    for (int steps = 0; steps < max_depth; ++steps) {
      NodeId reader = m_.only_reader(at);
      if (reader == no_node) {
        // Nothing is gained where the value must be computed anyway; yet say so if it would have matched.
        read_elsewhere = true;
        for (NodeId each : m_.readers(at)) {
          const auto next = form_of(m_, m_.node(each).outputs[0], x, t);
          if (!next || (reader != no_node && !matches(next->q, form.q, dtype))) continue;
          reader = each;
        }
      }
      if (reader == no_node) return std::nullopt;
      at = m_.node(reader).outputs[0];
      found.replaces.push_back(reader);
      const auto whole = form_of(m_, at, x, t);
      if (!whole) return std::nullopt;
      if (!matches(whole->p, form.p, dtype) || !matches(whole->q, form.q, dtype)) continue;
      if (!same_type(m_.value(at), m_.value(x))) return std::nullopt;
      shared |= read_elsewhere;
      if (read_elsewhere) return std::nullopt;
      found.y = at;
      return found;
    }
    return std::nullopt;
  }

  Matcher m_;
  const Settings& settings_;
};

void replace(Rewrite& rewrite, const Found& found) {
  std::map<std::string, ops::Attribute, std::less<>> attributes;
  std::string text;
  const std::string_view op = found.activation->op;
  if (op == "Swish" && found.slope != 1) {
    attributes.emplace("alpha", static_cast<float>(found.slope));
    text = fmt::format("alpha={}", static_cast<float>(found.slope));
  }
  if (found.activation == tanh_forms) {
    attributes.emplace("approximate", std::string("tanh"));
    text = "approximate=tanh";
  }
  rewrite.node(found.replaces.back(), make_table_op(op, std::move(attributes), 1), std::move(text), {found.x},
               found.y, found.replaces);
}

}  // namespace

size_t recognize_activations(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += recognize_activations(*subgraph, settings);
  Recognizer recognizer(graph, settings);
  Rewrite rewrite(graph);
  for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n) {
    const auto found = recognizer.find(n);
    if (!found) continue;
    note_change(settings, graph.node(found->replaces.back()), found->activation->text);
    replace(rewrite, *found);
  }
  changes += rewrite.apply();
  for (const char* op : {"Gelu", "HardSwish", "Swish"}) note_count(settings, graph, op);
  return changes;
}

}  // namespace spinel::passes
