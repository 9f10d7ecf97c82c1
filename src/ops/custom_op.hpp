// Operators that the host has registered, as operators of the graph.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include <spinel/custom_op.hpp>

#include "ops/op_args.hpp"

namespace spinel::ops {

/// What a host has registered. Immutable; copies share the operators.
class CustomOpTable {
 public:
  CustomOpTable() = default;
  /// Throws Error(invalid_argument) naming the operator if its description is incomplete or is there twice.
  explicit CustomOpTable(const std::vector<CustomOp>& ops);

  bool empty() const noexcept { return ops_.empty(); }
  /// The newest operator of that name for models that import this opset version; nullptr if there is none.
  /// "ai.onnx" and "" are the same domain.
  std::shared_ptr<const CustomOp> find(std::string_view domain, std::string_view name, int version) const;
  /// Whether there is one of that name for any version.
  bool has(std::string_view domain, std::string_view name) const;

 private:
  std::vector<std::shared_ptr<const CustomOp>> ops_;
};

/// Makes the operator of a node. Throws Error(bad_model) for attributes, inputs or outputs that it does not
/// declare, and what CustomOp::create throws.
OpPtr make_custom_op(std::shared_ptr<const CustomOp> op, const OpArgs& args);

/// Whether the operator must stay in float32 when a model is converted to float16.
bool stays_in_float32(const Op& op);

}  // namespace spinel::ops
