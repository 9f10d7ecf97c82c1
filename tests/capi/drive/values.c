/* Values that are sequences and optionals. */
#include "drive.h"

static const int64_t two[] = {2};

static float first_of(const spinel_value* value) {
  spinel_tensor tensor = empty_tensor();
  float first;
  OK(spinel_value_get_tensor(value, &tensor, &error));
  CHECK(tensor.dtype == SPINEL_FLOAT32 && tensor.owner != NULL);
  first = *(const float*)tensor.data;
  spinel_tensor_release(&tensor);
  return first;
}

static void run(const spinel_engine* engine, const spinel_value* element, const spinel_value* empty) {
  const spinel_value *elements[2], *inputs[3];
  spinel_value *sequence = NULL, *last = NULL, *outputs[4] = {NULL, NULL, NULL, NULL};
  size_t i;
  elements[0] = elements[1] = element;
  OK(spinel_value_create_sequence(elements, 2, &sequence, &error));
  CHECK(USE(spinel_value_get_kind(sequence)) == SPINEL_KIND_SEQUENCE &&
        USE(spinel_value_count(sequence)) == 2);
  elements[1] = NULL;
  FAILS(SPINEL_INVALID_ARGUMENT, "elements[1] is NULL",
        spinel_value_create_sequence(elements, 2, &sequence, &error));
  inputs[0] = sequence;
  inputs[1] = element;
  inputs[2] = empty;
  OK(spinel_engine_run_values(engine, inputs, 3, outputs, 4, NULL, &error));
  CHECK(spinel_value_count(outputs[1]) == 3 && spinel_value_get_kind(outputs[2]) == SPINEL_KIND_OPTIONAL);
  OK(spinel_value_get_element(outputs[1], 2, &last, &error));
  CHECK(first_of(last) == 1);
  FAILS(SPINEL_NOT_FOUND, "element 3", spinel_value_get_element(outputs[1], 3, &last, &error));
  for (i = 0; i < 4; ++i) USE(spinel_value_release(outputs[i]));
  CHECK(first_of(last) == 1); /* Elements outlive their sequence. */
  spinel_value_release(last);
  inputs[0] = element;
  FAILS(SPINEL_INVALID_ARGUMENT, "it takes sequence",
        spinel_engine_run_values(engine, inputs, 3, outputs, 4, NULL, &error));
  spinel_value_release(sequence);
  spinel_value_release(NULL);
}

void drive_values(void) {
  spinel_engine* engine = load("values");
  float data[] = {1, 2};
  spinel_tensor tensor = tensor_of(SPINEL_FLOAT32, data, sizeof data, two, 1), out = empty_tensor();
  spinel_tensor_info info;
  spinel_value *element = NULL, *empty = NULL;
  info.struct_size = sizeof info;
  OK(spinel_engine_input(engine, 0, &info, &error));
  CHECK(info.kind == SPINEL_KIND_SEQUENCE && info.element->kind == SPINEL_KIND_TENSOR);
  CHECK(info.element->dtype == SPINEL_FLOAT32 && info.element->element == NULL);
  OK(spinel_value_create_tensor(&tensor, &element, &error));
  OK(spinel_value_create_empty(&empty, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "value is NULL", spinel_value_create_empty(NULL, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "dtype", spinel_value_create_tensor(&out, &element, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "without an element", spinel_value_get_tensor(empty, &out, &error));
  CHECK(spinel_value_get_kind(NULL) == SPINEL_KIND_OPTIONAL && spinel_value_count(empty) == 0);
  run(engine, element, empty);
  spinel_value_release(element);
  spinel_value_release(empty);
  spinel_engine_release(engine);
}
