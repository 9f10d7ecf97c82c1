// Several elementwise nodes as one, which goes over memory once.
#pragma once
#include "cpu/element_program.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::cpu {

/// Any number of inputs, float32 or float16, that broadcast to the output's dims; the output has the first
/// one's dtype. What lies between the functions stays float32.
class ElementwiseChain final : public graph::Op {
 public:
  /// `program` is finished.
  ElementwiseChain(const Kernels& kernels, ElementProgram program)
      : kernels_(kernels), program_(std::move(program)) {}
  const ElementProgram& program() const noexcept { return program_; }

  std::string_view name() const override { return "ElementwiseChain"; }
  std::string_view kernel() const override { return "elementwise"; }
  void infer(graph::InferContext& context) const override { ops::infer_broadcast(context); }
  void batch(graph::BatchContext& context) const override { ops::batch_elementwise(context); }
  graph::Scratch scratch(const graph::ScratchContext&) const override { return program_.scratch(); }
  bool may_overwrite(size_t) const override { return true; }
  void run(graph::RunContext& context) const override { program_.run(kernels_, context); }

 private:
  const Kernels& kernels_;
  ElementProgram program_;
};

}  // namespace spinel::cpu
