#include "cli/model_inputs.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/text.hpp"
#include "cli/command.hpp"
#include "data/npy.hpp"

namespace spinel::cli {
namespace {

/// The index of the input that an argument means, size() without a name, and the value.
std::pair<size_t, std::string> parse_argument(std::string_view flag, const std::string& argument,
                                              const InferEngine& engine) {
  const std::vector<TensorInfo>& infos = engine.inputs();
  for (size_t colon = argument.rfind(':'); colon != std::string::npos && colon > 0;
       colon = argument.rfind(':', colon - 1)) {
    for (size_t i = 0; i < infos.size(); ++i)
      if (argument.compare(0, colon, infos[i].name) == 0) return {i, argument.substr(colon + 1)};
  }
  if (argument.find(':') == std::string::npos) return {infos.size(), argument};
  fail(ErrorCode::not_found, "{} {}: the model has no such input; it has {}", flag, argument,
       input_list(engine));
}

}  // namespace

std::string input_list(const InferEngine& engine) {
  std::string text;
  for (const TensorInfo& info : engine.inputs())
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", info.name, describe(info));
  return text.empty() ? "none" : text;
}

std::vector<std::string> values_by_input(std::string_view flag, const std::vector<std::string>& arguments,
                                         const InferEngine& engine) {
  const std::vector<TensorInfo>& infos = engine.inputs();
  std::vector<std::string> values(infos.size());
  std::vector<std::string> unnamed;
  for (const std::string& argument : arguments) {
    auto [index, value] = parse_argument(flag, argument, engine);
    if (index == infos.size()) {
      unnamed.push_back(std::move(value));
      continue;
    }
    if (value.empty()) throw UsageError(fmt::format("{} {}: nothing follows the name", flag, argument));
    if (!values[index].empty())
      throw UsageError(fmt::format("{} {} is given twice", flag, infos[index].name));
    values[index] = std::move(value);
  }
  for (std::string& value : unnamed) {
    const auto free = std::find(values.begin(), values.end(), std::string{});
    if (free == values.end())
      fail(ErrorCode::invalid_argument, "{} {}: more of these than inputs; the model has {}", flag, value,
           input_list(engine));
    *free = std::move(value);
  }
  return values;
}

Tensor load_input(const std::string& file, const TensorInfo& info) {
  Tensor tensor = read_npy(file);
  if (tensor.dtype() == info.dtype) return tensor;
  if (tensor.dtype() == DType::string || info.dtype == DType::string)
    fail(ErrorCode::invalid_argument, "input '{}' takes {}, {} holds {}", info.name, dtype_name(info.dtype),
         file, dtype_name(tensor.dtype()));
  fmt::print(stderr, "note: input '{}': {} holds {}, converted to {}\n", info.name, file,
             dtype_name(tensor.dtype()), dtype_name(info.dtype));
  return convert(tensor, info.dtype);
}

}  // namespace spinel::cli
