#include "backend/onnxruntime/library.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/folder.hpp"
#include "base/text.hpp"

namespace spinel::backend::ort {
namespace {

namespace fs = std::filesystem;

constexpr const char* library_names[] = {"libonnxruntime.so", "libonnxruntime.so.1"};
constexpr const char* how_to_get_it =
    "Get the library from your distribution's ONNX Runtime package, from the folder onnxruntime/capi of the "
    "Python package onnxruntime, or from the folder bin of the npm package onnxruntime-node, and name the "
    "file or its folder: option onnxruntime_path, --onnxruntime PATH, or SPINEL_ONNXRUNTIME for the command";

/// The numbers of "1.16.3"; what follows them is left out.
std::vector<int> version_numbers(std::string_view text) {
  std::vector<int> numbers;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (;;) {
    int number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc{}) return numbers;
    numbers.push_back(number);
    if (next == end || *next != '.') return numbers;
    at = next + 1;
  }
}

/// The library in a folder: by its usual names, else the file with the highest version after its name.
std::optional<fs::path> find_in_folder(const fs::path& folder) {
  std::error_code error;
  for (const char* name : library_names)
    if (fs::exists(folder / name, error)) return folder / name;
  std::optional<fs::path> best;
  std::vector<int> best_version;
  const std::string prefix = std::string(library_names[0]) + ".";
  for (const std::string& name : list_folder(folder).files) {
    if (!name.starts_with(prefix)) continue;
    std::vector<int> version = version_numbers(std::string_view(name).substr(prefix.size()));
    if (version.empty() || version <= best_version) continue;
    best_version = std::move(version);
    best = folder / name;
  }
  return best;
}

void* open_library(const char* name) {
  // Local: its symbols must not meet those of another copy in the host.
  return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

std::string loader_message() {
  const char* message = dlerror();
  return message == nullptr ? "no reason given" : message;
}

struct Opened {
  void* handle;
  std::string path;
};

Opened open_by_path(const fs::path& place) {
  if (!place.is_absolute())
    fail(ErrorCode::invalid_argument,
         "onnxruntime_path '{}' is relative; give an absolute path, for a library is not looked for in the "
         "working folder",
         place.string());
  std::error_code error;
  const fs::file_status status = fs::status(place, error);
  if (!fs::exists(status))
    fail(ErrorCode::not_found, "onnxruntime_path '{}' does not exist. {}", place.string(), how_to_get_it);
  fs::path file = place;
  if (fs::is_directory(status)) {
    const std::optional<fs::path> found = find_in_folder(place);
    if (!found)
      fail(ErrorCode::not_found, "onnxruntime_path '{}' is a folder without a {} or {}.*. {}", place.string(),
           library_names[0], library_names[0], how_to_get_it);
    file = *found;
  }
  void* handle = open_library(file.c_str());
  if (handle == nullptr)
    fail(ErrorCode::unsupported, "'{}' is no library that this process can load: {}", file.string(),
         loader_message());
  return {handle, file.string()};
}

Opened open_by_name() {
  std::string reasons;
  for (const char* name : library_names) {
    if (void* handle = open_library(name)) return {handle, name};
    reasons += (reasons.empty() ? "" : "; ") + loader_message();
  }
  fail(ErrorCode::not_found,
       "target 'onnx' needs ONNX Runtime's library, which the dynamic loader found neither as {} nor as {} "
       "({}). {}",
       library_names[0], library_names[1], reasons, how_to_get_it);
}

}  // namespace

Library load_library(const std::string& place) {
  const Opened opened = place.empty() ? open_by_name() : open_by_path(place);
  const auto get_api_base = reinterpret_cast<GetApiBase>(dlsym(opened.handle, "OrtGetApiBase"));
  if (get_api_base == nullptr) {
    dlclose(opened.handle);
    fail(ErrorCode::unsupported, "'{}' is not ONNX Runtime: it has no OrtGetApiBase", opened.path);
  }
  const ApiBase* base = get_api_base();
  const char* version = base == nullptr ? nullptr : base->get_version();
  if (version == nullptr)
    fail(ErrorCode::unsupported, "'{}' is not ONNX Runtime: its OrtGetApiBase gives nothing", opened.path);
  // An old release prints to stderr when it is asked for a table that it does not have, so it is not asked.
  const std::vector<int> oldest{1, static_cast<int>(api_version)};
  const Function* table = version_numbers(version) < oldest ? nullptr : base->get_api(api_version);
  if (table == nullptr)
    fail(ErrorCode::unsupported,
         "'{}' is ONNX Runtime {}, which is too old; target 'onnx' needs 1.{} or newer", opened.path, version,
         api_version);
  return {table, version, opened.path};
}

}  // namespace spinel::backend::ort
