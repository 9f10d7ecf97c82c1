// Derivatives of matrix products, convolutions and pools.
#include <numeric>

#include "base/text.hpp"
#include "passes/gradient.hpp"

namespace spinel::passes {
namespace {

using Node = GradientRule;
using Axes = Node::Axes;

/// Vectors become matrices of one row (a) or column (b), as MatMul takes them.
void matmul(Node& node) {
  graph::Shape a_shape = node.shape(node.x(0));
  graph::Shape b_shape = node.shape(node.x(1));
  Term a = node.x(0);
  Term b = node.x(1);
  Term g = node.g();
  const bool row = a_shape.size() == 1;
  const bool column = b_shape.size() == 1;
  if (row) {
    a = node.add("Unsqueeze", {a, node.ints({0})});
    a_shape.insert(a_shape.begin(), graph::Dim(1));
    g = node.add("Unsqueeze", {g, node.ints({column ? -1 : -2})});
  }
  if (column) {
    b = node.add("Unsqueeze", {b, node.ints({1})});
    b_shape.push_back(graph::Dim(1));
    g = node.add("Unsqueeze", {g, node.ints({-1})});
  }
  // The result's batch axes, to which those of the operands were broadcast, before each operand's own two.
  const graph::Shape& y = node.shape(node.y());
  const auto full = [&](const graph::Shape& operand) {
    graph::Shape dims(y.begin(), y.end() - (2 - int{row} - int{column}));
    dims.insert(dims.end(), operand.end() - 2, operand.end());
    return dims;
  };
  const auto give = [&](size_t index, bool was_vector, Term gradient, const graph::Shape& shape) {
    if (!was_vector) return node.give_summed(index, gradient, full(shape));
    const size_t batch = full(shape).size() - 2;
    Axes summed(batch);
    std::iota(summed.begin(), summed.end(), 0);
    if (batch > 0) gradient = node.sum(gradient, std::move(summed));
    node.give(index, node.reshape_like(gradient, node.x(index)));
  };
  if (node.wants(0)) give(0, row, node.add("MatMul", {g, node.swapped(b, b_shape.size())}), a_shape);
  if (!node.wants(1)) return;
  if (!row && !column && b_shape.size() == 2 && a_shape.size() > 2) {
    // One product over all the rows instead of a sum of products.
    const auto rows = [&](Term value, size_t rank) {
      return node.add("Flatten", {value}, {{"axis", static_cast<int64_t>(rank) - 1}});
    };
    return node.give(1, node.add("MatMul", {node.swapped(rows(a, a_shape.size()), 2), rows(g, y.size())}));
  }
  give(1, column, node.add("MatMul", {node.swapped(a, a_shape.size()), g}), b_shape);
}

void gemm(Node& node) {
  const bool turns_a = node.args().get_flag("transA", false);
  const bool turns_b = node.args().get_flag("transB", false);
  const float alpha = node.args().get_float("alpha", 1);
  const auto product = [&](Term a, bool turn_a, Term b, bool turn_b) {
    return node.add("Gemm", {a, b},
                    {{"alpha", alpha}, {"transA", int64_t{turn_a}}, {"transB", int64_t{turn_b}}});
  };
  if (node.wants(0))
    node.give(0, turns_a ? product(node.x(1), turns_b, node.g(), true)
                         : product(node.g(), false, node.x(1), !turns_b));
  if (node.wants(1))
    node.give(1, turns_b ? product(node.g(), true, node.x(0), turns_a)
                         : product(node.x(0), !turns_a, node.g(), false));
  if (node.wants(2)) node.give_summed(2, node.g() * static_cast<double>(node.args().get_float("beta", 1)));
}

/// What a convolution or pool does along its axes.
struct Window {
  Axes kernel, strides, dilations, pads_begin, pads_end;
  size_t axes() const { return kernel.size(); }
};

Window window(Node& node, Axes kernel) {
  const size_t axes = kernel.size();
  Window w{std::move(kernel), node.args().get_ints("strides", Axes(axes, 1)),
           node.args().get_ints("dilations", Axes(axes, 1)), Axes(axes, 0), Axes(axes, 0)};
  const std::string how = node.args().get_string("auto_pad", "NOTSET");
  const Axes pads = node.args().get_ints("pads", Axes(2 * axes, 0));
  for (size_t i = 0; i < axes; ++i) {
    if (how == "NOTSET") {
      w.pads_begin[i] = pads.at(i);
      w.pads_end[i] = pads.at(axes + i);
    } else if (how != "VALID") {
      const int64_t in = node.size(node.x(), i + 2);
      const int64_t out = (in + w.strides[i] - 1) / w.strides[i];
      const int64_t total =
          std::max<int64_t>((out - 1) * w.strides[i] + w.dilations[i] * (w.kernel[i] - 1) + 1 - in, 0);
      w.pads_begin[i] = how == "SAME_UPPER" ? total / 2 : total - total / 2;
      w.pads_end[i] = total - w.pads_begin[i];
    }
  }
  return w;
}

ops::Attributes attributes(const Window& w, int64_t group) {
  Axes pads = w.pads_begin;
  pads.insert(pads.end(), w.pads_end.begin(), w.pads_end.end());
  return {{"group", group}, {"strides", w.strides}, {"dilations", w.dilations}, {"pads", pads}};
}

/// The gradient of a convolution's input.
Term spread(Node& node, Term g, Term weights, const Window& w, int64_t group) {
  Axes left_over(w.axes(), 0);
  for (size_t i = 0; i < w.axes(); ++i)
    if (w.strides[i] > 1)
      left_over[i] = (node.size(node.x(), i + 2) + w.pads_begin[i] + w.pads_end[i] -
                      w.dilations[i] * (w.kernel[i] - 1) - 1) %
                     w.strides[i];
  ops::Attributes how = attributes(w, group);
  how["output_padding"] = left_over;
  return node.add("ConvTranspose", {g, weights}, std::move(how));
}

/// The gradient of a convolution's weights [M, C / group, ...]: x, its samples taken for channels, under a
/// convolution by g.
Term weights_gradient(Node& node, const Window& w, int64_t group) {
  const size_t rank = w.axes() + 2;
  Axes turn(rank);
  std::iota(turn.begin(), turn.end(), 0);
  std::swap(turn[0], turn[1]);
  const auto turned = [&](Term value) { return node.add("Transpose", {value}, {{"perm", turn}}); };
  Term x = node.x();
  if (group > 1) {
    // [N, group * C', ...] -> [C', group * N, ...].
    const int64_t channels = node.size(node.x(1), 1);
    const Term extent = node.add("Shape", {x}, {{"start", int64_t{2}}});
    const auto reshaped = [&](Term value, Axes first) {
      return node.add("Reshape", {value, node.add("Concat", {node.ints(std::move(first)), extent},
                                                  {{"axis", int64_t{0}}})});
    };
    Axes perm(rank + 1);
    std::iota(perm.begin(), perm.end(), 0);
    std::rotate(perm.begin(), perm.begin() + 2, perm.begin() + 3);
    std::swap(perm[1], perm[2]);
    x = reshaped(node.add("Transpose", {reshaped(x, {0, group, channels})}, {{"perm", perm}}),
                 {channels, -1});
  } else {
    x = turned(x);
  }
  Window across = w;
  std::swap(across.strides, across.dilations);
  const Term whole = turned(node.add("Conv", {x, turned(node.g())}, attributes(across, group)));
  // What the stride has left over of x makes columns that the kernel does not have.
  Axes axes(w.axes());
  std::iota(axes.begin(), axes.end(), 2);
  return node.add("Slice", {whole, node.ints(Axes(w.axes(), 0)), node.ints(w.kernel), node.ints(axes)});
}

void conv(Node& node) {
  Axes kernel;
  for (size_t i = 2; i < node.rank(node.x(1)); ++i) kernel.push_back(node.size(node.x(1), i));
  const int64_t group = node.args().get_int("group", 1);
  const Window w = window(node, std::move(kernel));
  if (node.wants(0)) node.give(0, spread(node, node.g(), node.x(1), w, group));
  if (node.wants(1)) node.give(1, weights_gradient(node, w, group));
  if (!node.wants(2)) return;
  Axes others{0};
  for (size_t i = 2; i < w.axes() + 2; ++i) others.push_back(static_cast<int64_t>(i));
  node.give(2, node.sum(node.g(), std::move(others), false));
}

/// To the places that the node's second output, or that of the same pool with one, names.
void max_pool(Node& node) {
  ops::Attributes how = node.args().attributes();
  how.erase("storage_order");
  const Term places =
      node.add_many("MaxPool", std::max(node.args().version(), 8), 2, {node.x()}, std::move(how))[1];
  const auto flat = [&](Term value) { return node.add("Reshape", {value, node.ints({-1})}); };
  const Term zeros = flat(node.zeros_like(node.x()));
  const Term spread_out =
      node.add("ScatterElements", {zeros, flat(places), flat(node.g())}, {{"reduction", std::string("add")}});
  node.give(0, node.reshape_like(spread_out, node.x()));
}

/// A convolution of every channel by ones, over how many elements each window has.
void average_pool(Node& node) {
  if (node.args().get_flag("ceil_mode", false))
    fail(ErrorCode::unsupported, "AveragePool with ceil_mode has no derivative here");
  const Window w = window(node, node.args().get_ints("kernel_shape"));
  const int64_t channels = node.size(node.x(), 1);
  Axes dims{channels, 1};
  dims.insert(dims.end(), w.kernel.begin(), w.kernel.end());
  const Term ones = node.add("Expand", {node.number(1), node.ints(dims)});
  Term count = node.number(1);
  for (int64_t size : w.kernel) count = count * static_cast<double>(size);
  if (!node.args().get_flag("count_include_pad", false)) {
    const Term everywhere = node.add("Expand", {node.number(1), node.shape_of(node.x())});
    count = node.add("Conv", {everywhere, ones}, attributes(w, channels));
  }
  node.give(0, spread(node, node.g() / count, ones, w, channels));
}

constexpr GradientEntry table[] = {
    {"AveragePool", average_pool}, {"Conv", conv}, {"Gemm", gemm}, {"MatMul", matmul}, {"MaxPool", max_pool},
};

}  // namespace

const std::span<const GradientEntry> product_gradients = table;

}  // namespace spinel::passes
