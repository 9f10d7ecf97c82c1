#include "ops/custom_attributes.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spinel::ops {
namespace {

struct TypeName {
  AttributeType type;
  size_t alternative;  ///< Of graph::Attribute.
  const char* text;
};
template <class T>
constexpr size_t alternative() {
  constexpr auto index = []<class... Types>(std::variant<Types...>*) {
    size_t at = 0;
    size_t found = 0;
    ((found = std::is_same_v<T, Types> ? at : found, ++at), ...);
    return found;
  };
  return index(static_cast<graph::Attribute*>(nullptr));
}
constexpr TypeName type_names[] = {
    {AttributeType::real, alternative<float>(), "a float"},
    {AttributeType::integer, alternative<int64_t>(), "an integer"},
    {AttributeType::string, alternative<std::string>(), "a string"},
    {AttributeType::reals, alternative<std::vector<float>>(), "a list of floats"},
    {AttributeType::integers, alternative<std::vector<int64_t>>(), "a list of integers"},
    {AttributeType::strings, alternative<std::vector<std::string>>(), "a list of strings"},
    {AttributeType::tensor, alternative<Tensor>(), "a tensor"},
};

const TypeName& name_of(AttributeType type) { return *std::ranges::find(type_names, type, &TypeName::type); }

template <class T>
T value_or(const graph::Attribute* found, T fallback) {
  return found == nullptr ? std::move(fallback) : std::get<T>(*found);
}

}  // namespace

CustomNodeAttributes::CustomNodeAttributes(const CustomOp& op, const OpArgs& args)
    : op_(op.full_name()), declared_(op.attributes), values_(args.attributes()) {
  for (const auto& [name, value] : values_) {
    const auto declared = std::ranges::find(declared_, name, &CustomAttribute::name);
    if (declared == declared_.end()) fail(ErrorCode::bad_model, "{} has no attribute '{}'", op_, name);
    if (value.index() != name_of(declared->type).alternative)
      fail(ErrorCode::bad_model, "{}: attribute '{}' is not {}", op_, name, name_of(declared->type).text);
  }
  for (const CustomAttribute& each : declared_)
    if (each.required && !has(each.name))
      fail(ErrorCode::bad_model, "{}: the required attribute '{}' is missing", op_, each.name);
}

const graph::Attribute* CustomNodeAttributes::find(std::string_view name, AttributeType type) const {
  const auto declared = std::ranges::find(declared_, name, &CustomAttribute::name);
  if (declared == declared_.end() || declared->type != type)
    fail(ErrorCode::invalid_argument, "{} declares no attribute '{}' that is {}", op_, name,
         name_of(type).text);
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

bool CustomNodeAttributes::has(std::string_view name) const { return values_.find(name) != values_.end(); }
float CustomNodeAttributes::get_float(std::string_view name, float fallback) const {
  return value_or(find(name, AttributeType::real), fallback);
}
int64_t CustomNodeAttributes::get_int(std::string_view name, int64_t fallback) const {
  return value_or(find(name, AttributeType::integer), fallback);
}
std::string CustomNodeAttributes::get_string(std::string_view name, std::string fallback) const {
  return value_or(find(name, AttributeType::string), std::move(fallback));
}
std::vector<float> CustomNodeAttributes::get_floats(std::string_view name,
                                                    std::vector<float> fallback) const {
  return value_or(find(name, AttributeType::reals), std::move(fallback));
}
std::vector<int64_t> CustomNodeAttributes::get_ints(std::string_view name,
                                                    std::vector<int64_t> fallback) const {
  return value_or(find(name, AttributeType::integers), std::move(fallback));
}
std::vector<std::string> CustomNodeAttributes::get_strings(std::string_view name,
                                                           std::vector<std::string> fallback) const {
  return value_or(find(name, AttributeType::strings), std::move(fallback));
}
Tensor CustomNodeAttributes::get_tensor(std::string_view name) const {
  return value_or(find(name, AttributeType::tensor), Tensor());
}

}  // namespace spinel::ops
