#include "base/pages.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <new>

namespace spinel {

std::shared_ptr<void> allocate_pages(uint64_t bytes, bool huge, std::string& refusal) {
  constexpr uint64_t huge_page = uint64_t{2} << 20;
  const bool worth = huge && bytes >= huge_page;
  const auto alignment = static_cast<std::align_val_t>(worth ? huge_page : 64);
  if (worth) bytes = (bytes + huge_page - 1) / huge_page * huge_page;
  void* memory = ::operator new(bytes, alignment, std::nothrow);
  if (memory == nullptr) return nullptr;
  if (worth && madvise(memory, bytes, MADV_HUGEPAGE) != 0) refusal = std::strerror(errno);
  return {memory, [alignment](void* p) { ::operator delete(p, alignment); }};
}

}  // namespace spinel
