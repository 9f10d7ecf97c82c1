// What an operator sees of a node of the file when it infers.
#pragma once
#include <functional>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "graph/infer.hpp"
#include "tools/analysis.hpp"

namespace spinel::tools {

class NodeInference final : public graph::InferContext {
 public:
  using Subgraph = std::function<std::vector<graph::ValueType>(size_t, const std::vector<graph::ValueType>&)>;

  /// Facts of the inputs (nullptr: omitted) and of the outputs, which are filled.
  NodeInference(const std::vector<const Fact*>& inputs, std::vector<Fact>& outputs, Subgraph subgraph)
      : inputs_(inputs), outputs_(outputs), subgraph_(std::move(subgraph)) {}

  size_t input_count() const override { return inputs_.size(); }
  size_t output_count() const override { return outputs_.size(); }
  bool has_input(size_t index) const override { return index < inputs_.size() && inputs_[index] != nullptr; }
  const graph::ValueType& input(size_t index) const override {
    if (!has_input(index)) fail(ErrorCode::bad_model, "input {} is missing", index);
    return inputs_[index]->type;
  }
  const Tensor* constant(size_t index) const override {
    return has_input(index) && inputs_[index]->computed.defined() ? &inputs_[index]->computed : nullptr;
  }
  std::optional<std::vector<graph::Dim>> ints(size_t index) const override {
    if (const Tensor* tensor = constant(index)) return graph::known_ints(*tensor);
    return has_input(index) ? inputs_[index]->ints : std::nullopt;
  }
  void set_output(size_t index, graph::ValueType type) override {
    if (index >= outputs_.size()) return;
    outputs_[index].type = std::move(type);
    outputs_[index].ints.reset();
  }
  void set_output_ints(size_t index, std::vector<graph::Dim> elements) override {
    if (index < outputs_.size()) outputs_[index].ints = std::move(elements);
  }
  std::vector<graph::ValueType> infer_subgraph(size_t index,
                                               const std::vector<graph::ValueType>& inputs) override {
    return subgraph_(index, inputs);
  }

 private:
  const std::vector<const Fact*>& inputs_;
  std::vector<Fact>& outputs_;
  Subgraph subgraph_;
};

}  // namespace spinel::tools
