#include <optional>

#include <spinel/model_tools.hpp>

#include "base/text.hpp"
#include "onnx/operator_counts.hpp"
#include "ops/op_table.hpp"
#include "passes/pass_config.hpp"
#include "tools/check.hpp"
#include "tools/destination.hpp"
#include "tools/edit.hpp"
#include "tools/half_converter.hpp"

namespace spinel {

std::vector<std::string> float16_keep_list() {
  std::vector<std::string> names;
  for (const ops::OpDef& def : ops::op_table())
    if (def.domain.empty() && passes::is_kept_by_default(def.name)) names.emplace_back(def.name);
  return names;
}

ConvertReport convert_model(const std::string& path, const std::string& out, const ConvertOptions& options) {
  if (options.dtype != DType::float16)
    fail(ErrorCode::unsupported, "conversion to {} is not supported; float16 is", dtype_name(options.dtype));
  tools::check_destination(path, out);
  const ops::CustomOpTable custom_ops(options.custom_ops);
  ConvertReport report;
  std::optional<tools::Destination> destination;
  std::string written;
  bool is_random = false;
  {
    onnx::EditableModel model(path, options.limits);
    tools::check_external_data(path, out, model);
    destination.emplace(out);
    report.operators_before = onnx::operator_counts(model.model());
    tools::refuse_gradients(report.operators_before);
    report.bytes_before = model.size_bytes();
    tools::sort_nodes(model.model().graph);
    if (const size_t calls = tools::inline_functions(model); calls > 0)
      report.notes.push_back(fmt::format("{} calls of functions were replaced by their bodies", calls));
    {
      tools::Analysis analysis(model, custom_ops);
      is_random = analysis.is_random();
      if (!analysis.contradictions().empty())
        fail(ErrorCode::bad_model, "the model contradicts itself: {}", analysis.contradictions().front());
      tools::HalfConverter(model, analysis, options, report).run();
    }
    tools::Analysis converted(model, custom_ops);
    if (!converted.contradictions().empty())
      fail(ErrorCode::internal, "conversion has left a contradiction, please report this: {}",
           converted.contradictions().front());
    tools::write_shapes(model, converted);
    written = destination->write(model.model(), options.external_data, report);
  }
  if (is_random && options.check.runs > 0)
    report.check.skipped = "the model draws random numbers";
  else
    report.check = tools::check_equal(path, written, options.check, 0, options.limits, options.custom_ops);
  if (is_random && options.check.required)
    fail(ErrorCode::unsupported, "the result cannot be checked: {}", report.check.skipped);
  destination->commit();
  return report;
}

}  // namespace spinel
