// Sequences and optionals, in and out.
#include <cstring>

#include "support.hpp"

namespace {

Owned<spinel_value> value_of(const spinel_tensor& tensor) {
  return make<spinel_value>([&](spinel_value** made, spinel_error** error) {
    return spinel_value_create_tensor(&tensor, made, error);
  });
}

Owned<spinel_value> sequence_of(const std::vector<const spinel_value*>& elements) {
  return make<spinel_value>([&](spinel_value** made, spinel_error** error) {
    return spinel_value_create_sequence(elements.data(), elements.size(), made, error);
  });
}

Owned<spinel_value> element_of(const spinel_value* value, size_t index) {
  return make<spinel_value>([&](spinel_value** made, spinel_error** error) {
    return spinel_value_get_element(value, index, made, error);
  });
}

Owned<spinel_value> nothing() {
  return make<spinel_value>(
      [](spinel_value** made, spinel_error** error) { return spinel_value_create_empty(made, error); });
}

std::vector<float> floats_of(const spinel_value* value) {
  spinel_tensor tensor = empty_tensor();
  check_succeeds([&](spinel_error** error) { return spinel_value_get_tensor(value, &tensor, error); });
  REQUIRE(tensor.dtype == SPINEL_FLOAT32);
  const auto* data = static_cast<const float*>(tensor.data);
  std::vector<float> out(data, data + tensor.size_bytes / sizeof(float));
  spinel_tensor_release(&tensor);
  return out;
}

using Results = std::vector<Owned<spinel_value>>;

Results run_values(const spinel_engine* engine, const std::vector<const spinel_value*>& inputs) {
  std::vector<spinel_value*> raw(spinel_engine_output_count(engine), nullptr);
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_run_values(engine, inputs.data(), inputs.size(), raw.data(), raw.size(), nullptr,
                                    error);
  });
  return Results(raw.begin(), raw.end());
}

}  // namespace

TEST_CASE("a model of sequences and optionals says what it takes") {
  const auto engine = load("values");
  auto info = sized<spinel_tensor_info>();
  check_succeeds([&](spinel_error** error) { return spinel_engine_input(engine.get(), 0, &info, error); });
  CHECK(info.kind == SPINEL_KIND_SEQUENCE);
  REQUIRE(info.element != nullptr);
  CHECK(info.element->struct_size == sizeof info);
  CHECK(info.element->kind == SPINEL_KIND_TENSOR);
  CHECK(info.element->dtype == SPINEL_FLOAT32);
  CHECK(info.element->rank == 1);
  CHECK_THAT(info.element->dim_names[0], Catch::Equals("n"));
  CHECK(info.element->element == nullptr);
  check_succeeds([&](spinel_error** error) { return spinel_engine_input(engine.get(), 1, &info, error); });
  CHECK(info.kind == SPINEL_KIND_TENSOR);
  CHECK(info.element == nullptr);
  check_succeeds([&](spinel_error** error) { return spinel_engine_input(engine.get(), 2, &info, error); });
  CHECK(info.kind == SPINEL_KIND_OPTIONAL);
  REQUIRE(info.element != nullptr);
  CHECK(info.element->dtype == SPINEL_FLOAT32);
  // A caller of before this field does not get it.
  info = {};
  info.struct_size = offsetof(spinel_tensor_info, element);
  check_succeeds([&](spinel_error** error) { return spinel_engine_input(engine.get(), 0, &info, error); });
  CHECK(info.element == nullptr);
}

TEST_CASE("sequences and optionals run, and results belong to the caller") {
  const auto engine = load("values");
  const std::vector<int64_t> two{2}, three{3};
  std::vector<float> a{1, 2}, b{3, 4}, x{5, 6}, m{7, 8, 9};
  Results results;
  {
    const auto sequence = [&] {
      const auto first = value_of(tensor_of(SPINEL_FLOAT32, two, a));
      const auto second = value_of(tensor_of(SPINEL_FLOAT32, two, b));
      return sequence_of({first.get(), second.get()});  // Its elements outlive their handles.
    }();
    CHECK(spinel_value_count(sequence.get()) == 2);
    const auto added = value_of(tensor_of(SPINEL_FLOAT32, two, x));
    const auto optional = value_of(tensor_of(SPINEL_FLOAT32, three, m));
    results = run_values(engine.get(), {sequence.get(), added.get(), optional.get()});
  }
  for (auto* buffer : {&a, &b, &x, &m}) buffer->assign(buffer->size(), -1);
  REQUIRE(results.size() == 4);
  REQUIRE(spinel_value_get_kind(results[0].get()) == SPINEL_KIND_SEQUENCE);
  REQUIRE(spinel_value_count(results[0].get()) == 2);
  CHECK(floats_of(element_of(results[0].get(), 1).get()) == std::vector<float>{3, 4});
  REQUIRE(spinel_value_count(results[1].get()) == 3);
  CHECK(floats_of(element_of(results[1].get(), 0).get()) == std::vector<float>{1, 2});
  CHECK(floats_of(element_of(results[1].get(), 2).get()) == std::vector<float>{5, 6});
  REQUIRE(spinel_value_get_kind(results[2].get()) == SPINEL_KIND_TENSOR);
  CHECK(floats_of(results[2].get()) == std::vector<float>{7, 8, 9});
  spinel_tensor has = empty_tensor();
  check_succeeds(
      [&](spinel_error** error) { return spinel_value_get_tensor(results[3].get(), &has, error); });
  CHECK(*static_cast<const uint8_t*>(has.data) == 1);

  // Results are inputs again, and what the library allocated is shared.
  const auto shared = value_of(has);
  spinel_tensor_release(&has);
  check_succeeds([&](spinel_error** error) { return spinel_value_get_tensor(shared.get(), &has, error); });
  CHECK(*static_cast<const uint8_t*>(has.data) == 1);
  spinel_tensor_release(&has);
  const auto empty = nothing();
  const auto last = element_of(results[1].get(), 2);
  const Results again = run_values(engine.get(), {results[1].get(), last.get(), empty.get()});
  CHECK(spinel_value_count(again[1].get()) == 4);
  CHECK(spinel_value_get_kind(again[2].get()) == SPINEL_KIND_OPTIONAL);
  check_succeeds([&](spinel_error** error) { return spinel_value_get_tensor(again[3].get(), &has, error); });
  CHECK(*static_cast<const uint8_t*>(has.data) == 0);
  spinel_tensor_release(&has);
}

TEST_CASE("a model of tensors alone runs on values, into the caller's memory too") {
  const auto engine = load("two");
  const std::vector<int64_t> dims{1, 3};
  std::vector<float> x{1, 2, 3}, sum(3);
  const auto value = value_of(tensor_of(SPINEL_FLOAT32, dims, x));
  const Results results = run_values(engine.get(), {value.get(), value.get()});
  spinel_tensor target = tensor_of(SPINEL_FLOAT32, dims, sum);
  check_succeeds(
      [&](spinel_error** error) { return spinel_value_get_tensor(results[0].get(), &target, error); });
  CHECK(sum == std::vector<float>{2, 4, 6});
  CHECK(target.owner == nullptr);
  const std::vector<int64_t> other{3};
  target = tensor_of(SPINEL_FLOAT32, other, sum);
  check_fails(SPINEL_INVALID_ARGUMENT, "the value is float32[1, 3]", [&](spinel_error** error) {
    return spinel_value_get_tensor(results[0].get(), &target, error);
  });
}

TEST_CASE("values of strings are copied") {
  const std::vector<int64_t> dims{2};
  std::string texts[] = {"ab", "c"};
  std::vector<spinel_string> strings{{texts[0].data(), 2}, {texts[1].data(), 1}};
  const auto value = value_of(tensor_of(SPINEL_STRING, dims, strings));
  texts[0] = "xx";
  const auto engine = load("strings");
  const Results results = run_values(engine.get(), {value.get()});
  spinel_tensor out = empty_tensor();
  check_succeeds(
      [&](spinel_error** error) { return spinel_value_get_tensor(results[0].get(), &out, error); });
  CHECK_THAT(static_cast<const spinel_string*>(out.data)[0].data, Catch::Equals("ab"));
  spinel_tensor_release(&out);
}

TEST_CASE("values that do not fit, and calls without any") {
  const auto engine = load("values");
  const std::vector<int64_t> two{2}, scalar;
  std::vector<float> data{1, 2};
  std::vector<int64_t> number{1};
  const auto tensor = value_of(tensor_of(SPINEL_FLOAT32, two, data));
  const auto integer = value_of(tensor_of(SPINEL_INT64, scalar, number));
  const auto empty = nothing();
  const auto sequence = sequence_of({tensor.get()});
  const auto mixed = sequence_of({tensor.get(), integer.get()});
  const auto none = sequence_of({});
  CHECK(spinel_value_count(none.get()) == 0);
  CHECK(spinel_value_get_kind(none.get()) == SPINEL_KIND_SEQUENCE);
  spinel_value* outputs[4] = {};
  const auto refuses = [&](const std::string& part, std::vector<const spinel_value*> inputs) {
    check_fails(SPINEL_INVALID_ARGUMENT, part, [&](spinel_error** error) {
      return spinel_engine_run_values(engine.get(), inputs.data(), inputs.size(), outputs, 4, nullptr, error);
    });
    CHECK(std::count(outputs, outputs + 4, nullptr) == 4);
  };
  refuses("input 'sequence' is float32[2]; it takes sequence(", {tensor.get(), tensor.get(), empty.get()});
  refuses("input 'sequence' is empty", {empty.get(), tensor.get(), empty.get()});
  refuses("int64", {mixed.get(), tensor.get(), empty.get()});
  refuses("input 'x' is a sequence of 1", {sequence.get(), sequence.get(), empty.get()});
  refuses("int64", {sequence.get(), tensor.get(), integer.get()});
  refuses("3 inputs", {sequence.get(), tensor.get()});
  refuses("inputs[1] is NULL", {sequence.get(), nullptr, empty.get()});
  const spinel_value* inputs[] = {sequence.get(), tensor.get(), empty.get()};
  check_fails(SPINEL_INVALID_ARGUMENT, "output_count is 3", [&](spinel_error** error) {
    return spinel_engine_run_values(engine.get(), inputs, 3, outputs, 3, nullptr, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "outputs is NULL", [&](spinel_error** error) {
    return spinel_engine_run_values(engine.get(), inputs, 3, nullptr, 4, nullptr, error);
  });
  check_fails(SPINEL_UNSUPPORTED, "spinel_engine_run_values()", [&](spinel_error** error) {
    spinel_tensor given[3] = {tensor_of(SPINEL_FLOAT32, two, data), tensor_of(SPINEL_FLOAT32, two, data),
                              tensor_of(SPINEL_FLOAT32, two, data)};
    spinel_tensor results[4] = {empty_tensor(), empty_tensor(), empty_tensor(), empty_tensor()};
    return spinel_engine_run(engine.get(), given, 3, results, 4, nullptr, error);
  });
  const auto token = make<spinel_cancel_token>([](spinel_cancel_token** made, spinel_error** error) {
    return spinel_cancel_token_create(made, error);
  });
  CHECK(spinel_cancel_token_is_cancelled(token.get()) == 0);
  CHECK(spinel_cancel_token_is_cancelled(nullptr) == 0);
  spinel_cancel_token_cancel(token.get());
  CHECK(spinel_cancel_token_is_cancelled(token.get()) == 1);
  check_fails(SPINEL_CANCELLED, "cancelled", [&](spinel_error** error) {
    return spinel_engine_run_values(engine.get(), inputs, 3, outputs, 4, token.get(), error);
  });

  spinel_value* made = nullptr;
  spinel_tensor undefined = empty_tensor();
  check_fails(SPINEL_INVALID_ARGUMENT, "tensor.dtype is 0",
              [&](spinel_error** error) { return spinel_value_create_tensor(&undefined, &made, error); });
  check_fails(SPINEL_INVALID_ARGUMENT, "tensor is NULL",
              [&](spinel_error** error) { return spinel_value_create_tensor(nullptr, &made, error); });
  spinel_tensor short_one = tensor_of(SPINEL_FLOAT32, two, data);
  short_one.size_bytes = 4;
  check_fails(SPINEL_INVALID_ARGUMENT, "tensor.size_bytes is 4",
              [&](spinel_error** error) { return spinel_value_create_tensor(&short_one, &made, error); });
  const spinel_value* holes[] = {tensor.get(), nullptr};
  check_fails(SPINEL_INVALID_ARGUMENT, "elements[1] is NULL",
              [&](spinel_error** error) { return spinel_value_create_sequence(holes, 2, &made, error); });
  check_fails(SPINEL_INVALID_ARGUMENT, "elements is NULL",
              [&](spinel_error** error) { return spinel_value_create_sequence(nullptr, 2, &made, error); });
  check_fails(SPINEL_NOT_FOUND, "element 1 does not exist; the sequence has 1", [&](spinel_error** error) {
    return spinel_value_get_element(sequence.get(), 1, &made, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "value is a tensor; a sequence is needed",
              [&](spinel_error** error) { return spinel_value_get_element(tensor.get(), 0, &made, error); });
  CHECK(made == nullptr);
  spinel_tensor out = empty_tensor();
  check_fails(SPINEL_INVALID_ARGUMENT, "value is an optional without an element",
              [&](spinel_error** error) { return spinel_value_get_tensor(empty.get(), &out, error); });
  CHECK(out.data == nullptr);
  CHECK(spinel_value_get_kind(nullptr) == SPINEL_KIND_OPTIONAL);
  CHECK(spinel_value_count(nullptr) == 0);
  CHECK(spinel_value_count(tensor.get()) == 0);
}
