// Discrete Fourier transforms of any length, of several signals at once.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

namespace spinel::ops {

/// A plan for one length; T is float or double. Lengths whose prime factors are at most 31 are computed by
/// Stockham's mixed-radix passes (radix 4 where it divides), others by Bluestein's convolution with a chirp,
/// so that the work is always of order n log n. Immutable; the twiddles are computed in float64.
///
/// Signals are stored lane by lane: element i of signal l is re[i * lanes + l], im[i * lanes + l]. Every
/// signal's result is the same whatever stands in the other lanes and however many there are.
template <class T>
class Fft {
 public:
  /// `length` is 1 or more.
  explicit Fft(int64_t length);

  int64_t length() const noexcept { return length_; }
  /// How many elements of `work` forward() needs for each lane.
  int64_t work_per_lane() const noexcept { return work_per_lane_; }
  /// y[k] = sum over n of x[n] exp(-2 pi i k n / length), in place. With re and im exchanged it is the
  /// inverse transform, times the length.
  void forward(T* re, T* im, int64_t lanes, T* work) const;

 private:
  void passes(T* re, T* im, int64_t lanes, T* work) const;
  void convolve(T* re, T* im, int64_t lanes, T* work) const;

  struct Bluestein;

  int64_t length_;
  int64_t work_per_lane_;
  std::vector<int64_t> radices_;
  std::vector<T> cos_, sin_;  ///< exp(-2 pi i k / length), k in [0, length)
  std::shared_ptr<const Bluestein> bluestein_;
};

/// The transform of real signals: elements 0 ... length / 2 of the spectrum. Even lengths take half the work.
template <class T>
class RealFft {
 public:
  explicit RealFft(int64_t length);

  int64_t length() const noexcept { return length_; }
  int64_t bins() const noexcept { return length_ / 2 + 1; }
  int64_t work_per_lane() const noexcept { return fft_.work_per_lane() + (length_ % 2 == 0 ? length_ : 0); }
  /// `re` holds the signals, lane by lane; the first bins() of re and im, which have room for length elements
  /// a lane, become the spectrum.
  void forward(T* re, T* im, int64_t lanes, T* work) const;

 private:
  int64_t length_;
  Fft<T> fft_;
  std::vector<T> cos_, sin_;  ///< exp(-2 pi i k / length), k in [0, length / 2]
};

}  // namespace spinel::ops
