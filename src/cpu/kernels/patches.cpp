// A convolution's patches as rows of a matrix.
#include "cpu/kernels/patches.hpp"

#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

template <class T, class Out>
void copy(const T* from, int64_t count, Out* to) {
  for (; count >= vector_floats; count -= vector_floats, from += vector_floats, to += vector_floats)
    store(to, load(from));
  if (count > 0) store_partial(to, load_partial(from, count), count);
}

template <class Out>
void clear(Out* to, int64_t count) {
  for (; count >= vector_floats; count -= vector_floats, to += vector_floats) store(to, Vec{});
  if (count > 0) store_partial(to, Vec{}, count);
}

/// Elements [begin, begin + count) of one kernel row of a patch, which are `taps` pixels of p.channels each;
/// the first pixel is at column `column` of the image row, where pixels outside are zero. Neighbouring pixels
/// are contiguous.
template <class T, class Out>
void copy_dense_run(const Patches& p, const T* row, int64_t column, int64_t begin, int64_t count, Out* to) {
  const int64_t first = -column * p.channels;           // Elements before it lie left of the image,
  const int64_t end = (p.width - column) * p.channels;  // and from here on right of it.
  const int64_t left = begin < first ? (first - begin < count ? first - begin : count) : 0;
  clear(to, left);
  const int64_t stop = begin + count < end ? begin + count : end;
  const int64_t inside = stop - (begin + left) > 0 ? stop - (begin + left) : 0;
  if (inside > 0) copy(row + column * p.channels + begin + left, inside, to + left);
  clear(to + left + inside, count - left - inside);
}

/// The same where pixels lie apart (dilation, or channels of a group).
template <class T, class Out>
void copy_sparse_run(const Patches& p, const T* row, int64_t column, int64_t begin, int64_t count, Out* to) {
  while (count > 0) {
    const int64_t tap = begin / p.channels;
    const int64_t channel = begin % p.channels;
    const int64_t run = p.channels - channel < count ? p.channels - channel : count;
    const int64_t x = column + tap * p.dilation_w;
    if (x < 0 || x >= p.width)
      clear(to, run);
    else
      copy(row + x * p.pixel_stride + channel, run, to);
    begin += run;
    count -= run;
    to += run;
  }
}

/// Which row of a sample, counted over [depth, height], a row of the kernel meets in the patches of a line of
/// outputs; -1: padding.
int64_t image_row(const Patches& p, int64_t line, int64_t tap) {
  const int64_t y = line % p.out_height * p.stride_h - p.pad_top + tap % p.kernel_h * p.dilation_h;
  const int64_t z =
      line / p.out_height % p.out_depth * p.stride_d - p.pad_front + tap / p.kernel_h * p.dilation_d;
  return y >= 0 && y < p.height && z >= 0 && z < p.depth ? z * p.height + y : -1;
}

/// Whether some of the rows' patches have an element in columns [k, k + depth) that lies on the image. Only
/// kernel rows are looked at, which decide where rows are neighbours.
bool reaches_image(const Patches& p, int64_t row, int64_t rows, int64_t k, int64_t depth) {
  const int64_t kernel_row = p.kernel_w * p.channels;
  for (int64_t tap = k / kernel_row; tap <= (k + depth - 1) / kernel_row; ++tap)
    for (int64_t line = row / p.out_width; line <= (row + rows - 1) / p.out_width; ++line)
      if (image_row(p, line, tap) >= 0) return true;
  return false;
}

template <class T, class Out>
void pack_of(const Patches& p, int64_t row, int64_t rows, int64_t k, int64_t depth, Out* to,
             int64_t to_stride) {
  const bool dense = p.pixel_stride == p.channels && p.dilation_w == 1;
  const int64_t kernel_row = p.kernel_w * p.channels;
  const int64_t out_lines = p.out_depth * p.out_height;
  for (int64_t r = row; r < row + rows; ++r, to += to_stride) {
    const int64_t line = r / p.out_width;
    const int64_t ow = r % p.out_width;
    const T* image =
        static_cast<const T*>(p.x) + line / out_lines * p.depth * p.height * p.width * p.pixel_stride;
    const int64_t column = ow * p.stride_w - p.pad_left;
    Out* out = to;
    for (int64_t at = k; at < k + depth;) {
      const int64_t begin = at % kernel_row;
      const int64_t count = kernel_row - begin < k + depth - at ? kernel_row - begin : k + depth - at;
      const int64_t y = image_row(p, line, at / kernel_row);
      if (y < 0)
        clear(out, count);
      else if (dense)
        copy_dense_run(p, image + y * p.width * p.pixel_stride, column, begin, count, out);
      else
        copy_sparse_run(p, image + y * p.width * p.pixel_stride, column, begin, count, out);
      at += count;
      out += count;
    }
  }
}

}  // namespace

bool pack_patches(const Patches& patches, int64_t row, int64_t rows, int64_t k, int64_t depth, float* to,
                  int64_t to_stride) {
  if (!reaches_image(patches, row, rows, k, depth)) return false;
  if (patches.half)
    pack_of<uint16_t, float>(patches, row, rows, k, depth, to, to_stride);
  else
    pack_of<float, float>(patches, row, rows, k, depth, to, to_stride);
  return true;
}

bool pack_half_patches(const Patches& patches, int64_t row, int64_t rows, int64_t k, int64_t depth,
                       uint16_t* to, int64_t to_stride) {
  if (!reaches_image(patches, row, rows, k, depth)) return false;
  pack_of<uint16_t, uint16_t>(patches, row, rows, k, depth, to, to_stride);
  return true;
}

void widen_rows(const uint16_t* from, int64_t from_stride, int64_t rows, int64_t columns, float* to,
                int64_t to_stride) {
  for (int64_t row = 0; row < rows; ++row) copy(from + row * from_stride, columns, to + row * to_stride);
}

void narrow_rows(const float* from, int64_t from_stride, int64_t rows, int64_t columns, uint16_t* to,
                 int64_t to_stride) {
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t c = 0; c < columns; c += vector_floats)
      store_some(to + row * to_stride + c, load_some(from + row * from_stride + c, columns - c), columns - c);
}

}  // namespace spinel::cpu::SPINEL_ISA
