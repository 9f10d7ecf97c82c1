// The context of a callback: what the functions of spinel_op_api work on.
#pragma once
#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spinel/custom_op.hpp>

#include "spinel.h"

/// Of one call of one callback, on the stack of the thread that makes it.
struct spinel_op_context {
  /// Those that the callback may use; the others are nullptr.
  const spinel::CustomAttributes* attributes = nullptr;
  spinel::CustomShapes* shapes = nullptr;
  spinel::CustomRun* run = nullptr;

  /// What the callback says with set_error(), and the last failure of a function of the table.
  std::string message;
  std::optional<spinel::Error> failure;

  /// What borrowed pointers point to, until the callback returns.
  struct Lent {
    std::deque<std::string> texts;
    std::deque<std::vector<spinel_string>> string_lists;
    std::deque<std::vector<float>> floats;
    std::deque<std::vector<int64_t>> ints;
    std::deque<spinel::Tensor> tensors;
    std::deque<spinel_tensor> views;
    std::vector<spinel::SymbolicDim> dims;  ///< The expression of number n is at -2 - n.
  };
  Lent& lent() {
    if (lent_ == nullptr) lent_ = std::make_unique<Lent>();
    return *lent_;
  }
  /// A view that costs no memory for the first few.
  spinel_tensor& new_view() {
    if (used_views_ < first_views_.size()) return first_views_[used_views_++];
    return lent().views.emplace_back();
  }

 private:
  std::array<spinel_tensor, 8> first_views_{};
  size_t used_views_ = 0;
  std::unique_ptr<Lent> lent_;
};
