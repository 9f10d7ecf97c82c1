// Writes small ONNX models for tests. Not part of the library.
#pragma once
#include <protozero/pbf_writer.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <spinel/tensor.hpp>

namespace spinel::test {

/// A dim of a declared type: a number, a name, or "" for unknown.
using ModelDim = std::variant<int64_t, std::string>;

class ModelGraph;
using ModelAttribute = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>,
                                    std::vector<std::string>, Tensor, const ModelGraph*>;

/// The bytes of a GraphProto, built in the order of the calls.
class ModelGraph {
 public:
  explicit ModelGraph(const std::string& name = "test") : writer_(bytes_) { writer_.add_string(2, name); }

  ModelGraph& input(const std::string& name, DType dtype, const std::vector<ModelDim>& dims) {
    value_info(11, name, dtype, &dims);
    return *this;
  }
  ModelGraph& output(const std::string& name, DType dtype) {
    value_info(12, name, dtype, nullptr);
    return *this;
  }
  ModelGraph& constant(const std::string& name, const Tensor& tensor) {
    std::string message;
    write_tensor(message, tensor, name);
    writer_.add_message(5, message);
    return *this;
  }
  ModelGraph& node(const std::string& op, const std::vector<std::string>& inputs,
                   const std::vector<std::string>& outputs,
                   const std::vector<std::pair<std::string, ModelAttribute>>& attributes = {},
                   const std::string& name = {}, const std::string& domain = {}) {
    std::string message;
    protozero::pbf_writer writer(message);
    for (const auto& input : inputs) writer.add_string(1, input);
    for (const auto& output : outputs) writer.add_string(2, output);
    writer.add_string(3, name);
    writer.add_string(4, op);
    for (const auto& [key, value] : attributes) writer.add_message(5, attribute(key, value));
    writer.add_string(7, domain);
    writer_.add_message(1, message);
    return *this;
  }

  const std::string& bytes() const { return bytes_; }

  /// The whole ModelProto. `domains` are imported, in version 1, beside ONNX's own.
  std::vector<std::byte> model(int64_t opset = 17, int64_t ir_version = 8,
                               const std::vector<std::string>& domains = {}) const {
    std::string out;
    protozero::pbf_writer writer(out);
    writer.add_int64(1, ir_version);
    writer.add_message(7, bytes_);
    for (const std::string& domain : domains) {
      std::string other;
      protozero::pbf_writer other_writer(other);
      other_writer.add_string(1, domain);
      other_writer.add_int64(2, 1);
      writer.add_message(8, other);
    }
    std::string import;
    protozero::pbf_writer(import).add_int64(2, opset);
    writer.add_message(8, import);
    const auto* begin = reinterpret_cast<const std::byte*>(out.data());
    return {begin, begin + out.size()};
  }

 private:
  static void write_tensor(std::string& message, const Tensor& tensor, const std::string& name) {
    protozero::pbf_writer writer(message);
    for (int64_t dim : tensor.dims()) writer.add_int64(1, dim);
    writer.add_int32(2, static_cast<int32_t>(tensor.dtype()));
    writer.add_string(8, name);
    if (tensor.dtype() == DType::string)
      for (const auto& each : tensor.data<std::string>()) writer.add_bytes(6, each);
    else
      writer.add_bytes(9, static_cast<const char*>(tensor.raw()), tensor.size_bytes());
  }

  void value_info(protozero::pbf_tag_type field, const std::string& name, DType dtype,
                  const std::vector<ModelDim>* dims) {
    std::string tensor_type;
    protozero::pbf_writer tensor_writer(tensor_type);
    tensor_writer.add_int32(1, static_cast<int32_t>(dtype));
    if (dims != nullptr) {
      std::string shape;
      protozero::pbf_writer shape_writer(shape);
      for (const ModelDim& dim : *dims) {
        std::string entry;
        if (const auto* value = std::get_if<int64_t>(&dim))
          protozero::pbf_writer(entry).add_int64(1, *value);
        else if (!std::get<std::string>(dim).empty())
          protozero::pbf_writer(entry).add_string(2, std::get<std::string>(dim));
        shape_writer.add_message(1, entry);
      }
      tensor_writer.add_message(2, shape);
    }
    std::string type;
    protozero::pbf_writer(type).add_message(1, tensor_type);
    std::string message;
    protozero::pbf_writer writer(message);
    writer.add_string(1, name);
    writer.add_message(2, type);
    writer_.add_message(field, message);
  }

  static std::string attribute(const std::string& name, const ModelAttribute& value) {
    std::string message;
    protozero::pbf_writer writer(message);
    writer.add_string(1, name);
    if (const auto* i = std::get_if<int64_t>(&value)) {
      writer.add_int64(3, *i);
      writer.add_enum(20, 2);
    } else if (const auto* f = std::get_if<float>(&value)) {
      writer.add_float(2, *f);
      writer.add_enum(20, 1);
    } else if (const auto* s = std::get_if<std::string>(&value)) {
      writer.add_bytes(4, *s);
      writer.add_enum(20, 3);
    } else if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) {
      for (int64_t each : *ints) writer.add_int64(8, each);
      writer.add_enum(20, 7);
    } else if (const auto* floats = std::get_if<std::vector<float>>(&value)) {
      for (float each : *floats) writer.add_float(7, each);
      writer.add_enum(20, 6);
    } else if (const auto* strings = std::get_if<std::vector<std::string>>(&value)) {
      for (const std::string& each : *strings) writer.add_bytes(9, each);
      writer.add_enum(20, 8);
    } else if (const auto* tensor = std::get_if<Tensor>(&value)) {
      std::string inner;
      write_tensor(inner, *tensor, "");
      writer.add_message(5, inner);
      writer.add_enum(20, 4);
    } else {
      writer.add_message(6, std::get<const ModelGraph*>(value)->bytes());
      writer.add_enum(20, 5);
    }
    return message;
  }

  std::string bytes_;
  protozero::pbf_writer writer_;
};

/// Numbers that repeat for the same seed: float32 in [-1, 1).
inline Tensor random_floats(Dims dims, uint32_t seed) {
  Tensor tensor(DType::float32, std::move(dims));
  for (float& v : tensor.data<float>()) {
    seed = seed * 1664525u + 1013904223u;
    v = static_cast<float>(static_cast<int32_t>(seed)) / 2147483648.0f;
  }
  return tensor;
}

inline Tensor int64s(std::initializer_list<int64_t> values) {
  return Tensor::from<int64_t>({static_cast<int64_t>(values.size())}, values);
}

}  // namespace spinel::test
