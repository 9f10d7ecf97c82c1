// Attributes of the nodes of operators written in JavaScript.
#pragma once

#include <variant>

#include "tensors.hpp"

namespace spinel_node {

struct Attribute {
  std::string name;
  int32_t type;
  bool required;
};

/// The spinel_attribute_type of a name such as "floats".
int32_t to_attribute_type(napi_env env, napi_value name);

/// Those that a node has. Read by the thread of the callback.
class AttributeValues {
 public:
  /// In create() or shapes() of the C ABI. Throws Failure.
  AttributeValues(const std::vector<Attribute>& declared, const spinel_op_api& api,
                  spinel_op_context* context);

  /// An object of them by name. The environment's thread.
  napi_value object(napi_env env) const;

 private:
  using Value = std::variant<double, std::string, std::vector<double>, std::vector<std::string>,
                             std::shared_ptr<const TensorCopy>>;
  std::vector<std::pair<std::string, Value>> values_;
};

}  // namespace spinel_node
