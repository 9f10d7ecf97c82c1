// spinel conformance DIR...
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>

#include "base/text.hpp"
#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/conformance_case.hpp"
#include "cli/conformance_list.hpp"
#include "cli/output.hpp"

namespace spinel::cli {
namespace {

namespace fs = std::filesystem;

struct ConformanceCommand {
  std::vector<std::string> folders;
  std::string allow;
  EngineFlags engine;
  bool json = false;

  int run() const;
};

/// What the folders on the command line come to.
struct Found {
  std::vector<CaseFolder> cases;
  std::vector<fs::path> skipped;
  std::set<std::string> whole_folders;  ///< Names of folders all of whose cases are here.
};

bool is_case(const fs::path& folder) { return fs::is_regular_file(folder / "model.onnx"); }

/// The folder's own name and that of the one it is in, whatever way it was written: "node/test_abs".
std::string case_name(const fs::path& folder) {
  return (folder.parent_path().filename() / folder.filename()).string();
}

void find_cases(const std::string& given, Found& found) {
  std::error_code error;
  fs::path folder = fs::canonical(given, error);
  if (error) fail(ErrorCode::not_found, "{}: {}", given, error.message());
  if (!fs::is_directory(folder)) fail(ErrorCode::invalid_argument, "{}: not a folder", given);
  if (is_case(folder)) {
    found.cases.push_back({case_name(folder), folder});
    return;
  }
  std::vector<fs::path> inside;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory()) inside.push_back(entry.path());
  std::ranges::sort(inside);
  for (const fs::path& each : inside)
    if (is_case(each))
      found.cases.push_back({case_name(each), each});
    else
      found.skipped.push_back(each);
  found.whole_folders.insert(folder.filename().string());
}

/// Shows what is being done where nothing else would, and somebody watches.
class Progress {
 public:
  Progress(bool json, size_t total) : shown_(isatty(2) && (json || !isatty(1))), total_(total) {}
  ~Progress() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void show(size_t done, const std::string& name) const {
    if (shown_) fmt::print(stderr, "\r\033[K{}/{} {}", done, total_, name);
  }

 private:
  bool shown_;
  size_t total_;
};

class Report {
 public:
  explicit Report(bool json) : json_(json) {}

  void add(const std::string& name, const CaseOutcome& outcome) {
    ++counts_[static_cast<size_t>(outcome.status)];
    if (json_)
      cases_.push_back({{"name", name}, {"status", status_name(outcome.status)}, {"reason", outcome.reason}});
    else
      fmt::print("{} {}{}{}\n", status_name(outcome.status), name, outcome.reason.empty() ? "" : ": ",
                 outcome.reason);
  }
  size_t count(CaseStatus status) const { return counts_[static_cast<size_t>(status)]; }
  bool all_passed() const { return count(CaseStatus::fail) + count(CaseStatus::unsupported) == 0; }

  void print(bool interrupted) {
    const size_t pass = count(CaseStatus::pass), fail = count(CaseStatus::fail),
                 unsupported = count(CaseStatus::unsupported);
    if (!json_) {
      fmt::print("{} cases: {} pass, {} fail, {} unsupported{}\n", pass + fail + unsupported, pass, fail,
                 unsupported, interrupted ? " (interrupted)" : "");
      return;
    }
    Json document = {{"cases", std::move(cases_)},
                     {"summary", {{"pass", pass}, {"fail", fail}, {"unsupported", unsupported}}}};
    if (interrupted) document["interrupted"] = true;
    print_json(document);
  }

 private:
  bool json_;
  std::array<size_t, 3> counts_{};
  Json cases_ = Json::array();
};

int ConformanceCommand::run() const {
  EngineOptions options = engine.options({});
  if (!options.load_engine.empty()) throw UsageError("--load_engine: every case has a model of its own");
  // A case's warnings would drown the report; who asks for a level gets them.
  if (std::getenv("SPINEL_LOG") == nullptr) options.log = nullptr;
  AllowList list = allow.empty() ? AllowList() : AllowList(allow);
  Found found;
  for (const std::string& folder : folders) find_cases(folder, found);
  for (const fs::path& each : found.skipped)
    fmt::print(json ? stderr : stdout, "skipped {}: no model.onnx\n", case_name(each));
  if (found.cases.empty())
    fail(ErrorCode::not_found, "no case is in {}: a case is a folder with a model.onnx",
         fmt::join(folders, ", "));

  Report report(json);
  std::vector<std::string> unexpected;
  const Interrupt interrupt;
  {
    const Progress progress(json, found.cases.size());
    progress.show(0, found.cases[0].name);
    run_cases(found.cases, options, interrupt, [&](size_t index, const CaseOutcome& outcome) {
      const std::string& name = found.cases[index].name;
      report.add(name, outcome);
      if (auto wrong = list.judge(name, outcome); !wrong.empty()) unexpected.push_back(std::move(wrong));
      progress.show(index + 1, name);
    });
  }
  report.print(interrupt.requested());
  if (interrupt.requested()) return exit_failure;
  if (allow.empty()) return report.all_passed() ? exit_ok : exit_failure;
  for (std::string& line : list.stale(found.whole_folders)) unexpected.push_back(std::move(line));
  for (const std::string& line : unexpected) fmt::print(stderr, "unexpected: {}\n", line);
  return unexpected.empty() ? exit_ok : exit_failure;
}

}  // namespace

Action set_up_conformance(CLI::App& app) {
  auto command = std::make_shared<ConformanceCommand>();
  app.add_option("folders", command->folders,
                 "Cases in the layout of the ONNX project's tests (model.onnx, test_data_set_N/input_K.pb, "
                 "output_K.pb), or folders of cases")
      ->required();
  app.add_option(
      "--allow", command->allow,
      "File that lists the cases that are known not to pass, a line each: fail or unsupported, the "
      "case's name (* stands for any characters), the reason");
  command->engine.add_to(app);
  app.add_flag("--json", command->json, "Machine-readable");
  app.footer(
      "Floats may differ by 1e-7 + 1e-3 of the expected value, or what the case's data.json says; with "
      "--dtype "
      "float16 by 1e-2 of it and 2e-3 of the greatest in its tensor. Everything else is exact. Results that "
      "are "
      "random by definition pass with the reason `distribution` if they could be from theirs, within 5 "
      "standard "
      "deviations. A case that crashes has failed; the others go on. Ctrl-C prints what was found so far.\n"
      "Exit status: 0 if every case passes, or with --allow each does what the list says; 1 if not, or after "
      "Ctrl-C, or if there is no case; 2 for a wrong command line.");
  return [command] { return command->run(); };
}

}  // namespace spinel::cli
