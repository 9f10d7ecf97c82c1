// Engine files: a compiled program with packed weights, which is mapped when it is loaded.
// docs/engine_files.md has the format.
#pragma once
#include <filesystem>

#include "base/function_ref.hpp"
#include "engine_file/program.hpp"

namespace spinel::engine_file {

/// Whether the file begins as an engine file does. Throws Error if it cannot be read.
bool is_engine_file(const std::filesystem::path& path);

/// Writes a graph that has gone through the passes, whole or not at all. Throws Error.
void save(const std::filesystem::path& path, const graph::Graph& graph, const Stamp& stamp);

struct LoadOptions {
  const cpu::Isa* isa = &cpu::best_isa();  ///< Whose kernels will run; the file must be for the same.
  bool verify_weights = false;             ///< Reads every weight and compares their checksum.
  Limits limits;
  ops::CustomOpTable custom_ops;
};

struct Loaded {
  Stamp stamp;
  graph::Graph graph;  ///< As it was saved; large constants are views into the file's mapping.
};

/// `accept` may throw at a stamp that is not what the caller wants; of another version of the library or
/// another instruction set it is not asked. Throws Error: not_found, io, bad_model for a damaged file,
/// unsupported for one that does not fit, with what to do.
Loaded load(const std::filesystem::path& path, const LoadOptions& options,
            FunctionRef<void(const Stamp& stamp)> accept);

}  // namespace spinel::engine_file
