#include "cli/output.hpp"

#include <algorithm>
#include <cstdio>
#include <set>

#include "base/text.hpp"

namespace spinel::cli {
void print_json(const Json& document) {
  fmt::print("{}\n", document.dump(2, ' ', false, Json::error_handler_t::replace));
}

Json to_json(const TensorInfo& info) {
  Json dims = nullptr;
  if (info.has_rank) {
    dims = Json::array();
    for (size_t i = 0; i < info.dims.size(); ++i) {
      if (info.dims[i] >= 0)
        dims.push_back(info.dims[i]);
      else if (i < info.dim_names.size() && !info.dim_names[i].empty())
        dims.push_back(info.dim_names[i]);
      else
        dims.push_back(nullptr);
    }
  }
  return {{"name", info.name},
          {"dtype", dtype_name(info.dtype)},
          {"dims", dims},
          {"batch_axis", info.batch_axis < 0 ? Json(nullptr) : Json(info.batch_axis)}};
}

Json to_json(const std::vector<Rejected>& rejected) {
  Json list = Json::array();
  for (const Rejected& sample : rejected)
    list.push_back(
        {{"path", sample.path}, {"code", error_code_name(sample.code)}, {"reason", sample.reason}});
  return list;
}

void report_rejected(const Ledger& ledger, std::string_view noun) {
  if (ledger.rejected.empty()) return;
  std::fflush(stdout);
  for (const Rejected& sample : ledger.rejected) fmt::print(stderr, "rejected: {}\n", sample.reason);
  fmt::print(stderr, "{} {}: {} done, {} rejected\n", ledger.attempted, noun, ledger.done,
             ledger.rejected.size());
}

std::vector<std::string> npy_file_names(const std::vector<std::string>& names) {
  const auto sanitised = [](std::string name) {
    const auto allowed = [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
             c == '_' || c == '-';
    };
    std::replace_if(
        name.begin(), name.end(), [&](char c) { return !allowed(c); }, '_');
    // File systems take 255 bytes; the rest is for the number and the suffix.
    if (name.size() > 230) name.resize(230);
    return name.empty() ? std::string("_") : name;
  };
  std::vector<std::string> files(names.size());
  std::set<std::string> taken;
  for (size_t i = 0; i < names.size(); ++i)
    if (sanitised(names[i]) == names[i] && taken.insert(names[i]).second) files[i] = names[i] + ".npy";
  for (size_t i = 0; i < names.size(); ++i) {
    if (!files[i].empty()) continue;
    const std::string base = sanitised(names[i]);
    std::string stem = base;
    for (int number = 1; !taken.insert(stem).second; ++number) stem = fmt::format("{}_{}", base, number);
    files[i] = stem + ".npy";
  }
  return files;
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder))
    fail(ErrorCode::io, "{}: cannot be made a folder ({})", folder.string(),
         error ? error.message() : "a file of this name exists");
}

}  // namespace spinel::cli
