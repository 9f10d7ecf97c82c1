// The dims of the public API over those of the graph.
#include <spinel/custom_op.hpp>

#include "graph/dim.hpp"

namespace spinel {
namespace {

SymbolicDim wrap(const graph::Dim& dim) {
  if (dim.is_constant()) return {dim.constant()};
  return SymbolicDim(std::make_shared<const graph::Dim>(dim));
}

}  // namespace

SymbolicDim::SymbolicDim(std::shared_ptr<const graph::Dim> expression) : expression_(std::move(expression)) {}

SymbolicDim SymbolicDim::unknown() { return wrap(graph::Dim::unknown()); }

bool SymbolicDim::is_unknown() const noexcept { return expression_ != nullptr && expression_->is_unknown(); }

std::optional<int64_t> SymbolicDim::constant() const noexcept {
  if (expression_ == nullptr) return value_;
  return expression_->is_constant() ? std::optional(expression_->constant()) : std::nullopt;
}

graph::Dim SymbolicDim::expression() const {
  return expression_ == nullptr ? graph::Dim(value_) : *expression_;
}

std::string SymbolicDim::text() const { return expression().text(); }

SymbolicDim operator+(const SymbolicDim& a, const SymbolicDim& b) {
  return wrap(a.expression() + b.expression());
}
SymbolicDim operator-(const SymbolicDim& a, const SymbolicDim& b) {
  return wrap(a.expression() - b.expression());
}
SymbolicDim operator*(const SymbolicDim& a, const SymbolicDim& b) {
  return wrap(a.expression() * b.expression());
}
SymbolicDim floor_div(const SymbolicDim& a, const SymbolicDim& b) {
  return wrap(floor_div(a.expression(), b.expression()));
}
bool equal(const SymbolicDim& a, const SymbolicDim& b) { return equal(a.expression(), b.expression()); }

}  // namespace spinel
