// Operators as recipes, and recipes as operators again: those of ONNX, and those that only passes make.
#pragma once
#include <optional>

#include "cpu/isa.hpp"
#include "graph/graph.hpp"
#include "graph/recipe.hpp"
#include "ops/custom_op.hpp"
#include "ops/op_args.hpp"

namespace spinel::cpu {

/// The domain of operators that only passes make.
constexpr std::string_view native_domain = "spinel";

/// One of them.
struct NativeOp {
  std::string_view name;
  /// Writes the operator's attributes; false if it is another operator.
  bool (*describe)(const graph::Op& op, graph::Attributes& attributes);
  /// The operator of these attributes. Throws Error(bad_model).
  graph::OpPtr (*make)(const ops::OpArgs& args, const Isa& isa);
  /// Throws Error(bad_model) unless the node's inputs are what the kernels of the operator trust: number,
  /// types, ranks, and the sizes of packed weights and biases.
  void (*check)(const graph::Op& op, const graph::InferContext& context, const Isa& isa);
};

/// Every one, by name.
std::span<const NativeOp> native_ops();

/// What makes the operator again; nothing for one that no table knows.
std::optional<graph::Recipe> recipe_of(const graph::Op& op);
/// The operator of a recipe for a node of that many inputs and outputs, without Recipe::kernel. Throws Error.
graph::OpPtr make_op(const graph::Recipe& recipe, size_t inputs, size_t outputs, const Isa& isa,
                     const ops::CustomOpTable& custom_ops);
/// NativeOp::check of the node's operator, if it is one that only passes make.
void check_node(const graph::Node& node, const graph::InferContext& context, const Isa& isa);
/// Puts the entry of kernel_list that the recipe names in the place of the node's operator. The graph must be
/// inferred. Throws Error(bad_model) if there is none or it refuses the node.
void put_kernel(const graph::Graph& graph, graph::Node& node, const std::string& kernel, const Isa& isa);

}  // namespace spinel::cpu
