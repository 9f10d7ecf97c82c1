// spinel version
#include <spinel/engine.hpp>

#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"

namespace spinel::cli {

Action set_up_version(CLI::App& app) {
  auto json = std::make_shared<bool>(false);
  app.add_flag("--json", *json, "Machine-readable");
  return [json] {
    if (*json)
      print_json({{"version", version()}, {"targets", available_targets()}});
    else
      fmt::print("spinel {}\ntargets: {}\n", version(), fmt::join(available_targets(), ", "));
    return exit_ok;
  };
}

}  // namespace spinel::cli
