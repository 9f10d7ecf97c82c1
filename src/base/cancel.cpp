#include "base/cancel.hpp"

#include <algorithm>
#include <cstring>

#include <spinel/error.hpp>

namespace spinel {
namespace {

constinit thread_local const std::atomic<bool>* current = nullptr;

/// At most a few milliseconds of copying, even where each page is touched for the first time.
constexpr size_t piece_bytes = size_t{2} << 20;

}  // namespace

CancelScope::CancelScope(const std::atomic<bool>* cancelled) noexcept : outer_(current) {
  current = cancelled;
}
CancelScope::~CancelScope() { current = outer_; }

const std::atomic<bool>* load_cancel_flag() noexcept { return current; }

void check_load_cancelled() {
  if (current != nullptr && current->load(std::memory_order_relaxed))
    throw Error(ErrorCode::cancelled, "the load was cancelled");
}

void copy_bytes(void* to, const void* from, size_t size) {
  for (size_t done = 0; done < size; done += piece_bytes) {
    check_load_cancelled();
    std::memcpy(static_cast<char*>(to) + done, static_cast<const char*>(from) + done,
                std::min(piece_bytes, size - done));
  }
}

}  // namespace spinel
