// Regular expressions in RE2's syntax, matched in time linear in the text.
#pragma once
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace spinel::ops {

/// A compiled expression. std::regex backtracks (exponential time, and its recursion overflows the stack on
/// long texts), so this is Thompson's construction with a simulation of all states at once: a text of n code
/// points takes at most n * size() steps, whatever the pattern. Understood is RE2's syntax with the flags i,
/// m, s and U, lazy quantifiers (which a full match cannot tell apart) and case folding of ops/utf8.hpp; back
/// references and look-around do not exist in RE2. Immutable: threads may share it.
class Regex {
 public:
  /// Throws Error(bad_model) that names the place of a mistake, Error(unsupported) for \p{..} and \C, and
  /// Error(limit_exceeded) for more than 100000 states or groups nested deeper than 1000.
  explicit Regex(std::string_view pattern);
  /// Whether the pattern matches the whole text.
  bool matches(std::string_view text) const;
  size_t size() const noexcept { return states_.size(); }

  /// Sorted, disjoint, inclusive.
  using Ranges = std::vector<std::pair<char32_t, char32_t>>;
  enum class Check : uint8_t { text_begin, text_end, line_begin, line_end, word, no_word };
  struct State {
    enum class Kind : uint8_t { ranges, fork, check, match } kind = Kind::match;
    Check check = Check::text_begin;
    uint32_t next = 0;    ///< And of a fork the first way.
    uint32_t other = 0;   ///< A fork's second way.
    uint32_t ranges = 0;  ///< Index into the sets.
  };

 private:
  std::vector<State> states_;
  std::vector<Ranges> sets_;
  uint32_t start_ = 0;
};

}  // namespace spinel::ops
