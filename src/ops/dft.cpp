// DFT: the discrete Fourier transform along one axis.
#include "ops/compute_type.hpp"
#include "ops/elements.hpp"
#include "ops/fft.hpp"
#include "ops/op_args.hpp"
#include "ops/scalar_input.hpp"

namespace spinel::ops {
namespace {

struct DftAttrs {
  int64_t axis = -2;
  bool axis_is_input = true;  ///< Opset 20: input 2, if it is given.
  bool inverse = false;
  bool onesided = false;
};

/// Signals that one task transforms together.
constexpr int64_t most_lanes = 8;

/// How the signals lie in a tensor [..., axis, ..., parts]: line l begins at element `first(l) * parts` of
/// it, and its next one is `inner * parts` further.
struct Lines {
  int64_t length, inner, parts;
  int64_t first(int64_t line) const { return line / inner * length * inner + line % inner; }
};

/// Input [..., 1 or 2] of real or complex numbers, optionally dft_length and axis (one number each); output
/// [..., 2], or [..., 1] for the inverse of a one-sided spectrum. The axis is cut or filled with zeros to
/// dft_length.
class Dft final : public Op {
 public:
  explicit Dft(DftAttrs attrs) : attrs_(attrs) {}

  std::string_view name() const override { return "DFT"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 1);
    require_float(context, 0, "input");
    const Shape* x = context.shape(0);
    if (x == nullptr) return context.set_tensor(0, context.dtype(0));
    check_parts(x->size(), x->empty() || !x->back().is_constant() ? 0 : x->back().constant(), shape_text(*x),
                ErrorCode::bad_model);
    Shape y = *x;
    y.back() = Dim(real_result() ? 1 : 2);
    Dim given = Dim(attrs_.axis);
    if (attrs_.axis_is_input && context.has_input(2)) given = known_scalar(context, 2);
    if (!given.is_constant()) {
      for (size_t i = 0; i + 1 < y.size(); ++i) y[i] = Dim::unknown();
      return context.set_tensor(0, context.dtype(0), std::move(y));
    }
    const auto axis = static_cast<size_t>(signal_axis(given.constant(), static_cast<int>(x->size())));
    Dim length = context.has_input(1) ? known_scalar(context, 1)
                 : real_result()      ? Dim(2) * (y[axis] - Dim(1))
                                      : y[axis];
    y[axis] = attrs_.onesided && !attrs_.inverse ? floor_div(length, Dim(2)) + Dim(1) : length;
    context.set_tensor(0, context.dtype(0), std::move(y));
  }

  void batch(BatchContext& context) const override {
    if (!require_fixed_inputs(context, 1)) return;
    std::optional<int64_t> given = attrs_.axis;
    if (attrs_.axis_is_input && context.has_input(2)) {
      const auto ints = context.input_ints(2);
      given.reset();
      if (ints && ints->size() == 1 && (*ints)[0].is_constant()) given = (*ints)[0].constant();
    }
    if (!given || !context.has_rank(0)) return context.block("the axis is not known");
    batch_keep_axis(context, {signal_axis(*given, context.rank(0)), context.rank(0) - 1},
                    "the transform along axis");
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    require_float(x, "input");
    check_parts(x.dims().size(), x.rank() == 0 ? 0 : x.dim(-1), describe(x), ErrorCode::invalid_argument);
    int64_t given = attrs_.axis;
    if (attrs_.axis_is_input && context.has_input(2)) given = int_scalar(context, 2, "axis");
    const auto axis = static_cast<size_t>(signal_axis(given, x.rank()));
    int64_t length = real_result() ? 2 * (x.dims()[axis] - 1) : x.dims()[axis];
    if (context.has_input(1)) length = int_scalar(context, 1, "dft_length");
    if (length < 1 || length > int64_t{1} << 31)
      fail(ErrorCode::invalid_argument, "a transform of {} elements is not possible", length);
    compute_in(x.dtype(), [&](auto type) { compute<decltype(type)>(context, axis, length); });
  }

 private:
  bool real_result() const { return attrs_.onesided && attrs_.inverse; }

  void check_parts(size_t rank, int64_t parts, const std::string& text, ErrorCode code) const {
    if (rank < 2 || parts > 2)
      fail(code, "the input {} must be [..., signal, 1] (real) or [..., signal, 2] (complex)", text);
    if (attrs_.onesided && !attrs_.inverse && parts == 2)
      fail(code, "the input {} is complex; a one-sided transform takes real signals", text);
  }

  static int signal_axis(int64_t given, int rank) {
    const int axis = normalize_axis(given, rank);
    if (axis == rank - 1)
      fail(ErrorCode::bad_model, "axis {} holds the parts of complex numbers and cannot be transformed",
           given);
    return axis;
  }

  template <class T>
  void compute(RunContext& context, size_t axis, int64_t length) const {
    const Tensor& x = context.input(0);
    const int64_t bins = attrs_.onesided && !attrs_.inverse ? length / 2 + 1 : length;
    Dims dims = x.dims();
    dims[axis] = bins;
    dims.back() = real_result() ? 1 : 2;
    const ComputeInput<T> from(x);
    ComputeOutput<T> y(context, 0, x.dtype(), dims);
    if (y.count() == 0) return;
    const Lines in{x.dims()[axis], dim_product(x.dims(), axis + 1, x.dims().size() - 1), x.dim(-1)};
    const Lines out{bins, in.inner, dims.back()};
    const int64_t lines = y.count() / out.parts / bins;
    const int64_t tasks = (lines + most_lanes - 1) / most_lanes;
    const auto each = [&](auto&& transform, int64_t work_per_lane) {
      context.parallel_for(tasks, [&](int64_t task) {
        const int64_t begin = task * most_lanes;
        const int64_t lanes = std::min(most_lanes, lines - begin);
        std::vector<T> memory(static_cast<size_t>((2 * length + work_per_lane) * lanes));
        T* const re = memory.data();
        T* const im = re + length * lanes;
        gather(from.data(), in, begin, lanes, length, re, im);
        transform(re, im, lanes, im + length * lanes);
        scatter(re, im, out, begin, lanes, y.data());
      });
    };
    if (in.parts == 1 && !attrs_.inverse) {
      const RealFft<T> fft(length);
      each(
          [&](T* re, T* im, int64_t lanes, T* work) {
            fft.forward(re, im, lanes, work);
            for (int64_t k = length / 2 + 1; k < bins; ++k)
              for (int64_t l = 0; l < lanes; ++l) {
                re[k * lanes + l] = re[(length - k) * lanes + l];
                im[k * lanes + l] = -im[(length - k) * lanes + l];
              }
          },
          fft.work_per_lane());
    } else {
      const Fft<T> fft(length);
      each(
          [&](T* re, T* im, int64_t lanes, T* work) {
            if (real_result()) mirror(re, im, lanes, length);
            if (!attrs_.inverse) return fft.forward(re, im, lanes, work);
            fft.forward(im, re, lanes, work);
            for (int64_t i = 0; i < 2 * length * lanes; ++i) re[i] /= static_cast<T>(length);
          },
          fft.work_per_lane());
    }
    y.store();
  }

  template <class T>
  static void gather(const T* x, const Lines& in, int64_t begin, int64_t lanes, int64_t length, T* re,
                     T* im) {
    const int64_t count = std::min(in.length, length);
    std::fill_n(re, 2 * length * lanes, T{0});
    for (int64_t l = 0; l < lanes; ++l) {
      const T* line = x + in.first(begin + l) * in.parts;
      for (int64_t i = 0; i < count; ++i) re[i * lanes + l] = line[i * in.inner * in.parts];
      for (int64_t i = 0; i < count && in.parts == 2; ++i) im[i * lanes + l] = line[i * in.inner * 2 + 1];
    }
  }

  template <class T>
  static void scatter(const T* re, const T* im, const Lines& out, int64_t begin, int64_t lanes, T* y) {
    for (int64_t l = 0; l < lanes; ++l) {
      T* line = y + out.first(begin + l) * out.parts;
      for (int64_t i = 0; i < out.length; ++i) {
        line[i * out.inner * out.parts] = re[i * lanes + l];
        if (out.parts == 2) line[i * out.inner * 2 + 1] = im[i * lanes + l];
      }
    }
  }

  /// Completes a one-sided spectrum to that of a real signal.
  template <class T>
  static void mirror(T* re, T* im, int64_t lanes, int64_t length) {
    for (int64_t l = 0; l < lanes; ++l) {
      im[l] = 0;
      if (length % 2 == 0) im[length / 2 * lanes + l] = 0;
    }
    for (int64_t k = 1; k < (length + 1) / 2; ++k)
      for (int64_t l = 0; l < lanes; ++l) {
        re[(length - k) * lanes + l] = re[k * lanes + l];
        im[(length - k) * lanes + l] = -im[k * lanes + l];
      }
  }

  DftAttrs attrs_;
};

}  // namespace

OpPtr make_dft(const OpArgs& args) {
  DftAttrs attrs;
  attrs.axis_is_input = args.version() >= 20;
  if (!attrs.axis_is_input) attrs.axis = args.get_int("axis", 1);
  attrs.inverse = args.get_flag("inverse", false);
  attrs.onesided = args.get_flag("onesided", false);
  return std::make_shared<Dft>(attrs);
}

}  // namespace spinel::ops
