// The elementwise operators of ONNX as programs of tuned functions.
#pragma once
#include <optional>

#include "cpu/element_program.hpp"
#include "cpu/kernel_list.hpp"

namespace spinel::cpu {

/// What one node computes, over the first `inputs` of its inputs.
struct ElementNode {
  std::vector<ElementProgram::Step> steps;  ///< Constants are `constants`, inputs those of the node.
  std::vector<Tensor> constants;            ///< float32.
  size_t inputs = 1;
};

/// The functions of an elementwise node on float32 or float16 tensors; empty with the reason in `refusal`.
/// Inputs with names that are constants in the graph stay inputs, except bounds and parameters.
std::optional<ElementNode> element_node(const graph::Graph& graph, const graph::Node& node,
                                        std::string& refusal);

/// Candidates for the kernel list.
graph::OpPtr make_element_op(const Candidate& candidate, std::string& refusal);
graph::OpPtr make_cast_kernel(const Candidate& candidate, std::string& refusal);

}  // namespace spinel::cpu
