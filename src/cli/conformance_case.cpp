#include "cli/conformance_case.hpp"

#include <algorithm>
#include <cmath>
#include <new>

#include "base/text.hpp"
#include "cli/conformance_compare.hpp"
#include "cli/conformance_data.hpp"
#include "cli/conformance_random.hpp"

namespace spinel::cli {
namespace {

/// The value with its wide floats as `dtype`, where both are such.
Value convert_floats(const Value& value, DType dtype) {
  if (value.is_tensor()) {
    const DType from = value.tensor().dtype();
    return from != dtype && is_wide_float(from) && is_wide_float(dtype) ? convert(value.tensor(), dtype)
                                                                        : value;
  }
  if (!value.is_sequence()) return value;
  Sequence out;
  for (const Value& element : value.sequence()) out.push_back(convert_floats(element, dtype));
  return out;
}

/// The element type of a value, or of the tensors in it.
DType dtype_of(const TensorInfo& info) { return info.element ? dtype_of(*info.element) : info.dtype; }

DType dtype_of(const Value& value) {
  if (value.is_tensor()) return value.tensor().dtype();
  return value.is_sequence() && !value.sequence().empty() ? dtype_of(value.sequence()[0]) : DType::undefined;
}

double greatest_magnitude(const Value& value) {
  double greatest = 0;
  if (value.is_sequence())
    for (const Value& element : value.sequence()) greatest = std::max(greatest, greatest_magnitude(element));
  if (value.is_tensor() && is_wide_float(value.tensor().dtype())) {
    const Tensor doubles = convert(value.tensor(), DType::float64);
    for (double each : doubles.data<double>())
      if (std::isfinite(each)) greatest = std::max(greatest, std::fabs(each));
  }
  return greatest;
}

Tolerance tolerance_for(const TestCase& test, const EngineOptions& options, const Value& expected) {
  if (options.dtype != DType::float16) return test.tolerance();
  return {1e-2, 2e-3 * greatest_magnitude(expected)};
}

void require_count(const char* what, size_t in_data, size_t in_model) {
  if (in_data != in_model)
    fail(ErrorCode::bad_data, "the data has {} {}{}, the model {}", in_data, what, in_data == 1 ? "" : "s",
         in_model);
}

CaseOutcome compare(const TestCase& test, const InferEngine& engine, const EngineOptions& options,
                    const CancelToken& cancel) {
  CaseOutcome outcome{CaseStatus::pass, {}};
  for (size_t s = 0; s < test.set_count(); ++s) {
    const DataSet set = test.read_set(s);
    require_count("input", set.inputs.size(), engine.inputs().size());
    require_count("output", set.outputs.size(), engine.outputs().size());
    std::vector<Value> inputs = set.inputs;
    if (options.dtype != DType::undefined)
      for (size_t i = 0; i < inputs.size(); ++i)
        inputs[i] = convert_floats(inputs[i], dtype_of(engine.inputs()[i]));
    std::vector<Value> outputs = engine.run_values(inputs, &cancel);
    for (size_t k = 0; k < outputs.size(); ++k) {
      if (options.dtype != DType::undefined)
        outputs[k] = convert_floats(outputs[k], dtype_of(set.outputs[k]));
      std::string wrong =
          difference(outputs[k], set.outputs[k], tolerance_for(test, options, set.outputs[k]));
      if (wrong.empty()) continue;
      if (draws_random_numbers(test.model(), set.inputs)) {
        outcome.reason = "distribution";
        wrong = judge_random_output(test.model(), set.inputs, k, outputs[k], set.outputs[k]);
        if (wrong.empty()) continue;
      }
      return {CaseStatus::fail, fmt::format("{}, output {}: {}", set.name, k, wrong)};
    }
  }
  return outcome;
}

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

const char* status_name(CaseStatus status) {
  switch (status) {
    case CaseStatus::pass:
      return "pass";
    case CaseStatus::fail:
      return "fail";
    case CaseStatus::unsupported:
      break;
  }
  return "unsupported";
}

CaseOutcome run_case(const CaseFolder& folder, EngineOptions options, const CancelToken& cancel) {
  options.ckpt = (folder.path / "model.onnx").string();
  // Every reason would begin with the path, which the case's name says already.
  const std::string prefix = options.ckpt + ": ";
  try {
    const TestCase test(folder.path);
    const InferEngine engine(options);
    return compare(test, engine, options, cancel);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::cancelled) throw;
    const std::string text = error.what();
    return {error.code() == ErrorCode::unsupported ? CaseStatus::unsupported : CaseStatus::fail,
            one_line(text.starts_with(prefix) ? text.substr(prefix.size()) : text)};
  } catch (const std::bad_alloc&) {
    return {CaseStatus::fail, "no memory left"};
  } catch (const std::exception& error) {
    return {CaseStatus::fail, one_line(error.what())};
  }
}

}  // namespace spinel::cli
