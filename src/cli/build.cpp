// spinel build MODEL -o FILE.spinel
#include <filesystem>
#include <memory>

#include <spinel/engine.hpp>

#include "base/text.hpp"
#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"

namespace spinel::cli {
namespace {

struct BuildCommand {
  std::string model;
  std::string out;
  EngineFlags engine;
  bool json = false;

  int run() const;
};

int BuildCommand::run() const {
  EngineOptions options = engine.options(model);
  if (!is_engine_file(out)) throw UsageError(fmt::format("-o '{}': engine files are called *.spinel", out));
  if (!options.load_engine.empty())
    throw UsageError(fmt::format("'{}' is an engine file; give the ONNX file", options.load_engine));
  options.save_engine = out;
  const InferEngine built(options);
  const auto bytes = std::filesystem::file_size(out);
  if (json)
    print_json({{"model", model},
                {"engine", out},
                {"bytes", bytes},
                {"compute_dtype", dtype_name(built.compute_dtype())},
                {"version", version()}});
  else
    fmt::print("{}: {} bytes, computes in {}\n", out, bytes, dtype_name(built.compute_dtype()));
  return exit_ok;
}

}  // namespace

Action set_up_build(CLI::App& app) {
  auto command = std::make_shared<BuildCommand>();
  app.add_option("model", command->model, "ONNX file")->required();
  app.add_option("-o,--out", command->out, "Engine file to write, FILE.spinel")->required();
  command->engine.add_to(app);
  app.add_flag("--json", command->json, "Machine-readable");
  app.footer(
      "An engine file is loaded by the version of Spinel, on the instruction set and with the precision that "
      "it "
      "was built for, or refused: build it where it is installed.");
  return [command] { return command->run(); };
}

}  // namespace spinel::cli
