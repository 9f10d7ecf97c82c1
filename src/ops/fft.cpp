#include "ops/fft.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace spinel::ops {
namespace {

constexpr int64_t largest_radix = 31;

/// exp(-2 pi i k / n) for k in [0, count).
template <class T>
void fill_twiddles(int64_t n, int64_t count, std::vector<T>& re, std::vector<T>& im) {
  re.resize(static_cast<size_t>(count));
  im.resize(static_cast<size_t>(count));
  for (int64_t k = 0; k < count; ++k) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
    re[static_cast<size_t>(k)] = static_cast<T>(std::cos(angle));
    im[static_cast<size_t>(k)] = static_cast<T>(-std::sin(angle));
  }
}

/// One pass reads x and writes y: both hold transforms of length `n` (the rest of the whole), `stride` of
/// them side by side. Element q of the side-by-side ones is contiguous.
template <class T>
struct Pass {
  int64_t n, stride, radix;
  const T *x_re, *x_im;
  T *y_re, *y_im;
  const T *cos, *sin;      ///< Twiddles of the whole length,
  int64_t whole, stretch;  ///< which is `whole` = n * stretch.

  void radix2() const {
    const int64_t m = n / 2;
    for (int64_t p = 0; p < m; ++p) {
      const T wr = cos[p * stretch], wi = sin[p * stretch];
      const T *ar = x_re + p * stride, *ai = x_im + p * stride;
      const T *br = ar + m * stride, *bi = ai + m * stride;
      T* __restrict cr = y_re + 2 * p * stride, * __restrict ci = y_im + 2 * p * stride;
      T* __restrict dr = cr + stride, * __restrict di = ci + stride;
      for (int64_t q = 0; q < stride; ++q) {
        const T re = ar[q] - br[q], im = ai[q] - bi[q];
        cr[q] = ar[q] + br[q];
        ci[q] = ai[q] + bi[q];
        dr[q] = re * wr - im * wi;
        di[q] = re * wi + im * wr;
      }
    }
  }

  void radix4() const {
    const int64_t m = n / 4;
    for (int64_t p = 0; p < m; ++p) {
      const T w1r = cos[p * stretch], w1i = sin[p * stretch];
      const T w2r = cos[2 * p * stretch], w2i = sin[2 * p * stretch];
      const T w3r = cos[3 * p * stretch], w3i = sin[3 * p * stretch];
      const int64_t step = m * stride;
      const T *ar = x_re + p * stride, *ai = x_im + p * stride;
      T* __restrict r0 = y_re + 4 * p * stride, * __restrict i0 = y_im + 4 * p * stride;
      T* __restrict r1 = r0 + stride, * __restrict i1 = i0 + stride;
      T* __restrict r2 = r1 + stride, * __restrict i2 = i1 + stride;
      T* __restrict r3 = r2 + stride, * __restrict i3 = i2 + stride;
      for (int64_t q = 0; q < stride; ++q) {
        const T sum02r = ar[q] + ar[q + 2 * step], sum02i = ai[q] + ai[q + 2 * step];
        const T dif02r = ar[q] - ar[q + 2 * step], dif02i = ai[q] - ai[q + 2 * step];
        const T sum13r = ar[q + step] + ar[q + 3 * step], sum13i = ai[q + step] + ai[q + 3 * step];
        const T dif13r = ar[q + step] - ar[q + 3 * step], dif13i = ai[q + step] - ai[q + 3 * step];
        r0[q] = sum02r + sum13r;
        i0[q] = sum02i + sum13i;
        const T b1r = dif02r + dif13i, b1i = dif02i - dif13r;
        const T b2r = sum02r - sum13r, b2i = sum02i - sum13i;
        const T b3r = dif02r - dif13i, b3i = dif02i + dif13r;
        r1[q] = b1r * w1r - b1i * w1i;
        i1[q] = b1r * w1i + b1i * w1r;
        r2[q] = b2r * w2r - b2i * w2i;
        i2[q] = b2r * w2i + b2i * w2r;
        r3[q] = b3r * w3r - b3i * w3i;
        i3[q] = b3r * w3i + b3i * w3r;
      }
    }
  }

  /// Any radix by the definition.
  void any_radix() const {
    const int64_t m = n / radix;
    for (int64_t p = 0; p < m; ++p) {
      for (int64_t j = 0; j < radix; ++j) {
        T* __restrict to_r = y_re + (radix * p + j) * stride, * __restrict to_i =
                                                                  y_im + (radix * p + j) * stride;
        std::fill_n(to_r, stride, T{0});
        std::fill_n(to_i, stride, T{0});
        for (int64_t k = 0; k < radix; ++k) {
          // exp(-2 pi i (j k / radix + j p / n))
          const int64_t turn = (j * k % radix * (whole / radix) + j * p * stretch) % whole;
          const T wr = cos[turn], wi = sin[turn];
          const T *ar = x_re + (p + k * m) * stride, *ai = x_im + (p + k * m) * stride;
          for (int64_t q = 0; q < stride; ++q) {
            to_r[q] += ar[q] * wr - ai[q] * wi;
            to_i[q] += ar[q] * wi + ai[q] * wr;
          }
        }
      }
    }
  }
};

/// The radices of a length, or nothing if it has a prime factor above largest_radix.
std::vector<int64_t> factors(int64_t n) {
  std::vector<int64_t> out;
  for (; n % 4 == 0; n /= 4) out.push_back(4);
  for (int64_t radix = 2; radix <= largest_radix; ++radix)
    for (; n % radix == 0; n /= radix) out.push_back(radix);
  if (n > 1) out.clear();
  return out;
}

}  // namespace

template <class T>
struct Fft<T>::Bluestein {
  Fft padded;                           ///< Of a power of two of at least 2 * length - 1.
  std::vector<T> chirp_re, chirp_im;    ///< exp(-pi i k^2 / length), k in [0, length)
  std::vector<T> filter_re, filter_im;  ///< The transform of the conjugate chirp, over padded.length().
};

template <class T>
Fft<T>::Fft(int64_t length) : length_(length), work_per_lane_(2 * length), radices_(factors(length)) {
  if (length == 1) return;
  if (!radices_.empty()) {
    fill_twiddles(length, length, cos_, sin_);
    return;
  }
  int64_t padded = 1;
  while (padded < 2 * length - 1) padded *= 2;
  work_per_lane_ = 4 * padded;
  Bluestein b{Fft(padded), {}, {}, {}, {}};
  b.filter_re.assign(static_cast<size_t>(padded), T{0});
  b.filter_im.assign(static_cast<size_t>(padded), T{0});
  for (int64_t k = 0; k < length; ++k) {
    // The remainder of a whole turn, 2 * length, keeps the angle exact.
    const int64_t square = k * k % (2 * length);
    const double angle = std::numbers::pi * static_cast<double>(square) / static_cast<double>(length);
    const T re = static_cast<T>(std::cos(angle)), im = static_cast<T>(std::sin(angle));
    b.chirp_re.push_back(re);
    b.chirp_im.push_back(-im);
    for (const int64_t at : {k, (padded - k) % padded}) {
      b.filter_re[static_cast<size_t>(at)] = re;
      b.filter_im[static_cast<size_t>(at)] = im;
    }
  }
  std::vector<T> work(static_cast<size_t>(b.padded.work_per_lane()));
  b.padded.forward(b.filter_re.data(), b.filter_im.data(), 1, work.data());
  for (T& each : b.filter_re) each /= static_cast<T>(padded);
  for (T& each : b.filter_im) each /= static_cast<T>(padded);
  bluestein_ = std::make_shared<const Bluestein>(std::move(b));
}

template <class T>
void Fft<T>::forward(T* re, T* im, int64_t lanes, T* work) const {
  if (length_ == 1) return;
  if (bluestein_)
    convolve(re, im, lanes, work);
  else
    passes(re, im, lanes, work);
}

template <class T>
void Fft<T>::passes(T* re, T* im, int64_t lanes, T* work) const {
  Pass<T> pass{.n = length_,
               .stride = lanes,
               .radix = 0,
               .x_re = re,
               .x_im = im,
               .y_re = work,
               .y_im = work + length_ * lanes,
               .cos = cos_.data(),
               .sin = sin_.data(),
               .whole = length_,
               .stretch = 1};
  for (const int64_t radix : radices_) {
    pass.radix = radix;
    if (radix == 4)
      pass.radix4();
    else if (radix == 2)
      pass.radix2();
    else
      pass.any_radix();
    pass.n /= radix;
    pass.stride *= radix;
    pass.stretch *= radix;
    const bool in_work = pass.y_re == work;
    pass.x_re = pass.y_re;
    pass.x_im = pass.y_im;
    pass.y_re = in_work ? re : work;
    pass.y_im = in_work ? im : work + length_ * lanes;
  }
  if (pass.x_re == re) return;
  std::copy_n(pass.x_re, length_ * lanes, re);
  std::copy_n(pass.x_im, length_ * lanes, im);
}

template <class T>
void Fft<T>::convolve(T* re, T* im, int64_t lanes, T* work) const {
  const Bluestein& b = *bluestein_;
  const int64_t padded = b.padded.length();
  T* const to_re = work;
  T* const to_im = work + padded * lanes;
  T* const rest = work + 2 * padded * lanes;
  const auto multiply = [lanes](const T* ar, const T* ai, T br, T bi, T* out_re, T* out_im) {
    for (int64_t l = 0; l < lanes; ++l) {
      const T r = ar[l] * br - ai[l] * bi, i = ar[l] * bi + ai[l] * br;
      out_re[l] = r;
      out_im[l] = i;
    }
  };
  for (int64_t k = 0; k < length_; ++k)
    multiply(re + k * lanes, im + k * lanes, b.chirp_re[static_cast<size_t>(k)],
             b.chirp_im[static_cast<size_t>(k)], to_re + k * lanes, to_im + k * lanes);
  std::fill(to_re + length_ * lanes, to_re + padded * lanes, T{0});
  std::fill(to_im + length_ * lanes, to_im + padded * lanes, T{0});
  b.padded.forward(to_re, to_im, lanes, rest);
  for (int64_t k = 0; k < padded; ++k)
    multiply(to_re + k * lanes, to_im + k * lanes, b.filter_re[static_cast<size_t>(k)],
             b.filter_im[static_cast<size_t>(k)], to_re + k * lanes, to_im + k * lanes);
  b.padded.forward(to_im, to_re, lanes, rest);
  for (int64_t k = 0; k < length_; ++k)
    multiply(to_re + k * lanes, to_im + k * lanes, b.chirp_re[static_cast<size_t>(k)],
             b.chirp_im[static_cast<size_t>(k)], re + k * lanes, im + k * lanes);
}

template <class T>
RealFft<T>::RealFft(int64_t length) : length_(length), fft_(length % 2 == 0 ? length / 2 : length) {
  if (length % 2 == 0) fill_twiddles(length, length / 2 + 1, cos_, sin_);
}

template <class T>
void RealFft<T>::forward(T* re, T* im, int64_t lanes, T* work) const {
  if (length_ % 2 != 0) {
    std::fill_n(im, length_ * lanes, T{0});
    return fft_.forward(re, im, lanes, work);
  }
  // Even elements are the real, odd ones the imaginary part of a signal of half the length.
  const int64_t half = length_ / 2;
  T* const z_re = work;
  T* const z_im = work + half * lanes;
  for (int64_t k = 0; k < half; ++k) {
    std::copy_n(re + 2 * k * lanes, lanes, z_re + k * lanes);
    std::copy_n(re + (2 * k + 1) * lanes, lanes, z_im + k * lanes);
  }
  fft_.forward(z_re, z_im, lanes, work + length_ * lanes);
  for (int64_t k = 0; k <= half; ++k) {
    const T wr = cos_[static_cast<size_t>(k)], wi = sin_[static_cast<size_t>(k)];
    const T *ar = z_re + k % half * lanes, *ai = z_im + k % half * lanes;
    const T *br = z_re + (half - k) % half * lanes, *bi = z_im + (half - k) % half * lanes;
    for (int64_t l = 0; l < lanes; ++l) {
      const T even_re = (ar[l] + br[l]) / 2, even_im = (ai[l] - bi[l]) / 2;
      const T odd_re = (ai[l] + bi[l]) / 2, odd_im = (br[l] - ar[l]) / 2;
      re[k * lanes + l] = even_re + odd_re * wr - odd_im * wi;
      im[k * lanes + l] = even_im + odd_re * wi + odd_im * wr;
    }
  }
}

template class Fft<float>;
template class Fft<double>;
template class RealFft<float>;
template class RealFft<double>;

}  // namespace spinel::ops
