// One canonical text for a message, however it was parsed: fields in the order of their numbers, names as in
// onnx.proto, payloads as bytes. Two parses agree exactly when their texts are equal.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "onnx/model.hpp"

namespace reader_test {

/// Writes the text. Presence is written for messages and for the scalar fields of has_presence() only.
class Canonical {
 public:
  void open(std::string_view name) { append(name, "{"); }
  void close() { text_ += '}'; }
  template <class T>
  void number(std::string_view name, T value) {
    static_assert(std::is_arithmetic_v<T>);
    list(name, std::span<const T>(&value, 1));
  }
  void bytes(std::string_view name, std::string_view value) {
    append(name, ":");
    text_ += std::to_string(value.size());
    text_ += '\'';
    text_ += value;
    text_ += '\'';
  }
  template <class T>
  void list(std::string_view name, std::span<const T> values) {
    append(name, "[");
    text_ += std::to_string(values.size());
    text_ += ':';
    text_.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
    text_ += ']';
  }
  std::string take() { return std::move(text_); }

 private:
  void append(std::string_view name, std::string_view mark) {
    text_ += name;
    text_ += mark;
  }
  std::string text_;
};

/// The fields that ONNX 1.12, whose classes Debian has, does not know yet.
enum class Schema { onnx_1_12, current };

/// Whether the text says if a scalar field ("TensorProto.raw_data") is present; others stand with their
/// default.
bool has_presence(std::string_view message_and_field);

// Texts of what our reader made of the bytes.
std::string canonical(const spinel::onnx::Model& model, Schema schema);
std::string canonical(const spinel::onnx::Tensor& tensor, Schema schema);
std::string canonical(const spinel::onnx::Sequence& sequence, Schema schema);
std::string canonical(const spinel::onnx::Optional& optional, Schema schema);

/// The bytes in ASCII, others as \xhh.
std::string printable(std::string_view bytes);

/// "" if equal, else where two texts part, with the text around it made printable.
std::string difference(const std::string& ours, const std::string& theirs);

}  // namespace reader_test
