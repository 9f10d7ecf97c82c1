// ImageDecoder: the bytes of an image file become pixels.
#include <spinel/image.hpp>

#include "base/text.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

enum class PixelFormat { rgb, bgr, gray };

/// Input encoded_stream, uint8 [bytes]; output uint8 [height, width, 3], or 1 for grayscale, which is
/// Pillow's conversion of the RGB pixels. As the specification wants it, damaged images give [0, 0, 3];
/// formats that spinel::decode_image does not know are Error(unsupported).
class ImageDecoder final : public Op {
 public:
  explicit ImageDecoder(PixelFormat format) : format_(format) {}

  std::string_view name() const override { return "ImageDecoder"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 1);
    if (context.dtype(0) != DType::undefined && context.dtype(0) != DType::uint8)
      fail(ErrorCode::bad_model, "the encoded image is {}, not uint8", dtype_name(context.dtype(0)));
    context.set_tensor(0, DType::uint8, Shape{Dim::unknown(), Dim::unknown(), Dim(channels())});
  }

  void batch(BatchContext& context) const override { context.block("the bytes are those of one image"); }

  void run(RunContext& context) const override {
    const Tensor& encoded = context.input(0);
    require_dtype(encoded, {DType::uint8}, "the encoded image");
    Image image;
    try {
      image = decode_image(std::as_bytes(encoded.data<uint8_t>()), "encoded_stream");
    } catch (const Error& error) {
      if (error.code() != ErrorCode::bad_data) throw;
    }
    Tensor& y = context.output(0, DType::uint8, {image.height, image.width, channels()});
    uint8_t* to = y.data<uint8_t>().data();
    for (size_t i = 0; i < image.pixels.size(); i += 3) {
      const uint8_t red = image.pixels[i], green = image.pixels[i + 1], blue = image.pixels[i + 2];
      if (format_ == PixelFormat::gray) {
        *to++ = static_cast<uint8_t>((19595u * red + 38470u * green + 7471u * blue + 0x8000u) >> 16);
        continue;
      }
      *to++ = format_ == PixelFormat::rgb ? red : blue;
      *to++ = green;
      *to++ = format_ == PixelFormat::rgb ? blue : red;
    }
  }

 private:
  int64_t channels() const { return format_ == PixelFormat::gray ? 1 : 3; }

  PixelFormat format_;
};

}  // namespace

OpPtr make_image_decoder(const OpArgs& args) {
  const std::string format = args.get_string("pixel_format", "RGB");
  if (format == "RGB") return std::make_shared<ImageDecoder>(PixelFormat::rgb);
  if (format == "BGR") return std::make_shared<ImageDecoder>(PixelFormat::bgr);
  if (format == "Grayscale") return std::make_shared<ImageDecoder>(PixelFormat::gray);
  fail(ErrorCode::bad_model, "ImageDecoder: pixel_format '{}' is none of RGB, BGR, Grayscale", format);
}

}  // namespace spinel::ops
