#include "media/codecs/fuzz_image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  spinel::media::fuzz_decode(data, size, spinel::media::decode_jpeg);
  return 0;
}
