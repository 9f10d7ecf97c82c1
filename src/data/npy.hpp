// numpy's .npy files.
#pragma once
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <spinel/limits.hpp>
#include <spinel/tensor.hpp>

namespace spinel {

/// Reads an array of format version 1, 2 or 3 into an owned tensor: C or Fortran order, either byte order,
/// bool, integers, float16 to float64, complex64 and complex128. `name` is for messages. Throws Error:
/// bad_data when damaged or truncated, unsupported for strings, objects, dates, records and long doubles,
/// limit_exceeded above limits.max_tensor_bytes (checked before memory is taken).
Tensor parse_npy(std::span<const std::byte> bytes, std::string_view name, const Limits& limits = {});

/// parse_npy on a file. Throws Error(not_found) or Error(io) when it cannot be read.
Tensor read_npy(const std::filesystem::path& path, const Limits& limits = {});

/// Writes version 1, C order, little endian; whole or not at all. Throws Error: unsupported for a dtype that
/// numpy lacks (bfloat16, float8, packed int4, string), io.
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

/// The header that write_npy writes: magic to newline, a multiple of 64 bytes.
std::string npy_header(const Tensor& tensor);

}  // namespace spinel
