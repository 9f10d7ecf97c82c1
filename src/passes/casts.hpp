// What a Cast keeps.
#pragma once
#include <spinel/tensor.hpp>

namespace spinel::passes {

/// Whether every value of `from` has an equal one in `to`, so that a Cast there and back changes nothing.
bool holds_exactly(DType to, DType from);

}  // namespace spinel::passes
