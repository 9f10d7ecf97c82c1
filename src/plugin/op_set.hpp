// What a spinel_op_set holds, and what fills it.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spinel/custom_op.hpp>

#include "spinel.h"

struct spinel_op_set {
  std::vector<spinel::CustomOp> ops;
  /// While a library is loaded: what keeps it loaded, and what has failed in it.
  std::shared_ptr<void> library;
  std::optional<spinel::Error> failure;
};

namespace spinel::plugin {

/// The table of functions that callbacks are given.
const spinel_op_api& op_api();

/// Adds the operator that a C program or library describes. Throws Error; its user is then not released.
void add_op(spinel_op_set& set, const spinel_custom_op& op);

/// Adds the operators of the library at `path`, all or none. Throws Error.
void load_library(const std::string& path, spinel_op_set& set);

}  // namespace spinel::plugin
