#include "cli/conformance_data.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/text.hpp"
#include "cli/output.hpp"
#include "onnx/tensor_data.hpp"

namespace spinel::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view set_prefix = "test_data_set_";

[[noreturn]] void fail_kind(const char* kind) {
  fail(ErrorCode::unsupported, "the data holds a {}, which Spinel has no values for", kind);
}

Value to_value(const onnx::Sequence& sequence, const onnx::TensorSource& source);

Value to_value(const onnx::Optional& optional, const onnx::TensorSource& source) {
  if (optional.tensor) return onnx::to_tensor(*optional.tensor, source);
  if (optional.sequence) return to_value(*optional.sequence, source);
  if (optional.optional) return to_value(*optional.optional, source);
  if (optional.sparse_tensor) fail_kind("sparse tensor");
  if (optional.map) fail_kind("map");
  return {};
}

Value to_value(const onnx::Sequence& sequence, const onnx::TensorSource& source) {
  if (!sequence.sparse_tensors.empty()) fail_kind("sparse tensor");
  if (!sequence.maps.empty()) fail_kind("map");
  Sequence out;
  for (const auto& each : sequence.tensors) out.emplace_back(onnx::to_tensor(each, source));
  for (const auto& each : sequence.sequences) out.push_back(to_value(each, source));
  for (const auto& each : sequence.optionals) out.push_back(to_value(each, source));
  return out;
}

Value read_value(const fs::path& path, const onnx::Type* type) {
  const Bytes bytes = read_file(path, "test data");
  onnx::TensorSource source;
  source.owner = bytes.owner;
  using Kind = onnx::Type::Kind;
  switch (type == nullptr ? Kind::tensor : type->kind) {
    case Kind::sequence:
      return to_value(onnx::parse_sequence(bytes.data, {}), source);
    case Kind::optional:
      return to_value(onnx::parse_optional(bytes.data, {}), source);
    case Kind::sparse_tensor:
      fail_kind("sparse tensor");
    case Kind::map:
      fail_kind("map");
    case Kind::tensor:
    case Kind::opaque:
    case Kind::none:
      break;
  }
  Tensor tensor = onnx::to_tensor(onnx::parse_tensor(bytes.data, {}), source);
  if (type != nullptr && type->elem_type == static_cast<int32_t>(DType::bfloat16) &&
      tensor.dtype() == DType::uint16)
    tensor = Tensor::view(DType::bfloat16, tensor.dims(), tensor.raw(), tensor.owner());
  return tensor;
}

/// The number that the text ends with after `prefix`, if that is all there is.
std::optional<int> number_after(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Tolerance read_tolerance(const fs::path& file) {
  Tolerance tolerance;
  if (!fs::exists(file)) return tolerance;
  const Bytes bytes = read_file(file, "test data");
  const auto* text = reinterpret_cast<const char*>(bytes.data.data());
  const Json document = Json::parse(text, text + bytes.data.size(), nullptr, false);
  if (!document.is_object()) fail(ErrorCode::bad_data, "{}: not a JSON object", file.string());
  tolerance.rtol = document.value("rtol", tolerance.rtol);
  tolerance.atol = document.value("atol", tolerance.atol);
  return tolerance;
}

}  // namespace

TestCase::TestCase(const fs::path& folder)
    : bytes_(read_file(folder / "model.onnx", "model")),
      model_(onnx::parse_model(bytes_.data, {})),
      tolerance_(read_tolerance(folder / "data.json")) {
  std::vector<std::pair<int, fs::path>> found;
  for (const auto& entry : fs::directory_iterator(folder))
    if (const auto number = number_after(entry.path().filename().string(), set_prefix))
      found.emplace_back(*number, entry.path());
  std::ranges::sort(found);
  for (auto& [number, path] : found) sets_.push_back(std::move(path));
  if (sets_.empty()) fail(ErrorCode::not_found, "{}: no folder {}0 with data", folder.string(), set_prefix);
}

DataSet TestCase::read_set(size_t index) const {
  const fs::path& set = sets_[index];
  return {set.filename().string(), read_values(set, "input", model_.graph.inputs),
          read_values(set, "output", model_.graph.outputs)};
}

std::vector<Value> TestCase::read_values(const fs::path& set, const std::string& side,
                                         const std::vector<onnx::ValueInfo>& declared) const {
  std::vector<Value> values;
  for (size_t k = 0;; ++k) {
    const fs::path file = set / fmt::format("{}_{}.pb", side, k);
    if (!fs::exists(file)) return values;
    try {
      values.push_back(
          read_value(file, k < declared.size() && declared[k].type ? &*declared[k].type : nullptr));
    } catch (const Error& error) {
      throw Error(error.code(),
                  fmt::format("{}/{}: {}", set.filename().string(), file.filename().string(), error.what()));
    }
  }
}

}  // namespace spinel::cli
