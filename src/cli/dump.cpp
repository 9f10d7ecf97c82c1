// spinel dump full|once|range MODEL: the values between a model's layers as files, compared with others'.
#include <algorithm>
#include <charconv>
#include <memory>
#include <set>

#include <spinel/engine.hpp>

#include "base/text.hpp"
#include "cli/arguments.hpp"
#include "cli/bench_inputs.hpp"
#include "cli/command.hpp"
#include "cli/dump_check.hpp"
#include "cli/tensor_folder.hpp"

namespace spinel::cli {
namespace {

struct DumpCommand {
  std::string what;
  std::string model;
  EngineFlags engine;
  std::vector<std::string> inputs;
  std::vector<std::string> shapes;
  unsigned seed = 1;
  std::string out;
  std::string name;
  std::string from;
  std::string to;
  int64_t step = 0;
  std::string reference;
  std::string golden;
  double times = 10;
  double th1 = 0;
  double th2 = 1e-3;
  bool json = false;

  int run() const;
  void check_flags() const;
  std::vector<LayerValue> wanted(const InferEngine& loaded, const std::vector<Tensor>& tensors) const;
};

void DumpCommand::check_flags() const {
  const auto needs = [&](bool given, const char* flag, const char* only) {
    if (given && what != only) throw UsageError(fmt::format("{} belongs to `dump {}`", flag, only));
  };
  needs(step > 0, "--step", "full");
  needs(!name.empty(), "--name", "once");
  needs(!from.empty() || !to.empty(), "--from and --to", "range");
  if (what == "once" && name.empty()) throw UsageError("dump once needs --name VALUE");
  if (what == "range" && (from.empty() || to.empty()))
    throw UsageError("dump range needs --from and --to, each a value's name or a layer's index");
  if (!golden.empty() && reference.empty())
    throw UsageError("--golden needs --reference: it is the reference's error that ours is measured by");
}

/// Position in `values` of a value's name, or of the first or last value of a layer's index.
size_t find_end(const std::vector<LayerValue>& values, const std::string& text, const char* flag, bool last) {
  const auto named = std::ranges::find(values, text, &LayerValue::name);
  if (named != values.end()) return static_cast<size_t>(named - values.begin());
  size_t index = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc{} || stop != text.data() + text.size())
    fail(ErrorCode::not_found,
         "{} {}: no layer of the compiled model gives a value of this name; it may lie inside a merged layer "
         "(`dump full` lists those that there are)",
         flag, text);
  if (index > values.back().layer)
    fail(ErrorCode::not_found, "{} {}: the last layer is {}", flag, text, values.back().layer);
  if (last) {
    const auto after = std::ranges::upper_bound(values, index, {}, &LayerValue::layer);
    return static_cast<size_t>(std::max<std::ptrdiff_t>(after - values.begin(), 1) - 1);
  }
  return static_cast<size_t>(std::ranges::lower_bound(values, index, {}, &LayerValue::layer) -
                             values.begin());
}

std::vector<LayerValue> DumpCommand::wanted(const InferEngine& loaded,
                                            const std::vector<Tensor>& tensors) const {
  std::vector<Dims> dims;
  for (const Tensor& tensor : tensors) dims.push_back(tensor.dims());
  std::vector<LayerValue> values = loaded.layer_values(dims);
  if (what == "once") {
    std::erase_if(values, [&](const LayerValue& value) { return value.name != name; });
    if (values.empty()) {
      LayerValue unknown;
      unknown.name = name;  // The engine says what there is instead.
      values.push_back(unknown);
    }
    return values;
  }
  if (values.empty()) fail(ErrorCode::not_found, "the model computes nothing");
  if (what == "range") {
    const size_t first = find_end(values, from, "--from", false);
    const size_t last = find_end(values, to, "--to", true);
    if (first > last)
      fail(ErrorCode::invalid_argument, "--from {} comes after --to {}: '{}' is computed after '{}'", from,
           to, values[first].name, values[last].name);
    return {values.begin() + static_cast<std::ptrdiff_t>(first),
            values.begin() + static_cast<std::ptrdiff_t>(last) + 1};
  }
  std::vector<LayerValue> every;
  const auto stride = static_cast<size_t>(std::max<int64_t>(step, 1));
  std::set<size_t> layers;
  for (const LayerValue& value : values) {
    layers.insert(value.layer);
    if ((layers.size() - 1) % stride == 0) every.push_back(value);
  }
  return every;
}

/// The reference's inputs, where the user names none.
std::vector<std::string> input_arguments(const std::vector<std::string>& given,
                                         const std::optional<TensorFolder>& reference) {
  std::vector<std::string> arguments = given;
  if (given.empty() && reference)
    for (const auto& [name, file] : reference->inputs())
      arguments.push_back(fmt::format("{}:{}", name, (reference->path() / file).string()));
  return arguments;
}

/// The folder that is being written, and what its index says.
class Dump {
 public:
  Dump(const std::string& out, const InferEngine& engine, const std::vector<LayerValue>& values)
      : folder_(out) {
    std::vector<std::string> names;
    for (const LayerValue& value : values) names.push_back(value.name);
    for (const TensorInfo& info : engine.inputs()) names.push_back("input." + info.name);
    const std::vector<std::string> files = npy_file_names(names);
    for (size_t i = 0; i < values.size(); ++i) files_[values[i].name] = files[i];
    input_files_.assign(files.begin() + static_cast<std::ptrdiff_t>(values.size()), files.end());
  }

  void write_inputs(const InferEngine& engine, const std::vector<Tensor>& tensors) {
    for (size_t i = 0; i < tensors.size(); ++i)
      inputs_.push_back(write(engine.inputs()[i].name, input_files_[i], tensors[i]));
  }
  void write_value(const LayerValue& value, const Tensor& tensor) {
    Json& entry = values_.emplace_back(write(value.name, files_.at(value.name), tensor));
    entry["node"] = value.node;
    entry["op"] = value.op;
    entry["index"] = value.layer;
    entry["sources"] = value.sources;
  }
  size_t count() const { return values_.size(); }
  /// Completes `index` and gives the folder its name.
  void finish(Json& index) {
    index["inputs"] = inputs_;
    index["tensors"] = values_;
    folder_.commit(index);
  }

 private:
  Json write(const std::string& name, const std::string& file, const Tensor& tensor) {
    const std::string left_out = folder_.write(file, tensor);
    Json entry = {{"name", name},
                  {"file", left_out.empty() ? Json(file) : Json(nullptr)},
                  {"dtype", dtype_name(tensor.dtype())},
                  {"dims", tensor.dims()}};
    if (!left_out.empty()) entry["left_out"] = left_out;
    return entry;
  }

  TensorFolderWriter folder_;
  std::map<std::string, std::string> files_;
  std::vector<std::string> input_files_;
  Json inputs_ = Json::array();
  Json values_ = Json::array();
};

int DumpCommand::run() const {
  check_flags();
  DumpCheck check{{}, {}, times, th1, th2};
  if (!reference.empty()) check.reference.emplace(reference);
  if (!golden.empty()) check.golden.emplace(golden);
  EngineOptions options = engine.options(model);
  options.inspectable = true;
  const InferEngine loaded(options);
  const std::vector<Tensor> tensors =
      BenchInputs(loaded, shapes, input_arguments(inputs, check.reference), seed).make(std::nullopt).inputs;
  const std::vector<LayerValue> values = wanted(loaded, tensors);

  Dump dump(out, loaded, values);
  dump.write_inputs(loaded, tensors);
  std::vector<Verdict> verdicts;
  Inspection inspection;
  for (const LayerValue& value : values) inspection.names.push_back(value.name);
  inspection.value = [&](const LayerValue& value, const Tensor& tensor) {
    dump.write_value(value, tensor);
    if (auto verdict = check_value(check, value, tensor)) verdicts.push_back(std::move(*verdict));
  };
  loaded.inspect(tensors, inspection);
  if (check.reference && verdicts.empty())
    fail(ErrorCode::not_found,
         "{}: has none of the values that are dumped; they are named as in the ONNX file", reference);

  const Verdict* bad = first_bad(verdicts);
  Json index = {{"model", model}, {"target", loaded.target()}, {"arithmetic", loaded.arithmetic()}};
  if (check.reference) {
    index["compared"] = Json::array();
    for (const Verdict& verdict : verdicts) index["compared"].push_back(to_json(verdict));
    index["passed"] = bad == nullptr;
    index["first_bad_layer"] = bad == nullptr ? Json(nullptr) : to_json(*bad);
  }
  dump.finish(index);
  if (json) {
    print_json(index);
  } else {
    if (check.reference) print(verdicts);
    fmt::print("{} values -> {}\n", dump.count(), out);
  }
  return bad == nullptr ? exit_ok : exit_failure;
}

}  // namespace

Action set_up_dump(CLI::App& app) {
  auto command = std::make_shared<DumpCommand>();
  app.add_option("what", command->what, "full: every layer; once: one value; range: those between two")
      ->required()
      ->check(CLI::IsMember({"full", "once", "range"}));
  app.add_option("model", command->model, "ONNX file, or engine file")->required();
  app.add_option("--out", command->out, "Folder for <value>.npy and index.json; must not exist, or be empty")
      ->required();
  app.add_option("--step", command->step, "full: every N-th layer")->check(CLI::PositiveNumber);
  app.add_option("--name", command->name, "once: the value's name in the ONNX file");
  app.add_option("--from", command->from, "range: the first, by the value's name or the layer's index");
  app.add_option("--to", command->to, "range: the last, likewise");
  app.add_option("--reference", command->reference,
                 "Folder of tensors to compare with; its inputs are used unless --input is given");
  app.add_option("--golden", command->golden,
                 "Folder of exact tensors: ours pass if their error is at most --times the reference's");
  app.add_option("--times", command->times, "See --golden")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option(
         "--th1", command->th1,
         "diff3 is relative where the reference exceeds it, and with --golden an error of it always passes "
         "(default: 1e-6, for float16 1e-4)")
      ->check(CLI::PositiveNumber);
  app.add_option("--th2", command->th2, "Without --golden: greatest diff2 that passes")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option(
         "--input", command->inputs,
         "NAME:FILE.npy, once for each input that is not to be random; without NAME in the model's order")
      ->allow_extra_args(false);
  app.add_option("--shape", command->shapes,
                 "NAME:DIMxDIM..., dims of a random input that the model leaves open")
      ->allow_extra_args(false);
  app.add_option("--seed", command->seed, "Of the random inputs")->capture_default_str();
  command->engine.add_to(app);
  app.add_flag("--json", command->json, "Machine-readable");
  app.footer(
      "Values inside a layer that passes have merged are not there; target onnx has every value. The exit "
      "status "
      "is 1 if a value that is compared does not pass.");
  return [command] { return command->run(); };
}

}  // namespace spinel::cli
