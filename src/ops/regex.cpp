// Thompson's construction and simulation: R. Cox, "Regular Expression Matching Can Be Simple And Fast"
// (2007).
#include "ops/regex.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "ops/regex_parse.hpp"
#include "ops/utf8.hpp"

namespace spinel::ops {
namespace {

constexpr size_t max_states = 100000;

using State = Regex::State;

/// Builds states from the end to the beginning: each part gets what follows it.
class Compiler {
 public:
  Compiler(std::vector<State>& states, std::vector<Regex::Ranges>& sets) : states_(states), sets_(sets) {}

  uint32_t add(State state) {
    if (states_.size() >= max_states)
      fail(ErrorCode::limit_exceeded, "the regular expression needs more than {} states", max_states);
    states_.push_back(state);
    return static_cast<uint32_t>(states_.size() - 1);
  }

  /// The state where `node` begins if `next` follows it.
  uint32_t compile(const RegexNode& node, uint32_t next) {
    switch (node.kind) {
      case RegexNode::Kind::empty:
        return next;
      case RegexNode::Kind::set:
        sets_.push_back(node.ranges);
        return add(
            {.kind = State::Kind::ranges, .next = next, .ranges = static_cast<uint32_t>(sets_.size() - 1)});
      case RegexNode::Kind::check:
        return add({.kind = State::Kind::check, .check = node.check, .next = next});
      case RegexNode::Kind::sequence:
        for (auto part = node.parts.rbegin(); part != node.parts.rend(); ++part) next = compile(**part, next);
        return next;
      case RegexNode::Kind::choice: {
        uint32_t out = compile(*node.parts.back(), next);
        for (size_t i = node.parts.size() - 1; i-- > 0;) out = fork(compile(*node.parts[i], next), out);
        return out;
      }
      case RegexNode::Kind::repeat:
        return repeat(node, next);
    }
    return next;
  }

 private:
  uint32_t fork(uint32_t one, uint32_t other) {
    return add({.kind = State::Kind::fork, .next = one, .other = other});
  }

  uint32_t repeat(const RegexNode& node, uint32_t next) {
    const RegexNode& part = *node.parts[0];
    uint32_t out = next;
    if (node.most < 0) {
      out = fork(next, next);
      states_[out].next = compile(part, out);
    }
    for (int i = node.least; i < node.most; ++i) out = fork(compile(part, out), next);
    for (int i = 0; i < node.least; ++i) {
      const uint32_t one = compile(part, out);
      if (one == out) break;  // Nothing, however often.
      out = one;
    }
    return out;
  }

  std::vector<State>& states_;
  std::vector<Regex::Ranges>& sets_;
};

bool is_word(char32_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/// The states that are alive between two code points.
class Alive {
 public:
  explicit Alive(const std::vector<State>& states) : states_(states), mark_(states.size(), 0) {}

  const std::vector<uint32_t>& list() const { return list_; }
  void clear() {
    list_.clear();
    ++round_;
  }

  /// Adds a state and those that it reaches without a code point.
  void add(uint32_t first, const std::u32string& text, size_t at) {
    stack_.push_back(first);
    while (!stack_.empty()) {
      const uint32_t id = stack_.back();
      stack_.pop_back();
      if (mark_[id] == round_) continue;
      mark_[id] = round_;
      const State& state = states_[id];
      if (state.kind == State::Kind::fork) {
        stack_.push_back(state.next);
        stack_.push_back(state.other);
      } else if (state.kind == State::Kind::check) {
        if (holds(state.check, text, at)) stack_.push_back(state.next);
      } else {
        list_.push_back(id);
      }
    }
  }

 private:
  static bool holds(Regex::Check check, const std::u32string& text, size_t at) {
    using Check = Regex::Check;
    const bool begin = at == 0;
    const bool end = at == text.size();
    switch (check) {
      case Check::text_begin:
        return begin;
      case Check::text_end:
        return end;
      case Check::line_begin:
        return begin || text[at - 1] == '\n';
      case Check::line_end:
        return end || text[at] == '\n';
      default:
        break;
    }
    const bool border = (!begin && is_word(text[at - 1])) != (!end && is_word(text[at]));
    return border == (check == Check::word);
  }

  const std::vector<State>& states_;
  std::vector<uint64_t> mark_;  ///< The round in which a state was added.
  uint64_t round_ = 1;
  std::vector<uint32_t> list_, stack_;
};

bool contains(const Regex::Ranges& ranges, char32_t c) {
  const auto after = std::ranges::upper_bound(ranges, c, {}, [](const auto& range) { return range.first; });
  return after != ranges.begin() && c <= std::prev(after)->second;
}

}  // namespace

Regex::Regex(std::string_view pattern) {
  const auto tree = parse_regex(pattern);
  Compiler compiler(states_, sets_);
  start_ = compiler.compile(*tree, compiler.add({.kind = State::Kind::match}));
}

bool Regex::matches(std::string_view bytes) const {
  const std::u32string text = code_points(bytes);
  Alive sets[] = {Alive(states_), Alive(states_)};
  Alive* now = &sets[0];
  Alive* then = &sets[1];
  now->add(start_, text, 0);
  for (size_t at = 0; at < text.size() && !now->list().empty(); ++at) {
    then->clear();
    for (const uint32_t id : now->list()) {
      const State& state = states_[id];
      if (state.kind == State::Kind::ranges && contains(sets_[state.ranges], text[at]))
        then->add(state.next, text, at + 1);
    }
    std::swap(now, then);
  }
  return std::ranges::any_of(now->list(),
                             [&](uint32_t id) { return states_[id].kind == State::Kind::match; });
}

}  // namespace spinel::ops
