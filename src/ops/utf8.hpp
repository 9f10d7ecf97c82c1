// Text as code points, and their simple case mapping.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace spinel::ops {

/// The code point at `at`, which moves behind it. A byte that begins no valid UTF-8 is 0xDC00 + its value,
/// which no valid text has; append_utf8 turns it back into that byte.
char32_t next_code_point(std::string_view text, size_t& at);
void append_utf8(std::string& text, char32_t c);
std::u32string code_points(std::string_view text);

/// The one-to-one mappings of the Latin, Greek, Cyrillic, Armenian and fullwidth letters, whatever the
/// locale; every other code point is its own.
char32_t lower_case(char32_t c);
char32_t upper_case(char32_t c);
std::string lower_case(std::string_view text);
std::string upper_case(std::string_view text);

}  // namespace spinel::ops
