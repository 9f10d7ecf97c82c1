#include <dlfcn.h>

#include <filesystem>

#include "base/text.hpp"
#include "plugin/op_set.hpp"

namespace spinel::plugin {
namespace {

constexpr const char* entry_point = "spinel_custom_ops";

std::string last_dl_error() {
  const char* text = dlerror();
  return text == nullptr ? "unknown reason" : text;
}

}  // namespace

void load_library(const std::string& path, spinel_op_set& set) {
  std::error_code error;
  // An absolute path is never searched for.
  const std::filesystem::path file = std::filesystem::absolute(path, error);
  if (path.empty() || error || !std::filesystem::is_regular_file(file, error))
    fail(ErrorCode::not_found, "library of custom operators '{}': there is no such file", path);
  // Local: its symbols must not meet those of other libraries.
  std::shared_ptr<void> library(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL), [](void* handle) {
    if (handle != nullptr) dlclose(handle);
  });
  if (library == nullptr) fail(ErrorCode::io, "library of custom operators '{}': {}", path, last_dl_error());
  const auto entry = reinterpret_cast<spinel_custom_ops_entry>(dlsym(library.get(), entry_point));
  if (entry == nullptr)
    fail(ErrorCode::unsupported,
         "library '{}' exports no function {}; is it a library of custom operators, for version {} of the "
         "interface?",
         path, entry_point, SPINEL_OP_ABI);
  spinel_op_set found;
  found.library = library;
  const int32_t code = entry(&op_api(), &found);
  if (found.failure)
    throw Error(found.failure->code(),
                fmt::format("library of custom operators '{}': {}", path, found.failure->what()));
  if (code != SPINEL_OK)
    fail(code > 0 && code <= SPINEL_INTERNAL ? static_cast<ErrorCode>(code) : ErrorCode::internal,
         "library of custom operators '{}': {} returned {} without saying why", path, entry_point, code);
  if (found.ops.empty())
    fail(ErrorCode::unsupported, "library of custom operators '{}' has added no operator", path);
  set.ops.insert(set.ops.end(), std::make_move_iterator(found.ops.begin()),
                 std::make_move_iterator(found.ops.end()));
}

}  // namespace spinel::plugin

namespace spinel {

std::vector<CustomOp> load_custom_ops(const std::string& path) {
  spinel_op_set set;
  plugin::load_library(path, set);
  return std::move(set.ops);
}

}  // namespace spinel
