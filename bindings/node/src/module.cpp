// What index.js sees of the addon.
#include "custom_op.hpp"
#include "dataset.hpp"
#include "engine.hpp"
#include "images.hpp"
#include "tools.hpp"

namespace spinel_node {

namespace {

using Function = napi_value (*)(const Call&);

template <Function function>
napi_value callback(napi_env env, napi_callback_info info) noexcept {
  return guard(env, [&] { return function(Call(env, info)); });
}

template <Function function>
void add(napi_env env, napi_value exports, const char* name) {
  napi_value value;
  check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, callback<function>, nullptr, &value));
  set(env, exports, name, value);
}

napi_value cancel(const Call& call) {
  Environment::of(call.env).cancel(static_cast<uint64_t>(to_integer(call.env, call[0], "the job")));
  return undefined(call.env);
}

/// Before the process ends: cancels what is under way and waits for it.
napi_value close(const Call& call) {
  Environment::of(call.env).close();
  return undefined(call.env);
}

napi_value set_error_class(const Call& call) {
  Environment::of(call.env).set_error_class(call[0]);
  return undefined(call.env);
}

using Lister = int32_t (*)(spinel_strings**, spinel_error**);

template <Lister lister>
napi_value list(const Call& call) {
  spinel_strings* names = nullptr;
  spinel_error* error = nullptr;
  check(lister(&names, &error), error);
  const Owned<spinel_strings> owned(names, spinel_strings_release);
  return of_strings(call.env, names);
}

napi_value initialise(napi_env env, napi_value exports) {
  Environment::create(env);
  set(env, exports, "version", of_text(env, spinel_version()));
  add<set_error_class>(env, exports, "setErrorClass");
  add<cancel>(env, exports, "cancel");
  add<close>(env, exports, "close");
  add<list<spinel_available_targets>>(env, exports, "availableTargets");
  add<list<spinel_preset_names>>(env, exports, "presetNames");
  add<load>(env, exports, "load");
  add<load_in_place>(env, exports, "loadSync");
  add<release>(env, exports, "release");
  add<describe>(env, exports, "describe");
  add<memory_report>(env, exports, "memoryReport");
  add<pass_report>(env, exports, "passReport");
  add<graph_text>(env, exports, "graphText");
  add<run_time>(env, exports, "runTime");
  add<run>(env, exports, "run");
  add<run_in_place>(env, exports, "runSync");
  add<profile>(env, exports, "profile");
  add<layer_values>(env, exports, "layerValues");
  add<inspect>(env, exports, "inspect");
  add<run_values>(env, exports, "runValues");
  add<make_preprocess>(env, exports, "makePreprocess");
  add<fit_preprocess>(env, exports, "fitPreprocess");
  add<size_preprocess>(env, exports, "sizePreprocess");
  add<describe_preprocess>(env, exports, "describePreprocess");
  add<preprocess>(env, exports, "preprocess");
  add<preprocess_in_place>(env, exports, "preprocessSync");
  add<decode_image>(env, exports, "decodeImage");
  add<decode_image_in_place>(env, exports, "decodeImageSync");
  add<top_k>(env, exports, "topK");
  add<softmax>(env, exports, "softmax");
  add<load_labels>(env, exports, "loadLabels");
  add<list_dataset>(env, exports, "listDataset");
  add<make_loader>(env, exports, "makeLoader");
  add<release_loader>(env, exports, "releaseLoader");
  add<next_batch>(env, exports, "nextBatch");
  add<describe_loader>(env, exports, "describeLoader");
  add<make_op>(env, exports, "makeOp");
  add<simplify_model>(env, exports, "simplifyModel");
  add<convert_model>(env, exports, "convertModel");
  add<list<spinel_simplify_steps>>(env, exports, "simplifySteps");
  add<list<spinel_float16_keep_list>>(env, exports, "float16KeepList");
  add<make_accuracy>(env, exports, "makeAccuracy");
  add<add_accuracy>(env, exports, "addAccuracy");
  add<merge_accuracy>(env, exports, "mergeAccuracy");
  add<describe_accuracy>(env, exports, "describeAccuracy");
  add<difference>(env, exports, "difference");
  return exports;
}

}  // namespace

}  // namespace spinel_node

NAPI_MODULE_INIT() {
  return spinel_node::guard(env, [&] { return spinel_node::initialise(env, exports); });
}
