#include "cpu/depthwise.hpp"

#include <algorithm>

namespace spinel::cpu {
namespace {

/// Multiplications that are worth waking a thread.
constexpr int64_t min_task_operations = int64_t{1} << 19;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

uint64_t depthwise_scratch_bytes(const Kernels& kernels, const Patches& patches, int64_t group_channels) {
  return static_cast<uint64_t>(kernels.depthwise_scratch_floats(patches, group_channels)) * sizeof(float);
}

void run_depthwise(graph::RunContext& context, const Kernels& kernels, const DepthwiseRows& whole) {
  const Patches& p = whole.patches;
  const int64_t vectors = ceil_div(p.channels, kernels.vector_floats);
  const int64_t line_operations =
      std::max<int64_t>(p.out_width * p.kernel_h * p.kernel_w * whole.group_channels, 1) *
      kernels.vector_floats;
  // Each vector of channels of a task begins with fetching the lines above its rows: tall tasks first.
  const int64_t rows = std::clamp<int64_t>(min_task_operations / line_operations, 1, p.out_height);
  const int64_t task_vectors =
      std::clamp<int64_t>(min_task_operations / (line_operations * rows), 1, vectors);
  const int64_t columns = ceil_div(vectors, task_vectors);
  context.parallel_for_scratch(ceil_div(whole.rows, rows) * columns, [&](int64_t task, std::byte* scratch) {
    DepthwiseRows part = whole;
    const int64_t row = task / columns * rows;
    part.row = whole.row + row;
    part.rows = std::min(rows, whole.rows - row);
    part.channel = task % columns * task_vectors * kernels.vector_floats;
    part.channels = std::min(task_vectors * kernels.vector_floats, p.channels - part.channel);
    part.scratch = reinterpret_cast<float*>(scratch);
    kernels.depthwise_rows(part);
  });
}

}  // namespace spinel::cpu
