// Derivatives of operators that put elements elsewhere, repeat them or leave them out.
#include <numeric>

#include "base/text.hpp"
#include "ops/shape_rules.hpp"
#include "passes/gradient.hpp"

namespace spinel::passes {
namespace {

using Node = GradientRule;
using Axes = Node::Axes;

void reshape(Node& node) { node.give(0, node.reshape_like(node.g(), node.x())); }

void expand(Node& node) { node.give_summed(0, node.g()); }

void transpose(Node& node) {
  const Axes perm = node.args().get_ints("perm");
  Axes back(perm.size());
  for (size_t i = 0; i < perm.size(); ++i) back[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
  ops::Attributes attributes;
  if (!perm.empty()) attributes["perm"] = back;
  node.give(0, node.add("Transpose", {node.g()}, std::move(attributes)));
}

void concat(Node& node) {
  const int axis = ops::normalize_axis(node.args().get_int("axis", 1), static_cast<int>(node.rank(node.y())));
  const size_t count = node.node().inputs.size();
  if (count == 1) return node.give(0, node.g());
  std::vector<Term> sizes;
  for (size_t i = 0; i < count; ++i)
    sizes.push_back(node.add("Shape", {node.x(i)}, {{"start", int64_t{axis}}, {"end", int64_t{axis} + 1}}));
  const Term cuts = node.add("Concat", sizes, {{"axis", int64_t{0}}});
  const auto parts = node.add_many("Split", 13, count, {node.g(), cuts}, {{"axis", int64_t{axis}}});
  for (size_t i = 0; i < count; ++i) node.give(i, parts[i]);
}

void split(Node& node) {
  std::vector<Term> parts;
  for (size_t i = 0; i < node.node().outputs.size(); ++i) {
    if (node.node().outputs[i] == graph::no_value)
      fail(ErrorCode::unsupported, "Split has no derivative here where an output is left out");
    parts.push_back(node.g(i));
  }
  node.give(0, node.add("Concat", parts, {{"axis", node.args().get_int("axis", 0)}}));
}

/// Any operator whose outputs are elements of input 0, or zeros: it is asked which, and g is added up there.
/// `inputs` are those that say how, besides input 0.
void from_places(Node& node, size_t inputs) {
  const auto scalar = [&](int64_t value) { return node.add("Squeeze", {node.ints({value})}); };
  const auto flat = [&](Term value) { return node.add("Reshape", {value, node.ints({-1})}); };
  // Elements count from 1; 0 is what the operator fills in.
  const Term behind = node.add("Add", {node.add("Size", {node.x()}), scalar(1)});
  const Term places = node.reshape_like(node.add("Range", {scalar(1), behind, scalar(1)}), node.x());
  std::vector<Term> arguments{places};
  for (size_t i = 1; i < std::min(inputs, node.node().inputs.size()); ++i) arguments.push_back(node.x(i));
  const Term zeros = node.add("Expand", {node.number(0), node.add("Reshape", {behind, node.ints({1})})});
  const Term sums = node.add("ScatterElements", {zeros, flat(node.again(arguments)), flat(node.g())},
                             {{"reduction", std::string("add")}});
  const Term own =
      node.add("Slice", {sums, node.ints({1}), node.ints({std::numeric_limits<int64_t>::max()})});
  node.give(0, node.reshape_like(own, node.x()));
}

void rearrange(Node& node) { from_places(node, node.node().inputs.size()); }

void pad(Node& node) {
  node.refuse(2, "the value that it fills in");
  // The value's input is of another type than places are. Behind it stand the axes.
  if (node.has_input(3))
    fail(ErrorCode::unsupported, "Pad of some axes alone has no derivative here; give the pads of all");
  from_places(node, 2);
}

void gather(Node& node) {
  const int axis = ops::normalize_axis(node.args().get_int("axis", 0), static_cast<int>(node.rank(node.x())));
  if (axis != 0) return rearrange(node);
  const Term places = node.add(
      "Unsqueeze",
      {node.add("Cast", {node.x(1)}, {{"to", static_cast<int64_t>(DType::int64)}}), node.ints({-1})});
  node.give(0, node.add("ScatterND", {node.zeros_like(node.x()), places, node.g()},
                        {{"reduction", std::string("add")}}));
}

/// ScatterElements and ScatterND: inputs data, indices, updates.
void scatter(Node& node, const char* gather, const char* back) {
  const std::string reduction = node.args().get_string("reduction", "none");
  if (reduction != "none" && reduction != "add")
    fail(ErrorCode::unsupported, "{} with reduction '{}' has no derivative here", back, reduction);
  ops::Attributes axis;
  if (node.args().has("axis")) axis["axis"] = node.args().get_int("axis", 0);
  if (node.wants(0))
    node.give(0, reduction == "add"
                     ? node.g()
                     : node.add(back, {node.g(), node.x(1), node.zeros_like(node.x(2))}, axis));
  if (node.wants(2)) node.give(2, node.add(gather, {node.g(), node.x(1)}, axis));
}

void cumulative_sum(Node& node) {
  node.give(0, node.add("CumSum", {node.g(), node.x(1)},
                        {{"exclusive", node.args().get_int("exclusive", 0)},
                         {"reverse", 1 - node.args().get_int("reverse", 0)}}));
}

constexpr GradientEntry table[] = {
    {"CenterCropPad", rearrange},
    {"Compress", rearrange},
    {"Concat", concat},
    {"CumSum", cumulative_sum},
    {"DepthToSpace", rearrange},
    {"Expand", expand},
    {"Flatten", reshape},
    {"Gather", gather},
    {"GatherElements", rearrange},
    {"GatherND", rearrange},
    {"Pad", pad},
    {"Reshape", reshape},
    {"ReverseSequence", rearrange},
    {"ScatterElements", [](Node& n) { scatter(n, "GatherElements", "ScatterElements"); }},
    {"ScatterND", [](Node& n) { scatter(n, "GatherND", "ScatterND"); }},
    {"Slice", rearrange},
    {"SpaceToDepth", rearrange},
    {"Split", split},
    {"Squeeze", reshape},
    {"Tile", rearrange},
    {"Transpose", transpose},
    {"Trilu", rearrange},
    {"Unsqueeze", reshape},
};

}  // namespace

const std::span<const GradientEntry> rearranging_gradients = table;

}  // namespace spinel::passes
