// The one place where stb_image is compiled: four formats, from memory, no files, no asserts, no linear
// light.
#include <cstdint>
#include <cstdlib>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_BMP
#define STBI_ONLY_TGA
#define STBI_ONLY_PSD
#define STBI_ONLY_PNM
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_ASSERT(condition) static_cast<void>(0)
#include <stb/stb_image.h>

#include "media/codecs/stb_image.hpp"

namespace spinel::media {

StbPixels stb_decode(const void* bytes, size_t size_bytes, int channels) {
  StbPixels out;
  int found = 0;
  out.data = stbi_load_from_memory(static_cast<const stbi_uc*>(bytes), static_cast<int>(size_bytes),
                                   &out.width, &out.height, &found, channels);
  if (out.data == nullptr) out.reason = stbi_failure_reason();
  return out;
}

void stb_free(uint8_t* pixels) { stbi_image_free(pixels); }

}  // namespace spinel::media
