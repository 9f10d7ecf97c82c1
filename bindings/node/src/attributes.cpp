#include "attributes.hpp"

#include <utility>

namespace spinel_node {

namespace {

struct Kind {
  const char* name;
  int32_t type;
};
constexpr Kind kinds[] = {
    {"float", SPINEL_ATTRIBUTE_FLOAT},   {"int", SPINEL_ATTRIBUTE_INT},
    {"string", SPINEL_ATTRIBUTE_STRING}, {"floats", SPINEL_ATTRIBUTE_FLOATS},
    {"ints", SPINEL_ATTRIBUTE_INTS},     {"strings", SPINEL_ATTRIBUTE_STRINGS},
    {"tensor", SPINEL_ATTRIBUTE_TENSOR},
};

std::string of_string(const spinel_string& text) { return {text.data, text.size_bytes}; }

template <typename Element>
napi_value array_of(napi_env env, const std::vector<Element>& elements,
                    napi_value (*convert)(napi_env, const Element&)) {
  const napi_value array = make_array(env, elements.size());
  for (size_t i = 0; i < elements.size(); ++i) set(env, array, i, convert(env, elements[i]));
  return array;
}

}  // namespace

int32_t to_attribute_type(napi_env env, napi_value name) {
  const std::string text = to_text(env, name, "the type of an attribute");
  std::string all;
  for (const Kind& kind : kinds) {
    if (text == kind.name) return kind.type;
    all += std::string(all.empty() ? "" : ", ") + kind.name;
  }
  misuse("the type of an attribute is '" + text + "'; there are " + all);
}

AttributeValues::AttributeValues(const std::vector<Attribute>& declared, const spinel_op_api& api,
                                 spinel_op_context* context) {
  for (const Attribute& each : declared) {
    const char* name = each.name.c_str();
    int32_t code = SPINEL_OK;
    size_t count = 0;
    Value value;
    // Copies the elements of an array if there is one.
    const auto copy = [&](const auto* elements, auto convert) {
      std::vector<decltype(convert(*elements))> out;
      for (size_t i = 0; code == SPINEL_OK && i < count; ++i) out.push_back(convert(elements[i]));
      value = std::move(out);
    };
    const auto number = [](auto element) { return static_cast<double>(element); };
    switch (each.type) {
      case SPINEL_ATTRIBUTE_FLOAT: {
        float found = 0;
        code = api.attribute_float(context, name, &found);
        value = number(found);
        break;
      }
      case SPINEL_ATTRIBUTE_INT: {
        int64_t found = 0;
        code = api.attribute_int(context, name, &found);
        value = number(found);
        break;
      }
      case SPINEL_ATTRIBUTE_STRING: {
        spinel_string found{};
        code = api.attribute_string(context, name, &found);
        if (code == SPINEL_OK) value = of_string(found);
        break;
      }
      case SPINEL_ATTRIBUTE_FLOATS: {
        const float* found = nullptr;
        code = api.attribute_floats(context, name, &found, &count);
        copy(found, number);
        break;
      }
      case SPINEL_ATTRIBUTE_INTS: {
        const int64_t* found = nullptr;
        code = api.attribute_ints(context, name, &found, &count);
        copy(found, number);
        break;
      }
      case SPINEL_ATTRIBUTE_STRINGS: {
        const spinel_string* found = nullptr;
        code = api.attribute_strings(context, name, &found, &count);
        copy(found, of_string);
        break;
      }
      default: {
        const spinel_tensor* found = nullptr;
        code = api.attribute_tensor(context, name, &found);
        if (code == SPINEL_OK) value = std::make_shared<const TensorCopy>(*found);
      }
    }
    if (code == SPINEL_OK)
      values_.emplace_back(each.name, std::move(value));
    else if (code != SPINEL_NOT_FOUND)
      throw Failure{code, "the attribute '" + each.name + "' cannot be read", ""};
  }
}

napi_value AttributeValues::object(napi_env env) const {
  const napi_value out = make_object(env);
  const auto of_one = [](napi_env its_env, const double& each) { return of_number(its_env, each); };
  const auto of_line = [](napi_env its_env, const std::string& each) { return of_text(its_env, each); };
  for (const auto& [name, value] : values_) {
    napi_value made;
    if (const auto* number = std::get_if<double>(&value))
      made = of_number(env, *number);
    else if (const auto* text = std::get_if<std::string>(&value))
      made = of_text(env, *text);
    else if (const auto* numbers = std::get_if<std::vector<double>>(&value))
      made = array_of<double>(env, *numbers, of_one);
    else if (const auto* texts = std::get_if<std::vector<std::string>>(&value))
      made = array_of<std::string>(env, *texts, of_line);
    else
      made = lend_tensor(env, std::get<std::shared_ptr<const TensorCopy>>(value)->get(), nullptr);
    set(env, out, name.c_str(), made);
  }
  return out;
}

}  // namespace spinel_node
