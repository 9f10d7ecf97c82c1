// How the library tells its host something. It never writes to stdout or stderr by itself.
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>

namespace spinel {

enum class LogLevel : int32_t { debug = 0, info = 1, warning = 2, error = 3 };

/// Called with one line of UTF-8 text without a newline. May be called from any thread; must not throw.
using LogCallback = std::function<void(LogLevel level, std::string_view message)>;

}  // namespace spinel
