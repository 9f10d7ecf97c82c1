// What an engine reads of its options.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <spinel/engine.hpp>

namespace spinel::api {

/// Throws Error for options that contradict each other or that no engine could have.
void check_options(const EngineOptions& options);
/// Tells EngineOptions::progress, if there is one, then throws Error(cancelled) if the load was cancelled.
void report_progress(const EngineOptions& options, std::string_view stage, double fraction);
/// The number of SPAs asked for, or one for each threads_per_spa of the cores that this process may use.
int spa_count(const EngineOptions& options);
/// Position in the model's inputs of each of the caller's, which `names` lists (empty: in the model's order).
/// Throws Error unless they are the model's names, each once.
std::vector<size_t> input_order(const std::vector<TensorInfo>& model_inputs,
                                const std::vector<std::string>& names);
/// Throws Error if there is no such file.
uint64_t file_bytes(const std::string& path);

}  // namespace spinel::api
