// A value while running.
#pragma once
#include <spinel/value.hpp>

namespace spinel::graph {

/// graph::Value is the compiler's knowledge of one.
using RuntimeValue = spinel::Value;
using Sequence = spinel::Sequence;

}  // namespace spinel::graph
