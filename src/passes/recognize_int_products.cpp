// Finds integer products whose sums become floats, as quantize_dynamic writes them: MatMulInteger, Cast and
// Mul by the scales become MatMulIntegerToFloat, and DynamicQuantizeMatMul becomes that with
// DynamicQuantizeLinear before it, one for all products of an operand. (Convolutions: choose_layout.cpp.)
#include "ops/op_table.hpp"
#include "passes/scaled_sums.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::ValueId;

class Recognizer {
 public:
  Recognizer(const Graph& graph, const Settings& settings, Rewrite& rewrite)
      : m_(graph), settings_(settings), rewrite_(rewrite) {}

  void rewrite_node(NodeId n) {
    const Node& node = m_.node(n);
    if (node.outputs.empty() || node.outputs[0] == no_value || to_float_ == nullptr || quantize_ == nullptr)
      return;
    if (node.op->name() == "MatMulInteger") product(n);
    if (node.op->name() == "DynamicQuantizeMatMul") quantized_product(n);
  }

 private:
  ValueId input(const Node& node, size_t index) const {
    return m_.has_input(node, index) ? node.inputs[index] : no_value;
  }
  ValueId one() {
    if (one_ == no_value) one_ = rewrite_.patch().constant("scale.one", Tensor::scalar(1.0F));
    return one_;
  }

  void to_float(NodeId n, std::vector<ValueId> inputs, ValueId y, const std::vector<NodeId>& replaces) {
    note_change(settings_, m_.node(n), "MatMulIntegerToFloat");
    const ops::OpArgs args("MatMulIntegerToFloat", 1, {}, inputs.size(), 1);
    rewrite_.node(n, ops::make_op(*to_float_, args), args.text(), std::move(inputs), y, replaces);
  }

  void product(NodeId n) {
    const auto found = scaled_sums(m_, n, 1);
    if (!found)
      return note_refusal(settings_, m_.node(n), "no Cast to float32 and Mul by scales alone read the sums");
    const Node& node = m_.node(n);
    to_float(n,
             {node.inputs[0], node.inputs[1], found->factor == no_value ? one() : found->factor,
              found->scales == no_value ? one() : found->scales, input(node, 2), input(node, 3)},
             found->y, {n, found->cast, found->multiply});
  }

  void quantized_product(NodeId n) {
    const Node& node = m_.node(n);
    const graph::ValueType& a = m_.value(node.inputs[0]).type;
    if (a.dtype != DType::float32 || !a.shape)
      return note_refusal(settings_, node, "A is not float32, or of unknown rank");
    auto [found, is_new] = quantized_.try_emplace(node.inputs[0]);
    if (is_new) {
      const auto value = [&](const char* suffix, DType dtype, const graph::Shape& shape) {
        found->second.push_back(rewrite_.patch().value(m_.value(node.inputs[0]).name + suffix,
                                                       graph::ValueType::tensor(dtype, shape)));
      };
      value(".quantized", DType::uint8, *a.shape);
      value(".scale", DType::float32, {});
      value(".zero_point", DType::uint8, {});
      const ops::OpArgs args("DynamicQuantizeLinear", 11, {}, 1, 3);
      rewrite_.patch().node(node.name + ".quantize", ops::make_op(*quantize_, args), args.text(),
                            {rewrite_.now(node.inputs[0])}, found->second, {n});
    }
    const std::vector<ValueId>& quantized = found->second;
    to_float(n,
             {quantized[0], node.inputs[1], quantized[1], node.inputs[2], quantized[2], input(node, 3),
              input(node, 4)},
             node.outputs[0], {n});
  }

  Matcher m_;
  const Settings& settings_;
  Rewrite& rewrite_;
  /// nullptr: left out of this build.
  const ops::OpDef* const to_float_ = ops::find_op("com.microsoft", "MatMulIntegerToFloat");
  const ops::OpDef* const quantize_ = ops::find_op("", "DynamicQuantizeLinear");
  ValueId one_ = no_value;
  std::map<ValueId, std::vector<ValueId>> quantized_;  ///< By operand: its bytes, scale and zero point.
};

}  // namespace

size_t recognize_int_products(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += recognize_int_products(*subgraph, settings);
  Rewrite rewrite(graph);
  Recognizer recognizer(graph, settings, rewrite);
  for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n) recognizer.rewrite_node(n);
  return changes + rewrite.apply();
}

}  // namespace spinel::passes
