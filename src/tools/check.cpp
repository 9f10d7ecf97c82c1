#include "tools/check.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <random>

#include <spinel/engine.hpp>

#include "base/text.hpp"

namespace spinel::tools {
namespace {

/// What dims that the model leaves open are tried with, and below what number integers stay.
struct Guess {
  int64_t size;
  uint32_t integers;
};
constexpr Guess guesses[] = {{64, 64}, {64, 2}, {224, 64}, {224, 2}, {16, 64}, {16, 2},
                             {8, 2},   {4, 2},  {2, 2},    {1, 64},  {1, 2}};

bool is_float(DType dtype) {
  return dtype == DType::float32 || dtype == DType::float16 || dtype == DType::bfloat16 ||
         dtype == DType::float64;
}

std::unique_ptr<InferEngine> load(const std::string& path, const Limits& limits,
                                  const std::vector<CustomOp>& custom_ops) {
  EngineOptions options;
  options.ckpt = path;
  options.spas = 1;
  options.limits = limits;
  options.custom_ops = custom_ops;
  options.pass_json = R"({"passes": {"fuse_conv_bn": false}})";
  return std::make_unique<InferEngine>(options);
}

Dims dims_of(const TensorInfo& info, const CheckOptions& options, int64_t batch, int64_t size,
             std::map<std::string, int64_t>& named) {
  if (const auto given = options.input_shape.find(info.name); given != options.input_shape.end())
    return given->second;
  Dims dims = info.dims;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    if (dims[axis] >= 0) continue;
    const std::string name =
        axis < info.dim_names.size() && !info.dim_names[axis].empty() ? info.dim_names[axis] : info.name;
    dims[axis] = named.try_emplace(name, axis == 0 ? batch : size).first->second;
  }
  return dims;
}

Tensor random_tensor(DType dtype, const Dims& dims, uint32_t integers, std::mt19937& generator) {
  if (is_float(dtype)) {
    Tensor tensor = Tensor::uninitialized(DType::float32, dims);
    std::normal_distribution<float> normal;
    for (float& x : tensor.data<float>()) x = normal(generator);
    return dtype == DType::float32 ? tensor : convert(tensor, dtype);
  }
  if (dtype == DType::string) return Tensor(dtype, dims);
  Tensor tensor = Tensor::uninitialized(DType::uint8, dims);
  const uint32_t bound = dtype == DType::boolean ? 2 : integers;
  for (uint8_t& x : tensor.data<uint8_t>()) x = static_cast<uint8_t>(generator() % bound);
  return dtype == DType::uint8 ? tensor : convert(tensor, dtype);
}

struct Sample {
  std::map<std::string, Tensor> inputs;
  std::vector<Tensor> outputs;
};

/// Inputs on which the model runs, and its outputs; empty, with the reason, if none are found.
std::optional<Sample> make_sample(const InferEngine& engine, const CheckOptions& options, int run,
                                  std::string& reason) {
  for (const Guess& guess : guesses) {
    for (const int64_t batch : {1 + run % 2, 1}) {
      std::mt19937 generator(static_cast<uint32_t>(run + 1));
      std::map<std::string, int64_t> named;
      Sample sample;
      try {
        for (const TensorInfo& info : engine.inputs())
          sample.inputs[info.name] = random_tensor(
              info.dtype, dims_of(info, options, batch, guess.size, named), guess.integers, generator);
        sample.outputs = engine.run(sample.inputs);
        return sample;
      } catch (const Error& error) {
        if (reason.empty()) reason = error.what();
      }
    }
  }
  return std::nullopt;
}

/// Of 16-bit floats: a few units in the last place of the greatest value.
constexpr double half_tolerance = 5e-3;

struct Tolerance {
  const CheckOptions& options;
  double of_float32;
  double of(DType dtype) const {
    if (options.tolerance >= 0) return options.tolerance;
    return dtype == DType::float32 || dtype == DType::float64 ? of_float32 : half_tolerance;
  }
};

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) return false;
  if (a.dtype() == DType::string) return std::ranges::equal(a.data<std::string>(), b.data<std::string>());
  return a.size_bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0;
}

/// Adds one output to the report. Throws Error if it differs by more than may be.
void compare(const std::string& name, const Tensor& expected, const Tensor& actual, const Tolerance& accepted,
             CheckReport& report) {
  if (same_bits(expected, actual)) return;
  report.bit_equal = false;
  const bool comparable = is_float(expected.dtype()) && is_float(actual.dtype());
  if (expected.dims() != actual.dims() || (!comparable && expected.dtype() != actual.dtype()))
    fail(ErrorCode::internal, "check failed: output '{}' was {}, now it is {}", name, describe(expected),
         describe(actual));
  if (!comparable)
    fail(ErrorCode::internal, "check failed: elements of output '{}', {}, differ", name, describe(expected));
  const Tensor old_values = convert(expected, DType::float64);
  const Tensor new_values = convert(actual, DType::float64);
  double worst = 0;
  double scale = 0;
  double squares = 0;
  double norm = 0;
  for (size_t i = 0; i < old_values.data<double>().size(); ++i) {
    const double a = old_values.data<double>()[i];
    const double b = new_values.data<double>()[i];
    if (a == b || (std::isnan(a) && std::isnan(b))) {
      if (!std::isfinite(a)) continue;
    } else if (!std::isfinite(a) || !std::isfinite(b)) {
      fail(ErrorCode::internal, "check failed: element {} of output '{}' was {}, now it is {}", i, name, a,
           b);
    }
    worst = std::max(worst, std::fabs(a - b));
    scale = std::max(scale, std::fabs(a));
    squares += (a - b) * (a - b);
    norm += a * a;
  }
  if (worst == 0) return;
  const double relative = scale > 0 ? worst / scale : std::numeric_limits<double>::infinity();
  report.max_difference = std::max(report.max_difference, worst);
  report.relative_difference = std::max(report.relative_difference, relative);
  report.diff2 = std::max(report.diff2, norm > 0 ? std::sqrt(squares / norm) : relative);
  const double tolerance = std::max(accepted.of(expected.dtype()), accepted.of(actual.dtype()));
  if (relative > tolerance)
    fail(ErrorCode::internal,
         "check failed: output '{}' differs by {:.3g}, which is {:.3g} of its greatest value; {:.3g} is "
         "accepted",
         name, worst, relative, tolerance);
}

}  // namespace

CheckReport check_equal(const std::string& original, const std::string& changed, const CheckOptions& options,
                        double tolerance, const Limits& limits, const std::vector<CustomOp>& custom_ops) {
  CheckReport report;
  const auto skip = [&](std::string reason) {
    std::ranges::replace(reason, '\n', ' ');
    if (options.required) fail(ErrorCode::unsupported, "the result cannot be checked: {}", reason);
    report.skipped = reason;
    return report;
  };
  if (options.runs <= 0) return report;
  std::vector<Sample> samples;
  std::vector<std::string> outputs;
  try {
    const auto engine = load(original, limits, custom_ops);
    for (const TensorInfo& info : engine->outputs()) outputs.push_back(info.name);
    for (const auto& [name, dims] : options.input_shape)
      if (std::ranges::find(engine->inputs(), name, &TensorInfo::name) == engine->inputs().end())
        throw Error(ErrorCode::not_found, fmt::format("a shape is given for '{}', which is no input", name));
    for (int run = 0; run < options.runs; ++run) {
      std::string reason;
      std::optional<Sample> sample = make_sample(*engine, options, run, reason);
      if (!sample) return skip(fmt::format("no random inputs were found that the model takes: {}", reason));
      samples.push_back(std::move(*sample));
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::not_found) throw;
    return skip(error.what());
  }
  try {
    const auto engine = load(changed, limits, custom_ops);
    report.bit_equal = true;
    for (Sample& sample : samples) {
      for (const TensorInfo& info : engine->inputs()) {
        Tensor& input = sample.inputs.at(info.name);
        if (input.dtype() != info.dtype) input = convert(input, info.dtype);
      }
      const std::vector<Tensor> results = engine->run(sample.inputs);
      ++report.runs;
      for (size_t i = 0; i < outputs.size(); ++i)
        compare(outputs[i], sample.outputs.at(i), results.at(i), Tolerance{options, tolerance}, report);
    }
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with("check failed")) throw;
    fail(ErrorCode::internal, "check failed: the original runs, the result does not: {}", error.what());
  }
  return report;
}

}  // namespace spinel::tools
