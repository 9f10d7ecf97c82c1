// Custom operators through the C ABI: every function of the table, and every misuse of it.
#include <atomic>
#include <cstring>

#include "support.hpp"

namespace {

using Catch::Matchers::Contains;

struct ReleaseSet {
  void operator()(spinel_op_set* set) const { spinel_op_set_release(set); }
};
using OwnedSet = std::unique_ptr<spinel_op_set, ReleaseSet>;

OwnedSet make_set() {
  spinel_op_set* set = nullptr;
  check_succeeds([&](spinel_error** error) { return spinel_op_set_create(&set, error); });
  return OwnedSet(set);
}

/// What the callbacks of the probe count and are told to do.
struct Probe {
  std::atomic<int> created{0}, destroyed{0}, released{0}, tasks{0};
  int32_t compute_code = SPINEL_OK;
  const char* message = nullptr;
  bool skip_output = false;
  bool wrong_dims = false;
};

int32_t create(const spinel_op_api* api, spinel_op_context* context, void* user, void** state) {
  float f = 0;
  int64_t i = 0;
  spinel_string text{};
  const float* fs = nullptr;
  const int64_t* ints = nullptr;
  const spinel_string* texts = nullptr;
  const spinel_tensor* tensor = nullptr;
  size_t count = 0;
  CHECK(api->attribute_float(context, "f", &f) == SPINEL_OK);
  CHECK(f == 1.5f);
  CHECK(api->attribute_int(context, "i", &i) == SPINEL_OK);
  CHECK(i == 7);
  CHECK(api->attribute_string(context, "text", &text) == SPINEL_OK);
  CHECK(std::string(text.data, text.size_bytes) == "some text");
  CHECK(api->attribute_floats(context, "fs", &fs, &count) == SPINEL_OK);
  REQUIRE(count == 2);
  CHECK(fs[1] == 2);
  CHECK(api->attribute_ints(context, "ints", &ints, &count) == SPINEL_OK);
  REQUIRE(count == 3);
  CHECK(ints[2] == 5);
  CHECK(api->attribute_strings(context, "texts", &texts, &count) == SPINEL_OK);
  REQUIRE(count == 2);
  CHECK(std::string(texts[1].data, texts[1].size_bytes) == "bc");
  CHECK(api->attribute_tensor(context, "tensor", &tensor) == SPINEL_OK);
  REQUIRE(tensor->rank == 2);
  CHECK(tensor->dtype == SPINEL_INT64);
  CHECK(static_cast<const int64_t*>(tensor->data)[1] == 9);

  i = -1;
  CHECK(api->attribute_int(context, "absent", &i) == SPINEL_NOT_FOUND);
  CHECK(i == -1);
  CHECK(api->attribute_int(context, "undeclared", &i) == SPINEL_INVALID_ARGUMENT);
  CHECK(api->attribute_int(context, "f", &i) == SPINEL_INVALID_ARGUMENT);
  CHECK(api->attribute_int(context, nullptr, &i) == SPINEL_INVALID_ARGUMENT);
  CHECK(api->attribute_int(context, "i", nullptr) == SPINEL_INVALID_ARGUMENT);
  CHECK(api->attribute_int(nullptr, "i", &i) == SPINEL_INVALID_ARGUMENT);
  // Functions of other callbacks fail, and harm nobody.
  CHECK(api->input(context, 0) == nullptr);
  CHECK(api->output(context, 0, nullptr, 0) == nullptr);
  CHECK(api->input_count(context) == 0);
  CHECK(api->input_rank(context, 0) == -1);
  CHECK(api->set_output(context, 0, 0, nullptr, 0) == SPINEL_INVALID_ARGUMENT);
  CHECK(api->cancelled(context) == 0);
  *state = new int(++static_cast<Probe*>(user)->created);
  return SPINEL_OK;
}

void destroy(void* user, void* state) {
  delete static_cast<int*>(state);
  ++static_cast<Probe*>(user)->destroyed;
}

void release_user(void* user) { ++static_cast<Probe*>(user)->released; }

int32_t shapes(const spinel_op_api* api, spinel_op_context* context, void*) {
  CHECK(api->input_count(context) == 3);
  CHECK(api->output_count(context) == 3);
  CHECK(api->has_input(context, 0) == 1);
  CHECK(api->has_input(context, 1) == 0);
  CHECK(api->has_input(context, 9) == 0);
  CHECK(api->input_dtype(context, 0) == SPINEL_FLOAT32);
  CHECK(api->input_dtype(context, 1) == SPINEL_UNDEFINED);
  CHECK(api->input_rank(context, 0) == 2);
  CHECK(api->input_rank(context, 1) == -1);
  CHECK(api->input_constant(context, 0) == nullptr);
  CHECK(api->input_elements(context, 0, nullptr, 0) == -1);
  const int64_t n = api->input_dim(context, 0, 0);
  const int64_t m = api->input_dim(context, 0, 1);
  CHECK(n < SPINEL_DIM_UNKNOWN);
  CHECK(m < SPINEL_DIM_UNKNOWN);
  CHECK(n != m);
  CHECK(api->input_dim(context, 0, 0) == n);
  CHECK(api->input_dim(context, 0, 2) == SPINEL_DIM_UNKNOWN);
  CHECK(api->input_dim(context, 2, 0) == 2);
  CHECK(api->dim_add(context, 2, 3) == 5);
  CHECK(api->dim_subtract(context, api->dim_add(context, n, m), m) == n);
  CHECK(api->dim_divide(context, api->dim_multiply(context, n, 6), 3) == api->dim_add(context, n, n));
  CHECK(api->dim_add(context, n, SPINEL_DIM_UNKNOWN) == SPINEL_DIM_UNKNOWN);
  CHECK(api->dim_add(context, n, -1000) == SPINEL_DIM_UNKNOWN);  // Nobody gave this number.
  CHECK(api->dim_subtract(context, api->dim_subtract(context, 2, 5), -1) == SPINEL_DIM_UNKNOWN);
  const int64_t dims[] = {m, api->dim_add(context, api->dim_multiply(context, n, 2), 1)};
  CHECK(api->set_output(context, 0, 77, dims, 2) == SPINEL_INVALID_ARGUMENT);
  CHECK(api->set_output(context, 9, 0, dims, 2) == SPINEL_INVALID_ARGUMENT);
  CHECK(api->set_output(context, 0, 0, nullptr, 2) == SPINEL_INVALID_ARGUMENT);
  CHECK(api->set_output(context, 0, 0, dims, 2) == SPINEL_OK);
  CHECK(api->set_output(context, 1, SPINEL_FLOAT64, nullptr, -1) == SPINEL_OK);
  const int64_t two = 2;
  return api->set_output(context, 2, 0, &two, 1);
}

void count_task(void* data, int64_t) { ++*static_cast<std::atomic<int>*>(data); }

int32_t compute(const spinel_op_api* api, spinel_op_context* context, void* user, void* state) {
  Probe& probe = *static_cast<Probe*>(user);
  CHECK(*static_cast<int*>(state) >= 1);
  if (probe.message != nullptr) api->set_error(context, probe.message);
  if (probe.compute_code != SPINEL_OK) return probe.compute_code;
  const spinel_tensor* x = api->input(context, 0);
  REQUIRE(x != nullptr);
  REQUIRE(x->rank == 2);
  CHECK(x->struct_size == sizeof(spinel_tensor));
  CHECK(x->size_bytes == static_cast<size_t>(x->dims[0] * x->dims[1]) * sizeof(float));
  CHECK(api->input(context, 1) == nullptr);
  CHECK(api->input(context, 7) == nullptr);
  CHECK(api->input_count(context) == 3);
  CHECK(api->wants_output(context, 0) == 1);
  CHECK(api->wants_output(context, 1) == 0);
  CHECK(api->wants_output(context, 9) == 0);
  CHECK(api->concurrency(context) >= 1);
  CHECK(api->cancelled(context) == 0);
  CHECK(api->output(context, 9, nullptr, 0) == nullptr);
  CHECK(api->parallel_for(context, 5, nullptr, nullptr) == SPINEL_INVALID_ARGUMENT);
  CHECK(api->parallel_for(context, 5, count_task, &probe.tasks) == SPINEL_OK);
  int64_t dims[] = {x->dims[1], 2 * x->dims[0] + 1};
  if (probe.wrong_dims) ++dims[0];
  auto* y = static_cast<float*>(api->output(context, 0, dims, 2));
  if (y == nullptr) return SPINEL_INTERNAL;  // The reason is that of output().
  for (int64_t i = 0; i < dims[0] * dims[1]; ++i)
    y[i] = static_cast<float>(i) + static_cast<const float*>(x->data)[0];
  // One that nobody reads has room nevertheless.
  const int64_t three = 3;
  static_cast<double*>(api->output(context, 1, &three, 1))[2] = 1;
  if (probe.skip_output) return SPINEL_OK;
  const spinel_tensor* s = api->input(context, 2);
  CHECK(api->output(context, 2, s->dims, 1) == nullptr);  // Strings are given otherwise.
  const auto* texts = static_cast<const spinel_string*>(s->data);
  const spinel_string swapped[] = {texts[1], texts[0]};
  return api->output_strings(context, 2, s->dims, 1, swapped);
}

const spinel_op_input inputs[] = {
    {"x", nullptr, 0, 0, 0}, {"maybe", nullptr, 0, 1, 0}, {"s", nullptr, 0, 0, 0}};
const spinel_op_output outputs[] = {
    {"y", 0, 0, 0, 0}, {"unused", SPINEL_FLOAT32, 0, 1, 0}, {"t", SPINEL_STRING, 0, 0, 0}};
const spinel_op_attribute attributes[] = {
    {"f", SPINEL_ATTRIBUTE_FLOAT, 1},       {"i", SPINEL_ATTRIBUTE_INT, 0},
    {"text", SPINEL_ATTRIBUTE_STRING, 0},   {"fs", SPINEL_ATTRIBUTE_FLOATS, 0},
    {"ints", SPINEL_ATTRIBUTE_INTS, 0},     {"texts", SPINEL_ATTRIBUTE_STRINGS, 0},
    {"tensor", SPINEL_ATTRIBUTE_TENSOR, 0}, {"absent", SPINEL_ATTRIBUTE_INT, 0}};

spinel_custom_op describe(Probe& probe) {
  spinel_custom_op op;
  spinel_custom_op_init(&op, sizeof op);
  op.domain = "custom";
  op.name = "Probe";
  op.since_version = 2;
  op.inputs = inputs;
  op.input_count = 3;
  op.outputs = outputs;
  op.output_count = 3;
  op.attributes = attributes;
  op.attribute_count = 8;
  op.user = &probe;
  op.shapes = shapes;
  op.create = create;
  op.compute = compute;
  op.destroy = destroy;
  op.release_user = release_user;
  return op;
}

Owned<spinel_engine> load_probe(Probe& probe) {
  const OwnedSet set = make_set();
  const spinel_custom_op op = describe(probe);
  check_succeeds([&](spinel_error** error) { return spinel_op_set_add(set.get(), &op, error); });
  spinel_engine_options options = engine_options();
  options.custom_ops = set.get();
  return load("custom", &options);  // The set goes, its operators stay with the engine.
}

struct Run {
  std::vector<int64_t> dims{2, 3}, two{2};
  std::vector<float> x = std::vector<float>(6, 10);
  std::vector<spinel_string> texts{{"first", 5}, {"second", 6}};
  spinel_tensor in[2] = {tensor_of(SPINEL_FLOAT32, dims, x), tensor_of(SPINEL_STRING, two, texts)};
  spinel_tensor out[2] = {empty_tensor(), empty_tensor()};
  int32_t operator()(const spinel_engine* engine, spinel_error** error) {
    return spinel_engine_run(engine, in, 2, out, 2, nullptr, error);
  }
};

}  // namespace

TEST_CASE("a custom operator in C computes with everything that it is given") {
  Probe probe;
  {
    const auto engine = load_probe(probe);
    CHECK(probe.created == 1);
    CHECK(probe.released == 0);
    spinel_tensor_info info{};
    info.struct_size = sizeof info;
    check_succeeds([&](spinel_error** error) { return spinel_engine_output(engine.get(), 0, &info, error); });
    REQUIRE(info.rank == 2);
    CHECK(std::string(info.dim_names[0]) == "m");
    CHECK(std::string(info.dim_names[1]) == "2*n + 1");
    Run run;
    check_succeeds([&](spinel_error** error) { return run(engine.get(), error); });
    REQUIRE(run.out[0].rank == 2);
    CHECK((run.out[0].dims[0] == 3 && run.out[0].dims[1] == 5));
    CHECK(static_cast<const float*>(run.out[0].data)[14] == 24);
    const auto* texts = static_cast<const spinel_string*>(run.out[1].data);
    CHECK(std::string(texts[0].data, texts[0].size_bytes) == "second");
    CHECK(probe.tasks == 5);
    for (auto& tensor : run.out) spinel_tensor_release(&tensor);
  }
  CHECK(probe.created == probe.destroyed);
  CHECK(probe.released == 1);
}

TEST_CASE("what a custom operator in C fails with names the node") {
  Probe probe;
  const auto engine = load_probe(probe);
  Run run;
  const auto fails = [&](int32_t code, const char* part) {
    check_fails(code, part, [&](spinel_error** error) { return run(engine.get(), error); });
    check_fails(code, "node 'the_probe' (custom::Probe)",
                [&](spinel_error** error) { return run(engine.get(), error); });
  };
  probe.compute_code = SPINEL_BAD_DATA;
  probe.message = "the probe is cold";
  fails(SPINEL_BAD_DATA, "the probe is cold");
  probe.message = nullptr;
  fails(SPINEL_BAD_DATA, "compute() returned bad_data without saying why");
  probe.compute_code = 4711;
  fails(SPINEL_INTERNAL, "compute() returned 4711");
  probe.compute_code = SPINEL_OK;
  probe.wrong_dims = true;
  fails(SPINEL_INVALID_ARGUMENT, "[4, 5], its shape rule said [3, 5]");
  probe.wrong_dims = false;
  probe.skip_output = true;
  fails(SPINEL_INVALID_ARGUMENT, "not made output 2 ('t')");
  probe.skip_output = false;
  check_succeeds([&](spinel_error** error) { return run(engine.get(), error); });
  for (auto& tensor : run.out) spinel_tensor_release(&tensor);
}

TEST_CASE("descriptions of operators that are refused") {
  Probe probe;
  const OwnedSet set = make_set();
  const auto fails = [&](int32_t code, const char* part, auto&& change) {
    spinel_custom_op op = describe(probe);
    change(op);
    check_fails(code, part, [&](spinel_error** error) { return spinel_op_set_add(set.get(), &op, error); });
  };
  const int32_t bad = SPINEL_INVALID_ARGUMENT;
  spinel_op_input input = inputs[0];
  spinel_op_output output = outputs[0];
  spinel_op_attribute attribute = attributes[0];
  const int32_t dtype = 99;
  fails(bad, "struct_size is 0", [](spinel_custom_op& op) { op.struct_size = 0; });
  fails(bad, "name", [](spinel_custom_op& op) { op.name = nullptr; });
  fails(bad, "compute is NULL", [](spinel_custom_op& op) { op.compute = nullptr; });
  fails(bad, "inputs is NULL", [](spinel_custom_op& op) { op.inputs = nullptr; });
  fails(bad, "outputs is NULL", [](spinel_custom_op& op) { op.outputs = nullptr; });
  fails(bad, "attributes is NULL", [](spinel_custom_op& op) { op.attributes = nullptr; });
  fails(bad, "variadic is 2", [](spinel_custom_op& op) { op.variadic = 2; });
  fails(bad, "dtype 99", [&](spinel_custom_op& op) {
    input.dtypes = &dtype;
    input.dtype_count = 1;
    op.inputs = &input;
    op.input_count = 1;
  });
  fails(bad, "dtype 99", [&](spinel_custom_op& op) {
    output.dtype = 99;
    op.outputs = &output;
    op.output_count = 1;
  });
  fails(bad, "same_as of an output is -1", [&](spinel_custom_op& op) {
    output.dtype = 0;
    output.same_as = -1;
    op.outputs = &output;
    op.output_count = 1;
  });
  fails(bad, "type 5", [&](spinel_custom_op& op) {
    attribute.type = 5;
    op.attributes = &attribute;
    op.attribute_count = 1;
  });
  CHECK(probe.released == 0);

  spinel_custom_op op = describe(probe);
  check_fails(bad, "set is NULL",
              [&](spinel_error** error) { return spinel_op_set_add(nullptr, &op, error); });
  check_fails(bad, "op is NULL",
              [&](spinel_error** error) { return spinel_op_set_add(set.get(), nullptr, error); });
  check_fails(bad, "set is NULL", [](spinel_error** error) { return spinel_op_set_create(nullptr, error); });
  spinel_op_set_release(nullptr);
  spinel_custom_op_init(nullptr, 8);

  // A newer caller, whose struct has grown, is understood as long as it wants nothing new.
  struct Newer {
    spinel_custom_op op;
    uint64_t added;
  } newer{op, 0};
  newer.op.struct_size = sizeof newer;
  check_succeeds([&](spinel_error** error) { return spinel_op_set_add(set.get(), &newer.op, error); });
  newer.added = 1;
  check_fails(SPINEL_UNSUPPORTED, "does not know",
              [&](spinel_error** error) { return spinel_op_set_add(set.get(), &newer.op, error); });

  // The same operator twice shows when it is used.
  check_succeeds([&](spinel_error** error) { return spinel_op_set_add(set.get(), &op, error); });
  spinel_engine_options options = engine_options();
  options.custom_ops = set.get();
  spinel_engine* engine = nullptr;
  check_fails(bad, "custom::Probe is registered twice", [&](spinel_error** error) {
    return spinel_engine_create(model_path("custom").c_str(), &options, &engine, error);
  });
}

TEST_CASE("a library of custom operators") {
  const OwnedSet set = make_set();
  check_succeeds([&](spinel_error** error) { return spinel_op_set_load(set.get(), CUSTOM_ADD, error); });
  spinel_engine_options options = engine_options();
  options.custom_ops = set.get();
  options.spas = 2;
  spinel_engine* raw = nullptr;
  const std::string model = std::string(SPINEL_SOURCE_DIR) + "/samples/custom_op/add.onnx";
  check_fails(SPINEL_UNSUPPORTED, "custom::Add", [&](spinel_error** error) {
    return spinel_engine_create(model.c_str(), nullptr, &raw, error);
  });
  check_succeeds(
      [&](spinel_error** error) { return spinel_engine_create(model.c_str(), &options, &raw, error); });
  const Owned<spinel_engine> engine(raw);
  const std::vector<int64_t> dims{3, 3};
  std::vector<float> x{-1, 2, 3, 4, 5, 6, 7, 8, 9}, y(9, 4), sum(9), difference(9);
  const spinel_tensor in[] = {tensor_of(SPINEL_FLOAT32, dims, x), tensor_of(SPINEL_FLOAT32, dims, y)};
  spinel_tensor out[] = {tensor_of(SPINEL_FLOAT32, dims, sum), tensor_of(SPINEL_FLOAT32, dims, difference)};
  check_succeeds(
      [&](spinel_error** error) { return spinel_engine_run(engine.get(), in, 2, out, 2, nullptr, error); });
  CHECK(sum == std::vector<float>{2, 4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(difference == std::vector<float>{2, 0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE("libraries that are none, or do not want to be loaded") {
  const OwnedSet set = make_set();
  const auto fails = [&](int32_t code, const std::string& part, const std::string& path) {
    check_fails(code, part,
                [&](spinel_error** error) { return spinel_op_set_load(set.get(), path.c_str(), error); });
  };
  const auto bad_plugin = [](int kind) { return BAD_PLUGINS + std::to_string(kind) + ".so"; };
  fails(SPINEL_NOT_FOUND, "no such file", "/nowhere/lib.so");
  fails(SPINEL_NOT_FOUND, "no such file", "libc.so.6");  // Nothing is searched for.
  fails(SPINEL_NOT_FOUND, "no such file", "");
  fails(SPINEL_IO, "two.onnx", model_path("two"));
  fails(SPINEL_UNSUPPORTED, "exports no function spinel_custom_ops", bad_plugin(1));
  fails(SPINEL_UNSUPPORTED, "this host is too old", bad_plugin(2));
  fails(SPINEL_IO, "without saying why", bad_plugin(3));
  fails(SPINEL_UNSUPPORTED, "added no operator", bad_plugin(4));
  fails(SPINEL_INVALID_ARGUMENT, "compute is NULL", bad_plugin(5));
  fails(SPINEL_INVALID_ARGUMENT, "compute is NULL", bad_plugin(6));
  check_fails(SPINEL_INVALID_ARGUMENT, "path is NULL",
              [&](spinel_error** error) { return spinel_op_set_load(set.get(), nullptr, error); });
  check_fails(SPINEL_INVALID_ARGUMENT, "set is NULL",
              [](spinel_error** error) { return spinel_op_set_load(nullptr, CUSTOM_ADD, error); });
}
