// What the rest of the codecs sees of stb_image.
#pragma once
#include <cstddef>
#include <cstdint>

namespace spinel::media {

struct StbPixels {
  uint8_t* data = nullptr;  ///< height * width * channels, to be given to stb_free; null on failure.
  int width = 0;
  int height = 0;
  const char* reason = nullptr;  ///< Of the failure; static text.
};

/// Decodes BMP, TGA, PSD or PNM to `channels` (1 or 3) 8-bit samples a pixel. size_bytes is at most 2^31 - 1.
StbPixels stb_decode(const void* bytes, size_t size_bytes, int channels);
void stb_free(uint8_t* pixels);

}  // namespace spinel::media
