// Conversion of the C ABI's option structs.
#pragma once
#include <spinel/engine.hpp>
#include <spinel/limits.hpp>

#include "boundary.hpp"

namespace spinel::capi {

/// The defaults for NULL. Throws Misuse.
Limits read_limits(const spinel_limits* limits);
EngineOptions read_engine_options(const spinel_engine_options* options);

}  // namespace spinel::capi
