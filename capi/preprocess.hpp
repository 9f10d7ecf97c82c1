// Conversion of the C ABI's preprocess options.
#pragma once
#include <spinel/preprocess.hpp>

#include "boundary.hpp"

namespace spinel::capi {

/// The defaults for NULL. Throws Misuse.
PreprocessOptions read_preprocess_options(const spinel_preprocess_options* options);

}  // namespace spinel::capi
