#include "cli/compare_sides.hpp"

#include <algorithm>

#include "base/cpu_info.hpp"
#include "base/text.hpp"
#include "cli/arguments.hpp"
#include "cli/command.hpp"

namespace spinel::cli {

void SideFlags::add_to(CLI::App& app) {
  struct Help {
    const char* name;
    const char* text;
  };
  static constexpr Help helps[] = {
      {"--target", "What executes the model (default: cpu, and onnx for the reference)"},
      {"--dtype", "float32 or float16 (default: the model's own)"},
      {"--isa", "Target cpu: instruction set of the kernels; portable is the plain one"},
      {"--pass_path", "Target cpu: JSON or YAML file that configures the graph passes"},
  };
  flags_.reserve(std::size(helps));  // The options keep the lists' addresses.
  for (const Help& help : helps) {
    Flag& flag = flags_.emplace_back(Flag{help.name, {}});
    app.add_option(flag.name, flag.values, help.text)
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  app.add_option(
      "--onnxruntime", onnxruntime_,
      "ONNX Runtime's library, a file or the folder that holds it (default: SPINEL_ONNXRUNTIME, else "
      "what the dynamic loader finds)");
}

EngineOptions SideFlags::options(Side side, const std::string& model) const {
  std::vector<std::string> arguments;
  for (const Flag& flag : flags_) {
    if (flag.values.size() > 2)
      throw UsageError(
          fmt::format("{} is given {} times; there are two sides", flag.name, flag.values.size()));
    if (side < flag.values.size())
      arguments.push_back(fmt::format("{}={}", flag.name, flag.values[side]));
    else if (side == reference && std::string_view(flag.name) == "--target")
      arguments.emplace_back("--target=onnx");
  }
  if (!onnxruntime_.empty()) arguments.push_back("--onnxruntime=" + onnxruntime_);
  CLI::App app;
  EngineFlags flags;
  flags.add_to(app);
  std::ranges::reverse(arguments);
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what());
  }
  EngineOptions options = flags.options(model);
  options.spas = 1;
  options.threads_per_spa = std::max(available_cores(), 1);
  options.inspectable = true;
  return options;
}

}  // namespace spinel::cli
