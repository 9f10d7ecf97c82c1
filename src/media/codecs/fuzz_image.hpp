// What the fuzzers of the image formats share.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include <spinel/error.hpp>

#include "media/format.hpp"

namespace spinel::media {

/// Decodes with a small pixel limit. Any other outcome than an image of the right size or an Error is a
/// finding.
template <class Decode>
void fuzz_decode(const uint8_t* data, size_t size, Decode&& decode) {
  Limits limits;
  limits.max_image_pixels = 1 << 16;
  try {
    const Image image = decode(std::as_bytes(std::span(data, size)), "fuzz", limits);
    if (image.pixels.size() != static_cast<size_t>(image.width) * static_cast<size_t>(image.height) * 3)
      __builtin_trap();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) __builtin_trap();
  }
}

}  // namespace spinel::media
