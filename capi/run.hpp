// The caller's buffers of one run.
#pragma once
#include <vector>

#include <spinel/engine.hpp>

#include "tensors.hpp"

struct spinel_cancel_token {
  spinel::CancelToken token;
};

namespace spinel::capi {

struct RunBuffers {
  std::vector<Tensor> inputs;
  StructArray<spinel_tensor> targets;
  std::vector<Tensor> outputs;  ///< Views of the targets; undefined where the engine is to allocate.
};

/// Throws Misuse or Error that names the argument which does not fit.
RunBuffers read_buffers(const spinel_tensor* inputs, size_t input_count, spinel_tensor* outputs,
                        size_t output_count);

}  // namespace spinel::capi
