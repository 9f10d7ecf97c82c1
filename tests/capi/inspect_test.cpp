// Values between layers: given out, and replaced.
#include "support.hpp"

namespace {

/// The model "reshape" on 1 ... 6, in [3, 2]: out = log(exp(data)).
struct Reshape {
  std::vector<int64_t> six{6}, two{2};
  std::vector<float> data{1, 2, 3, 4, 5, 6};
  std::vector<int64_t> shape{3, 2};
  spinel_tensor inputs[2] = {tensor_of(SPINEL_FLOAT32, six, data), tensor_of(SPINEL_INT64, two, shape)};
};

/// What is put in the place of the value of this name, and what was seen.
struct Asked {
  std::string name = "power";
  std::vector<int64_t> dims{3, 2};
  std::vector<float> floats = std::vector<float>(6, 1);
  spinel_tensor replacement = tensor_of(SPINEL_FLOAT32, dims, floats);
  int32_t code = SPINEL_OK;
  int seen = 0, asked = 0;

  static int32_t see(void* user, const spinel_layer_value*, const spinel_tensor*) {
    ++static_cast<Asked*>(user)->seen;
    return SPINEL_OK;
  }
  static int32_t replace(void* user, const spinel_layer_value* value, spinel_tensor* replacement) {
    Asked& self = *static_cast<Asked*>(user);
    ++self.asked;
    if (replacement->data != nullptr || replacement->struct_size != sizeof *replacement)
      return SPINEL_INTERNAL;
    if (value->name == self.name) *replacement = self.replacement;
    return self.code;
  }
};

}  // namespace

TEST_CASE("a value is replaced, and what follows is computed from it") {
  const auto engine = load("reshape");
  Reshape model;
  Asked asked;
  const char* const names[] = {"power"};
  spinel_tensor out = empty_tensor();
  const auto replace = [&](spinel_error** error) {
    return spinel_engine_replace(engine.get(), model.inputs, 2, names, 1, nullptr, Asked::replace, &asked,
                                 &out, 1, nullptr, error);
  };
  check_succeeds(replace);
  CHECK(asked.asked == 1);
  CHECK(static_cast<const float*>(out.data)[5] == 0);  // log(1)
  spinel_tensor_release(&out);

  // Of another type it is converted.
  std::vector<double> doubles(6, 1);
  asked.replacement = tensor_of(SPINEL_FLOAT64, asked.dims, doubles);
  check_succeeds(replace);
  CHECK(static_cast<const float*>(out.data)[0] == 0);
  spinel_tensor_release(&out);

  // Left as it is, nothing changes; the observer is called as well.
  asked.asked = 0;
  asked.replacement = empty_tensor();
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_replace(engine.get(), model.inputs, 2, nullptr, 0, Asked::see, Asked::replace,
                                 &asked, &out, 1, nullptr, error);
  });
  CHECK(asked.seen > 1);
  CHECK(asked.asked > 1);
  CHECK(static_cast<const float*>(out.data)[5] == Approx(6));
  spinel_tensor_release(&out);

  std::vector<float> too_few(5, 1);
  const std::vector<int64_t> five{5};
  asked.replacement = tensor_of(SPINEL_FLOAT32, five, too_few);
  check_fails(SPINEL_INVALID_ARGUMENT, "the replacement of value 'power' is float32[5]", replace);
  asked.replacement = tensor_of(SPINEL_FLOAT32, asked.dims, too_few);
  check_fails(SPINEL_INVALID_ARGUMENT, "size_bytes is 20", replace);
  std::vector<spinel_string> texts(6, spinel_string{"a", 1});
  asked.replacement = tensor_of(SPINEL_STRING, asked.dims, texts);
  check_fails(SPINEL_INVALID_ARGUMENT, "is string[3, 2]", replace);
  asked.replacement = empty_tensor();
  asked.code = SPINEL_BAD_DATA;
  check_fails(SPINEL_BAD_DATA, "the callback ended the inspection at value 'power'", replace);
  check_fails(SPINEL_INVALID_ARGUMENT, "replace is NULL", [&](spinel_error** error) {
    return spinel_engine_replace(engine.get(), model.inputs, 2, names, 1, Asked::see, nullptr, &asked, &out,
                                 1, nullptr, error);
  });
  CHECK(out.data == nullptr);
}
