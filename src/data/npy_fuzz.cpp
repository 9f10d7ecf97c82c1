#include <cstdint>
#include <span>

#include <spinel/error.hpp>

#include "data/npy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace spinel;
  Limits limits;
  limits.max_tensor_bytes = 1 << 20;
  try {
    const Tensor tensor = parse_npy(std::as_bytes(std::span(data, size)), "fuzz", limits);
    const std::string header = npy_header(tensor);
    if (header.size() % 64 != 0) __builtin_trap();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) __builtin_trap();
  }
  return 0;
}
