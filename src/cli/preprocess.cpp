// spinel preprocess IMAGE... --resize N --crop N --out DIR
#include <spinel/preprocess.hpp>

#include <filesystem>
#include <map>

#include <spinel/dataset.hpp>

#include "base/text.hpp"
#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "data/npy.hpp"

namespace spinel::cli {
namespace {

namespace fs = std::filesystem;

struct PreprocessCommand {
  std::vector<std::string> images;
  std::string out;
  std::string stage = "tensor";
  std::string dtype;
  PreprocessFlags preprocess;
  bool json = false;

  int run() const;
};

/// The file that each image is written to. Throws Error if two would be the same one.
std::vector<fs::path> output_paths(const std::vector<fs::path>& images, const fs::path& folder) {
  std::map<fs::path, fs::path> image_of;
  std::vector<fs::path> paths;
  for (const fs::path& image : images) {
    paths.push_back(folder / (image.stem().string() + ".npy"));
    const auto [other, is_new] = image_of.try_emplace(paths.back(), image);
    if (!is_new)
      fail(ErrorCode::invalid_argument,
           "{} and {} would both be written to {}; give them to separate runs with another --out",
           other->second.string(), image.string(), paths.back().string());
  }
  return paths;
}

Tensor pixel_tensor(const Image& image) {
  return Tensor::from<uint8_t>({image.height, image.width, 3}, std::span<const uint8_t>(image.pixels));
}

int PreprocessCommand::run() const {
  PreprocessOptions options = preprocess.options({});
  if (!dtype.empty()) options.dtype = parse_dtype(dtype);
  const Preprocessor preprocessor(options);

  std::vector<fs::path> sources;
  for (const std::string& image : images) {
    if (!fs::is_directory(image)) {
      sources.emplace_back(image);
      continue;
    }
    const std::vector<fs::path> inside = list_images(image);
    sources.insert(sources.end(), inside.begin(), inside.end());
  }
  const std::vector<fs::path> targets = output_paths(sources, out);
  make_folder(out);

  Ledger ledger;
  Json files = Json::array();
  for (size_t i = 0; i < sources.size(); ++i) {
    ++ledger.attempted;
    Tensor result;
    try {
      result = stage == "pixels" ? pixel_tensor(preprocessor.pixels(sources[i])) : preprocessor(sources[i]);
    } catch (const Error& error) {
      ledger.rejected.push_back({i, sources[i].string(), error.code(), error.what()});
      continue;
    }
    write_npy(targets[i], result);
    ++ledger.done;
    if (json)
      files.push_back({{"image", sources[i].string()},
                       {"file", targets[i].string()},
                       {"dtype", dtype_name(result.dtype())},
                       {"dims", result.dims()}});
    else
      fmt::print("{} -> {} {}\n", sources[i].string(), targets[i].string(), describe(result));
  }
  if (json)
    print_json({{"attempted", ledger.attempted},
                {"done", ledger.done},
                {"rejected", to_json(ledger.rejected)},
                {"files", files}});
  report_rejected(ledger, "images");
  return ledger.rejected.empty() ? exit_ok : exit_failure;
}

}  // namespace

Action set_up_preprocess(CLI::App& app) {
  auto command = std::make_shared<PreprocessCommand>();
  app.add_option("image", command->images, "Image files; a folder stands for its files")->required();
  app.add_option("--out", command->out, "Folder for <file stem>.npy; made if need be")->required();
  app.add_option("--stage", command->stage,
                 "tensor: network input [1, 3, H, W]; pixels: uint8 [H, W, 3] after resize and crop")
      ->check(CLI::IsMember({"tensor", "pixels"}))
      ->capture_default_str();
  app.add_option("--dtype", command->dtype, "Of the tensors: float32 (default) or float16")
      ->check(dtype_check());
  command->preprocess.add_to(app);
  app.add_flag("--json", command->json, "Machine-readable");
  app.footer(
      "Without --preset: imagenet (resize 256, crop 224, bilinear). Exit status 1 if an image was "
      "rejected; the others are written.");
  return [command] { return command->run(); };
}

}  // namespace spinel::cli
