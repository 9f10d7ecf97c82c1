#include <spinel/metrics.hpp>

#include <memory>

#include "structs.hpp"
#include "tensors.hpp"

using namespace spinel;
using namespace spinel::capi;

struct spinel_accuracy {
  Accuracy accuracy;
};

namespace {

Tensor read_one(const spinel_tensor* tensor, const char* argument) {
  return read_input(struct_array(&require(tensor, argument), 1, argument)[0], argument);
}

}  // namespace

int32_t spinel_accuracy_create(int64_t k, spinel_accuracy** accuracy, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(accuracy, "accuracy");
    *accuracy = new spinel_accuracy{Accuracy(k)};
  });
}

int32_t spinel_accuracy_add(spinel_accuracy* accuracy, const spinel_tensor* scores, const int64_t* labels,
                            size_t label_count, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(accuracy, "accuracy");
    require_array(labels, label_count, "labels");
    accuracy->accuracy.add(read_one(scores, "scores"), {labels, label_count});
  });
}

int32_t spinel_accuracy_merge(spinel_accuracy* accuracy, const spinel_accuracy* other, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(accuracy, "accuracy");
    accuracy->accuracy.add(require(other, "other").accuracy);
  });
}

int32_t spinel_accuracy_get(const spinel_accuracy* accuracy, spinel_accuracy_counts* counts,
                            spinel_error** error) {
  return guard(__func__, error, [&] {
    const Accuracy& from = require(accuracy, "accuracy").accuracy;
    checked_struct_size(counts, "counts");
    spinel_accuracy_counts out{};
    out.k = from.k();
    out.count = from.count();
    out.top1_hits = from.top1_hits();
    out.topk_hits = from.topk_hits();
    out.top1 = from.top1();
    out.topk = from.topk();
    write_struct(counts, out);
  });
}

void spinel_accuracy_release(spinel_accuracy* accuracy) { delete accuracy; }

int32_t spinel_tensor_difference(const spinel_tensor* actual, const spinel_tensor* expected, double threshold,
                                 spinel_difference* difference, spinel_error** error) {
  return guard(__func__, error, [&] {
    checked_struct_size(difference, "difference");
    const Difference from =
        spinel::difference(read_one(actual, "actual"), read_one(expected, "expected"), threshold);
    spinel_difference out{};
    out.diff2 = from.diff2;
    out.diff3_max = from.diff3_max;
    out.diff3_mean = from.diff3_mean;
    out.abs_max = from.abs_max;
    out.count = from.count;
    out.nan_actual = from.nan_actual;
    out.nan_expected = from.nan_expected;
    out.inf_actual = from.inf_actual;
    out.inf_expected = from.inf_expected;
    out.mismatched_nonfinite = from.mismatched_nonfinite;
    write_struct(difference, out);
  });
}
