// A node's attributes as its custom operator reads them.
#pragma once
#include <string_view>
#include <vector>

#include <spinel/custom_op.hpp>

#include "ops/op_args.hpp"

namespace spinel::ops {

/// Those that the operator declares. Immutable.
class CustomNodeAttributes final : public CustomAttributes {
 public:
  /// Throws Error(bad_model) if one that is required is missing, has another type or is not declared.
  CustomNodeAttributes(const CustomOp& op, const OpArgs& args);

  bool has(std::string_view name) const override;
  float get_float(std::string_view name, float fallback) const override;
  int64_t get_int(std::string_view name, int64_t fallback) const override;
  std::string get_string(std::string_view name, std::string fallback) const override;
  std::vector<float> get_floats(std::string_view name, std::vector<float> fallback) const override;
  std::vector<int64_t> get_ints(std::string_view name, std::vector<int64_t> fallback) const override;
  std::vector<std::string> get_strings(std::string_view name,
                                       std::vector<std::string> fallback) const override;
  Tensor get_tensor(std::string_view name) const override;
  /// The value of a declared attribute; nullptr if the node lacks it. Throws Error(invalid_argument) if no
  /// attribute of that name and type is declared.
  const graph::Attribute* find(std::string_view name, AttributeType type) const;

 private:
  std::string op_;
  std::vector<CustomAttribute> declared_;
  graph::Attributes values_;
};

}  // namespace spinel::ops
