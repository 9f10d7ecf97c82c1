// What a subcommand of `spinel` is.
#pragma once
#include <CLI/CLI.hpp>

#include <functional>
#include <span>
#include <stdexcept>
#include <string>

namespace spinel::cli {

/// Exit statuses, the same for every subcommand.
enum ExitStatus : int {
  exit_ok = 0,
  exit_failure = 1,  ///< Something failed, or at least one of several files was rejected.
  exit_usage = 2,    ///< The command line itself makes no sense.
};

/// A command line that parses but contradicts itself; ends with exit_usage.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Does the work once the command line is parsed; returns an exit status, or throws Error or UsageError.
using Action = std::function<int()>;

/// A subcommand: `set_up` declares its flags on `app` and returns its action.
struct Command {
  const char* name;
  const char* summary;
  Action (*set_up)(CLI::App& app);
};

/// Every subcommand, in the order of the help. To add one, write its file and its line in commands.cpp.
std::span<const Command> commands();

}  // namespace spinel::cli
