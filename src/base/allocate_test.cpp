#include "base/allocate.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <string>

#include <spinel/tensor.hpp>

#include "base/cancel.hpp"

using namespace spinel;

namespace {

constexpr size_t huge_page = size_t{2} << 20;

bool is_zero(const void* memory, size_t bytes) {
  const auto* first = static_cast<const char*>(memory);
  return std::all_of(first, first + bytes, [](char c) { return c == 0; });
}

/// Bytes of address space of this process.
size_t mapped_bytes() {
  std::ifstream file("/proc/self/statm");
  size_t pages = 0;
  file >> pages;
  return pages * 4096;
}

}  // namespace

TEST_CASE("allocate: mapped blocks are zeroed, aligned and given back", "[allocate]") {
  for (size_t bytes : {size_t{1}, size_t{4095}, size_t{4096}, huge_page - 1, huge_page, huge_page + 1,
                       3 * huge_page, 5 * huge_page + 4097, 2 * huge_page - 1}) {
    const size_t before = mapped_bytes();
    std::shared_ptr<void> block = map_block(bytes);
    REQUIRE(block != nullptr);
    const size_t rest = bytes % huge_page;
    CHECK(mapped_bytes() - before <= bytes + (rest > huge_page / 2 ? huge_page - rest : 4095));
    CHECK(reinterpret_cast<uintptr_t>(block.get()) % (bytes < huge_page ? 4096 : huge_page) == 0);
    CHECK(is_zero(block.get(), bytes));
    std::memset(block.get(), 1, bytes);
    block.reset();
    CHECK(mapped_bytes() == before);
  }
}

TEST_CASE("allocate: a load's large tensors are mapped, and zero where they should be", "[allocate]") {
  const std::atomic<bool> cancelled{false};
  const auto is_mapped = [](const Tensor& tensor) {
    return reinterpret_cast<uintptr_t>(tensor.raw()) % huge_page == 0;
  };
  const int64_t large = huge_page + 5;
  {
    const CancelScope load(&cancelled);
    Tensor tensor(DType::uint8, {large});
    CHECK(is_mapped(tensor));
    CHECK(is_zero(tensor.raw(), tensor.size_bytes()));
    CHECK(is_mapped(Tensor::uninitialized(DType::uint8, {large})));
    const Tensor small(DType::uint8, {1000});
    CHECK(is_zero(small.raw(), 1000));
  }
  const Tensor other(DType::uint8, {large});
  CHECK(is_zero(other.raw(), other.size_bytes()));
}
