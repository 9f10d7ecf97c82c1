#include <memory>

#include "engine_handle.hpp"
#include "run.hpp"

using namespace spinel;
using namespace spinel::capi;

struct spinel_profile {
  /// The texts of a layer as C takes them: pointers into `run`.
  struct Layer {
    std::vector<const char*> sources;
  };
  RunProfile run;
  std::vector<Layer> layers;
};

size_t spinel_engine_pass_count(const spinel_engine* engine) {
  return engine == nullptr ? 0 : engine->passes.size();
}

int32_t spinel_engine_pass(const spinel_engine* engine, size_t index, spinel_pass_info* info,
                           spinel_error** error) {
  return guard(__func__, error, [&] {
    require(engine, "engine");
    checked_struct_size(info, "info");
    if (index >= engine->passes.size())
      fail(ErrorCode::not_found, "pass {} does not exist; the engine has {}", index, engine->passes.size());
    const spinel_engine::Pass& pass = engine->passes[index];
    spinel_pass_info out{};
    out.name = pass.report->pass.c_str();
    out.changes = pass.report->changes;
    out.notes = pass.notes.data();
    out.note_count = pass.notes.size();
    out.notes_left_out = pass.report->notes_left_out;
    out.found = pass.found.data();
    out.found_count = pass.found.size();
    out.enabled = pass.report->enabled ? 1 : 0;
    write_struct(info, out);
  });
}

int32_t spinel_engine_profile(const spinel_engine* engine, const spinel_tensor* inputs, size_t input_count,
                              const spinel_cancel_token* token, spinel_profile** profile,
                              spinel_error** error) {
  return guard(__func__, error, [&] {
    require(engine, "engine");
    require(profile, "profile");
    const CancelToken cancel = token == nullptr ? CancelToken() : token->token;
    auto out = std::make_unique<spinel_profile>();
    out->run = engine->engine.profile(read_inputs(inputs, input_count), &cancel);
    for (const LayerTime& layer : out->run.layers) {
      auto& texts = out->layers.emplace_back();
      for (const std::string& source : layer.sources) texts.sources.push_back(source.c_str());
    }
    *profile = out.release();
  });
}

size_t spinel_profile_layer_count(const spinel_profile* profile) {
  return profile == nullptr ? 0 : profile->layers.size();
}

int64_t spinel_profile_duration_ns(const spinel_profile* profile) {
  return profile == nullptr ? 0 : profile->run.duration_ns;
}

int32_t spinel_profile_layer(const spinel_profile* profile, size_t index, spinel_layer_time* layer,
                             spinel_error** error) {
  return guard(__func__, error, [&] {
    require(profile, "profile");
    checked_struct_size(layer, "layer");
    if (index >= profile->layers.size())
      fail(ErrorCode::not_found, "layer {} does not exist; the profile has {}", index,
           profile->layers.size());
    const LayerTime& from = profile->run.layers[index];
    spinel_layer_time out{};
    out.name = from.name.c_str();
    out.op = from.op.c_str();
    out.kernel = from.kernel.c_str();
    out.sources = profile->layers[index].sources.data();
    out.source_count = profile->layers[index].sources.size();
    out.start_ns = from.start_ns;
    out.duration_ns = from.duration_ns;
    out.flops = from.flops;
    write_struct(layer, out);
  });
}

void spinel_profile_release(spinel_profile* profile) { delete profile; }
