#include <utility>

#include "dataset.hpp"
#include "tensors.hpp"

namespace spinel_node {

namespace {

using Accuracy = Owned<spinel_accuracy>;

spinel_accuracy* accuracy_of(const Call& call, size_t argument) {
  return of_external<Accuracy>(call.env, call[argument]).get();
}

}  // namespace

/// [k]
napi_value make_accuracy(const Call& call) {
  spinel_accuracy* made = nullptr;
  spinel_error* error = nullptr;
  check(spinel_accuracy_create(to_integer(call.env, call[0], "k"), &made, &error), error);
  Accuracy owned(made, spinel_accuracy_release);
  return make_external(call.env, std::make_unique<Accuracy>(std::move(owned)));
}

/// [accuracy, [scores], labels]
napi_value add_accuracy(const Call& call) {
  const Tensors scores(call.env, call[1], "scores");
  const std::vector<int64_t> labels = to_integers(call.env, call[2], "labels");
  spinel_error* error = nullptr;
  check(spinel_accuracy_add(accuracy_of(call, 0), &scores.structs().at(0), labels.data(), labels.size(),
                            &error),
        error);
  return undefined(call.env);
}

/// [accuracy, another]
napi_value merge_accuracy(const Call& call) {
  spinel_error* error = nullptr;
  check(spinel_accuracy_merge(accuracy_of(call, 0), accuracy_of(call, 1), &error), error);
  return undefined(call.env);
}

napi_value describe_accuracy(const Call& call) {
  auto counts = sized<spinel_accuracy_counts>();
  spinel_error* error = nullptr;
  check(spinel_accuracy_get(accuracy_of(call, 0), &counts, &error), error);
  const napi_value out = make_object(call.env);
  set_number(call.env, out, "k", counts.k);
  set_number(call.env, out, "count", counts.count);
  set_number(call.env, out, "top1Hits", counts.top1_hits);
  set_number(call.env, out, "topkHits", counts.topk_hits);
  set_number(call.env, out, "top1", counts.top1);
  set_number(call.env, out, "topk", counts.topk);
  return out;
}

/// [[actual, expected], threshold]
napi_value difference(const Call& call) {
  const Tensors pair(call.env, call[0], "tensor");
  auto found = sized<spinel_difference>();
  spinel_error* error = nullptr;
  check(spinel_tensor_difference(&pair.structs().at(0), &pair.structs().at(1),
                                 to_number(call.env, call[1], "threshold"), &found, &error),
        error);
  const napi_value out = make_object(call.env);
  set_number(call.env, out, "diff2", found.diff2);
  set_number(call.env, out, "diff3Max", found.diff3_max);
  set_number(call.env, out, "diff3Mean", found.diff3_mean);
  set_number(call.env, out, "absMax", found.abs_max);
  set_number(call.env, out, "count", found.count);
  set_number(call.env, out, "nanActual", found.nan_actual);
  set_number(call.env, out, "nanExpected", found.nan_expected);
  set_number(call.env, out, "infActual", found.inf_actual);
  set_number(call.env, out, "infExpected", found.inf_expected);
  set_number(call.env, out, "mismatchedNonfinite", found.mismatched_nonfinite);
  return out;
}

}  // namespace spinel_node
