#include "run.hpp"
#include "engine_handle.hpp"
#include "values.hpp"

using namespace spinel;
using namespace spinel::capi;

namespace spinel::capi {

RunBuffers read_buffers(const spinel_tensor* inputs, size_t input_count, spinel_tensor* outputs,
                        size_t output_count) {
  RunBuffers out{read_inputs(inputs, input_count), struct_array(outputs, output_count, "outputs"), {}};
  out.outputs = read_outputs(out.targets);
  return out;
}

}  // namespace spinel::capi

int32_t spinel_cancel_token_create(spinel_cancel_token** token, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(token, "token");
    *token = new spinel_cancel_token;
  });
}

void spinel_cancel_token_cancel(spinel_cancel_token* token) {
  if (token != nullptr) token->token.cancel();
}

int32_t spinel_cancel_token_is_cancelled(const spinel_cancel_token* token) {
  return token != nullptr && token->token.cancelled() ? 1 : 0;
}

void spinel_cancel_token_release(spinel_cancel_token* token) { delete token; }

int32_t spinel_engine_run(const spinel_engine* engine, const spinel_tensor* inputs, size_t input_count,
                          spinel_tensor* outputs, size_t output_count, const spinel_cancel_token* token,
                          spinel_error** error) {
  return guard(__func__, error, [&] {
    require(engine, "engine");
    RunBuffers buffers = read_buffers(inputs, input_count, outputs, output_count);
    // A copy, so that the caller may release the token during the run.
    const CancelToken cancel = token == nullptr ? CancelToken() : token->token;
    engine->engine.run_into(buffers.inputs, buffers.outputs, &cancel);
    deliver(buffers.targets, buffers.outputs);
  });
}

int32_t spinel_engine_run_values(const spinel_engine* engine, const spinel_value* const* inputs,
                                 size_t input_count, spinel_value** outputs, size_t output_count,
                                 const spinel_cancel_token* token, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(engine, "engine");
    require_array(outputs, output_count, "outputs");
    if (output_count != engine->outputs.size())
      misuse("output_count is {}; the model has {}", output_count, engine->outputs.size());
    const std::vector<Value> given = read_values(inputs, input_count, "inputs");
    const CancelToken cancel = token == nullptr ? CancelToken() : token->token;
    std::vector<std::unique_ptr<spinel_value>> results;
    for (Value& result : engine->engine.run_values(given, &cancel))
      results.push_back(std::make_unique<spinel_value>(spinel_value{std::move(result)}));
    for (size_t i = 0; i < results.size(); ++i) outputs[i] = results[i].release();
  });
}
