#include <memory>

#include <spinel/model_tools.hpp>

#include "options.hpp"
#include "plugin/op_set.hpp"
#include "strings.hpp"
#include "structs.hpp"
#include "tensors.hpp"

using namespace spinel;
using namespace spinel::capi;

namespace {

std::map<std::string, Dims> read_named_shapes(const spinel_named_shape* shapes, size_t count,
                                              const char* argument) {
  require_array(shapes, count, argument);
  std::map<std::string, Dims> out;
  for (size_t i = 0; i < count; ++i) {
    const std::string what = fmt::format("{}[{}]", argument, i);
    const std::string name = require_text(shapes[i].name, (what + ".name").c_str());
    if (!out.emplace(name, read_dims(shapes[i].dims, shapes[i].rank, what)).second)
      misuse("{} names input '{}' twice", argument, name);
  }
  return out;
}

std::set<std::string> read_set(const char* const* texts, size_t count, const char* argument) {
  require_array(texts, count, argument);
  std::set<std::string> out;
  for (size_t i = 0; i < count; ++i)
    out.emplace(require_text(texts[i], fmt::format("{}[{}]", argument, i).c_str()));
  return out;
}

spinel_check_options default_check() {
  const CheckOptions from;
  spinel_check_options out{};
  out.runs = from.runs;
  out.tolerance = from.tolerance;
  return out;
}

spinel_simplify_options default_simplify() {
  spinel_simplify_options out{};
  out.max_folded_bytes = SimplifyOptions().max_folded_bytes;
  return out;
}

spinel_convert_options default_convert() {
  spinel_convert_options out{};
  out.dtype = static_cast<int32_t>(ConvertOptions().dtype);
  return out;
}

CheckOptions read_check(const spinel_check_options* options, const CheckOptions& defaults) {
  if (options == nullptr) return defaults;
  const spinel_check_options from = read_struct(options, "options->check", default_check());
  if (from.runs < 0) misuse("options->check->runs is {}; it must be at least 0", from.runs);
  CheckOptions out;
  out.runs = from.runs;
  out.required = require_flag(from.required, "options->check->required");
  out.input_shape =
      read_named_shapes(from.input_shapes, from.input_shape_count, "options->check->input_shapes");
  out.tolerance = from.tolerance;
  return out;
}

SimplifyOptions read_simplify(const spinel_simplify_options* options) {
  SimplifyOptions out;
  if (options == nullptr) return out;
  const spinel_simplify_options from = read_struct(options, "options", default_simplify());
  out.overwrite_input_shape =
      read_named_shapes(from.input_shapes, from.input_shape_count, "options->input_shapes");
  out.skip_steps = read_set(from.skip_steps, from.skip_step_count, "options->skip_steps");
  out.max_folded_bytes = from.max_folded_bytes;
  out.inline_functions = require_flag(from.inline_functions, "options->inline_functions");
  out.keep_initializer_inputs =
      require_flag(from.keep_initializer_inputs, "options->keep_initializer_inputs");
  out.external_data = require_flag(from.external_data, "options->external_data");
  out.check = read_check(from.check, out.check);
  out.limits = read_limits(from.limits);
  if (from.custom_ops != nullptr) out.custom_ops = from.custom_ops->ops;
  return out;
}

ConvertOptions read_convert(const spinel_convert_options* options) {
  ConvertOptions out;
  if (options == nullptr) return out;
  const spinel_convert_options from = read_struct(options, "options", default_convert());
  if (!is_known_dtype(from.dtype)) misuse("options->dtype is {}, which is no spinel_dtype", from.dtype);
  out.dtype = static_cast<DType>(from.dtype);
  out.keep_ops = read_set(from.keep_ops, from.keep_op_count, "options->keep_ops");
  out.keep_nodes = read_set(from.keep_nodes, from.keep_node_count, "options->keep_nodes");
  out.convert_ops = read_set(from.convert_ops, from.convert_op_count, "options->convert_ops");
  out.keep_inputs = read_set(from.keep_inputs, from.keep_input_count, "options->keep_inputs");
  out.keep_io_types = require_flag(from.keep_io_types, "options->keep_io_types");
  out.external_data = require_flag(from.external_data, "options->external_data");
  out.check = read_check(from.check, out.check);
  out.limits = read_limits(from.limits);
  if (from.custom_ops != nullptr) out.custom_ops = from.custom_ops->ops;
  return out;
}

std::vector<spinel_count> counts(const std::map<std::string, int64_t>& from) {
  std::vector<spinel_count> out;
  for (const auto& [name, count] : from) out.push_back({name.c_str(), count});
  return out;
}

}  // namespace

/// The report of one of the tools, which is empty in what the other one tells, and C views of it.
struct spinel_tool_report {
  explicit spinel_tool_report(SimplifyReport from)
      : simplify(std::move(from)), file(simplify), check(simplify.check) {
    make_views();
  }
  explicit spinel_tool_report(ConvertReport from)
      : convert(std::move(from)), file(convert), check(convert.check) {
    make_views();
  }
  spinel_tool_report(const spinel_tool_report&) = delete;
  spinel_tool_report& operator=(const spinel_tool_report&) = delete;

  void make_views() {
    operators_before = counts(file.operators_before);
    operators_after = counts(file.operators_after);
    changes = counts(simplify.changes);
    files = pointers(file.files);
    notes = pointers(file.notes);
    kept = pointers(convert.kept);
    for (const ClampedTensor& each : convert.clamped)
      clamped.push_back({each.name.c_str(), each.elements, each.clamped, each.flushed});
  }

  SimplifyReport simplify;
  ConvertReport convert;
  const FileReport& file;
  const CheckReport& check;
  std::vector<spinel_count> operators_before, operators_after, changes;
  std::vector<const char*> files, notes, kept;
  std::vector<spinel_clamped_tensor> clamped;
};

void spinel_check_options_init(spinel_check_options* options, size_t struct_size) {
  init_struct(options, struct_size, default_check());
}

void spinel_simplify_options_init(spinel_simplify_options* options, size_t struct_size) {
  init_struct(options, struct_size, default_simplify());
}

void spinel_convert_options_init(spinel_convert_options* options, size_t struct_size) {
  init_struct(options, struct_size, default_convert());
}

int32_t spinel_simplify_model(const char* model, const char* out, const spinel_simplify_options* options,
                              spinel_tool_report** report, spinel_error** error) {
  return guard(__func__, error, [&] {
    const std::string from = require_text(model, "model");
    const std::string to = require_text(out, "out");
    auto made = std::make_unique<spinel_tool_report>(simplify_model(from, to, read_simplify(options)));
    if (report != nullptr) *report = made.release();
  });
}

int32_t spinel_convert_model(const char* model, const char* out, const spinel_convert_options* options,
                             spinel_tool_report** report, spinel_error** error) {
  return guard(__func__, error, [&] {
    const std::string from = require_text(model, "model");
    const std::string to = require_text(out, "out");
    auto made = std::make_unique<spinel_tool_report>(convert_model(from, to, read_convert(options)));
    if (report != nullptr) *report = made.release();
  });
}

int32_t spinel_simplify_steps(spinel_strings** steps, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(steps, "steps");
    *steps = new spinel_strings{simplify_steps()};
  });
}

int32_t spinel_float16_keep_list(spinel_strings** operators, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(operators, "operators");
    *operators = new spinel_strings{float16_keep_list()};
  });
}

int32_t spinel_tool_report_describe(const spinel_tool_report* report, spinel_tool_info* info,
                                    spinel_error** error) {
  return guard(__func__, error, [&] {
    const spinel_tool_report& from = require(report, "report");
    checked_struct_size(info, "info");
    spinel_tool_info out{};
    out.bytes_before = from.file.bytes_before;
    out.bytes_after = from.file.bytes_after;
    out.operators_before = from.operators_before.data();
    out.operator_before_count = from.operators_before.size();
    out.operators_after = from.operators_after.data();
    out.operator_after_count = from.operators_after.size();
    out.changes = from.changes.data();
    out.change_count = from.changes.size();
    out.files = from.files.data();
    out.file_count = from.files.size();
    out.notes = from.notes.data();
    out.note_count = from.notes.size();
    out.kept = from.kept.data();
    out.kept_count = from.kept.size();
    out.clamped = from.clamped.data();
    out.clamped_count = from.clamped.size();
    out.converted_tensors = from.convert.converted_tensors;
    out.check_skipped = from.check.skipped.c_str();
    out.max_difference = from.check.max_difference;
    out.relative_difference = from.check.relative_difference;
    out.diff2 = from.check.diff2;
    out.check_runs = from.check.runs;
    out.bit_equal = from.check.bit_equal ? 1 : 0;
    write_struct(info, out);
  });
}

void spinel_tool_report_release(spinel_tool_report* report) { delete report; }
