/* Tensors to labels; metrics. */
#include <math.h>
#include <string.h>

#include "drive.h"

static float scores[] = {1, 3, 2, 9, 8, 7};
static const int64_t dims[] = {2, 3};

void drive_labels(void) {
  spinel_tensor tensor = tensor_of(SPINEL_FLOAT32, scores, sizeof scores, dims, 2);
  spinel_tensor probabilities = empty_tensor(), integers;
  spinel_strings* labels = NULL;
  int64_t indices[4], numbers[6] = {0};
  float values[4];
  const float* row;
  size_t per_row = 0;
  OK(spinel_top_k(&tensor, 0, 2, indices, values, 4, &per_row, &error));
  CHECK(per_row == 2 && indices[0] == 1 && indices[1] == 2 && indices[2] == 0 && values[3] == 8);
  FAILS(SPINEL_INVALID_ARGUMENT, "3", spinel_top_k(&tensor, 0, 2, indices, values, 3, &per_row, &error));
  OK(spinel_softmax(&tensor, &probabilities, &error));
  row = probabilities.data;
  CHECK(fabsf(row[0] + row[1] + row[2] - 1) < 1e-6f && row[1] > row[2] && row[2] > row[0]);
  spinel_tensor_release(&probabilities);
  integers = tensor_of(SPINEL_INT64, numbers, sizeof numbers, dims, 2);
  FAILS(SPINEL_INVALID_ARGUMENT, "int64", spinel_softmax(&integers, &probabilities, &error));
  OK(spinel_labels_load(resnet_path("synset.txt"), 10, &labels, &error));
  CHECK_TEXT(spinel_strings_get(labels, 9), "Ankle boot");
  spinel_strings_release(labels);
  labels = NULL;
  FAILS(SPINEL_BAD_DATA, "11", spinel_labels_load(resnet_path("synset.txt"), 11, &labels, &error));
  CHECK(labels == NULL);
}

static void differences(void) {
  float other[6];
  const int64_t six[] = {6};
  spinel_tensor a = tensor_of(SPINEL_FLOAT32, scores, sizeof scores, dims, 2), b;
  spinel_difference difference;
  memcpy(other, scores, sizeof other);
  other[0] = 2;
  b = tensor_of(SPINEL_FLOAT32, other, sizeof other, dims, 2);
  difference.struct_size = sizeof difference;
  OK(spinel_tensor_difference(&a, &b, -1, &difference, &error));
  CHECK(difference.count == 6 && difference.abs_max == 1 && difference.diff3_max == 0.5);
  b.dims = six;
  b.rank = 1;
  FAILS(SPINEL_INVALID_ARGUMENT, "[6]", spinel_tensor_difference(&a, &b, -1, &difference, &error));
}

void drive_metrics(void) {
  spinel_accuracy *accuracy = NULL, *other = NULL, *third = NULL;
  spinel_accuracy_counts counts;
  const int64_t labels[] = {1, 1};
  spinel_tensor tensor = tensor_of(SPINEL_FLOAT32, scores, sizeof scores, dims, 2);
  OK(spinel_accuracy_create(2, &accuracy, &error));
  OK(spinel_accuracy_create(2, &other, &error));
  OK(spinel_accuracy_create(3, &third, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "0", spinel_accuracy_create(0, &accuracy, &error));
  OK(spinel_accuracy_add(accuracy, &tensor, labels, 2, &error));
  OK(spinel_accuracy_add(other, &tensor, labels, 2, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "1", spinel_accuracy_add(accuracy, &tensor, labels, 1, &error));
  OK(spinel_accuracy_merge(accuracy, other, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "3", spinel_accuracy_merge(accuracy, third, &error));
  counts.struct_size = sizeof counts;
  OK(spinel_accuracy_get(accuracy, &counts, &error));
  CHECK(counts.k == 2 && counts.count == 4 && counts.top1_hits == 2 && counts.topk_hits == 4 &&
        counts.topk == 1);
  FAILS(SPINEL_INVALID_ARGUMENT, "counts is NULL", spinel_accuracy_get(accuracy, NULL, &error));
  USE(spinel_accuracy_release(accuracy));
  spinel_accuracy_release(other);
  spinel_accuracy_release(third);
  spinel_accuracy_release(NULL);
  differences();
}
