#include "values.hpp"

#include <cmath>
#include <limits>
#include <utility>

namespace spinel_node {

Call::Call(napi_env its_env, napi_callback_info info) : env(its_env) {
  size_t count = std::size(arguments);
  check(env, napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr));
}

static napi_valuetype type_of(napi_env env, napi_value value) {
  napi_valuetype type;
  check(env, napi_typeof(env, value, &type));
  return type;
}

static void expect(napi_env env, napi_value value, napi_valuetype wanted, const char* what,
                   const char* kind) {
  if (type_of(env, value) != wanted) misuse(std::string(what) + " must be " + kind);
}

bool is_missing(napi_env env, napi_value value) {
  const napi_valuetype type = type_of(env, value);
  return type == napi_undefined || type == napi_null;
}

napi_value undefined(napi_env env) {
  napi_value value;
  check(env, napi_get_undefined(env, &value));
  return value;
}

std::string to_text(napi_env env, napi_value value, const char* what) {
  expect(env, value, napi_string, what, "a string");
  size_t size = 0;
  check(env, napi_get_value_string_utf8(env, value, nullptr, 0, &size));
  std::string text(size + 1, '\0');
  check(env, napi_get_value_string_utf8(env, value, text.data(), text.size(), &size));
  text.resize(size);
  return text;
}

double to_number(napi_env env, napi_value value, const char* what) {
  expect(env, value, napi_number, what, "a number");
  double number;
  check(env, napi_get_value_double(env, value, &number));
  return number;
}

int64_t to_integer(napi_env env, napi_value value, const char* what) {
  const double number = to_number(env, value, what);
  if (std::trunc(number) != number || std::abs(number) > 9007199254740991.0)
    misuse(std::string(what) + " must be a whole number");
  return static_cast<int64_t>(number);
}

int32_t to_int32(napi_env env, napi_value value, const char* what) {
  const int64_t number = to_integer(env, value, what);
  using limits = std::numeric_limits<int32_t>;
  if (number < limits::min() || number > limits::max())
    misuse(std::string(what) + " does not fit in 32 bits");
  return static_cast<int32_t>(number);
}

bool to_bool(napi_env env, napi_value value, const char* what) {
  expect(env, value, napi_boolean, what, "true or false");
  bool flag;
  check(env, napi_get_value_bool(env, value, &flag));
  return flag;
}

std::vector<int64_t> to_integers(napi_env env, napi_value value, const char* what) {
  std::vector<int64_t> numbers(length(env, value, what));
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = to_integer(env, get(env, value, i), what);
  return numbers;
}

napi_value of_text(napi_env env, std::string_view text) {
  napi_value value;
  check(env, napi_create_string_utf8(env, text.data(), text.size(), &value));
  return value;
}

napi_value of_number(napi_env env, double number) {
  napi_value value;
  check(env, napi_create_double(env, number, &value));
  return value;
}

napi_value of_bool(napi_env env, bool flag) {
  napi_value value;
  check(env, napi_get_boolean(env, flag, &value));
  return value;
}

napi_value of_integers(napi_env env, const int64_t* numbers, size_t count) {
  const napi_value array = make_array(env, count);
  for (size_t i = 0; i < count; ++i) set(env, array, i, of_number(env, static_cast<double>(numbers[i])));
  return array;
}

napi_value of_strings(napi_env env, const spinel_strings* strings) {
  const size_t count = spinel_strings_count(strings);
  const napi_value array = make_array(env, count);
  for (size_t i = 0; i < count; ++i) set(env, array, i, of_text(env, spinel_strings_get(strings, i)));
  return array;
}

napi_value of_texts(napi_env env, const char* const* texts, size_t count) {
  const napi_value array = make_array(env, count);
  for (size_t i = 0; i < count; ++i) set(env, array, i, of_text(env, texts[i]));
  return array;
}

napi_value make_array(napi_env env, size_t count) {
  napi_value array;
  check(env, napi_create_array_with_length(env, count, &array));
  return array;
}

napi_value make_object(napi_env env) {
  napi_value object;
  check(env, napi_create_object(env, &object));
  return object;
}

void set(napi_env env, napi_value object, const char* name, napi_value value) {
  check(env, napi_set_named_property(env, object, name, value));
}

void set(napi_env env, napi_value array, size_t index, napi_value value) {
  check(env, napi_set_element(env, array, static_cast<uint32_t>(index), value));
}

napi_value get(napi_env env, napi_value object, const char* name) {
  napi_value value;
  check(env, napi_get_named_property(env, object, name, &value));
  return value;
}

napi_value get(napi_env env, napi_value array, size_t index) {
  napi_value value;
  check(env, napi_get_element(env, array, static_cast<uint32_t>(index), &value));
  return value;
}

size_t length(napi_env env, napi_value array, const char* what) {
  bool is_array = false;
  check(env, napi_is_array(env, array, &is_array));
  if (!is_array) misuse(std::string(what) + " must be an array");
  uint32_t count = 0;
  check(env, napi_get_array_length(env, array, &count));
  return count;
}

Bytes to_bytes(napi_env env, napi_value value, const char* what) {
  bool is_typed = false;
  check(env, napi_is_typedarray(env, value, &is_typed));
  if (!is_typed) misuse(std::string(what) + " must be a typed array");
  static constexpr size_t widths[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  // Types that this version of Node-API does not know leave it as it is.
  Bytes bytes{static_cast<napi_typedarray_type>(-1), nullptr, 0};
  size_t count = 0;
  check(env, napi_get_typedarray_info(env, value, &bytes.type, &count, &bytes.data, nullptr, nullptr));
  const auto index = static_cast<size_t>(bytes.type);
  if (index >= std::size(widths)) misuse(std::string(what) + " is a typed array of an unknown kind");
  bytes.size_bytes = count * widths[index];
  return bytes;
}

Shapes::Shapes(napi_env env, napi_value array) {
  for (size_t i = 0, count = length(env, array, "the inputs' dims"); i < count; ++i)
    dims_.push_back(to_integers(env, spinel_node::get(env, array, i), "the dims of an input"));
  for (const std::vector<int64_t>& dims : dims_) shapes_.push_back({dims.data(), dims.size()});
}

Reference::Reference(napi_env env, napi_value value) : environment_(Environment::of(env).shared_from_this()) {
  check(env, napi_create_reference(env, value, 1, &reference_));
}

Reference::Reference(Reference&& other) noexcept
    : environment_(std::move(other.environment_)), reference_(std::exchange(other.reference_, nullptr)) {}

Reference& Reference::operator=(Reference&& other) noexcept {
  std::swap(environment_, other.environment_);
  std::swap(reference_, other.reference_);
  return *this;
}

Reference::~Reference() {
  // A closed environment frees its references itself.
  if (reference_ != nullptr && !environment_->closed())
    napi_delete_reference(environment_->env(), reference_);
}

napi_value Reference::get() const {
  napi_value value;
  check(environment_->env(), napi_get_reference_value(environment_->env(), reference_, &value));
  return value;
}

}  // namespace spinel_node
