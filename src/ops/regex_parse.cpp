// Parses RE2's syntax: https://github.com/google/re2/wiki/Syntax.
#include "ops/regex_parse.hpp"

#include <algorithm>
#include <string>

#include "base/text.hpp"
#include "ops/utf8.hpp"

namespace spinel::ops {
namespace {

using Kind = RegexNode::Kind;
using NodePtr = std::unique_ptr<RegexNode>;
using Ranges = Regex::Ranges;

constexpr int max_nesting = 1000;
constexpr int max_repeat = 1000;
constexpr char32_t last_code_point = 0x10FFFF;

struct Flags {
  bool fold = false, multi_line = false, dot_newline = false;
};

void normalize(Ranges& ranges) {
  std::ranges::sort(ranges);
  Ranges out;
  for (const auto& [first, last] : ranges) {
    if (!out.empty() && first <= out.back().second + 1)
      out.back().second = std::max(out.back().second, last);
    else
      out.emplace_back(first, last);
  }
  ranges = std::move(out);
}

/// All code points but these; surrogates, and with them bytes that are no text, belong to no set.
Ranges inverted(Ranges ranges) {
  ranges.emplace_back(0xD800, 0xDFFF);
  normalize(ranges);
  Ranges out;
  char32_t next = 0;
  for (const auto& [first, last] : ranges) {
    if (first > next) out.emplace_back(next, first - 1);
    next = last + 1;
  }
  if (next <= last_code_point) out.emplace_back(next, last_code_point);
  return out;
}

/// Adds the other case of every letter; letters with two cases lie below 0x2500 or from 0xFF00 on.
void fold_cases(Ranges& ranges) {
  const Ranges given = ranges;
  for (const auto& [first, last] : given)
    for (const auto& [low, high] : {std::pair<char32_t, char32_t>{0, 0x24FF}, {0xFF00, 0xFFFF}})
      for (char32_t c = std::max(first, low); c <= std::min(last, high); ++c)
        for (const char32_t other : {lower_case(c), upper_case(c)})
          if (other != c) ranges.emplace_back(other, other);
  normalize(ranges);
}

// The first and last code point of each range, one pair after the other.
constexpr std::u32string_view digits = U"09";
constexpr std::u32string_view spaces = U"\t\n\f\r  ";
constexpr std::u32string_view words = U"09AZ__az";

struct NamedClass {
  std::u32string_view name;
  std::u32string_view pairs;
};
constexpr NamedClass named_classes[] = {
    {U"alnum", U"09AZaz"},
    {U"alpha", U"AZaz"},
    {U"ascii", {U"\0\x7F", 2}},
    {U"blank", U"\t\t  "},
    {U"cntrl", {U"\0\x1F\x7F\x7F", 4}},
    {U"digit", digits},
    {U"graph", U"!~"},
    {U"lower", U"az"},
    {U"print", U" ~"},
    {U"punct", U"!/:@[`{~"},
    {U"space", U"\t\r  "},
    {U"upper", U"AZ"},
    {U"word", words},
    {U"xdigit", U"09AFaf"},
};

Ranges ranges_of(std::u32string_view pairs) {
  Ranges out;
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) out.emplace_back(pairs[i], pairs[i + 1]);
  return out;
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : source_(pattern), text_(code_points(pattern)) {}

  NodePtr parse() {
    NodePtr out = choice(Flags{}, 0);
    if (!done()) mistake("a ')' without '('");
    return out;
  }

 private:
  [[noreturn]] void mistake(std::string_view what) const {
    fail(ErrorCode::bad_model, "the regular expression '{}' has {} at character {}", source_, what, at_);
  }
  bool done() const { return at_ >= text_.size(); }
  char32_t peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : 0; }
  bool starts_with(std::u32string_view what) const {
    return std::u32string_view(text_).substr(std::min(at_, text_.size())).starts_with(what);
  }
  bool take(std::u32string_view what) {
    if (!starts_with(what)) return false;
    at_ += what.size();
    return true;
  }

  static NodePtr make(Kind kind) {
    auto out = std::make_unique<RegexNode>();
    out->kind = kind;
    return out;
  }
  static NodePtr make_check(Regex::Check check) {
    NodePtr out = make(Kind::check);
    out->check = check;
    return out;
  }
  static NodePtr make_set(Ranges ranges, const Flags& flags, bool negated = false) {
    normalize(ranges);
    if (flags.fold) fold_cases(ranges);
    NodePtr out = make(Kind::set);
    out->ranges = negated ? inverted(std::move(ranges)) : std::move(ranges);
    return out;
  }

  /// Up to ')' or the end. Flags that are set inside hold up to there.
  NodePtr choice(Flags flags, int nesting) {
    if (nesting > max_nesting)
      fail(ErrorCode::limit_exceeded, "the regular expression '{}' nests deeper than {}", source_,
           max_nesting);
    NodePtr out = make(Kind::choice);
    do out->parts.push_back(sequence(flags, nesting));
    while (take(U"|"));
    return out;
  }

  NodePtr sequence(Flags& flags, int nesting) {
    NodePtr out = make(Kind::sequence);
    while (!done() && peek() != '|' && peek() != ')') {
      if (take(U"\\Q")) {
        while (!done() && !take(U"\\E")) out->parts.push_back(make_set({{peek(), peek()}}, flags)), ++at_;
        continue;
      }
      NodePtr one = atom(flags, nesting);
      if (one != nullptr) out->parts.push_back(repeated(std::move(one)));
    }
    return out;
  }

  NodePtr repeated(NodePtr one) {
    int least = 0;
    int most = 0;
    if (!quantifier(least, most)) return one;
    take(U"?");  // Lazy: the same for a full match.
    NodePtr out = make(Kind::repeat);
    out->least = least;
    out->most = most;
    out->parts.push_back(std::move(one));
    if (quantifier(least, most)) mistake("a quantifier of a quantifier");
    return out;
  }

  bool quantifier(int& least, int& most) {
    least = 0;
    most = -1;
    if (take(U"*")) return true;
    if (take(U"+")) return least = 1, true;
    if (take(U"?")) return most = 1, true;
    const size_t start = at_;
    if (!take(U"{")) return false;
    const auto low = number();
    most = low;
    if (take(U",")) most = number();
    if (low < 0 || !take(U"}")) {  // Not a quantifier, but the text "{".
      at_ = start;
      return false;
    }
    least = low;
    if (least > max_repeat || most > max_repeat || (most >= 0 && most < least))
      mistake("a quantifier out of order or beyond 1000");
    return true;
  }

  /// -1 if there is none.
  int number() {
    int out = -1;
    for (; peek() >= '0' && peek() <= '9'; ++at_)
      out = std::min(std::max(out, 0) * 10 + static_cast<int>(peek() - '0'), max_repeat + 1);
    return out;
  }

  /// nullptr if it was flags alone.
  NodePtr atom(Flags& flags, int nesting) {
    using Check = Regex::Check;
    if (take(U"(")) return group(flags, nesting);
    if (take(U"[")) return bracket(flags);
    if (take(U".")) return make_set(flags.dot_newline ? Ranges{} : Ranges{{'\n', '\n'}}, Flags{}, true);
    if (take(U"^")) return make_check(flags.multi_line ? Check::line_begin : Check::text_begin);
    if (take(U"$")) return make_check(flags.multi_line ? Check::line_end : Check::text_end);
    if (take(U"\\A")) return make_check(Check::text_begin);
    if (take(U"\\z")) return make_check(Check::text_end);
    if (take(U"\\b")) return make_check(Check::word);
    if (take(U"\\B")) return make_check(Check::no_word);
    int least = 0;
    int most = 0;
    if (quantifier(least, most)) mistake("a quantifier of nothing");
    if (peek() == '\\') {
      Ranges ranges;
      if (class_escape(ranges)) return make_set(std::move(ranges), flags);
      const char32_t c = escape();
      return make_set({{c, c}}, flags);
    }
    const char32_t c = text_[at_++];
    return make_set({{c, c}}, flags);
  }

  NodePtr group(Flags& flags, int nesting) {
    Flags inner = flags;
    if (take(U"?")) {
      if (take(U"P<") || take(U"<")) {
        if (peek() == '=' || peek() == '!') mistake("look-behind, which RE2 does not have,");
        size_t length = 0;
        while (!done() && peek() != '>') ++at_, ++length;
        if (length == 0 || !take(U">")) mistake("a group without a name");
      } else {
        bool on = true;
        for (; !done() && peek() != ':' && peek() != ')'; ++at_) {
          if (peek() == '-' && on)
            on = false;
          else if (peek() == 'i')
            inner.fold = on;
          else if (peek() == 'm')
            inner.multi_line = on;
          else if (peek() == 's')
            inner.dot_newline = on;
          else if (peek() != 'U')
            mistake("an unknown flag or kind of group");
        }
        if (take(U")")) {
          flags = inner;
          return nullptr;
        }
        if (!take(U":")) mistake("a group that does not end");
      }
    }
    NodePtr out = choice(inner, nesting + 1);
    if (!take(U")")) mistake("a group that does not end");
    return out;
  }

  NodePtr bracket(const Flags& flags) {
    const bool negated = take(U"^");
    Ranges ranges;
    for (bool first = true; first || peek() != ']'; first = false) {
      if (done()) mistake("a '[' without ']'");
      if (named_class(ranges) || class_escape(ranges)) continue;
      const char32_t low = member();
      char32_t high = low;
      if (peek() == '-' && peek(1) != ']' && at_ + 1 < text_.size()) {
        ++at_;
        high = member();
        if (high < low) mistake("a range that ends before it begins");
      }
      ranges.emplace_back(low, high);
    }
    ++at_;
    return make_set(std::move(ranges), flags, negated);
  }

  char32_t member() {
    if (done()) mistake("a '[' without ']'");
    return peek() == '\\' ? escape() : text_[at_++];
  }

  bool named_class(Ranges& ranges) {
    if (!starts_with(U"[:")) return false;
    const size_t end = text_.find(U":]", at_ + 2);
    if (end == text_.npos) return false;
    std::u32string_view name = std::u32string_view(text_).substr(at_ + 2, end - at_ - 2);
    const bool negated = name.starts_with(U'^');
    if (negated) name.remove_prefix(1);
    for (const NamedClass& each : named_classes) {
      if (each.name != name) continue;
      append(ranges, negated ? inverted(ranges_of(each.pairs)) : ranges_of(each.pairs));
      at_ = end + 2;
      return true;
    }
    mistake("an unknown class of characters");
  }

  static void append(Ranges& to, const Ranges& more) { to.insert(to.end(), more.begin(), more.end()); }

  /// \d, \s, \w and their opposites.
  bool class_escape(Ranges& ranges) {
    if (peek() != '\\') return false;
    const char32_t c = peek(1);
    if (c == 'p' || c == 'P' || c == 'C')
      fail(ErrorCode::unsupported, "the regular expression '{}' uses \\{}, which is not supported", source_,
           static_cast<char>(c));
    const std::u32string_view found = c == 'd' || c == 'D'   ? digits
                                      : c == 's' || c == 'S' ? spaces
                                      : c == 'w' || c == 'W' ? words
                                                             : std::u32string_view();
    if (found.empty()) return false;
    append(ranges, c < 'a' ? inverted(ranges_of(found)) : ranges_of(found));
    at_ += 2;
    return true;
  }

  /// An escaped code point.
  char32_t escape() {
    ++at_;
    if (done()) mistake("a '\\' that escapes nothing");
    const char32_t c = text_[at_++];
    switch (c) {
      case 'a':
        return '\a';
      case 'f':
        return '\f';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'v':
        return '\v';
      case 'x':
        return hexadecimal();
      default:
        break;
    }
    const auto is_octal = [](char32_t digit) { return digit >= '0' && digit <= '7'; };
    if (is_octal(c) && (c == '0' || is_octal(peek()))) {
      char32_t out = c - '0';
      for (int i = 0; i < 2 && is_octal(peek()); ++i) out = out * 8 + (text_[at_++] - '0');
      return out;
    }
    const bool is_name = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (is_name || c >= 0x80) mistake("an unknown escape");
    return c;
  }

  char32_t hexadecimal() {
    const auto digit = [&]() -> int {
      const char32_t c = lower_case(peek());
      return c >= '0' && c <= '9'   ? static_cast<int>(c - '0')
             : c >= 'a' && c <= 'f' ? static_cast<int>(c - 'a') + 10
                                    : -1;
    };
    const bool braces = take(U"{");
    char32_t out = 0;
    int count = 0;
    for (; digit() >= 0 && count < (braces ? 8 : 2); ++count, ++at_)
      out = out * 16 + static_cast<char32_t>(digit());
    if ((braces ? count == 0 || !take(U"}") : count != 2) || out > last_code_point)
      mistake("a number that is no code point");
    return out;
  }

  std::string_view source_;
  std::u32string text_;
  size_t at_ = 0;
};

}  // namespace

std::unique_ptr<RegexNode> parse_regex(std::string_view pattern) { return Parser(pattern).parse(); }

}  // namespace spinel::ops
