// What makes an operator again: its name and attributes as data, as engine files keep them.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "graph/value_type.hpp"

namespace spinel::graph {

/// One attribute's value. Subgraphs belong to the node; here a graph attribute is only its name.
struct GraphAttribute {};
using Attribute =
    std::variant<float, int64_t, std::string, Tensor, ValueType, std::vector<float>, std::vector<int64_t>,
                 std::vector<std::string>, std::vector<Tensor>, GraphAttribute>;
using Attributes = std::map<std::string, Attribute, std::less<>>;

/// The operator that a table's entry makes of these attributes, then what passes have made of it.
struct Recipe {
  std::string domain;  ///< "" for ai.onnx, "spinel" for what only passes make.
  std::string op;
  int version = 1;  ///< Of the domain's opset.
  Attributes attributes;
  std::vector<std::pair<DType, DType>> float_types;  ///< Op::with_float_type from one to the other, in order.
  std::string kernel;  ///< Entry of cpu::kernel_list that has taken the operator's place; empty: none.
};

}  // namespace spinel::graph
