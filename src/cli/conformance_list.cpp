#include "cli/conformance_list.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <sstream>

#include "base/file.hpp"
#include "base/text.hpp"

namespace spinel::cli {

AllowList::AllowList(const std::string& path) : path_(path) {
  const Bytes bytes = read_file(path, "allow-list");
  std::istringstream file(std::string(reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size()));
  std::string text;
  for (size_t number = 1; std::getline(file, text); ++number) {
    if (text.empty() || text[0] == '#') continue;
    std::istringstream words(text);
    std::string status, name, reason;
    words >> status >> name >> reason;
    if ((status != "fail" && status != "unsupported") || reason.empty())
      fail(ErrorCode::invalid_argument, "{}:{}: '{}' is not 'fail NAME REASON' or 'unsupported NAME REASON'",
           path, number, text);
    lines_.push_back({number, status == "fail" ? CaseStatus::fail : CaseStatus::unsupported, name});
  }
}

std::string AllowList::judge(const std::string& name, const CaseOutcome& outcome) {
  const auto line = std::ranges::find_if(
      lines_, [&](const Line& each) { return fnmatch(each.name.c_str(), name.c_str(), 0) == 0; });
  if (line == lines_.end())
    return outcome.status == CaseStatus::pass
               ? ""
               : fmt::format("{}: {}: {}", name, status_name(outcome.status), outcome.reason);
  line->used = true;
  if (line->status == outcome.status) return {};
  if (outcome.status == CaseStatus::pass)
    return fmt::format("{} passes, but {}:{} says {}: take it out", name, path_, line->number,
                       status_name(line->status));
  return fmt::format("{}: {}, but {}:{} says {}: {}", name, status_name(outcome.status), path_, line->number,
                     status_name(line->status), outcome.reason);
}

std::vector<std::string> AllowList::stale(const std::set<std::string>& whole_folders) const {
  std::vector<std::string> found;
  for (const Line& line : lines_)
    if (!line.used && whole_folders.contains(line.name.substr(0, line.name.find('/'))))
      found.push_back(fmt::format("{}:{} names {}, which no case is", path_, line.number, line.name));
  return found;
}

}  // namespace spinel::cli
