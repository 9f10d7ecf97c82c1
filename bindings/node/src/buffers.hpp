// The tensors of one run.
#pragma once

#include "engine.hpp"
#include "tensors.hpp"

namespace spinel_node {

/// The buffers of one run of [engine, inputs, outputs]: outputs is undefined, or an array of tensors and
/// nulls.
class Buffers {
 public:
  explicit Buffers(const Call& call);
  Buffers(const Buffers&) = delete;
  ~Buffers() {
    for (spinel_tensor& output : outputs) spinel_tensor_release(&output);
  }

  /// The outputs of a run that succeeded: {dtype, dims, data}, or undefined for those that the caller gave.
  napi_value results(napi_env env, bool external);

  const std::shared_ptr<Engine> engine;
  const Tensors inputs;
  std::vector<spinel_tensor> outputs;

 private:
  void place_outputs(napi_env env, napi_value given);
  void use_given(napi_env env, size_t index, napi_value tensor);
  void use_new(napi_env env, size_t index, const Engine::Dims& dims);

  std::vector<Engine::Dims> dims_;
  std::vector<bool> given_;
  // During the constructor alone: typed arrays, undefined where the library allocates.
  napi_value data_ = nullptr;
  Reference keep_;  // [inputs, data_]
};

}  // namespace spinel_node
