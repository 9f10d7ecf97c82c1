// spinel run MODEL --input name:file.npy ... --out DIR
#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include <spinel/engine.hpp>

#include "base/text.hpp"
#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "data/npy.hpp"

namespace spinel::cli {
namespace {

namespace fs = std::filesystem;

struct RunCommand {
  std::string model;
  std::vector<std::string> inputs;
  std::string out;
  EngineFlags engine;
  bool json = false;

  int run() const;
};

std::string input_list(const InferEngine& engine) {
  std::string text;
  for (const TensorInfo& info : engine.inputs())
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", info.name, describe(info));
  return text.empty() ? "none" : text;
}

/// Which input an argument "name:file" means, and the file. Names and paths may both contain ':', so the
/// longest prefix that is an input's name counts. An argument without ':' gives the index size().
std::pair<size_t, std::string> parse_input(const std::string& argument, const InferEngine& engine) {
  const std::vector<TensorInfo>& infos = engine.inputs();
  for (size_t colon = argument.rfind(':'); colon != std::string::npos && colon > 0;
       colon = argument.rfind(':', colon - 1)) {
    for (size_t i = 0; i < infos.size(); ++i)
      if (argument.compare(0, colon, infos[i].name) == 0) return {i, argument.substr(colon + 1)};
  }
  if (argument.find(':') == std::string::npos) return {infos.size(), argument};
  fail(ErrorCode::not_found, "--input {}: the model has no such input; it has {}", argument,
       input_list(engine));
}

/// The file's array as the type that the input takes; a conversion is said on stderr.
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

std::vector<Tensor> load_inputs(const std::vector<std::string>& arguments, const InferEngine& engine) {
  const std::vector<TensorInfo>& infos = engine.inputs();
  std::vector<std::string> files(infos.size());
  std::vector<std::string> unnamed;
  for (const std::string& argument : arguments) {
    auto [index, file] = parse_input(argument, engine);
    if (index == infos.size()) {
      unnamed.push_back(std::move(file));
      continue;
    }
    if (file.empty()) throw UsageError(fmt::format("--input {}: names no file", argument));
    if (!files[index].empty()) throw UsageError(fmt::format("--input {} is given twice", infos[index].name));
    files[index] = std::move(file);
  }
  for (std::string& file : unnamed) {
    const auto free = std::find(files.begin(), files.end(), std::string{});
    if (free == files.end())
      fail(ErrorCode::invalid_argument, "--input {}: more files than inputs; the model has {}", file,
           input_list(engine));
    *free = std::move(file);
  }
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < infos.size(); ++i) {
    if (files[i].empty())
      fail(ErrorCode::invalid_argument, "input '{}' is missing; give --input {}:FILE.npy for {}",
           infos[i].name, infos[i].name, describe(infos[i]));
    tensors.push_back(load_input(files[i], infos[i]));
  }
  return tensors;
}

int RunCommand::run() const {
  const InferEngine loaded(engine.options(model));
  const std::vector<Tensor> results = loaded.run(load_inputs(inputs, loaded));

  std::vector<std::string> names;
  for (const TensorInfo& info : loaded.outputs()) names.push_back(info.name);
  const std::vector<std::string> files = npy_file_names(names);
  make_folder(out);
  Json written = Json::array();
  for (size_t i = 0; i < results.size(); ++i) {
    Tensor result = results[i];
    const std::string file = (fs::path(out) / files[i]).string();
    if (result.dtype() == DType::bfloat16) {
      fmt::print(stderr, "note: output '{}': bfloat16, which .npy does not know, converted to float32\n",
                 names[i]);
      result = convert(result, DType::float32);
    }
    write_npy(file, result);
    if (json)
      written.push_back({{"name", names[i]},
                         {"dtype", dtype_name(result.dtype())},
                         {"dims", result.dims()},
                         {"file", file}});
    else
      fmt::print("{}: {} -> {}\n", names[i], describe(result), file);
  }
  if (json)
    print_json({{"model", model},
                {"target", loaded.target()},
                {"compute_dtype", dtype_name(loaded.compute_dtype())},
                {"spas", loaded.spas()},
                {"run_time_s", loaded.run_time()},
                {"outputs", written}});
  return exit_ok;
}

}  // namespace

Action set_up_run(CLI::App& app) {
  auto command = std::make_shared<RunCommand>();
  app.add_option("model", command->model, "ONNX file")->required();
  app.add_option("--input", command->inputs,
                 "NAME:FILE.npy, once for each input; without NAME in the model's order")
      ->allow_extra_args(false);
  app.add_option("--out", command->out, "Folder for <output name>.npy; made if need be")->required();
  command->engine.add_to(app);
  app.add_flag("--json", command->json, "Machine-readable");
  app.footer(
      "Characters of an output's name outside [A-Za-z0-9._-] become _ in its file's name. An array of "
      "another numeric type than the input's is converted, which is said on stderr.");
  return [command] { return command->run(); };
}

}  // namespace spinel::cli
