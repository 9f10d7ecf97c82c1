#include "tensors.hpp"

#include <cstring>
#include <utility>

namespace spinel_node {

namespace {

constexpr int32_t last_dtype = SPINEL_INT2;

/// The typed array whose elements have the bits of the dtype; packed types are bytes, complex ones pairs.
napi_typedarray_type storage(int32_t dtype) {
  switch (dtype) {
    case SPINEL_FLOAT32:
    case SPINEL_COMPLEX64:
      return napi_float32_array;
    case SPINEL_FLOAT64:
    case SPINEL_COMPLEX128:
      return napi_float64_array;
    case SPINEL_INT8:
      return napi_int8_array;
    case SPINEL_INT16:
      return napi_int16_array;
    case SPINEL_UINT16:
    case SPINEL_FLOAT16:
    case SPINEL_BFLOAT16:
      return napi_uint16_array;
    case SPINEL_INT32:
      return napi_int32_array;
    case SPINEL_UINT32:
      return napi_uint32_array;
    case SPINEL_INT64:
      return napi_bigint64_array;
    case SPINEL_UINT64:
      return napi_biguint64_array;
    default:
      return napi_uint8_array;
  }
}

size_t width(napi_typedarray_type type) {
  switch (type) {
    case napi_int16_array:
    case napi_uint16_array:
      return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array:
      return 8;
    default:
      return 1;
  }
}

napi_value make_typed(napi_env env, int32_t dtype, napi_value buffer, size_t size_bytes) {
  const napi_typedarray_type type = storage(dtype);
  napi_value data;
  check(env, napi_create_typedarray(env, type, size_bytes / width(type), buffer, 0, &data));
  return data;
}

napi_value copy_bytes(napi_env env, const spinel_tensor& tensor) {
  napi_value buffer;
  void* bytes = nullptr;
  check(env, napi_create_arraybuffer(env, tensor.size_bytes, &bytes, &buffer));
  if (tensor.size_bytes != 0) std::memcpy(bytes, tensor.data, tensor.size_bytes);
  return buffer;
}

/// The tensor's own memory as an ArrayBuffer; false where the runtime forbids it.
bool lend_bytes(napi_env env, const spinel_tensor& tensor, std::shared_ptr<const void> owner,
                napi_value* buffer) {
  auto kept = std::make_unique<std::shared_ptr<const void>>(std::move(owner));
  const auto release = [](napi_env, void*, void* hint) {
    delete static_cast<std::shared_ptr<const void>*>(hint);
  };
  if (napi_create_external_arraybuffer(env, tensor.data, tensor.size_bytes, release, kept.get(), buffer) !=
      napi_ok)
    return false;
  kept.release();
  return true;
}

napi_value text_array(napi_env env, const spinel_tensor& tensor) {
  const auto* texts = static_cast<const spinel_string*>(tensor.data);
  const size_t count = tensor.size_bytes / sizeof(spinel_string);
  const napi_value array = make_array(env, count);
  for (size_t i = 0; i < count; ++i) set(env, array, i, of_text(env, {texts[i].data, texts[i].size_bytes}));
  return array;
}

}  // namespace

int32_t to_dtype(napi_env env, napi_value name, const char* what) {
  const std::string text = to_text(env, name, what);
  for (int32_t dtype = SPINEL_FLOAT32; dtype <= last_dtype; ++dtype)
    if (text == spinel_dtype_name(dtype)) return dtype;
  misuse(std::string(what) + " '" + text + "' does not exist; there are float32, float16, int64 and others");
}

Tensors::Tensors(napi_env env, napi_value array, const char* what) {
  const size_t count = length(env, array, what);
  structs_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const napi_value given = get(env, array, i);
    spinel_tensor& tensor = structs_[i];
    spinel_tensor_init(&tensor, sizeof tensor);
    tensor.dtype = to_dtype(env, get(env, given, "dtype"), "dtype");
    dims_.push_back(to_integers(env, get(env, given, "dims"), "dims"));
    tensor.dims = dims_.back().data();
    tensor.rank = dims_.back().size();
    const napi_value data = get(env, given, "data");
    if (tensor.dtype == SPINEL_STRING) {
      std::vector<spinel_string>& elements =
          elements_.emplace_back(length(env, data, "the data of a string tensor"));
      for (size_t j = 0; j < elements.size(); ++j) {
        const std::string& text =
            texts_.emplace_back(to_text(env, get(env, data, j), "an element of a string tensor"));
        elements[j] = {text.data(), text.size()};
      }
      tensor.data = elements.data();
      tensor.size_bytes = elements.size() * sizeof(spinel_string);
      continue;
    }
    const Bytes bytes = to_bytes(env, data, "a tensor's data");
    const napi_typedarray_type type = bytes.type == napi_uint8_clamped_array ? napi_uint8_array : bytes.type;
    if (type != storage(tensor.dtype))
      misuse(std::string(what) + " " + std::to_string(i) + " is of dtype " + spinel_dtype_name(tensor.dtype) +
             ", which another kind of typed array holds");
    tensor.data = bytes.data;
    tensor.size_bytes = bytes.size_bytes;
  }
}

std::vector<spinel_shape> Tensors::shapes() const {
  std::vector<spinel_shape> shapes;
  for (const spinel_tensor& tensor : structs_) shapes.push_back({tensor.dims, tensor.rank});
  return shapes;
}

Room make_room(napi_env env, int32_t dtype, const std::vector<int64_t>& dims) {
  spinel_error* error = nullptr;
  Room room{};
  check(spinel_tensor_bytes(dtype, dims.data(), dims.size(), &room.size_bytes, &error), error);
  napi_value buffer;
  check(env, napi_create_arraybuffer(env, room.size_bytes, &room.bytes, &buffer));
  room.data = make_typed(env, dtype, buffer, room.size_bytes);
  return room;
}

napi_value make_tensor(napi_env env, int32_t dtype, const int64_t* dims, size_t rank, napi_value data) {
  const napi_value tensor = make_object(env);
  set(env, tensor, "dtype", of_text(env, spinel_dtype_name(dtype)));
  set(env, tensor, "dims", of_integers(env, dims, rank));
  set(env, tensor, "data", data);
  return tensor;
}

napi_value lend_tensor(napi_env env, const spinel_tensor& tensor, std::shared_ptr<const void> owner) {
  napi_value data;
  if (tensor.dtype == SPINEL_STRING) {
    data = text_array(env, tensor);
  } else {
    napi_value buffer;
    if (owner == nullptr || tensor.size_bytes == 0 || !lend_bytes(env, tensor, std::move(owner), &buffer))
      buffer = copy_bytes(env, tensor);
    data = make_typed(env, tensor.dtype, buffer, tensor.size_bytes);
  }
  return make_tensor(env, tensor.dtype, tensor.dims, tensor.rank, data);
}

napi_value take_tensor(napi_env env, spinel_tensor& tensor, bool external) {
  struct Taken {
    spinel_tensor tensor{};
    ~Taken() { spinel_tensor_release(&tensor); }
  };
  const auto taken = std::make_shared<Taken>();
  taken->tensor = tensor;
  tensor.owner = nullptr;
  return lend_tensor(env, taken->tensor, external ? taken : nullptr);
}

void detach_tensor(napi_env env, napi_value tensor) noexcept {
  napi_value data, buffer;
  bool is_typed = false;
  if (napi_get_named_property(env, tensor, "data", &data) == napi_ok &&
      napi_is_typedarray(env, data, &is_typed) == napi_ok && is_typed &&
      napi_get_typedarray_info(env, data, nullptr, nullptr, nullptr, &buffer, nullptr) == napi_ok)
    napi_detach_arraybuffer(env, buffer);
}

TensorCopy::TensorCopy(const spinel_tensor& tensor)
    : dims_(tensor.dims, tensor.dims + tensor.rank), tensor_(tensor) {
  tensor_.dims = dims_.data();
  tensor_.owner = nullptr;
  if (tensor.dtype == SPINEL_STRING) {
    const auto* texts = static_cast<const spinel_string*>(tensor.data);
    for (size_t i = 0; i < tensor.size_bytes / sizeof *texts; ++i)
      texts_.emplace_back(texts[i].data, texts[i].size_bytes);
    for (const std::string& text : texts_) elements_.push_back({text.data(), text.size()});
    tensor_.data = elements_.data();
  } else {
    bytes_.resize(tensor.size_bytes);
    if (!bytes_.empty()) std::memcpy(bytes_.data(), tensor.data, bytes_.size());
    tensor_.data = bytes_.data();
  }
}

}  // namespace spinel_node
