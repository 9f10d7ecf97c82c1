// Resizing of a part of the result only.
#pragma once
#include <spinel/image.hpp>

namespace spinel::media {

/// A size in pixels.
struct Size {
  int width = 0;
  int height = 0;
};
/// A rectangle in pixels.
struct Window {
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;
};

/// The size that torchvision's Resize(shorter) gives an image. Throws Error(invalid_argument) if a side
/// passes 2^31.
Size short_side_size(Size image, int shorter);

/// crop(resize(image, to), window) without computing the pixels outside `window`, which lies within `to`.
Image resize_window(const Image& image, Size to, Window window, Interpolation interpolation);

/// center_crop(resize(image, to)), computing the pixels that remain alone.
Image resize_and_crop(const Image& image, Size to, Size crop, Interpolation interpolation);

/// Throws Error(invalid_argument) unless the image's pixels are as many as its size says, and at least one.
void check_image(const Image& image);

}  // namespace spinel::media
