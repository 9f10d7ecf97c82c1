#include "engine_file/stamp.hpp"

namespace spinel::engine_file {

const char* library_version() { return SPINEL_VERSION; }

}  // namespace spinel::engine_file
