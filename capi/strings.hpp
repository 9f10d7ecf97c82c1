// Texts in and out of the C ABI.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "boundary.hpp"

struct spinel_strings {
  std::vector<std::string> texts;
};

namespace spinel::capi {

/// A required text argument. Throws Misuse if it is NULL.
inline const char* require_text(const char* text, const char* argument) {
  require(text, argument);
  return text;
}
/// An optional text argument: "" for NULL.
inline std::string text_or_empty(const char* text) { return text == nullptr ? std::string() : text; }

/// The texts as C takes them; they stay where they are.
inline std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> out;
  for (const std::string& text : texts) out.push_back(text.c_str());
  return out;
}

}  // namespace spinel::capi
