// What a model takes and gives: a tensor, a sequence, or nothing.
#pragma once
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include <spinel/tensor.hpp>

namespace spinel {

class Value;
using Sequence = std::vector<Value>;

/// Nothing (an omitted input or an empty optional), a tensor, or a sequence. A filled optional is its
/// element. Copies share tensors' buffers and sequences.
class Value {
 public:
  Value() = default;
  Value(Tensor tensor) : value_(std::move(tensor)) {}
  Value(Sequence sequence) : value_(std::make_shared<const Sequence>(std::move(sequence))) {}

  bool empty() const noexcept { return std::holds_alternative<std::monostate>(value_); }
  bool is_tensor() const noexcept { return std::holds_alternative<Tensor>(value_); }
  bool is_sequence() const noexcept {
    return std::holds_alternative<std::shared_ptr<const Sequence>>(value_);
  }
  /// Throw Error(invalid_argument) if this is another kind of value.
  const Tensor& tensor() const {
    if (!is_tensor()) throw Error(ErrorCode::invalid_argument, "a tensor is missing");
    return std::get<Tensor>(value_);
  }
  Tensor& tensor() { return const_cast<Tensor&>(std::as_const(*this).tensor()); }
  const Sequence& sequence() const {
    if (!is_sequence()) throw Error(ErrorCode::invalid_argument, "a sequence is missing");
    return *std::get<std::shared_ptr<const Sequence>>(value_);
  }

 private:
  std::variant<std::monostate, Tensor, std::shared_ptr<const Sequence>> value_;
};

}  // namespace spinel
