// spinel run MODEL --input name:file.npy ... --out DIR
#include <filesystem>
#include <memory>

#include <spinel/engine.hpp>

#include "base/text.hpp"
#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/model_inputs.hpp"
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

std::vector<Tensor> load_inputs(const std::vector<std::string>& arguments, const InferEngine& engine) {
  const std::vector<TensorInfo>& infos = engine.inputs();
  const std::vector<std::string> files = values_by_input("--input", arguments, engine);
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
