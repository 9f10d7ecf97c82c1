// Tuned kernels for operators of ONNX: candidates by priority, each able to say why it refused a node.
#pragma once
#include <span>
#include <string>

#include "cpu/byte_kernels.hpp"
#include "cpu/kernels.hpp"
#include "graph/graph.hpp"

namespace spinel::cpu {

/// An operator that computes with a tuned kernel what `reference` computes, and is that operator in all else.
class KernelOp : public graph::Op {
 public:
  explicit KernelOp(graph::OpPtr reference) : reference_(std::move(reference)) {}
  const graph::Op& reference() const { return *reference_; }

  std::string_view name() const override { return reference_->name(); }
  void infer(graph::InferContext& context) const override { reference_->infer(context); }
  void batch(graph::BatchContext& context) const override { reference_->batch(context); }
  bool deterministic() const override { return reference_->deterministic(); }
  int view_of() const override { return reference_->view_of(); }
  bool keeps_float32(size_t input) const override { return reference_->keeps_float32(input); }

 private:
  graph::OpPtr reference_;
};

/// What a candidate may look at.
struct Candidate {
  const graph::Graph& graph;
  const graph::Node& node;
  const Kernels& kernels;
  const ByteKernels& bytes;

  const graph::ValueType& input_type(size_t index) const { return graph.value(node.inputs[index]).type; }
  bool has_input(size_t index) const {
    return index < node.inputs.size() && node.inputs[index] != graph::no_value;
  }
};

/// One tuned kernel for one operator.
struct KernelEntry {
  const char* op;    ///< ONNX operator, without domain.
  const char* name;  ///< Of the kernel, as reports and engine files show it.
  /// The operator to run instead, or nullptr with the reason in `refusal`.
  graph::OpPtr (*make)(const Candidate& candidate, std::string& refusal);
};

/// Every entry; of several for one operator the first that accepts is taken, else the reference kernel stays.
std::span<const KernelEntry> kernel_list();

}  // namespace spinel::cpu
