#include "base/pages.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "base/allocate.hpp"

namespace spinel {

std::shared_ptr<void> allocate_pages(uint64_t bytes, bool huge, std::string& refusal) {
  constexpr uint64_t huge_page = uint64_t{2} << 20;
  const bool worth = huge && bytes >= huge_page;
  if (worth) bytes = (bytes + huge_page - 1) / huge_page * huge_page;
  std::shared_ptr<void> memory = allocate_block(bytes, worth ? huge_page : 64);
  if (worth && memory != nullptr && madvise(memory.get(), bytes, MADV_HUGEPAGE) != 0)
    refusal = std::strerror(errno);
  return memory;
}

}  // namespace spinel
