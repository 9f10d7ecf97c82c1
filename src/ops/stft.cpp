// STFT: the Fourier transforms of overlapping pieces of a signal.
#include "ops/compute_type.hpp"
#include "ops/fft.hpp"
#include "ops/op_args.hpp"
#include "ops/scalar_input.hpp"

namespace spinel::ops {
namespace {

/// Frames that one task transforms together.
constexpr int64_t most_lanes = 8;

/// Inputs signal [N, length, 1 or 2] (real or complex), frame_step (one number), and optionally window
/// [frame_length] and frame_length (one number); output [N, frames, bins, 2]. One-sided spectra end at half
/// the frame's length.
class Stft final : public Op {
 public:
  explicit Stft(bool onesided) : onesided_(onesided) {}

  std::string_view name() const override { return "STFT"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    require_float(context, 0, "signal");
    require_index_type(context, 1);
    require_float(context, 2, "window");
    require_rank(context, 0, "signal", 3, 3);
    require_rank(context, 2, "window", 1, 1);
    const Shape* x = context.shape(0);
    const Dim length = x ? (*x)[1] : Dim::unknown();
    Dim frame = length;
    if (context.has_input(3))
      frame = known_scalar(context, 3);
    else if (context.has_input(2))
      frame = context.shape(2) ? (*context.shape(2))[0] : Dim::unknown();
    const Dim step = known_scalar(context, 1);
    Dim frames = Dim::unknown();
    if (step.is_constant() && step.constant() > 0) frames = floor_div(length - frame, step) + Dim(1);
    const Dim bins = onesided_ ? floor_div(frame, Dim(2)) + Dim(1) : frame;
    context.set_tensor(0, context.dtype(0), Shape{x ? (*x)[0] : Dim::unknown(), frames, bins, Dim(2)});
  }

  void batch(BatchContext& context) const override {
    if (!require_fixed_inputs(context, 1)) return;
    batch_keep_axis(context, {1, 2}, "frames along axis");
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    require_float(x, "signal");
    if (x.rank() != 3 || x.dim(2) < 1 || x.dim(2) > 2)
      fail(ErrorCode::invalid_argument,
           "the signal {} must be [N, length, 1] (real) or [N, length, 2] (complex)", describe(x));
    const int64_t step = int_scalar(context, 1, "frame_step");
    int64_t frame = x.dim(1);
    if (context.has_input(2)) frame = context.input(2).element_count();
    if (context.has_input(3)) frame = int_scalar(context, 3, "frame_length");
    if (context.has_input(2) && context.input(2).dims() != Dims{frame})
      fail(ErrorCode::invalid_argument, "the window {} does not fit frames of {} elements",
           describe(context.input(2)), frame);
    if (step < 1 || frame < 1 || frame > x.dim(1))
      fail(ErrorCode::invalid_argument, "a signal of {} elements cannot be cut into frames of {} every {}",
           x.dim(1), frame, step);
    compute_in(x.dtype(), [&](auto type) { compute<decltype(type)>(context, frame, step); });
  }

 private:
  template <class T>
  void compute(RunContext& context, int64_t frame, int64_t step) const {
    const Tensor& x = context.input(0);
    const int64_t length = x.dim(1), parts = x.dim(2);
    const int64_t frames = (length - frame) / step + 1;
    const int64_t bins = onesided_ ? frame / 2 + 1 : frame;
    const ComputeInput<T> from(x);
    const ComputeInput<T> window =
        context.has_input(2) ? ComputeInput<T>(context.input(2)) : ComputeInput<T>();
    ComputeOutput<T> y(context, 0, x.dtype(), {x.dim(0), frames, bins, 2});
    if (y.count() == 0) return;
    // Only the plan that is used is made.
    const std::optional<RealFft<T>> real = parts == 1 ? std::optional<RealFft<T>>(frame) : std::nullopt;
    const std::optional<Fft<T>> complex = parts == 2 ? std::optional<Fft<T>>(frame) : std::nullopt;
    const int64_t work = real ? real->work_per_lane() : complex->work_per_lane();
    const int64_t blocks = (frames + most_lanes - 1) / most_lanes;
    context.parallel_for(x.dim(0) * blocks, [&](int64_t task) {
      const int64_t sample = task / blocks;
      const int64_t begin = task % blocks * most_lanes;
      const int64_t lanes = std::min(most_lanes, frames - begin);
      std::vector<T> memory(static_cast<size_t>((2 * frame + work) * lanes));
      T* const re = memory.data();
      T* const im = re + frame * lanes;
      for (int64_t l = 0; l < lanes; ++l) {
        const T* signal = from.data() + (sample * length + (begin + l) * step) * parts;
        for (int64_t i = 0; i < frame; ++i) {
          const T weight = context.has_input(2) ? window[i] : T{1};
          re[i * lanes + l] = signal[i * parts] * weight;
          if (parts == 2) im[i * lanes + l] = signal[i * 2 + 1] * weight;
        }
      }
      if (real)
        real->forward(re, im, lanes, im + frame * lanes);
      else
        complex->forward(re, im, lanes, im + frame * lanes);
      for (int64_t l = 0; l < lanes; ++l) {
        T* to = y.data() + (sample * frames + begin + l) * bins * 2;
        for (int64_t k = 0; k < bins; ++k) {
          const bool mirrored = real && k > frame / 2;
          const int64_t at = (mirrored ? frame - k : k) * lanes + l;
          to[2 * k] = re[at];
          to[2 * k + 1] = mirrored ? -im[at] : im[at];
        }
      }
    });
    y.store();
  }

  bool onesided_;
};

}  // namespace

OpPtr make_stft(const OpArgs& args) { return std::make_shared<Stft>(args.get_flag("onesided", true)); }

}  // namespace spinel::ops
