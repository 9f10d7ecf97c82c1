#include "tools.hpp"

#include <optional>
#include <utility>

#include "background.hpp"
#include "options.hpp"

namespace spinel_node {

namespace {

/// {name: number}
napi_value of_counts(napi_env env, const spinel_count* counts, size_t count) {
  const napi_value out = make_object(env);
  for (size_t i = 0; i < count; ++i) set_number(env, out, counts[i].name, counts[i].count);
  return out;
}

/// [model, out, options]; the options have the names of index.d.ts.
class Tool : public Background {
 public:
  explicit Tool(const Call& call)
      : model_(to_text(call.env, call[0], "the model's path")),
        out_(to_text(call.env, call[1], "the path to write to")),
        ops_(call.env, get(call.env, call[2], "customOps")) {}
  ~Tool() override { spinel_tool_report_release(report_); }

 protected:
  struct Names {
    std::deque<std::string> texts;
    std::vector<const char*> pointers;
  };
  struct Shapes {
    std::deque<std::string> names;
    std::deque<std::vector<int64_t>> dims;
    std::vector<spinel_named_shape> structs;
  };

  /// Nothing is written where the option is missing.
  static void read(napi_env env, napi_value object, const char* name, int32_t* flag) {
    const napi_value value = get(env, object, name);
    if (!is_missing(env, value)) *flag = to_bool(env, value, name) ? 1 : 0;
  }
  static void read(napi_env env, napi_value object, const char* name, Names* names, const char* const** data,
                   size_t* size) {
    const napi_value list = get(env, object, name);
    if (is_missing(env, list)) return;
    for (size_t i = 0, count = length(env, list, name); i < count; ++i)
      names->pointers.push_back(names->texts.emplace_back(to_text(env, get(env, list, i), name)).c_str());
    *data = names->pointers.empty() ? nullptr : names->pointers.data();
    *size = names->pointers.size();
  }
  static void read(napi_env env, napi_value object, Shapes* shapes, const spinel_named_shape** data,
                   size_t* size) {
    each_property(env, get(env, object, "inputShapes"), [&](const std::string& name, napi_value value) {
      const std::vector<int64_t>& dims =
          shapes->dims.emplace_back(to_integers(env, value, "each of inputShapes"));
      shapes->structs.push_back({shapes->names.emplace_back(name).c_str(), dims.data(), dims.size()});
    });
    *data = shapes->structs.empty() ? nullptr : shapes->structs.data();
    *size = shapes->structs.size();
  }

  /// What both tools take; runs and tolerance hold where `check` does not say another.
  template <typename Options>
  void read_common(napi_env env, napi_value object, Options* options, std::optional<int32_t> runs,
                   std::optional<double> tolerance) {
    read(env, object, "externalData", &options->external_data);
    if (read_limits(env, get(env, object, "limits"), &limits_)) options->limits = &limits_;
    options->custom_ops = ops_.get();
    spinel_check_options_init(&check_, sizeof check_);
    check_.runs = runs.value_or(check_.runs);
    check_.tolerance = tolerance.value_or(check_.tolerance);
    options->check = &check_;
    const napi_value check = get(env, object, "check");
    if (is_missing(env, check)) return;
    const napi_value given_runs = get(env, check, "runs"), given_tolerance = get(env, check, "tolerance");
    if (!is_missing(env, given_runs)) check_.runs = to_int32(env, given_runs, "runs");
    if (!is_missing(env, given_tolerance)) check_.tolerance = to_number(env, given_tolerance, "tolerance");
    read(env, check, "required", &check_.required);
    read(env, check, &check_shapes_, &check_.input_shapes, &check_.input_shape_count);
  }

  const char* model() const { return model_.c_str(); }
  const char* out() const { return out_.c_str(); }

  spinel_tool_report* report_ = nullptr;

 private:
  bool calls_javascript() const override { return !ops_.ops().empty(); }

  napi_value finish(napi_env env) override {
    auto info = sized<spinel_tool_info>();
    spinel_error* error = nullptr;
    spinel_node::check(spinel_tool_report_describe(report_, &info, &error), error);
    const napi_value out = make_object(env), clamped = make_array(env, info.clamped_count);
    for (size_t i = 0; i < info.clamped_count; ++i) {
      const napi_value each = make_object(env);
      set(env, each, "name", of_text(env, info.clamped[i].name));
      set_number(env, each, "elements", info.clamped[i].elements);
      set_number(env, each, "clamped", info.clamped[i].clamped);
      set_number(env, each, "flushed", info.clamped[i].flushed);
      set(env, clamped, i, each);
    }
    set_number(env, out, "bytesBefore", info.bytes_before);
    set_number(env, out, "bytesAfter", info.bytes_after);
    set(env, out, "operatorsBefore", of_counts(env, info.operators_before, info.operator_before_count));
    set(env, out, "operatorsAfter", of_counts(env, info.operators_after, info.operator_after_count));
    set(env, out, "changes", of_counts(env, info.changes, info.change_count));
    set(env, out, "files", of_texts(env, info.files, info.file_count));
    set(env, out, "notes", of_texts(env, info.notes, info.note_count));
    set(env, out, "kept", of_texts(env, info.kept, info.kept_count));
    set(env, out, "clamped", clamped);
    set_number(env, out, "convertedTensors", info.converted_tensors);
    set(env, out, "checkSkipped", of_text(env, info.check_skipped));
    set_number(env, out, "checkRuns", info.check_runs);
    set(env, out, "bitEqual", of_bool(env, info.bit_equal != 0));
    set_number(env, out, "maxDifference", info.max_difference);
    set_number(env, out, "relativeDifference", info.relative_difference);
    set_number(env, out, "diff2", info.diff2);
    return out;
  }

  std::string model_, out_;
  OpSet ops_;
  spinel_limits limits_;
  spinel_check_options check_;
  Shapes check_shapes_;
};

class Simplify : public Tool {
 public:
  explicit Simplify(const Call& call) : Tool(call) {
    const napi_env env = call.env;
    const napi_value object = call[2];
    spinel_simplify_options_init(&options_, sizeof options_);
    read(env, object, &shapes_, &options_.input_shapes, &options_.input_shape_count);
    read(env, object, "skipSteps", &skipped_, &options_.skip_steps, &options_.skip_step_count);
    const napi_value most = get(env, object, "maxFoldedBytes");
    if (!is_missing(env, most)) {
      const int64_t bytes = to_integer(env, most, "maxFoldedBytes");
      if (bytes < 0) misuse("maxFoldedBytes is negative");
      options_.max_folded_bytes = static_cast<uint64_t>(bytes);
    }
    read(env, object, "inlineFunctions", &options_.inline_functions);
    read(env, object, "keepInitializerInputs", &options_.keep_initializer_inputs);
    read_common(env, object, &options_, {}, {});
  }

 private:
  void work() override {
    spinel_error* error = nullptr;
    check(spinel_simplify_model(model(), out(), &options_, &report_, &error), error);
  }

  spinel_simplify_options options_;
  Shapes shapes_;
  Names skipped_;
};

class Convert : public Tool {
 public:
  explicit Convert(const Call& call) : Tool(call) {
    const napi_env env = call.env;
    const napi_value object = call[2];
    spinel_convert_options_init(&options_, sizeof options_);
    options_.dtype = SPINEL_FLOAT16;
    read(env, object, "keepOps", &names_[0], &options_.keep_ops, &options_.keep_op_count);
    read(env, object, "keepNodes", &names_[1], &options_.keep_nodes, &options_.keep_node_count);
    read(env, object, "convertOps", &names_[2], &options_.convert_ops, &options_.convert_op_count);
    read(env, object, "keepInputs", &names_[3], &options_.keep_inputs, &options_.keep_input_count);
    read(env, object, "keepIoTypes", &options_.keep_io_types);
    read_common(env, object, &options_, 1, 0.05);
  }

 private:
  void work() override {
    spinel_error* error = nullptr;
    check(spinel_convert_model(model(), out(), &options_, &report_, &error), error);
  }

  spinel_convert_options options_;
  Names names_[4];
};

}  // namespace

napi_value simplify_model(const Call& call) {
  return Environment::of(call.env).start(std::make_unique<Simplify>(call));
}

napi_value convert_model(const Call& call) {
  return Environment::of(call.env).start(std::make_unique<Convert>(call));
}

}  // namespace spinel_node
