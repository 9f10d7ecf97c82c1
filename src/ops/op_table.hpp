// Which operators there are.
#pragma once
#include <span>
#include <string_view>

#include "ops/op_args.hpp"

namespace spinel::ops {

/// One operator: from which opset version on it is supported, and what makes it.
struct OpDef {
  std::string_view domain;  ///< "" for ai.onnx.
  std::string_view name;
  int since_version;
  OpPtr (*make)(const OpArgs&);
};

/// Every operator of this build, sorted as in op_table.cpp.
std::span<const OpDef> op_table();
/// The operator of that name, or nullptr. "ai.onnx" and "" are the same domain.
const OpDef* find_op(std::string_view domain, std::string_view name);
/// The operator of that name. Throws Error(unsupported) if it is left out of this build, Error(internal) if
/// there is none.
const OpDef& need_op(std::string_view domain, std::string_view name);
/// Whether Spinel has the operator, but not in this build (SPINEL_OPERATORS of CMake).
bool left_out_of_build(std::string_view domain, std::string_view name);
/// The newest opset of the domain whose operators are known here; 0 for a domain that has none. What a newer
/// one changes cannot be known, so that a model that imports it for an operator is refused.
int newest_opset(std::string_view domain);
/// Makes the operator and checks that it took every attribute. Throws Error(bad_model) without the node's
/// name.
OpPtr make_op(const OpDef& def, const OpArgs& args);

}  // namespace spinel::ops
