// Derivatives of operators: rules that write, for one node, the nodes which carry the gradient of its outputs
// back to its inputs. The gradient of a value is the derivative of one sum by it, of the value's shape and
// type.
#pragma once
#include <string_view>

#include "passes/expand_operators.hpp"

namespace spinel::passes {

class GradientRule;

/// A value in the arithmetic of the rules, with NumPy's broadcasting; numbers take the type of what they
/// meet.
struct Term {
  GradientRule* rule;
  graph::ValueId id;
};
Term operator+(Term a, Term b);
Term operator-(Term a, Term b);
Term operator*(Term a, Term b);
Term operator/(Term a, Term b);
Term operator+(Term a, double b);
Term operator*(Term a, double b);
/// b - a.
Term operator-(double b, Term a);
Term operator-(Term a);

/// One node of the differentiated graph, while its rule writes its share.
class GradientRule {
 public:
  using Axes = std::vector<int64_t>;

  GradientRule(const graph::Graph& graph, Expansion& out, graph::NodeId node,
               const std::vector<graph::ValueId>& gradients, const std::vector<bool>& active);

  const graph::Node& node() const { return node_; }
  const ops::OpArgs& args() const { return args_; }
  bool has_input(size_t index) const {
    return index < node_.inputs.size() && node_.inputs[index] != graph::no_value;
  }
  /// Whether the gradient of this input is needed.
  bool wants(size_t index) const;
  /// Whether the output has a gradient: y depends on it.
  bool has_gradient(size_t output) const;

  Term x(size_t index = 0) { return {this, node_.inputs.at(index)}; }
  Term y(size_t index = 0) { return {this, node_.outputs.at(index)}; }
  /// The gradient of an output; zeros if y does not depend on it.
  Term g(size_t output = 0);
  /// Adds to the gradient of an input that is wanted.
  void give(size_t index, Term gradient);
  /// The same for one that has the shape `from`, to which the input was broadcast.
  void give_summed(size_t index, Term gradient, const graph::Shape& from);
  /// The same from the shape of output 0.
  void give_summed(size_t index, Term gradient) { give_summed(index, gradient, shape(y())); }

  /// Adds a node of ai.onnx in its newest version.
  Term add(std::string_view op, std::vector<Term> inputs, ops::Attributes attributes = {});
  /// Adds the node's own operator on other inputs.
  Term again(std::vector<Term> inputs);
  /// Adds a node with several outputs of ai.onnx; `version` as the node's own, or the newest.
  std::vector<Term> add_many(std::string_view op, int version, size_t outputs, std::vector<Term> inputs,
                             ops::Attributes attributes);
  /// `value` in the type of the outputs.
  Term number(double value);
  Term ints(Axes values);
  Term shape_of(Term value) { return add("Shape", {value}); }
  Term where(Term condition, Term a, Term b) { return add("Where", {condition, a, b}); }
  /// 1 where the comparison holds and 0 elsewhere, in the type of `a`.
  Term indicator(std::string_view comparison, Term a, Term b);
  Term sum(Term value, Axes axes, bool keep = true);
  Term mean(Term value, Axes axes);
  Term zeros_like(Term value);
  /// The term under the dims of `like`.
  Term reshape_like(Term value, Term like);
  /// The last two of `rank` axes exchanged.
  Term swapped(Term value, size_t rank);

  /// What inference knows of a value of the graph that is differentiated. Throws Error(unsupported) if the
  /// rank is not known.
  const graph::Shape& shape(Term value) const;
  size_t rank(Term value) const { return shape(value).size(); }
  /// A dim that must be known. Throws Error(unsupported).
  int64_t size(Term value, size_t axis) const;
  /// The elements of an input that must be constant. Throws Error(unsupported).
  Axes constant_ints(size_t index) const;
  /// Axes from the attribute `axes`, or the constant input `index`, none negative; empty if there are
  /// neither.
  Axes axes(size_t index) const;
  /// Throws Error(unsupported) if the gradient of this input is needed.
  void refuse(size_t index, std::string_view what) const;

  /// The gradients that were given, one an input; no_value: none.
  const std::vector<graph::ValueId>& given() const noexcept { return given_; }

 private:
  const graph::Graph& graph_;
  Expansion& out_;
  const graph::Node& node_;
  const std::vector<graph::ValueId>& gradients_;
  const std::vector<bool>& active_;
  ops::OpArgs args_;
  std::vector<graph::ValueId> given_;
};

struct GradientEntry {
  std::string_view op;  ///< Of ai.onnx.
  void (*rule)(GradientRule& node);
};

// The derivatives, by kind of operator.
extern const std::span<const GradientEntry> elementwise_gradients;
extern const std::span<const GradientEntry> product_gradients;
extern const std::span<const GradientEntry> reduction_gradients;
extern const std::span<const GradientEntry> rearranging_gradients;

}  // namespace spinel::passes
