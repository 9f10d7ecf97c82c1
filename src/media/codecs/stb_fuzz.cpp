// BMP, PSD and PNM by their signature, all else as TGA, which has none.
#include "media/codecs/fuzz_image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace spinel::media;
  fuzz_decode(data, size, [](auto bytes, auto name, const auto& limits) {
    switch (sniff_format(bytes)) {
      case Format::bmp:
        return decode_bmp(bytes, name, limits);
      case Format::psd:
        return decode_psd(bytes, name, limits);
      case Format::pnm:
        return decode_pnm(bytes, name, limits);
      default:
        return decode_tga(bytes, name, limits);
    }
  });
  return 0;
}
