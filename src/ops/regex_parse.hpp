// The syntax tree of a regular expression.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "ops/regex.hpp"

namespace spinel::ops {

/// A node of the tree: nothing, one code point of a set, a check, or others joined.
struct RegexNode {
  enum class Kind { empty, set, check, sequence, choice, repeat } kind = Kind::empty;
  Regex::Ranges ranges;
  Regex::Check check = Regex::Check::text_begin;
  int least = 0;
  int most = 0;  ///< Negative: any number.
  std::vector<std::unique_ptr<RegexNode>> parts;
};

/// Throws as Regex's constructor does, limit of states apart.
std::unique_ptr<RegexNode> parse_regex(std::string_view pattern);

}  // namespace spinel::ops
