// What an operator's factory is given: normalised access to a node's attributes.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "graph/op.hpp"
#include "graph/recipe.hpp"

namespace spinel::ops {

using graph::Op;
using graph::OpPtr;

using graph::Attribute;
using graph::Attributes;
using graph::GraphAttribute;

/// The arguments of a factory. The getters throw Error(bad_model) naming the attribute if it has another
/// type, and remember what was read: an attribute that nobody read is refused, for it would change the result
/// silently.
class OpArgs {
 public:
  OpArgs(std::string op_type, int version, Attributes attributes, size_t input_count, size_t output_count)
      : op_type_(std::move(op_type)),
        version_(version),
        attributes_(std::move(attributes)),
        input_count_(input_count),
        output_count_(output_count) {}

  const std::string& op_type() const noexcept { return op_type_; }
  /// The opset version that the model imports for the operator's domain.
  int version() const noexcept { return version_; }
  size_t input_count() const noexcept { return input_count_; }
  size_t output_count() const noexcept { return output_count_; }
  const Attributes& attributes() const noexcept { return attributes_; }

  bool has(std::string_view name) const { return attributes_.find(name) != attributes_.end(); }
  float get_float(std::string_view name, float fallback) const;
  int64_t get_int(std::string_view name, int64_t fallback) const;
  bool get_flag(std::string_view name, bool fallback) const { return get_int(name, fallback ? 1 : 0) != 0; }
  std::string get_string(std::string_view name, std::string fallback) const;
  std::vector<int64_t> get_ints(std::string_view name, std::vector<int64_t> fallback = {}) const;
  std::vector<float> get_floats(std::string_view name, std::vector<float> fallback = {}) const;
  std::vector<std::string> get_strings(std::string_view name, std::vector<std::string> fallback = {}) const;
  std::optional<Tensor> get_tensor(std::string_view name) const;
  std::optional<graph::ValueType> get_type(std::string_view name) const;
  /// The attribute whatever its type, marked as read; nullptr if absent.
  const Attribute* find(std::string_view name) const;
  /// Marks an attribute as read that has no effect on inference (`consumed_inputs` of opset 1, say).
  void ignore(std::string_view name) const { find(name); }
  /// Throws Error(bad_model) if the node lacks an attribute that the specification requires.
  void require(std::string_view name) const;

  /// Attributes that nobody has read.
  std::vector<std::string> unread() const;
  /// All attributes as canonical text, long tensors as a digest of their bytes' text.
  std::string text() const;

 private:
  std::string op_type_;
  int version_;
  Attributes attributes_;
  size_t input_count_;
  size_t output_count_;
  mutable std::set<std::string, std::less<>> read_;
};

}  // namespace spinel::ops
