#include "flow_common.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string_view>

#include <spinel/labels.hpp>

namespace resnet {
namespace {

namespace fs = std::filesystem;

/// The environment variable as a whole number of at least `least`; `fallback` where it is not set.
int64_t environment_number(const char* name, int64_t least, int64_t fallback) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return fallback;
  const std::string_view text(value);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < least)
    throw spinel::Error(spinel::ErrorCode::invalid_argument,
                        std::string("environment variable ") + name + ": '" + value +
                            "' is not a number of at least " + std::to_string(least));
  return number;
}

/// Makes `-` and `_` in long flags the same: "--batch-size" becomes "--batch_size".
std::vector<std::string> arguments_of(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  for (std::string& argument : arguments) {
    if (!argument.starts_with("--")) continue;
    const auto end =
        argument.begin() + static_cast<std::ptrdiff_t>(std::min(argument.find('='), argument.size()));
    std::replace(argument.begin() + 2, end, '-', '_');
  }
  return arguments;
}

/// A flag that takes true or false, or stands alone for true.
void add_switch(CLI::App& app, const std::string& name, bool& value, const std::string& description) {
  app.add_option(name, value, description)
      ->expected(0, 1)
      ->option_text(value ? "[BOOL, without this flag true]" : "[BOOL, without this flag false]")
      ->default_str("true");
}

void add_flags(CLI::App& app, Flags& flags) {
  app.add_option("--ckpt", flags.ckpt, "ONNX file")->required();
  app.add_option("--data_path", flags.data_path, "Image, or folder, to work on")->required();
  app.add_option("--batch_size", flags.batch_size, "Images of one run, over all SPAs")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--target", flags.target, "What executes the model")->capture_default_str();
  app.add_option("--input_name", flags.input_name, "Name of the model's input; by default its only one");
  app.add_option("--input_size", flags.input_size,
                 "Size of the images: one number, H,W, or N,C,H,W; by default the model's, else 224")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber);
  app.add_option("--dtype", flags.dtype, "float16 or float32; by default the file's own type");
  app.add_option("--pass_path", flags.pass_path, "File that configures the graph passes");
  app.add_option("--topk", flags.topk, "Answers an image")->check(CLI::PositiveNumber)->capture_default_str();
  add_switch(app, "--skip_postprocess", flags.skip_postprocess, "Leave the network's scores as they are");
  add_switch(app, "--verbose", flags.verbose, "Say more");
  app.add_option("--labels", flags.labels, "Synset file; by default synset.txt beside the model");
  app.add_option("--spas", flags.spas, "Number of SPAs (default: MAX_ENGINE_NUMS, else one a core)")
      ->check(CLI::PositiveNumber);
  app.add_flag("--json", flags.json, "Print JSON");
  app.footer(
      "Environment: MAX_ENGINE_NUMS (SPAs), TECO_INFER_PIPELINES_MAX_STEPS (stop after so many batches),\n"
      "TECO_INFER_PIPELINES_WARMUP_STEPS (first batches that are not timed), OMPI_COMM_WORLD_RANK and\n"
      "OMPI_COMM_WORLD_SIZE (this rank's share of the images).");
}

spinel::EngineOptions engine_options(const Flags& flags, const Environment& environment) {
  spinel::EngineOptions options;
  options.ckpt = flags.ckpt;
  if (!flags.input_name.empty()) options.input_name = {flags.input_name};
  options.target = flags.target;
  options.batch_size = flags.batch_size;
  if (flags.input_size.size() == 4) options.input_size = {flags.input_size};
  if (!flags.dtype.empty()) options.dtype = spinel::parse_dtype(flags.dtype);
  options.pass_path = flags.pass_path;
  options.rank = environment.local_rank;
  options.ranks_on_machine = environment.local_size;
  options.spas = flags.spas > 0 ? flags.spas : environment.spas;
  options.log = [](spinel::LogLevel level, std::string_view message) {
    if (level >= spinel::LogLevel::warning)
      std::fprintf(stderr, "warning: %.*s\n", static_cast<int>(message.size()), message.data());
  };
  return options;
}

/// What images become for this engine: the imagenet preset at --input_size, else at the model's size.
spinel::PreprocessOptions preprocess_options(const Flags& flags, const spinel::InferEngine& engine) {
  const spinel::TensorInfo& input = engine.inputs().at(0);
  if (engine.inputs().size() != 1 || (input.has_rank && input.dims.size() != 4))
    throw spinel::Error(spinel::ErrorCode::unsupported,
                        flags.ckpt +
                            ": this flow feeds one input of [N, 3, height, width], the model's first is '" +
                            input.name + "', " + spinel::describe(input));
  int64_t height = input.has_rank && input.dims[2] > 0 ? input.dims[2] : 224;
  int64_t width = input.has_rank && input.dims[3] > 0 ? input.dims[3] : 224;
  if (!flags.input_size.empty()) {
    width = flags.input_size.back();
    height = flags.input_size.size() == 1 ? width : flags.input_size[flags.input_size.size() - 2];
  }
  spinel::PreprocessOptions options = spinel::PreprocessOptions::for_input_size(height, width);
  options.dtype = input.dtype;
  return options;
}

std::vector<std::string> class_names(const Flags& flags) {
  if (!flags.labels.empty()) return spinel::load_labels(flags.labels);
  const fs::path beside = fs::path(flags.ckpt).parent_path() / "synset.txt";
  if (fs::exists(beside)) return spinel::load_labels(beside);
  if (!flags.skip_postprocess)
    std::fprintf(stderr, "note: no %s; classes are named by their numbers (see --labels)\n", beside.c_str());
  return {};
}

}  // namespace

Environment read_environment() {
  Environment environment;
  environment.spas = static_cast<int>(environment_number("MAX_ENGINE_NUMS", 1, 0));
  // The kit's default is -1.
  environment.max_steps = std::max<int64_t>(environment_number("TECO_INFER_PIPELINES_MAX_STEPS", -1, 0), 0);
  environment.warm_up_steps = environment_number("TECO_INFER_PIPELINES_WARMUP_STEPS", 0, 0);
  environment.rank = static_cast<int>(environment_number("OMPI_COMM_WORLD_RANK", 0, 0));
  environment.world = static_cast<int>(environment_number("OMPI_COMM_WORLD_SIZE", 1, 1));
  environment.local_rank =
      static_cast<int>(environment_number("OMPI_COMM_WORLD_LOCAL_RANK", 0, environment.rank));
  environment.local_size = static_cast<int>(environment_number("OMPI_COMM_WORLD_LOCAL_SIZE", 1, 1));
  return environment;
}

int run_flow(int argc, char** argv, const std::string& description, const Flags& defaults,
             const std::function<int(const Flags&, const Environment&)>& flow) {
  Flags flags = defaults;
  CLI::App app(description, fs::path(argv[0]).filename().string());
  add_flags(app, flags);
  try {
    std::vector<std::string> arguments = arguments_of(argc, argv);
    std::reverse(arguments.begin(), arguments.end());
    app.parse(std::move(arguments));
    if (const size_t n = flags.input_size.size(); n == 3 || n > 4)
      throw CLI::ValidationError("--input_size", "takes one number, H,W, or N,C,H,W");
    return flow(flags, read_environment());
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "error: %s (see --help)\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}

Classifier load_classifier(const Flags& flags, const Environment& environment) {
  spinel::InferEngine engine(engine_options(flags, environment));
  spinel::Preprocessor preprocess(preprocess_options(flags, engine));
  spinel::Postprocessor postprocess(
      {.labels = class_names(flags), .top_k = flags.topk, .apply_softmax = true});
  if (flags.verbose) {
    std::fprintf(stderr, "model %s on %s: %d SPAs of %d threads, computes in %s\n", flags.ckpt.c_str(),
                 engine.target().c_str(), engine.spas(), engine.threads_per_spa(),
                 std::string(spinel::dtype_name(engine.compute_dtype())).c_str());
    for (const spinel::TensorInfo& info : engine.inputs())
      std::fprintf(stderr, "input %s: %s\n", info.name.c_str(), spinel::describe(info).c_str());
    for (const spinel::TensorInfo& info : engine.outputs())
      std::fprintf(stderr, "output %s: %s\n", info.name.c_str(), spinel::describe(info).c_str());
  }
  return {std::move(engine), std::move(preprocess), std::move(postprocess)};
}

}  // namespace resnet
