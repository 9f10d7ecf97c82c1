#include "ops/op_args.hpp"

#include "base/text.hpp"

namespace spinel::ops {
namespace {

template <class T>
const T& typed(const OpArgs& args, std::string_view name, const Attribute& attribute,
               std::string_view wanted) {
  if (const T* value = std::get_if<T>(&attribute)) return *value;
  fail(ErrorCode::bad_model, "{}: attribute '{}' is not {}", args.op_type(), name, wanted);
}

std::string tensor_text(const Tensor& tensor) {
  std::string out = describe(tensor) + ":";
  if (tensor.dtype() == DType::string) {
    for (const std::string& each : tensor.data<std::string>())
      out += fmt::format("{}'{}',", each.size(), each);
    return out;
  }
  const auto* bytes = static_cast<const unsigned char*>(tensor.raw());
  for (size_t i = 0; i < tensor.size_bytes(); ++i) out += fmt::format("{:02x}", bytes[i]);
  return out;
}

struct Printer {
  std::string operator()(float v) const { return fmt::format("{}", v); }
  std::string operator()(int64_t v) const { return fmt::format("{}", v); }
  std::string operator()(const std::string& v) const { return fmt::format("\"{}\"", v); }
  std::string operator()(const Tensor& v) const { return tensor_text(v); }
  std::string operator()(const graph::ValueType& v) const { return v.text(); }
  std::string operator()(const std::vector<Tensor>& v) const {
    std::string out;
    for (const Tensor& each : v) out += tensor_text(each) + ";";
    return out;
  }
  std::string operator()(const GraphAttribute&) const { return "graph"; }
  template <class T>
  std::string operator()(const std::vector<T>& v) const {
    return fmt::format("[{}]", fmt::join(v, ", "));
  }
};

}  // namespace

const Attribute* OpArgs::find(std::string_view name) const {
  const auto found = attributes_.find(name);
  if (found == attributes_.end()) return nullptr;
  read_.insert(found->first);
  return &found->second;
}

void OpArgs::require(std::string_view name) const {
  if (!has(name)) fail(ErrorCode::bad_model, "{}: the required attribute '{}' is missing", op_type_, name);
}

float OpArgs::get_float(std::string_view name, float fallback) const {
  const Attribute* found = find(name);
  return found ? typed<float>(*this, name, *found, "a float") : fallback;
}
int64_t OpArgs::get_int(std::string_view name, int64_t fallback) const {
  const Attribute* found = find(name);
  return found ? typed<int64_t>(*this, name, *found, "an integer") : fallback;
}
std::string OpArgs::get_string(std::string_view name, std::string fallback) const {
  const Attribute* found = find(name);
  return found ? typed<std::string>(*this, name, *found, "a string") : std::move(fallback);
}
std::vector<int64_t> OpArgs::get_ints(std::string_view name, std::vector<int64_t> fallback) const {
  const Attribute* found = find(name);
  return found ? typed<std::vector<int64_t>>(*this, name, *found, "a list of integers") : std::move(fallback);
}
std::vector<float> OpArgs::get_floats(std::string_view name, std::vector<float> fallback) const {
  const Attribute* found = find(name);
  return found ? typed<std::vector<float>>(*this, name, *found, "a list of floats") : std::move(fallback);
}
std::vector<std::string> OpArgs::get_strings(std::string_view name, std::vector<std::string> fallback) const {
  const Attribute* found = find(name);
  return found ? typed<std::vector<std::string>>(*this, name, *found, "a list of strings")
               : std::move(fallback);
}
std::optional<Tensor> OpArgs::get_tensor(std::string_view name) const {
  const Attribute* found = find(name);
  if (!found) return std::nullopt;
  return typed<Tensor>(*this, name, *found, "a tensor");
}
std::optional<graph::ValueType> OpArgs::get_type(std::string_view name) const {
  const Attribute* found = find(name);
  if (!found) return std::nullopt;
  return typed<graph::ValueType>(*this, name, *found, "a type");
}

std::vector<std::string> OpArgs::unread() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : attributes_)
    if (!read_.contains(name) && !std::holds_alternative<GraphAttribute>(value)) names.push_back(name);
  return names;
}

std::string OpArgs::text() const {
  std::string out;
  for (const auto& [name, value] : attributes_)
    out += (out.empty() ? "" : ", ") + name + "=" + std::visit(Printer{}, value);
  return out;
}

}  // namespace spinel::ops
