#include "tools/float16_rules.hpp"

namespace spinel::tools {
namespace {

struct Rule {
  std::string_view op;
  int since;  ///< The first opset whose schema allows float16; 0: none does.
};

// tests/cli/test_convert.py compares the list with the schemas of the installed onnx package.
constexpr Rule rules[] = {
    {"Celu", 28},           {"CumSum", 14},     {"DequantizeLinear", 19}, {"DynamicQuantizeLinear", 0},
    {"IsInf", 20},          {"QLinearConv", 0}, {"NonMaxSuppression", 0}, {"QLinearMatMul", 21},
    {"QuantizeLinear", 19}, {"Range", 27},      {"TfIdfVectorizer", 0},
};

}  // namespace

bool takes_float16(std::string_view op, int opset) {
  for (const Rule& rule : rules)
    if (rule.op == op) return rule.since != 0 && opset >= rule.since;
  return true;
}

bool needs_float32(const onnx::Node& node, const graph::Op* op, size_t index) {
  if (node.op_type == "Resize") return index == (node.inputs.size() > 2 ? 2 : 1);
  if (node.op_type == "Upsample") return index == 1;
  return op != nullptr && op->keeps_float32(index);
}

bool makes_float32(const onnx::Node& node, size_t index) {
  return node.op_type == "LayerNormalization" && index > 0;
}

}  // namespace spinel::tools
