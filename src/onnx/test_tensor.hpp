// Builds TensorProto bytes for the unit tests of this folder.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <protozero/pbf_writer.hpp>

#include "onnx/tensor_data.hpp"

namespace spinel::onnx::testing {

/// The bytes of a TensorProto; the typed fields are written packed unless said otherwise.
class TensorBytes {
 public:
  TensorBytes(DType dtype, const std::vector<int64_t>& dims, std::string_view name = "w") {
    writer().add_packed_int64(1, dims.begin(), dims.end());
    writer().add_int32(2, static_cast<int32_t>(dtype));
    writer().add_string(8, name.data(), name.size());
  }
  TensorBytes& data_type(int32_t number) { return writer().add_int32(2, number), *this; }
  TensorBytes& segment() { return writer().add_message(3, std::string()), *this; }
  TensorBytes& floats(const std::vector<float>& v) {
    return writer().add_packed_float(4, v.begin(), v.end()), *this;
  }
  TensorBytes& int32s(const std::vector<int32_t>& v) {
    return writer().add_packed_int32(5, v.begin(), v.end()), *this;
  }
  TensorBytes& int32s_one_by_one(const std::vector<int32_t>& v) {
    for (int32_t value : v) writer().add_int32(5, value);
    return *this;
  }
  TensorBytes& floats_one_by_one(const std::vector<float>& v) {
    for (float value : v) writer().add_float(4, value);
    return *this;
  }
  TensorBytes& strings(const std::vector<std::string>& v) {
    for (const std::string& value : v) writer().add_string(6, value);
    return *this;
  }
  TensorBytes& int64s(const std::vector<int64_t>& v) {
    return writer().add_packed_int64(7, v.begin(), v.end()), *this;
  }
  TensorBytes& raw(std::string_view v) { return writer().add_bytes(9, v.data(), v.size()), *this; }
  TensorBytes& doubles(const std::vector<double>& v) {
    return writer().add_packed_double(10, v.begin(), v.end()), *this;
  }
  TensorBytes& uint64s(const std::vector<uint64_t>& v) {
    return writer().add_packed_uint64(11, v.begin(), v.end()), *this;
  }
  TensorBytes& external(std::initializer_list<StringPair> entries) {
    for (const StringPair& entry : entries) {
      protozero::pbf_writer outer(bytes_);
      protozero::pbf_writer pair(outer, 13);
      pair.add_string(1, entry.key.data(), entry.key.size());
      pair.add_string(2, entry.value.data(), entry.value.size());
    }
    writer().add_enum(14, 1);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }
  /// The parsed message; points into this object.
  Tensor parsed() const { return parse_tensor(std::as_bytes(std::span(bytes_)), Limits{}); }
  spinel::Tensor tensor(const TensorSource& source = {}) const { return to_tensor(parsed(), source); }

 private:
  protozero::pbf_writer writer() { return protozero::pbf_writer(bytes_); }
  std::string bytes_;
};

/// The message of the Error that fn throws, after its code ("bad_model: ..."); "" if it throws none.
template <class Fn>
std::string error_of(Fn&& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return std::string(error_code_name(error.code())) + ": " + error.what();
  }
  return "";
}

/// The bytes of the tensor's buffer.
inline std::vector<unsigned> bytes_of(const spinel::Tensor& tensor) {
  const auto* const data = static_cast<const unsigned char*>(tensor.raw());
  return {data, data + tensor.size_bytes()};
}

}  // namespace spinel::onnx::testing
