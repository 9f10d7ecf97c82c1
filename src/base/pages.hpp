// Large blocks of memory.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

namespace spinel {

/// `bytes` of uninitialised memory, 64-byte aligned, freed with the last copy; nullptr if there is none.
/// With `huge` the system is asked for huge pages; if it refuses, `refusal` says why and the memory is
/// ordinary.
std::shared_ptr<void> allocate_pages(uint64_t bytes, bool huge, std::string& refusal);

}  // namespace spinel
