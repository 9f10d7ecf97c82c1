#include <algorithm>
#include <memory>
#include <sstream>

#include "engine_handle.hpp"
#include "strings.hpp"
#include "structs.hpp"
#include "tensors.hpp"

using namespace spinel;
using namespace spinel::capi;

namespace {

using Ports = std::vector<spinel_engine::Port>;

void describe_port(const Ports& ports, size_t index, const char* kind, spinel_tensor_info* info) {
  checked_struct_size(info, "info");
  if (index >= ports.size())
    fail(ErrorCode::not_found, "{} {} does not exist; the model has {}", kind, index, ports.size());
  write_struct(info, ports[index].fields);
}

size_t find_port(const Ports& ports, const std::string& name, const char* kind) {
  const auto found =
      std::find_if(ports.begin(), ports.end(), [&](const auto& port) { return port.info->name == name; });
  if (found != ports.end()) return static_cast<size_t>(found - ports.begin());
  std::string names;
  for (const auto& port : ports) names += (names.empty() ? "'" : ", '") + port.info->name + "'";
  fail(ErrorCode::not_found, "the model has no {} '{}'; it has {}", kind, name,
       names.empty() ? "none" : names);
}

}  // namespace

size_t spinel_engine_input_count(const spinel_engine* engine) {
  return engine == nullptr ? 0 : engine->inputs.size();
}

size_t spinel_engine_output_count(const spinel_engine* engine) {
  return engine == nullptr ? 0 : engine->outputs.size();
}

int32_t spinel_engine_input(const spinel_engine* engine, size_t index, spinel_tensor_info* info,
                            spinel_error** error) {
  return guard(__func__, error,
               [&] { describe_port(require(engine, "engine").inputs, index, "input", info); });
}

int32_t spinel_engine_output(const spinel_engine* engine, size_t index, spinel_tensor_info* info,
                             spinel_error** error) {
  return guard(__func__, error,
               [&] { describe_port(require(engine, "engine").outputs, index, "output", info); });
}

int32_t spinel_engine_find_input(const spinel_engine* engine, const char* name, size_t* index,
                                 spinel_error** error) {
  return guard(__func__, error, [&] {
    const Ports& ports = require(engine, "engine").inputs;
    require(index, "index");
    *index = find_port(ports, require_text(name, "name"), "input");
  });
}

int32_t spinel_engine_find_output(const spinel_engine* engine, const char* name, size_t* index,
                                  spinel_error** error) {
  return guard(__func__, error, [&] {
    const Ports& ports = require(engine, "engine").outputs;
    require(index, "index");
    *index = find_port(ports, require_text(name, "name"), "output");
  });
}

int32_t spinel_engine_output_dims(const spinel_engine* engine, const spinel_shape* inputs, size_t input_count,
                                  size_t output_index, int64_t* dims, size_t capacity, size_t* rank,
                                  int32_t* known, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(engine, "engine");
    require_array(dims, capacity, "dims");
    require(rank, "rank");
    require(known, "known");
    if (output_index >= engine->outputs.size())
      fail(ErrorCode::not_found, "output {} does not exist; the model has {}", output_index,
           engine->outputs.size());
    const std::vector<Dims> shapes = read_shapes(inputs, input_count, "inputs");
    const std::optional<Dims> found = engine->engine.output_dims(shapes).at(output_index);
    if (found && capacity != 0 && found->size() > capacity)
      misuse("capacity is {}, but output {} has {} dims", capacity, output_index, found->size());
    *known = found ? 1 : 0;
    if (!found) return;
    *rank = found->size();
    if (capacity != 0) std::copy(found->begin(), found->end(), dims);
  });
}

int32_t spinel_engine_describe(const spinel_engine* engine, spinel_engine_info* info, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(engine, "engine");
    checked_struct_size(info, "info");
    spinel_engine_info out{};
    out.target = engine->engine.target().c_str();
    out.blocking_node = engine->batch.blocking_node.c_str();
    out.reason = engine->batch.reason.c_str();
    out.fixed_batch = engine->batch.fixed_batch;
    out.splittable = engine->batch.splittable ? 1 : 0;
    out.compute_dtype = static_cast<int32_t>(engine->engine.compute_dtype());
    out.spas = engine->engine.spas();
    out.threads_per_spa = engine->engine.threads_per_spa();
    out.arithmetic = engine->arithmetic.c_str();
    write_struct(info, out);
  });
}

int32_t spinel_engine_memory(const spinel_engine* engine, const spinel_shape* inputs, size_t input_count,
                             spinel_memory_report* report, spinel_strings** unplanned, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(engine, "engine");
    checked_struct_size(report, "report");
    const std::vector<Dims> shapes = read_shapes(inputs, input_count, "inputs");
    MemoryReport found = engine->engine.memory_report(shapes);
    spinel_memory_report out{};
    out.weight_bytes = found.weight_bytes;
    out.arena_bytes_per_spa = found.arena_bytes_per_spa;
    out.total_bytes = found.total_bytes;
    out.spas = found.spas;
    out.scratch_bytes_per_spa = found.scratch_bytes_per_spa;
    if (unplanned != nullptr) *unplanned = new spinel_strings{std::move(found.unplanned)};
    write_struct(report, out);
  });
}

int32_t spinel_engine_graph(const spinel_engine* engine, spinel_strings** lines, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(engine, "engine");
    require(lines, "lines");
    auto out = std::make_unique<spinel_strings>();
    std::istringstream text(engine->engine.graph_text());
    for (std::string line; std::getline(text, line);) out->texts.push_back(line);
    *lines = out.release();
  });
}
