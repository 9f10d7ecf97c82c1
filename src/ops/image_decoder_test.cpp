#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;

namespace {

/// Two pixels, (255, 0, 0) and (10, 20, 30), as PPM.
Tensor picture() {
  const std::string text = "P6\n2 1\n255\n";
  std::vector<uint8_t> bytes(text.begin(), text.end());
  for (const int value : {255, 0, 0, 10, 20, 30}) bytes.push_back(static_cast<uint8_t>(value));
  Tensor out(DType::uint8, {static_cast<int64_t>(bytes.size())});
  std::ranges::copy(bytes, out.data<uint8_t>().begin());
  return out;
}

Tensor decode(const char* format, const Tensor& bytes) {
  return run_op("ImageDecoder", 20, {{"pixel_format", format}}, {bytes})[0];
}

}  // namespace

TEST_CASE("ImageDecoder", "[image_decoder]") {
  try {
    decode("RGB", picture());
  } catch (const Error& error) {
    REQUIRE(error.code() == ErrorCode::unsupported);
    WARN("skipped: built without codecs");
    return;
  }
  expect_close(decode("RGB", picture()), Tensor::from<uint8_t>({1, 2, 3}, {255, 0, 0, 10, 20, 30}));
  expect_close(decode("BGR", picture()), Tensor::from<uint8_t>({1, 2, 3}, {0, 0, 255, 30, 20, 10}));
  // Pillow: (299 R + 587 G + 114 B) / 1000 in fixed point.
  expect_close(decode("Grayscale", picture()), Tensor::from<uint8_t>({1, 2, 1}, {76, 18}));
  CHECK(decode("RGB", slice_axis(picture(), 0, 0, 12)).dims() == Dims{0, 0, 3});
  CHECK(decode("Grayscale", Tensor(DType::uint8, {0})).dims() == Dims{0, 0, 1});
  expect_error(ErrorCode::bad_model, "none of RGB", [] { decode("CMYK", picture()); });
  expect_error(ErrorCode::bad_model, "not uint8", [] { infer_op("ImageDecoder", 20, {}, {ints({1}, {1})}); });
}
