// Constant: a tensor written into a node.
#pragma once
#include <optional>

#include "ops/op_args.hpp"

namespace spinel::ops {

/// The tensor that a Constant node stands for: value (shared, not copied), value_float(s), value_int(s) or
/// value_string(s). Empty if the node is not a Constant or holds a sparse_value, whose parts only the
/// importer sees. Throws Error(bad_model) unless exactly one form is given.
std::optional<Tensor> constant_value(const OpArgs& args);

}  // namespace spinel::ops
