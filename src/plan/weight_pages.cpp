#include "plan/weight_pages.hpp"

#include "base/cancel.hpp"
#include "base/pages.hpp"
#include "base/text.hpp"

namespace spinel::plan {
namespace {

constexpr uint64_t smallest_bytes = 16384;
constexpr uint64_t alignment = 64;

uint64_t block_bytes(const graph::Value& value) {
  if (!value.is_constant() || value.constant.dtype() == DType::string) return 0;
  const uint64_t bytes = value.constant.size_bytes();
  return bytes < smallest_bytes ? 0 : (bytes + alignment - 1) / alignment * alignment;
}

}  // namespace

void move_weights_to_huge_pages(graph::Graph& graph, const LogCallback& log) {
  uint64_t total = 0;
  for (const graph::Value& value : graph.values) total += block_bytes(value);
  if (total == 0) return;
  std::string refusal;
  const std::shared_ptr<void> block = allocate_pages(total, true, refusal);
  if (block == nullptr) fail(ErrorCode::out_of_memory, "no memory for {} bytes of weights", total);
  if (!refusal.empty() && log) log(LogLevel::warning, fmt::format("weights are in small pages: {}", refusal));
  auto* to = static_cast<std::byte*>(block.get());
  for (graph::Value& value : graph.values) {
    const uint64_t bytes = block_bytes(value);
    if (bytes == 0) continue;
    copy_bytes(to, value.constant.raw(), value.constant.size_bytes());
    value.constant = Tensor::view(value.constant.dtype(), value.constant.dims(), to, block);
    to += bytes;
  }
}

}  // namespace spinel::plan
