// Symbolic dimensions: integer polynomials over named symbols and floor quotients.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace spinel::graph {

/// What each symbol stands for when a shape is bound.
using Bindings = std::map<std::string, int64_t, std::less<>>;

/// One dimension: a constant, an expression over symbols such as `(height + 1) / 2`, or unknown.
///
/// Expressions are kept in a canonical form, so that equal() proves equality for sums, products and quotients
/// that shape rules produce. Symbols stand for non-negative integers. Immutable and cheap to copy.
class Dim {
 public:
  Dim(int64_t value = 0) : constant_(value) {}
  static Dim symbol(std::string name);
  /// A size that only running can tell. Equal to nothing, not even to itself.
  static Dim unknown();

  bool is_unknown() const noexcept { return unknown_; }
  bool is_constant() const noexcept { return !unknown_ && terms_ == nullptr; }
  bool is_constant(int64_t value) const noexcept { return is_constant() && constant_ == value; }
  /// The value of a constant; undefined for others.
  int64_t constant() const noexcept { return constant_; }

  /// Whether both are proven to be the same number for every binding.
  friend bool equal(const Dim& a, const Dim& b);
  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  /// Rounded towards minus infinity. Division by the constant 0 is unknown.
  friend Dim floor_div(const Dim& a, const Dim& b);
  friend Dim ceil_div(const Dim& a, const Dim& b);

  /// The number under these bindings; empty if unknown or if a symbol is not bound. Throws Error on overflow.
  std::optional<int64_t> evaluate(const Bindings& bindings) const;
  /// Whether the symbol occurs in the expression.
  bool mentions(const std::string& symbol) const;
  void collect_symbols(std::vector<std::string>& names) const;
  /// "3", "batch", "2*batch + 1", "?"
  std::string text() const;

 private:
  struct Atom;
  struct Term;
  using Terms = std::vector<Term>;
  static Dim make(int64_t constant, Terms terms);
  static Dim atom(Atom atom);
  const Terms& terms() const noexcept;

  int64_t constant_ = 0;
  bool unknown_ = false;
  std::shared_ptr<const Terms> terms_;
};

Dim operator+(const Dim& a, const Dim& b);
Dim operator-(const Dim& a, const Dim& b);
Dim operator*(const Dim& a, const Dim& b);
Dim floor_div(const Dim& a, const Dim& b);
Dim ceil_div(const Dim& a, const Dim& b);
bool equal(const Dim& a, const Dim& b);

using Shape = std::vector<Dim>;

std::string shape_text(const Shape& shape);
Shape to_shape(const std::vector<int64_t>& dims);
/// The dims if every one is constant.
std::optional<std::vector<int64_t>> constant_dims(const Shape& shape);
/// Product of all dims; 1 for a scalar.
Dim product(const Shape& shape, size_t begin, size_t end);

}  // namespace spinel::graph
