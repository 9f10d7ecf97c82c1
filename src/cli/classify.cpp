// spinel classify MODEL PATH...
#include <algorithm>
#include <filesystem>
#include <memory>

#include <spinel/dataset.hpp>
#include <spinel/engine.hpp>
#include <spinel/labels.hpp>
#include <spinel/postprocess.hpp>
#include <spinel/preprocess.hpp>

#include "base/text.hpp"
#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"

namespace spinel::cli {
namespace {

namespace fs = std::filesystem;

struct ClassifyCommand {
  std::string model;
  std::vector<std::string> paths;
  std::string labels;
  int64_t top_k = 1;
  bool skip_softmax = false;
  EngineFlags engine;
  PreprocessFlags preprocess;
  bool json = false;

  int run() const;
  PreprocessOptions preprocess_options(const InferEngine& loaded) const;
  std::vector<std::string> load_class_names() const;
};

/// Height and width of a classifier's input. Throws Error where the model is no classifier of RGB images.
InputSize image_input_size(const InferEngine& engine, const std::string& model) {
  if (engine.inputs().size() != 1 || engine.outputs().empty())
    fail(ErrorCode::unsupported, "{}: classify takes models with one input, this one has {}", model,
         engine.inputs().size());
  const TensorInfo& input = engine.inputs()[0];
  const bool is_float = input.dtype == DType::float32 || input.dtype == DType::float16;
  const bool is_image =
      !input.has_rank || (input.dims.size() == 4 && (input.dims[1] == 3 || input.dims[1] < 0));
  if (!is_float || !is_image)
    fail(ErrorCode::unsupported,
         "{}: classify feeds float [N, 3, height, width], input '{}' takes {}; use `spinel run`", model,
         input.name, describe(input));
  if (!input.has_rank) return {};
  return {std::max<int64_t>(input.dims[2], 0), std::max<int64_t>(input.dims[3], 0)};
}

PreprocessOptions ClassifyCommand::preprocess_options(const InferEngine& loaded) const {
  const InputSize size = image_input_size(loaded, model);
  PreprocessOptions fallback;
  const fs::path beside = fs::path(model).parent_path() / "preprocess.json";
  if (!preprocess.has_preset() && fs::exists(beside))
    fallback = PreprocessOptions::load(beside);
  else if (size.height > 0 && size.width > 0)
    fallback = fallback.with_input_size(size.height, size.width);
  PreprocessOptions options = preprocess.options(fallback, size);
  options.dtype = loaded.inputs()[0].dtype;
  if ((size.height > 0 && size.height != options.crop_height) ||
      (size.width > 0 && size.width != options.crop_width))
    fail(ErrorCode::invalid_argument,
         "{} takes images of {}x{} (height x width), the preprocess options crop to {}x{}; give --crop {},{}",
         model, size.height, size.width, options.crop_height, options.crop_width, size.height, size.width);
  return options;
}

std::vector<std::string> ClassifyCommand::load_class_names() const {
  if (!labels.empty()) return load_labels(labels);
  const fs::path beside = fs::path(model).parent_path() / "synset.txt";
  if (fs::exists(beside)) return load_labels(beside);
  fmt::print(stderr, "note: no {}; classes are named by their numbers (see --labels)\n", beside.string());
  return {};
}

int ClassifyCommand::run() const {
  const InferEngine loaded(engine.options(model));
  const Preprocessor preprocessor(preprocess_options(loaded));
  const Postprocessor postprocess(
      {.labels = load_class_names(), .top_k = top_k, .apply_softmax = !skip_softmax});

  std::vector<Sample> samples;
  for (const std::string& path : paths) {
    if (!fs::is_directory(path)) {
      samples.push_back({path, -1});
      continue;
    }
    for (const fs::path& file : list_images(path)) samples.push_back({file, -1});
  }

  // One image a SPA: enough to occupy all of them, and answers come as early as they can.
  DataLoader loader(std::move(samples), preprocessor, {.batch_size = std::max(loaded.spas(), 1)});
  Json results = Json::array();
  while (const std::optional<Batch> batch = loader.next()) {
    if (batch->size() == 0) continue;
    const Tensor scores = loaded.run({batch->tensor}).at(0);
    const std::vector<std::vector<Classification>> answers = postprocess(scores);
    for (size_t row = 0; row < batch->size(); ++row) {
      const std::string path = batch->paths[row].string();
      if (!json) {
        fmt::print("{}: {}\n", path, describe(answers[row]));
        continue;
      }
      Json classes = Json::array();
      for (const Classification& answer : answers[row])
        classes.push_back({{"index", answer.index}, {"score", answer.score}, {"label", answer.label}});
      results.push_back({{"path", path}, {"classes", classes}});
    }
  }
  const Ledger& ledger = loader.ledger();
  if (json)
    print_json({{"model", model},
                {"attempted", ledger.attempted},
                {"done", ledger.done},
                {"rejected", to_json(ledger.rejected)},
                {"results", results}});
  report_rejected(ledger, "images");
  return ledger.rejected.empty() ? exit_ok : exit_failure;
}

}  // namespace

Action set_up_classify(CLI::App& app) {
  auto command = std::make_shared<ClassifyCommand>();
  app.add_option("model", command->model, "ONNX file of a classifier")->required();
  app.add_option("path", command->paths, "Images; a folder stands for its files")->required();
  app.add_option("--labels", command->labels,
                 "Synset file, one class a line; by default synset.txt beside the model");
  app.add_option("--topk", command->top_k, "Answers an image")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--skip_softmax", command->skip_softmax, "For a network that ends in softmax itself");
  command->preprocess.add_to(app);
  command->engine.add_to(app);
  app.add_flag("--json", command->json, "Machine-readable");
  app.footer(
      "Without --preset: preprocess.json beside the model, else imagenet sized to the model's input. "
      "Exit status 1 if an image was rejected; the others are answered.");
  return [command] { return command->run(); };
}

}  // namespace spinel::cli
