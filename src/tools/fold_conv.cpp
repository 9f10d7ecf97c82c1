// What follows a convolution or product and can be part of it: a normalisation, a bias.
#include <algorithm>
#include <array>

#include "passes/fold_batch_norm.hpp"
#include "tools/edit.hpp"

namespace spinel::tools {
namespace {

class ConvFolder {
 public:
  ConvFolder(Edit& edit, onnx::Graph& graph, Scope& scope)
      : edit_(edit), graph_(graph), scope_(scope), uses_(use_counts(graph)), producers_(producers(graph)) {}

  size_t normalizations() {
    size_t changes = 0;
    for (onnx::Node& node : graph_.nodes)
      if (normalization(node)) ++changes;
    return finish(changes);
  }

  size_t biases() {
    size_t changes = 0;
    for (onnx::Node& node : graph_.nodes)
      if (is_standard(node, "Add") && node.inputs.size() == 2 && !node.outputs.empty() &&
          (bias(node, 0, 1) || bias(node, 1, 0)))
        ++changes;
    return finish(changes);
  }

 private:
  size_t finish(size_t changes) {
    for (onnx::Tensor& tensor : initializers_) {
      const auto old = std::ranges::find(graph_.initializers, tensor.name, &onnx::Tensor::name);
      if (old != graph_.initializers.end())
        *old = std::move(tensor);
      else
        graph_.initializers.push_back(std::move(tensor));
    }
    return changes;
  }

  /// The node that makes the input, if nobody else reads it.
  onnx::Node* only_producer(std::string_view name) {
    const auto found = producers_.find(name);
    if (found == producers_.end() || uses_[name] != 1 || changed_.contains(found->second)) return nullptr;
    return found->second->outputs.size() == 1 ? found->second : nullptr;
  }

  const Fact* constant(const onnx::Node& node, size_t index) const {
    const Fact* fact = input_fact(node, index, scope_);
    return fact != nullptr && fact->is_constant() && fact->is_known() ? fact : nullptr;
  }

  /// The name under which a changed initializer is stored: its own if nobody else reads it.
  std::string_view stored(std::string_view name, const std::string& otherwise, const Tensor& value) {
    const bool is_own = !name.empty() && uses_[name] == 1 && scope_.find_own(name) != nullptr &&
                        scope_.find_own(name)->initializer != nullptr;
    const std::string_view as = is_own ? name : edit_.model.unused_name(otherwise);
    initializers_.push_back(edit_.model.message(as, value));
    return as;
  }

  bool normalization(onnx::Node& node) {
    const auto* norm = dynamic_cast<const ops::BatchNormalizationOp*>(edit_.analysis.op(node));
    if (norm == nullptr || !norm->attrs().per_channel || node.inputs.size() < 5 || node.outputs.empty())
      return false;
    for (size_t i = 1; i < node.outputs.size(); ++i)
      if (uses_[node.outputs[i]] > 0) return false;
    onnx::Node* conv = only_producer(node.inputs[0]);
    if (conv == nullptr || !(is_standard(*conv, "Conv") || is_standard(*conv, "ConvTranspose"))) return false;
    const graph::Op* op = edit_.analysis.op(*conv);
    const Fact* weights = constant(*conv, 1);
    const bool has_bias = conv->inputs.size() > 2 && !conv->inputs[2].empty();
    const Fact* old_bias = constant(*conv, 2);
    if (op == nullptr || weights == nullptr || (has_bias && old_bias == nullptr) || !is_float(*weights))
      return false;
    std::array<Tensor, 4> values;
    std::array<const Tensor*, 4> parameters{};
    for (size_t i = 0; i < 4; ++i) {
      const Fact* fact = constant(node, i + 1);
      if (fact == nullptr || !is_float(*fact)) return false;
      values[i] = edit_.analysis.value(*fact);
      parameters[i] = &values[i];
    }
    const Tensor bias_value = has_bias ? edit_.analysis.value(*old_bias) : Tensor();
    const passes::FoldedConv folded = passes::fold_batch_norm(
        *op, edit_.analysis.value(*weights), has_bias ? &bias_value : nullptr, *norm, parameters);
    conv->inputs.resize(3);
    conv->inputs[1] = stored(conv->inputs[1], std::string(conv->inputs[1]) + "_folded", folded.weights);
    const std::string_view old_bias_name = has_bias ? conv->inputs[2] : node.inputs[2];
    const std::string bias_name = std::string(old_bias_name) + "_folded";
    conv->inputs[2] = stored(old_bias_name, bias_name, folded.bias);
    take_output(*conv, node);
    return true;
  }

  static bool is_float(const Fact& fact) {
    return fact.type.dtype == DType::float32 || fact.type.dtype == DType::float16;
  }

  /// `first` makes what `second` made.
  void take_output(onnx::Node& first, onnx::Node& second) {
    first.outputs[0] = second.outputs[0];
    producers_[first.outputs[0]] = &first;
    drop(second);
    changed_.insert(&first);
  }

  /// The sum of a product, at input `product`, and of a constant that is one number a channel.
  bool bias(onnx::Node& node, size_t product, size_t addend) {
    onnx::Node* before = only_producer(node.inputs[product]);
    const Fact* added = constant(node, addend);
    const Fact* y = scope_.find_own(node.inputs[product]);
    const Fact* sum = scope_.find_own(node.outputs[0]);
    if (before == nullptr || added == nullptr || y == nullptr || sum == nullptr || !y->type.shape ||
        !sum->type.shape || y->type.shape->size() != sum->type.shape->size() || !added->type.shape ||
        !is_float(*added))
      return false;
    const auto dims = graph::constant_dims(*added->type.shape);
    if (!dims) return false;
    const size_t rank = y->type.shape->size();
    if (is_standard(*before, "Conv") || is_standard(*before, "ConvTranspose"))
      return conv_bias(node, *before, addend, *dims, rank);
    return is_standard(*before, "MatMul") && gemm_bias(node, *before, addend, *dims, rank);
  }

  bool conv_bias(onnx::Node& node, onnx::Node& conv, size_t addend, const Dims& dims, size_t rank) {
    const Fact* y = scope_.find_own(node.inputs[1 - addend]);
    const bool has_bias = conv.inputs.size() > 2 && !conv.inputs[2].empty();
    if (has_bias || rank < 3 || dims.size() + 1 < rank || dims.size() > rank) return false;
    const size_t channel_axis = dims.size() - rank + 1;
    for (size_t i = 0; i < dims.size(); ++i)
      if (i != channel_axis && dims[i] != 1) return false;
    if (!(*y->type.shape)[1].is_constant(dims[channel_axis])) return false;
    const Tensor value = edit_.analysis.value(*constant(node, addend)).reshaped({dims[channel_axis]});
    conv.inputs.resize(3);
    conv.inputs[2] = stored(node.inputs[addend], std::string(node.inputs[addend]) + "_bias", value);
    take_output(conv, node);
    return true;
  }

  bool gemm_bias(onnx::Node& node, onnx::Node& matmul, size_t addend, const Dims& dims, size_t rank) {
    const Fact* a = input_fact(matmul, 0, scope_);
    const Fact* b = input_fact(matmul, 1, scope_);
    if (constant(node, addend)->initializer == nullptr || edit_.model.opset() < 7 || rank != 2 ||
        a == nullptr || b == nullptr || !a->type.shape || !b->type.shape || a->type.shape->size() != 2 ||
        b->type.shape->size() != 2 || dims.size() != 1 || !(*b->type.shape)[1].is_constant(dims[0]))
      return false;
    matmul.op_type = "Gemm";
    matmul.inputs.push_back(node.inputs[addend]);
    take_output(matmul, node);
    return true;
  }

  Edit& edit_;
  onnx::Graph& graph_;
  Scope& scope_;
  std::unordered_map<std::string_view, int> uses_;
  std::unordered_map<std::string_view, onnx::Node*> producers_;
  std::set<const onnx::Node*> changed_;  ///< Whose inputs and operator the analysis does not know any more.
  std::vector<onnx::Tensor> initializers_;
};

}  // namespace

size_t fold_batch_normalizations(Edit& edit, onnx::Graph& graph, Scope& scope) {
  return ConvFolder(edit, graph, scope).normalizations();
}
size_t fold_biases(Edit& edit, onnx::Graph& graph, Scope& scope) {
  return ConvFolder(edit, graph, scope).biases();
}

}  // namespace spinel::tools
