// What subcommands print and the files they write.
#pragma once
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <spinel/engine.hpp>
#include <spinel/ledger.hpp>

namespace spinel::cli {

using Json = nlohmann::ordered_json;

/// Prints to stdout, one document with a newline; text that is not UTF-8 is replaced, never an error.
void print_json(const Json& document);

/// {"name", "dtype", "dims", "batch_axis"}: a dim is a number, its name where it is dynamic, or null where it
/// has none; dims is null where the rank is open.
Json to_json(const TensorInfo& info);
/// {"path", "code", "reason"} each.
Json to_json(const std::vector<Rejected>& rejected);

/// Prints each rejected sample and the counts to stderr, in one line each; nothing when none was rejected.
void report_rejected(const Ledger& ledger, std::string_view noun);

/// A file name "<name>.npy" for each name: characters outside [A-Za-z0-9._-] become `_`. Where that makes two
/// names equal, a name that needed no change keeps its own, the others get _1, _2 ... in order.
std::vector<std::string> npy_file_names(const std::vector<std::string>& names);

/// Creates the folder and its parents. Throws Error(io).
void make_folder(const std::filesystem::path& folder);

}  // namespace spinel::cli
