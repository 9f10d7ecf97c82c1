#include <memory>

#include "engine_handle.hpp"
#include "options.hpp"
#include "strings.hpp"

using namespace spinel;
using namespace spinel::capi;

namespace {

std::vector<spinel_engine::Pass> passes(const std::vector<PassReport>& reports) {
  std::vector<spinel_engine::Pass> out;
  for (const PassReport& report : reports) {
    auto& pass = out.emplace_back(spinel_engine::Pass{&report, {}, {}});
    for (const PassNote& note : report.notes)
      pass.notes.push_back({note.node.c_str(), note.text.c_str(), note.refused ? 1 : 0, 0});
    for (const auto& [op, count] : report.counts) pass.found.push_back({op.c_str(), count});
  }
  return out;
}

}  // namespace

spinel_engine::Port::Port(const TensorInfo& from) : info(&from), fields{} {
  for (size_t i = 0; i < from.dims.size(); ++i)
    dim_names.push_back(i < from.dim_names.size() ? from.dim_names[i].c_str() : "");
  if (from.element) element = std::make_unique<Port>(*from.element);
  fields.struct_size = sizeof fields;
  fields.name = from.name.c_str();
  fields.dims = from.dims.data();
  fields.rank = from.dims.size();
  fields.dim_names = dim_names.data();
  fields.dtype = static_cast<int32_t>(from.dtype);
  fields.has_rank = from.has_rank ? 1 : 0;
  fields.batch_axis = from.batch_axis;
  fields.kind = static_cast<int32_t>(from.kind);
  fields.element = element ? &element->fields : nullptr;
}

spinel_engine::spinel_engine(InferEngine made)
    : engine(std::move(made)),
      arithmetic(engine.arithmetic()),
      batch(engine.batch_report()),
      inputs(engine.inputs().begin(), engine.inputs().end()),
      outputs(engine.outputs().begin(), engine.outputs().end()),
      passes(::passes(engine.pass_report())) {}

int32_t spinel_engine_create(const char* path, const spinel_engine_options* options, spinel_engine** engine,
                             spinel_error** error) {
  return guard(__func__, error, [&] {
    require(engine, "engine");
    EngineOptions wanted = read_engine_options(options);
    wanted.ckpt = wanted.load_engine.empty() ? require_text(path, "path") : text_or_empty(path);
    *engine = std::make_unique<spinel_engine>(InferEngine(wanted)).release();
  });
}

int32_t spinel_engine_create_from_memory(const void* model, size_t size_bytes, const char* folder,
                                         const spinel_engine_options* options, spinel_engine** engine,
                                         spinel_error** error) {
  return guard(__func__, error, [&] {
    require(engine, "engine");
    require(model, "model");
    const std::span bytes(static_cast<const std::byte*>(model), size_bytes);
    *engine = std::make_unique<spinel_engine>(
                  InferEngine::from_memory(bytes, read_engine_options(options), text_or_empty(folder)))
                  .release();
  });
}

void spinel_engine_release(spinel_engine* engine) { delete engine; }

double spinel_engine_run_time(const spinel_engine* engine) {
  return engine == nullptr ? 0.0 : engine->engine.run_time();
}
