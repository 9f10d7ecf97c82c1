// MelWeightMatrix: triangular filters that sum the bins of a spectrum into mel bands.
#include <cmath>

#include "ops/output_type.hpp"
#include "ops/scalar_input.hpp"

namespace spinel::ops {
namespace {

/// Inputs num_mel_bins, dft_length, sample_rate (integers), lower_edge_hertz, upper_edge_hertz (floats), one
/// number each; output [dft_length / 2 + 1, num_mel_bins].
class MelWeightMatrix final : public Op {
 public:
  explicit MelWeightMatrix(DType dtype) : dtype_(dtype) {}

  std::string_view name() const override { return "MelWeightMatrix"; }
  bool keeps_float32(size_t /*input*/) const override { return true; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 5);
    for (size_t i = 0; i < 3; ++i) require_index_type(context, i);
    context.set_tensor(0, dtype_,
                       Shape{floor_div(known_scalar(context, 1), Dim(2)) + Dim(1), known_scalar(context, 0)});
  }

  void batch(BatchContext& context) const override {
    context.block("the weights depend on the number of samples");
  }

  void run(RunContext& context) const override {
    const int64_t bands = int_scalar(context, 0, "num_mel_bins");
    const int64_t dft_length = int_scalar(context, 1, "dft_length");
    const int64_t sample_rate = int_scalar(context, 2, "sample_rate");
    const double low_hertz = float_scalar(context, 3, "lower_edge_hertz");
    const double high_hertz = float_scalar(context, 4, "upper_edge_hertz");
    if (bands < 0 || dft_length < 0 || sample_rate <= 0)
      fail(ErrorCode::invalid_argument,
           "num_mel_bins {}, dft_length {} and sample_rate {} make no matrix: sizes must not be negative, "
           "the rate above 0",
           bands, dft_length, sample_rate);
    if (!(low_hertz >= 0 && high_hertz >= low_hertz))
      fail(ErrorCode::invalid_argument, "the edges {} and {} Hz are no range of frequencies", low_hertz,
           high_hertz);
    const int64_t bins = dft_length / 2 + 1;
    Tensor& y = context.output(0, dtype_, {bins, bands});
    if (bands == 0) return;

    // Band i rises from edge i to edge i + 1 and falls to edge i + 2; edges are bins of the spectrum.
    const auto to_mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
    const double low = to_mel(low_hertz);
    const double step = (to_mel(high_hertz) - low) / static_cast<double>(bands + 2);
    std::vector<int64_t> edges;
    for (int64_t i = 0; i < bands + 2; ++i) {
      const double hertz = 700 * (std::pow(10.0, (low + step * static_cast<double>(i)) / 2595) - 1);
      edges.push_back(static_cast<int64_t>(
          std::floor(static_cast<double>(dft_length + 1) * hertz / static_cast<double>(sample_rate))));
      if (edges.back() >= bins)
        fail(ErrorCode::invalid_argument,
             "{} Hz lies beyond the {} bins of a spectrum at {} samples a second", hertz, bins, sample_rate);
    }
    for (int64_t bin = 0; bin < bins; ++bin) {
      for (int64_t band = 0; band < bands; ++band) {
        const double value = weight(edges.data() + band, bin);
        store(&value, y, bin * bands + band, 1);
      }
    }
  }

  std::shared_ptr<const Op> with_float_type(DType from, DType to) const override {
    return dtype_ == from ? std::make_shared<MelWeightMatrix>(to) : nullptr;
  }

 private:
  /// The triangle over edges[0] ... edges[2] at one bin.
  static double weight(const int64_t* edges, int64_t bin) {
    const int64_t low = edges[0], center = edges[1], high = edges[2];
    if (bin == center && (low == center || high == center)) return 1;
    if (bin >= low && bin < center) return static_cast<double>(bin - low) / static_cast<double>(center - low);
    if (bin >= center && bin < high)
      return static_cast<double>(high - bin) / static_cast<double>(high - center);
    return 0;
  }

  DType dtype_;
};

}  // namespace

OpPtr make_mel_weight_matrix(const OpArgs& args) {
  return std::make_shared<MelWeightMatrix>(numeric_output_type(args));
}

}  // namespace spinel::ops
