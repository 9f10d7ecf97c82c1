#include "onnx/tensor_data.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <complex>
#include <cstring>
#include <limits>

#include "base/cancel.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "onnx/wire.hpp"

namespace spinel::onnx {
namespace {

// External data up to this size is copied out of its page-aligned block: a process has only some 65,000
// mappings.
constexpr size_t max_copied_external_bytes = size_t{256} << 10;

/// A tensor that is being decoded: what the file says, checked, and how messages call it.
struct Plan {
  const Tensor& from;
  DType dtype;
  int64_t count;
  size_t bytes;
  std::string label() const {
    constexpr size_t shown = 8;
    const std::span<const int64_t> dims(from.dims);
    std::string text = dims_text(dims.first(std::min(dims.size(), shown)));
    if (dims.size() > shown) text.insert(text.size() - 1, ", ...");
    return fmt::format("tensor '{}' ({}{})", from.name, dtype_name(dtype), text);
  }
};

/// Throws Error(bad_model) where the dims are impossible and Error(limit_exceeded) where they are too large.
Plan make_plan(const Tensor& from, const Limits& limits) {
  if (from.data_type == 0) fail(ErrorCode::bad_model, "tensor '{}' has no element type", from.name);
  if (!is_known_dtype(from.data_type))
    fail(ErrorCode::unsupported,
         "tensor '{}' has the element type {} (TensorProto.DataType), which is not known", from.name,
         from.data_type);
  Plan plan{from, static_cast<DType>(from.data_type), 0, 0};
  try {
    plan.count = element_count(from.dims);
    plan.bytes = tensor_bytes(plan.dtype, from.dims);
  } catch (const Error&) {
    fail(ErrorCode::bad_model, "{}: the dims are negative or too large", plan.label());
  }
  if (limits.max_tensor_bytes != 0 && plan.bytes > limits.max_tensor_bytes)
    fail(ErrorCode::limit_exceeded, "{} has {} bytes; the limit (max_tensor_bytes) is {}", plan.label(),
         plan.bytes, limits.max_tensor_bytes);
  return plan;
}

size_t alignment_of(DType dtype) {
  switch (dtype) {
    case DType::complex64:
      return alignof(std::complex<float>);
    case DType::complex128:
      return alignof(std::complex<double>);
    default:
      return std::max<size_t>(static_cast<size_t>(dtype_bits(dtype)) / 8, 1);
  }
}

/// A byte other than 0 and 1 read as a C++ bool is undefined behaviour, so no such byte leaves this file.
bool has_odd_bools(const Plan& plan, std::span<const std::byte> bytes) {
  return plan.dtype == DType::boolean &&
         std::ranges::any_of(bytes, [](std::byte b) { return b > std::byte{1}; });
}

/// `file`: where to read the bytes; nullptr: they are in memory.
spinel::Tensor copied(const Plan& plan, std::span<const std::byte> bytes, const ModelFile* file = nullptr) {
  spinel::Tensor out = spinel::Tensor::uninitialized(plan.dtype, plan.from.dims);
  auto* const to = static_cast<std::byte*>(out.raw());
  if (file != nullptr)
    file->read(bytes, {to, bytes.size()});
  else
    copy_bytes(to, bytes.data(), bytes.size());
  if (plan.dtype == DType::boolean)
    for (size_t i = 0; i < bytes.size(); ++i) to[i] = std::byte{to[i] != std::byte{0}};
  return out;
}

spinel::Tensor from_bytes(const Plan& plan, std::span<const std::byte> bytes,
                          const std::shared_ptr<void>& owner) {
  const auto address = reinterpret_cast<uintptr_t>(bytes.data());
  if (owner == nullptr || bytes.empty() || address % alignment_of(plan.dtype) != 0 ||
      has_odd_bools(plan, bytes))
    return copied(plan, bytes);
  return spinel::Tensor::view(plan.dtype, plan.from.dims, const_cast<std::byte*>(bytes.data()), owner);
}

uint64_t parse_number(const Plan& plan, const StringPair& entry) {
  uint64_t number = 0;
  const char* const end = entry.value.data() + entry.value.size();
  const auto [stop, error] = std::from_chars(entry.value.data(), end, number);
  if (error != std::errc() || stop != end || entry.value.empty())
    fail(ErrorCode::bad_model, "{}: external data has the {} '{}', which is not a byte count", plan.label(),
         entry.key, entry.value);
  return number;
}

spinel::Tensor from_external(const Plan& plan, const TensorSource& source) {
  std::string_view location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  for (const StringPair& entry : plan.from.external_data) {
    if (entry.key == "location")
      location = entry.value;
    else if (entry.key == "offset")
      offset = parse_number(plan, entry);
    else if (entry.key == "length")
      length = parse_number(plan, entry);
  }
  if (plan.dtype == DType::string)
    fail(ErrorCode::bad_model, "{}: strings cannot be external data", plan.label());
  if (location.empty()) fail(ErrorCode::bad_model, "{}: external data without a location", plan.label());
  if (!source.folder)
    fail(ErrorCode::bad_model,
         "{} is external data in '{}', but the model was loaded from memory; load it from a path, or save "
         "the model with "
         "its data inside",
         plan.label(), location);
  if (length && *length != plan.bytes)
    fail(ErrorCode::bad_model, "{} needs {} bytes, but its external data has the length {}", plan.label(),
         plan.bytes, *length);
  const uint64_t limit = source.limits.max_model_bytes;
  if (limit != 0 && (source.model_bytes > limit || plan.bytes > limit - source.model_bytes))
    fail(ErrorCode::limit_exceeded,
         "{}: with its {} bytes of external data the model exceeds {} bytes (max_model_bytes)", plan.label(),
         plan.bytes, limit);
  try {
    const Bytes bytes = read_beneath(*source.folder, location, offset, static_cast<int64_t>(plan.bytes),
                                     source.limits.max_tensor_bytes);
    source.model_bytes += plan.bytes;
    if (bytes.data.size() <= max_copied_external_bytes) return copied(plan, bytes.data);
    return from_bytes(plan, bytes.data, bytes.owner);
  } catch (const Error& error) {
    fail(error.code(), "{}: {}", plan.label(), error.what());
  }
}

/// One of the typed fields of a TensorProto.
struct TypedField {
  const char* name;
  size_t count;
};

std::array<TypedField, 6> typed_fields(const Tensor& from) {
  return {{{"float_data", from.float_data.count()},
           {"int32_data", from.int32_data.count()},
           {"int64_data", from.int64_data.count()},
           {"double_data", from.double_data.count()},
           {"uint64_data", from.uint64_data.count()},
           {"string_data", from.string_data.size()}}};
}

std::string_view field_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
    case DType::complex64:
      return "float_data";
    case DType::float64:
    case DType::complex128:
      return "double_data";
    case DType::int64:
      return "int64_data";
    case DType::uint32:
    case DType::uint64:
      return "uint64_data";
    case DType::string:
      return "string_data";
    default:
      return "int32_data";
  }
}

/// Values that the dtype's field must hold.
size_t values_of(const Plan& plan) {
  const auto count = static_cast<size_t>(plan.count);
  if (plan.dtype == DType::complex64 || plan.dtype == DType::complex128) return 2 * count;
  return dtype_bits(plan.dtype) < 8 && plan.dtype != DType::string ? plan.bytes : count;
}

/// Stores varints as Stored after checking that low <= value <= high.
template <class Stored>
void store_integers(const Plan& plan, const WireValues& values, spinel::Tensor& out, int64_t low,
                    int64_t high) {
  auto* to = static_cast<Stored*>(out.raw());
  for_each_varint(values, [&](uint64_t wire) {
    const int64_t value = static_cast<int32_t>(wire);
    if (value < low || value > high)
      fail(ErrorCode::bad_model, "{}: value {} of int32_data is outside {} to {}", plan.label(), value, low,
           high);
    *to++ = static_cast<Stored>(value);
  });
}

void store_int32_data(const Plan& plan, spinel::Tensor& out) {
  const WireValues& values = plan.from.int32_data;
  constexpr int64_t min32 = std::numeric_limits<int32_t>::min();
  constexpr int64_t max32 = std::numeric_limits<int32_t>::max();
  switch (plan.dtype) {
    case DType::int32:
      store_integers<int32_t>(plan, values, out, min32, max32);
      return;
    case DType::int16:
      store_integers<int16_t>(plan, values, out, -32768, 32767);
      return;
    case DType::uint16:
      store_integers<uint16_t>(plan, values, out, 0, 65535);
      return;
    case DType::int8:
      store_integers<int8_t>(plan, values, out, -128, 127);
      return;
    case DType::uint8:
      store_integers<uint8_t>(plan, values, out, 0, 255);
      return;
    case DType::boolean: {
      auto* to = static_cast<bool*>(out.raw());
      for_each_varint(values, [&](uint64_t wire) { *to++ = static_cast<int32_t>(wire) != 0; });
      return;
    }
    case DType::float16:
    case DType::bfloat16:
      store_integers<uint16_t>(plan, values, out, -32768, 65535);
      return;
    default:
      store_integers<uint8_t>(plan, values, out, -128, 255);
      return;
  }
}

void store_uint64_data(const Plan& plan, spinel::Tensor& out) {
  if (plan.dtype == DType::uint64) {
    auto* to = static_cast<uint64_t*>(out.raw());
    for_each_varint(plan.from.uint64_data, [&](uint64_t wire) { *to++ = wire; });
    return;
  }
  auto* to = static_cast<uint32_t*>(out.raw());
  for_each_varint(plan.from.uint64_data, [&](uint64_t wire) {
    if (wire > std::numeric_limits<uint32_t>::max())
      fail(ErrorCode::bad_model, "{}: value {} of uint64_data does not fit", plan.label(), wire);
    *to++ = static_cast<uint32_t>(wire);
  });
}

spinel::Tensor from_typed(const Plan& plan) {
  const std::string_view wanted = field_of(plan.dtype);
  size_t found = 0;
  for (const TypedField& field : typed_fields(plan.from)) {
    if (field.name == wanted)
      found = field.count;
    else if (field.count != 0)
      fail(ErrorCode::bad_model, "{}: its values are in {}, but {} belongs in {}", plan.label(), field.name,
           dtype_name(plan.dtype), wanted);
  }
  if (found != values_of(plan))
    fail(ErrorCode::bad_model, "{}: {} must hold {} values ({} bytes of tensor), but holds {}", plan.label(),
         wanted, values_of(plan), plan.bytes, found);
  spinel::Tensor out = spinel::Tensor::uninitialized(plan.dtype, plan.from.dims);
  if (wanted == "float_data") {
    copy_fixed(plan.from.float_data, static_cast<float*>(out.raw()));
  } else if (wanted == "double_data") {
    copy_fixed(plan.from.double_data, static_cast<double*>(out.raw()));
  } else if (wanted == "int64_data") {
    auto* to = static_cast<int64_t*>(out.raw());
    for_each_varint(plan.from.int64_data, [&](uint64_t wire) { *to++ = static_cast<int64_t>(wire); });
  } else if (wanted == "uint64_data") {
    store_uint64_data(plan, out);
  } else if (wanted == "string_data") {
    std::ranges::copy(plan.from.string_data, out.data<std::string>().begin());
  } else {
    store_int32_data(plan, out);
  }
  return out;
}

/// The one inline field that is not empty, or null.
const char* filled_field(const Tensor& from) {
  for (const TypedField& field : typed_fields(from))
    if (field.count != 0) return field.name;
  return nullptr;
}

}  // namespace

spinel::Tensor to_tensor(const Tensor& tensor, const TensorSource& source) {
  const Plan plan = make_plan(tensor, source.limits);
  if (tensor.segment)
    fail(ErrorCode::unsupported, "{} is a segment of a larger tensor; save the model without segments",
         plan.label());
  const char* const typed = filled_field(tensor);
  const bool raw = tensor.raw_data && !tensor.raw_data->empty();
  if (tensor.data_location == DataLocation::external) {
    if (raw || typed != nullptr)
      fail(ErrorCode::bad_model, "{} is external data, yet has {} too", plan.label(),
           raw ? "raw_data" : typed);
    return from_external(plan, source);
  }
  if (!tensor.raw_data || (!raw && typed != nullptr)) return from_typed(plan);
  if (typed != nullptr) fail(ErrorCode::bad_model, "{} has both raw_data and {}", plan.label(), typed);
  if (plan.dtype == DType::string) fail(ErrorCode::bad_model, "{}: strings cannot be raw_data", plan.label());
  if (tensor.raw_data->size() != plan.bytes)
    fail(ErrorCode::bad_model, "{} needs {} bytes, but its raw_data has {}", plan.label(), plan.bytes,
         tensor.raw_data->size());
  if (source.file != nullptr && source.file->leaves_out(*tensor.raw_data))
    return copied(plan, *tensor.raw_data, source.file.get());
  return from_bytes(plan, *tensor.raw_data, source.owner);
}

}  // namespace spinel::onnx
