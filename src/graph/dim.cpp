#include "graph/dim.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spinel::graph {

/// A symbol, or floor(dividend / divisor).
struct Dim::Atom {
  std::string text;
  bool quotient = false;
  Dim dividend;
  Dim divisor;
};

/// coefficient * product of atoms, which are sorted by text.
struct Dim::Term {
  int64_t coefficient = 0;
  std::vector<std::shared_ptr<const Atom>> atoms;

  std::string key() const {
    std::string text;
    for (const auto& a : atoms) text += (text.empty() ? "" : "*") + a->text;
    return text;
  }
};

namespace {

bool add_overflows(int64_t a, int64_t b, int64_t& out) { return __builtin_add_overflow(a, b, &out); }
bool multiply_overflows(int64_t a, int64_t b, int64_t& out) { return __builtin_mul_overflow(a, b, &out); }

int64_t floor_quotient(int64_t a, int64_t b) {
  int64_t q = a / b;
  if (a % b != 0 && (a < 0) != (b < 0)) --q;
  return q;
}

/// Beyond this an expression is called unknown: no real model's shape rule gets here, a hostile one could.
constexpr size_t max_terms = 64;
constexpr size_t max_atoms = 16;
constexpr size_t max_text_bytes = 512;

}  // namespace

const Dim::Terms& Dim::terms() const noexcept {
  static const Terms none;
  return terms_ ? *terms_ : none;
}

Dim Dim::unknown() {
  Dim dim;
  dim.unknown_ = true;
  return dim;
}

Dim Dim::atom(Atom a) {
  if (a.text.size() > max_text_bytes) return unknown();
  return make(0, {Term{1, {std::make_shared<const Atom>(std::move(a))}}});
}

Dim Dim::symbol(std::string name) { return atom(Atom{std::move(name), false, {}, {}}); }

Dim Dim::make(int64_t constant, Terms terms) {
  std::ranges::sort(terms, {}, &Term::key);
  Terms merged;
  for (auto& term : terms) {
    if (!merged.empty() && merged.back().key() == term.key()) {
      if (add_overflows(merged.back().coefficient, term.coefficient, merged.back().coefficient))
        return unknown();
    } else {
      merged.push_back(std::move(term));
    }
  }
  std::erase_if(merged, [](const Term& term) { return term.coefficient == 0; });
  if (merged.size() > max_terms) return unknown();
  Dim dim(constant);
  if (!merged.empty()) dim.terms_ = std::make_shared<const Terms>(std::move(merged));
  return dim;
}

Dim operator+(const Dim& a, const Dim& b) {
  int64_t constant;
  if (a.unknown_ || b.unknown_ || add_overflows(a.constant_, b.constant_, constant)) return Dim::unknown();
  Dim::Terms terms = a.terms();
  terms.insert(terms.end(), b.terms().begin(), b.terms().end());
  return Dim::make(constant, std::move(terms));
}

Dim operator-(const Dim& a, const Dim& b) { return a + b * Dim(-1); }

Dim operator*(const Dim& a, const Dim& b) {
  if (a.is_constant(0) || b.is_constant(0)) return Dim(0);
  if (a.unknown_ || b.unknown_) return Dim::unknown();
  Dim::Terms left = a.terms();
  left.push_back({a.constant_, {}});
  Dim::Terms right = b.terms();
  right.push_back({b.constant_, {}});
  Dim::Terms out;
  int64_t constant = 0;
  for (const auto& x : left) {
    for (const auto& y : right) {
      Dim::Term term;
      if (multiply_overflows(x.coefficient, y.coefficient, term.coefficient)) return Dim::unknown();
      if (term.coefficient == 0) continue;
      term.atoms = x.atoms;
      term.atoms.insert(term.atoms.end(), y.atoms.begin(), y.atoms.end());
      if (term.atoms.size() > max_atoms) return Dim::unknown();
      std::ranges::sort(term.atoms, {}, [](const auto& atom) { return atom->text; });
      if (term.atoms.empty())
        constant = term.coefficient;
      else
        out.push_back(std::move(term));
    }
  }
  return Dim::make(constant, std::move(out));
}

Dim floor_div(const Dim& a, const Dim& b) {
  if (a.unknown_ || b.unknown_ || b.is_constant(0)) return Dim::unknown();
  if (b.is_constant(1)) return a;
  if (a.is_constant() && b.is_constant()) return Dim(floor_quotient(a.constant_, b.constant_));
  if (a.is_constant(0) || equal(a, b)) return a.is_constant(0) ? Dim(0) : Dim(1);
  // floor((b*whole + rest) / b) = whole + floor(rest / b): take out every term that the divisor, a monomial,
  // divides.
  const bool monomial = b.is_constant() || (b.terms().size() == 1 && b.constant_ == 0);
  if (monomial) {
    const int64_t coefficient = b.is_constant() ? b.constant_ : b.terms()[0].coefficient;
    const auto atoms = b.is_constant() ? decltype(Dim::Term::atoms){} : b.terms()[0].atoms;
    Dim::Terms whole;
    Dim::Terms rest;
    for (const auto& term : a.terms()) {
      Dim::Term quotient = term;
      bool divides = term.coefficient % coefficient == 0;
      for (const auto& atom : atoms) {
        const auto at = std::ranges::find(quotient.atoms, atom->text, [](const auto& x) { return x->text; });
        if (at == quotient.atoms.end())
          divides = false;
        else
          quotient.atoms.erase(at);
      }
      quotient.coefficient = divides ? term.coefficient / coefficient : 0;
      (divides ? whole : rest).push_back(divides ? std::move(quotient) : term);
    }
    int64_t whole_constant = 0;
    for (auto& term : whole)
      if (term.atoms.empty()) whole_constant += std::exchange(term.coefficient, 0);
    int64_t rest_constant = a.constant_;
    if (b.is_constant()) {
      const int64_t q = floor_quotient(a.constant_, coefficient);
      whole_constant += q;
      rest_constant -= q * coefficient;
    }
    const Dim quotient = Dim::make(whole_constant, std::move(whole));
    const Dim remainder = Dim::make(rest_constant, std::move(rest));
    if (remainder.is_constant(0)) return quotient;
    if (b.is_constant() && remainder.is_constant())
      return quotient + Dim(floor_quotient(rest_constant, coefficient));
    return quotient + Dim::atom({"((" + remainder.text() + ") / (" + b.text() + "))", true, remainder, b});
  }
  return Dim::atom({"((" + a.text() + ") / (" + b.text() + "))", true, a, b});
}

Dim ceil_div(const Dim& a, const Dim& b) { return floor_div(a + b - Dim(1), b); }

bool equal(const Dim& a, const Dim& b) {
  if (a.unknown_ || b.unknown_ || a.constant_ != b.constant_ || a.terms().size() != b.terms().size())
    return false;
  for (size_t i = 0; i < a.terms().size(); ++i) {
    const auto& x = a.terms()[i];
    const auto& y = b.terms()[i];
    if (x.coefficient != y.coefficient || x.key() != y.key()) return false;
  }
  return true;
}

std::optional<int64_t> Dim::evaluate(const Bindings& bindings) const {
  if (unknown_) return std::nullopt;
  int64_t sum = constant_;
  for (const auto& term : terms()) {
    int64_t value = term.coefficient;
    for (const auto& a : term.atoms) {
      int64_t factor = 0;
      if (a->quotient) {
        const auto dividend = a->dividend.evaluate(bindings);
        const auto divisor = a->divisor.evaluate(bindings);
        if (!dividend || !divisor || *divisor == 0) return std::nullopt;
        factor = floor_quotient(*dividend, *divisor);
      } else {
        const auto found = bindings.find(a->text);
        if (found == bindings.end()) return std::nullopt;
        factor = found->second;
      }
      if (multiply_overflows(value, factor, value))
        fail(ErrorCode::limit_exceeded, "dimension {} does not fit into 64 bits", text());
    }
    if (add_overflows(sum, value, sum))
      fail(ErrorCode::limit_exceeded, "dimension {} does not fit into 64 bits", text());
  }
  return sum;
}

void Dim::collect_symbols(std::vector<std::string>& names) const {
  for (const auto& term : terms()) {
    for (const auto& a : term.atoms) {
      if (a->quotient) {
        a->dividend.collect_symbols(names);
        a->divisor.collect_symbols(names);
      } else if (std::ranges::find(names, a->text) == names.end()) {
        names.push_back(a->text);
      }
    }
  }
}

bool Dim::mentions(const std::string& symbol) const {
  std::vector<std::string> names;
  collect_symbols(names);
  return std::ranges::find(names, symbol) != names.end();
}

std::string Dim::text() const {
  if (unknown_) return "?";
  std::string out;
  for (const auto& term : terms()) {
    if (!out.empty()) out += " + ";
    if (term.coefficient != 1) out += std::to_string(term.coefficient) + "*";
    out += term.key();
  }
  if (constant_ != 0 || out.empty()) out += (out.empty() ? "" : " + ") + std::to_string(constant_);
  return out;
}

std::string shape_text(const Shape& shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i) out += (i ? ", " : "") + shape[i].text();
  return out + "]";
}

Shape to_shape(const std::vector<int64_t>& dims) { return {dims.begin(), dims.end()}; }

std::optional<std::vector<int64_t>> constant_dims(const Shape& shape) {
  std::vector<int64_t> dims;
  for (const auto& dim : shape) {
    if (!dim.is_constant()) return std::nullopt;
    dims.push_back(dim.constant());
  }
  return dims;
}

Dim product(const Shape& shape, size_t begin, size_t end) {
  Dim out(1);
  for (size_t i = begin; i < end; ++i) out = out * shape[i];
  return out;
}

}  // namespace spinel::graph
