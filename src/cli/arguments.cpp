#include "cli/arguments.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/yaml.hpp"

namespace spinel::cli {
namespace {

/// A whole number of at least 1 in an environment variable, or nothing where it is not set.
std::optional<int> environment_count(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  const std::string_view text(value);
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1)
    throw UsageError(fmt::format("environment variable {}: '{}' is not a number of at least 1", name, text));
  return number;
}

/// Where ONNX Runtime lies: the flag, else the environment; as an absolute path, as the library wants it.
std::string onnxruntime_path(const std::string& flag) {
  const char* value = flag.empty() ? std::getenv("SPINEL_ONNXRUNTIME") : flag.c_str();
  if (value == nullptr || *value == '\0') return {};
  return std::filesystem::absolute(value).string();
}

LogLevel environment_log_level() {
  const char* value = std::getenv("SPINEL_LOG");
  const std::string_view text = value == nullptr || *value == '\0' ? "warning" : value;
  if (text == "debug") return LogLevel::debug;
  if (text == "info") return LogLevel::info;
  if (text == "warning") return LogLevel::warning;
  if (text == "error") return LogLevel::error;
  throw UsageError(
      fmt::format("environment variable SPINEL_LOG: '{}' is none of debug, info, warning, error", text));
}

CLI::Validator check_by(void (*parse)(const std::string&), const std::string& description) {
  return CLI::Validator(
      [parse](std::string& value) {
        try {
          parse(value);
        } catch (const Error& error) {
          return std::string(error.what());
        }
        return std::string{};
      },
      description);
}

/// "224" or "224,320".
InputSize parse_sides(std::string_view text) {
  InputSize size;
  const size_t comma = text.find(',');
  const auto side = [&](std::string_view part) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc{} || end != part.data() + part.size() || value < 1)
      fail(ErrorCode::invalid_argument, "'{}' is not a side, or HEIGHT,WIDTH, of at least 1", text);
    return value;
  };
  size.height = side(text.substr(0, comma));
  size.width = comma == std::string_view::npos ? size.height : side(text.substr(comma + 1));
  return size;
}

}  // namespace

void normalise_flags(std::vector<std::string>& arguments) {
  for (std::string& argument : arguments) {
    if (argument == "--") return;
    if (!argument.starts_with("--")) continue;
    const auto end =
        argument.begin() + static_cast<std::ptrdiff_t>(std::min(argument.find('='), argument.size()));
    std::replace(argument.begin() + 2, end, '-', '_');
  }
}

bool is_engine_file(const std::string& path) { return path.ends_with(".spinel"); }

CLI::Validator dtype_check() {
  return check_by([](const std::string& value) { parse_dtype(value); }, "DTYPE");
}

void CustomOpFlags::add_to(CLI::App& app) {
  app.add_option("--custom_op", libraries_,
                 "Shared library of custom operators that the model uses; may be given several times")
      ->take_all()
      ->allow_extra_args(false);
}

std::vector<CustomOp> CustomOpFlags::load() const {
  std::vector<CustomOp> ops;
  for (const std::string& library : libraries_)
    for (CustomOp& op : load_custom_ops(library)) ops.push_back(std::move(op));
  return ops;
}

void EngineFlags::add_to(CLI::App& app) {
  app.add_option("--target", target_, "What executes the model")->capture_default_str();
  app.add_option("--onnxruntime", onnxruntime_,
                 "For --target onnx: ONNX Runtime's library, a file or the folder that holds it "
                 "(default: SPINEL_ONNXRUNTIME, else what the dynamic loader finds)");
  app.add_option("--isa", isa_,
                 "Instruction set of the kernels: avx512_fp16, avx512_vnni, avx512, avx2 or portable "
                 "(default: SPINEL_ISA, "
                 "else the best that this machine has)");
  app.add_flag("--tune", tune_,
               "Time the candidate kernels of each layer on this machine and keep the fastest");
  app.add_option("--dtype", dtype_,
                 "float32 or float16: precision of the computation, and type of float inputs and outputs; "
                 "by default the model's own")
      ->check(dtype_check());
  app.add_flag("--keep_io_types", keep_io_types_, "With --dtype: inputs and outputs keep the file's types");
  app.add_option("--spas", spas_, "Number of SPAs (default: MAX_ENGINE_NUMS, else one a core)")
      ->check(CLI::PositiveNumber);
  app.add_option("--threads_per_spa", threads_per_spa_, "Threads that work on one SPA's part")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  custom_ops_.add_to(app);
  app.add_option("--pass_path", pass_path_, "JSON or YAML file that configures the graph passes");
  app.add_option(
      "--load_engine", load_engine_,
      "Engine file, made of the model by `spinel build`, to load instead of compiling; a model whose "
      "name ends in .spinel is one itself");
  app.add_option("--verify", verify_, "Of an engine file: program, or full, which reads all weights, too")
      ->check(CLI::IsMember({"program", "full"}))
      ->capture_default_str();
  app.add_option("--split", split_, "When a batch is split over the SPAs: proven, never or always")
      ->check(CLI::IsMember({"proven", "never", "always"}))
      ->capture_default_str();
}

EngineOptions EngineFlags::options(const std::string& model) const {
  EngineOptions options;
  const bool is_engine = load_engine_.empty() && is_engine_file(model);
  options.ckpt = is_engine ? "" : model;
  options.load_engine = is_engine ? model : load_engine_;
  options.verify = verify_ == "full" ? VerifyEngine::full : VerifyEngine::program;
  options.target = target_;
  if (!dtype_.empty()) options.dtype = parse_dtype(dtype_);
  options.keep_io_types = keep_io_types_;
  options.spas = spas_ > 0 ? spas_ : environment_count("MAX_ENGINE_NUMS").value_or(0);
  options.threads_per_spa = threads_per_spa_;
  options.onnxruntime_path = onnxruntime_path(onnxruntime_);
  options.isa = isa_;
  if (const char* isa = std::getenv("SPINEL_ISA"); isa != nullptr && isa_.empty()) options.isa = isa;
  options.tune = tune_;
  options.ranks_on_machine = environment_count("OMPI_COMM_WORLD_LOCAL_SIZE").value_or(1);
  if (is_yaml(pass_path_))
    options.pass_json = read_yaml_as_json(pass_path_);
  else
    options.pass_path = pass_path_;
  options.custom_ops = custom_ops_.load();
  options.split = split_ == "never"    ? SplitPolicy::never
                  : split_ == "always" ? SplitPolicy::always
                                       : SplitPolicy::proven;
  options.log = [lowest = environment_log_level()](LogLevel level, std::string_view message) {
    static constexpr const char* names[] = {"debug", "info", "warning", "error"};
    if (level >= lowest) fmt::print(stderr, "{}: {}\n", names[static_cast<int>(level)], message);
  };
  return options;
}

void PreprocessFlags::add_to(CLI::App& app) {
  app.add_option("--preset", preset_,
                 fmt::format("{}, or a .json file of preprocess options", fmt::join(preset_names(), ", ")));
  app.add_option("--resize", resize_, "Shorter side after resizing; 0 keeps the image's size")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--crop", crop_, "Side of the centre crop, or HEIGHT,WIDTH")
      ->check(check_by([](const std::string& value) { parse_sides(value); }, "N or H,W"));
  app.add_option("--interpolation", interpolation_, "bilinear, bicubic or nearest")
      ->check(check_by([](const std::string& value) { parse_interpolation(value); }, "NAME"));
}

PreprocessOptions PreprocessFlags::options(const PreprocessOptions& fallback, InputSize size) const {
  PreprocessOptions options = fallback;
  if (preset_.ends_with(".json")) {
    options = PreprocessOptions::load(preset_);
  } else if (!preset_.empty()) {
    options = PreprocessOptions::preset(preset_);
    if (size.height > 0 && size.width > 0) options = options.with_input_size(size.height, size.width);
  }
  if (resize_ >= 0) options.resize = resize_;
  if (!crop_.empty()) {
    const InputSize crop = parse_sides(crop_);
    options.crop_height = crop.height;
    options.crop_width = crop.width;
  }
  if (!interpolation_.empty()) options.interpolation = parse_interpolation(interpolation_);
  return options;
}

}  // namespace spinel::cli
