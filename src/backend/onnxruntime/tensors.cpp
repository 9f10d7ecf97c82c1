#include "backend/onnxruntime/tensors.hpp"

#include <cstring>
#include <iterator>

#include "base/text.hpp"

namespace spinel::backend::ort {
namespace {

/// By ONNX Runtime's number: it follows ONNX as far as float4, then goes its own way.
constexpr DType element_types[] = {
    DType::undefined,      DType::float32,   DType::uint8,        DType::int8,           DType::uint16,
    DType::int16,          DType::int32,     DType::int64,        DType::string,         DType::boolean,
    DType::float16,        DType::float64,   DType::uint32,       DType::uint64,         DType::complex64,
    DType::complex128,     DType::bfloat16,  DType::float8e4m3fn, DType::float8e4m3fnuz, DType::float8e5m2,
    DType::float8e5m2fnuz, DType::uint4,     DType::int4,         DType::float4e2m1,     DType::uint2,
    DType::int2,           DType::float8e8m0};

Allocator* default_allocator(const Api& api) {
  Allocator* allocator = nullptr;
  api(Stage::run, get_default_allocator, &allocator);
  return allocator;
}

Handle<Value> allocate(const Api& api, const Tensor& like) {
  Handle<Value> value(api, release_value);
  api(Stage::run, create_tensor, default_allocator(api), like.dims().data(), like.dims().size(),
      element_type_number(like.dtype()), value.receive());
  return value;
}

void copy_strings(const Api& api, const Value* value, Tensor& to) {
  const auto strings = to.data<std::string>();
  if (strings.empty()) return;
  size_t bytes = 0;
  api(Stage::run, get_string_bytes, value, &bytes);
  std::string text(bytes, '\0');
  std::vector<size_t> begins(strings.size());
  api(Stage::run, get_string_content, value, text.data(), bytes, begins.data(), begins.size());
  for (size_t i = 0; i < strings.size(); ++i) {
    const size_t end = i + 1 < begins.size() ? begins[i + 1] : bytes;
    strings[i] = text.substr(begins[i], end - begins[i]);
  }
}

}  // namespace

int element_type_number(DType dtype) {
  for (size_t i = 0; i < std::size(element_types); ++i)
    if (element_types[i] == dtype) return static_cast<int>(i);
  return 0;
}

DType dtype_of_number(int element_type) {
  const auto index = static_cast<size_t>(element_type);
  return index < std::size(element_types) ? element_types[index] : DType::undefined;
}

Handle<Value> wrap(const Api& api, const MemoryInfo* memory, const Tensor& tensor) {
  if (tensor.dtype() == DType::string) {
    Handle<Value> value = allocate(api, tensor);
    const auto strings = tensor.data<std::string>();
    for (size_t i = 0; i < strings.size(); ++i) {
      char* place = nullptr;
      api(Stage::run, resize_string_element, value.get(), i, strings[i].size(), &place);
      if (!strings[i].empty()) std::memcpy(place, strings[i].data(), strings[i].size());
    }
    return value;
  }
  // ONNX Runtime wants an address even for no elements, and reads inputs only, though its function takes a
  // pointer to what may be written.
  static constexpr char nothing = 0;
  const void* data = tensor.raw() != nullptr ? tensor.raw() : &nothing;
  Handle<Value> value(api, release_value);
  api(Stage::run, create_tensor_with_data, memory, const_cast<void*>(data), tensor.size_bytes(),
      tensor.dims().data(), tensor.dims().size(), element_type_number(tensor.dtype()), value.receive());
  return value;
}

Tensor to_tensor(const Api& api, Value* value, const std::string& name) {
  Handle<TensorShape> info(api, release_tensor_info);
  api(Stage::run, get_tensor_info, value, info.receive());
  int number = 0;
  size_t rank = 0;
  api(Stage::run, get_element_type, info.get(), &number);
  api(Stage::run, get_rank, info.get(), &rank);
  Dims dims(rank);
  api(Stage::run, get_dims, info.get(), dims.data(), rank);
  const DType dtype = dtype_of_number(number);
  if (dtype == DType::undefined)
    fail(ErrorCode::unsupported, "output '{}' has ONNX Runtime's element type {}, which is not known", name,
         number);
  Tensor tensor = Tensor::uninitialized(dtype, std::move(dims));
  if (dtype == DType::string) {
    copy_strings(api, value, tensor);
  } else if (tensor.size_bytes() != 0) {
    void* data = nullptr;
    api(Stage::run, get_tensor_data, value, &data);
    std::memcpy(tensor.raw(), data, tensor.size_bytes());
  }
  return tensor;
}

void wrap(const Api& api, const MemoryInfo* memory, const spinel::Value& input, const std::string& name,
          std::vector<Handle<Value>>& held) {
  if (input.is_tensor()) {
    held.push_back(wrap(api, memory, input.tensor()));
    return;
  }
  if (input.empty())
    fail(ErrorCode::unsupported,
         "input '{}' is an empty optional, which ONNX Runtime's C functions cannot make; use target 'cpu'",
         name);
  if (input.sequence().empty())
    fail(ErrorCode::unsupported,
         "input '{}' is an empty sequence, which ONNX Runtime's C functions cannot make; use target 'cpu'",
         name);
  std::vector<const Value*> elements;
  for (const spinel::Value& element : input.sequence()) {
    if (!element.is_tensor())
      fail(
          ErrorCode::unsupported,
          "input '{}' is a sequence of something other than tensors, which ONNX Runtime's C functions cannot "
          "make; use target 'cpu'",
          name);
    held.push_back(wrap(api, memory, element.tensor()));
    elements.push_back(held.back().get());
  }
  Handle<Value> sequence(api, release_value);
  api(Stage::run, create_value, elements.data(), elements.size(), kind::sequence, sequence.receive());
  held.push_back(std::move(sequence));
}

spinel::Value to_value(const Api& api, Value* value, ValueKind declared, const std::string& name) {
  if (declared == ValueKind::tensor) return to_tensor(api, value, name);
  int filled = 0;
  if (value != nullptr) api(Stage::run, has_value, value, &filled);
  if (filled == 0) return {};
  int found = 0;
  api(Stage::run, get_value_type, value, &found);
  if (found == kind::tensor) return to_tensor(api, value, name);
  if (found != kind::sequence)
    fail(ErrorCode::unsupported, "output '{}' is neither a tensor nor a sequence of tensors", name);
  size_t count = 0;
  api(Stage::run, get_value_count, value, &count);
  Sequence sequence;
  for (size_t i = 0; i < count; ++i) {
    Handle<Value> element(api, release_value);
    api(Stage::run, get_value, value, static_cast<int>(i), default_allocator(api), element.receive());
    sequence.emplace_back(to_tensor(api, element.get(), name));
  }
  return sequence;
}

}  // namespace spinel::backend::ort
