// The `spinel` command: finds the subcommand, parses its flags, and turns failures into one line and a
// status.
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include <spinel/engine.hpp>
#include <spinel/error.hpp>

#include "base/text.hpp"
#include "cli/arguments.hpp"
#include "cli/command.hpp"

namespace spinel::cli {
namespace {

int usage_error(const std::string& message) {
  fmt::print(stderr, "error: {}\n", message);
  return exit_usage;
}

bool is_command(const std::string& name) {
  for (const Command& command : commands())
    if (name == command.name) return true;
  return false;
}

int dispatch(std::vector<std::string> arguments) {
  CLI::App app("Spinel: ONNX models in, answers out", "spinel");
  app.set_version_flag("--version", std::string("spinel ") + version());
  app.require_subcommand(1);
  app.footer("`-` and `_` in flags are the same. `spinel SUBCOMMAND --help` lists the flags of one.");
  std::vector<std::string> names;
  Action action;
  for (const Command& command : commands()) {
    names.emplace_back(command.name);
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    Action run = command.set_up(*sub);
    sub->final_callback([&action, run = std::move(run)] { action = run; });
  }
  if (arguments.empty()) {
    fmt::print(stderr, "{}", app.help());
    return usage_error(fmt::format("a subcommand is needed: {}", fmt::join(names, ", ")));
  }
  const std::string& first = arguments.front();
  if (!first.starts_with('-') && !is_command(first))
    return usage_error(fmt::format("unknown subcommand '{}'; there are: {}", first, fmt::join(names, ", ")));

  normalise_flags(arguments);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    return usage_error(fmt::format("{} (see spinel{} --help)", error.what(),
                                   is_command(first) ? " " + first : std::string{}));
  }
  return action();
}

int guarded(int count, char** values) {
  try {
    return dispatch({values + 1, values + count});
  } catch (const UsageError& error) {
    return usage_error(error.what());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error: the system has no memory left\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
  }
  return exit_failure;
}

}  // namespace
}  // namespace spinel::cli

int main(int argc, char** argv) {
  const int status = spinel::cli::guarded(argc, argv);
  // A result that did not reach its file or pipe is a failure, whatever else went well.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    std::fputs("error: cannot write to standard output\n", stderr);
    return status == 0 ? spinel::cli::exit_failure : status;
  }
  return status;
}
