// Lists of cases that are known not to pass.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "cli/conformance_case.hpp"

namespace spinel::cli {

/// A file with a line for each case, or family of cases, that does not pass: STATUS NAME REASON, where STATUS
/// is fail or unsupported and NAME may hold `*` (any characters). Empty lines and those that begin with # say
/// nothing. The first line that names a case counts.
class AllowList {
 public:
  AllowList() = default;
  /// Throws Error naming file and line.
  explicit AllowList(const std::string& path);

  /// What is not as the list says: empty if the case passes and is not listed, or is listed with its status.
  std::string judge(const std::string& name, const CaseOutcome& outcome);
  /// The lines that named no case although every case of their folder ("node") was run.
  std::vector<std::string> stale(const std::set<std::string>& whole_folders) const;

 private:
  struct Line {
    size_t number;
    CaseStatus status;
    std::string name;
    bool used = false;
  };
  std::string path_;
  std::vector<Line> lines_;
};

}  // namespace spinel::cli
