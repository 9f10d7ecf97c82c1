// GridSample: a picture or volume read at the places that a grid names.
#include <array>
#include <cmath>

#include "ops/compute_type.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

enum class Mode { nearest, linear, cubic };
enum class Padding { zeros, border, reflection };

struct GridSampleAttrs {
  Mode mode = Mode::linear;
  Padding padding = Padding::zeros;
  bool align_corners = false;

  int64_t taps() const { return mode == Mode::nearest ? 1 : mode == Mode::linear ? 2 : 4; }
};

/// Grid points that one task computes, and how many such blocks have their taps placed at a time: a plane is
/// read from end to end for all of them, so that it stays in the cache wherever the points lie.
constexpr int64_t block = 2048;
constexpr int64_t blocks_at_a_time = 32;

/// The element that stands at `at` of an axis of `size` elements; -1 where there is none.
int64_t padded(int64_t at, int64_t size, const GridSampleAttrs& attrs) {
  if (at >= 0 && at < size) return at;
  if (attrs.padding == Padding::zeros) return -1;
  if (attrs.padding == Padding::border) return at < 0 ? 0 : size - 1;
  if (attrs.align_corners) {
    if (size == 1) return 0;
    const int64_t period = 2 * (size - 1);
    const int64_t within = (at % period + period) % period;
    return within < size ? within : period - within;
  }
  const int64_t within = (at % (2 * size) + 2 * size) % (2 * size);
  return within < size ? within : 2 * size - 1 - within;
}

/// One axis at one grid point: elements (-1: none) and their weights.
template <class T>
struct AxisTaps {
  int64_t index[4];
  T weight[4];
  bool plain = false;  ///< No tap lies outside: the indices follow each other.
};

template <class T>
AxisTaps<T> axis_taps(T coordinate, int64_t size, const GridSampleAttrs& attrs) {
  // As torch documents it; the bound keeps the conversion to an integer defined.
  if (std::isnan(coordinate)) coordinate = -1;
  const T length = static_cast<T>(size);
  T at = attrs.align_corners ? (coordinate + 1) / 2 * (length - 1) : ((coordinate + 1) * length - 1) / 2;
  at = std::clamp(at, T{-1e9}, T{1e9});
  AxisTaps<T> out;
  if (attrs.mode == Mode::nearest) {
    const int64_t nearest = static_cast<int64_t>(std::nearbyint(at));
    out.index[0] = padded(nearest, size, attrs);
    out.weight[0] = 1;
    out.plain = nearest >= 0 && nearest < size;
    return out;
  }
  const T floor = std::floor(at);
  const int64_t low = static_cast<int64_t>(floor);
  const T x = at - floor;
  if (attrs.mode == Mode::linear) {
    out.index[0] = padded(low, size, attrs);
    out.index[1] = padded(low + 1, size, attrs);
    out.weight[0] = 1 - x;
    out.weight[1] = x;
    out.plain = low >= 0 && low + 1 < size;
    return out;
  }
  // Keys' cubic kernel with a = -0.75.
  constexpr T a = -0.75;
  const auto inner = [](T d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  const auto outer = [](T d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  const T weights[4] = {outer(x + 1), inner(x), inner(1 - x), outer(2 - x)};
  for (int64_t tap = 0; tap < 4; ++tap) {
    out.index[tap] = padded(low - 1 + tap, size, attrs);
    out.weight[tap] = weights[tap];
  }
  out.plain = low >= 1 && low + 2 < size;
  return out;
}

/// Where the points of a block read a plane, tap by tap (row-major over the axes' taps).
template <class T>
struct BlockTaps {
  /// Points whose taps all lie within the plane: at `first` plus what `step` has for each tap.
  struct Plain {
    int32_t point;
    int64_t first;
  };
  /// A tap of another point that reads an element.
  struct Single {
    int32_t point;
    T weight;
    int64_t offset;
  };
  int64_t taps = 0;
  std::vector<int64_t> step;  ///< [taps]
  std::vector<Plain> plain;
  std::vector<T> plain_weight;  ///< [plain points][taps]
  std::vector<int32_t> others;
  std::vector<std::vector<Single>> singles;  ///< Of the other points, by tap.
};

/// `grid` holds for each point its coordinates, the last axis first.
template <class T>
BlockTaps<T> place(const T* grid, int64_t count, const Dims& spatial, const GridSampleAttrs& attrs) {
  const size_t rank = spatial.size();
  const int64_t per_axis = attrs.taps();
  BlockTaps<T> out;
  out.taps = 1;
  for (size_t i = 0; i < rank; ++i) out.taps *= per_axis;
  out.singles.resize(static_cast<size_t>(out.taps));
  // Which tap of each axis a tap is.
  std::vector<std::array<int64_t, 3>> which(static_cast<size_t>(out.taps));
  for (int64_t tap = 0; tap < out.taps; ++tap) {
    int64_t rest = tap, step = 0, stride = 1;
    for (size_t i = rank; i-- > 0; rest /= per_axis, stride *= spatial[i]) {
      which[static_cast<size_t>(tap)][i] = rest % per_axis;
      step += rest % per_axis * stride;
    }
    out.step.push_back(step);
  }
  for (int64_t at = 0; at < count; ++at) {
    const auto point = static_cast<int32_t>(at);
    AxisTaps<T> axes[3];
    bool plain = true;
    for (size_t i = 0; i < rank; ++i) {
      axes[i] = axis_taps(grid[at * static_cast<int64_t>(rank) + static_cast<int64_t>(rank - 1 - i)],
                          spatial[i], attrs);
      plain = plain && axes[i].plain;
    }
    if (!plain) out.others.push_back(point);
    for (size_t tap = 0; tap < which.size(); ++tap) {
      int64_t offset = 0;
      T weight = 1;
      for (size_t i = 0; i < rank; ++i) {
        const auto on_axis = static_cast<size_t>(which[tap][i]);
        offset = offset < 0 || axes[i].index[on_axis] < 0 ? -1 : offset * spatial[i] + axes[i].index[on_axis];
        weight *= axes[i].weight[on_axis];
      }
      if (plain && tap == 0) out.plain.push_back({point, offset});
      if (plain)
        out.plain_weight.push_back(weight);
      else if (offset >= 0)
        out.singles[tap].push_back({point, weight, offset});
    }
  }
  return out;
}

/// `known_taps` is the number of taps, or 0 where no constant has it.
template <int64_t known_taps, class T>
void interpolate_plain(const T* plane, const BlockTaps<T>& from, T* y) {
  const int64_t taps = known_taps > 0 ? known_taps : from.taps;
  const int64_t* const step = from.step.data();
  const T* weight = from.plain_weight.data();
  for (const auto& at : from.plain) {
    const T* first = plane + at.first;
    T sum = weight[0] * first[0];
    for (int64_t tap = 1; tap < taps; ++tap) sum += weight[tap] * first[step[tap]];
    y[at.point] = sum;
    weight += taps;
  }
}

template <class T>
void interpolate(const T* plane, const BlockTaps<T>& from, T* y) {
  if (from.taps == 4)
    interpolate_plain<4>(plane, from, y);
  else if (from.taps == 16)
    interpolate_plain<16>(plane, from, y);
  else
    interpolate_plain<0>(plane, from, y);
  for (const int32_t point : from.others) y[point] = 0;
  for (const auto& tap : from.singles)
    for (const auto& at : tap) y[at.point] += at.weight * plane[at.offset];
}

/// Inputs X [N, C, spatial...] (two or three axes) and grid [N, out..., spatial rank], coordinates -1 to 1,
/// the last axis first; output [N, C, out...]. Padding applies to each element that is read, as in ONNX
/// Runtime.
class GridSample final : public Op {
 public:
  explicit GridSample(GridSampleAttrs attrs) : attrs_(attrs) {}

  std::string_view name() const override { return "GridSample"; }
  bool keeps_float32(size_t input) const override { return input == 1; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    if (attrs_.mode == Mode::nearest)
      require_movable(context.dtype(0));
    else
      require_float(context, 0, "X");
    require_float(context, 1, "grid");
    require_rank(context, 0, "X", 4, 5);
    require_rank(context, 1, "grid", 4, 5);
    const Shape* x = context.shape(0);
    const Shape* grid = context.shape(1);
    if (x == nullptr || grid == nullptr) return context.set_tensor(0, context.dtype(0));
    const Dim& last = grid->back();
    if (grid->size() != x->size() ||
        (last.is_constant() && !last.is_constant(static_cast<int64_t>(x->size()) - 2)))
      fail(ErrorCode::bad_model,
           "X {} and grid {} do not fit: they must be [N, C, spatial...] and [N, out..., spatial rank]",
           shape_text(*x), shape_text(*grid));
    Shape y{(*x)[0], (*x)[1]};
    y.insert(y.end(), grid->begin() + 1, grid->end() - 1);
    context.set_tensor(0, context.dtype(0), std::move(y));
  }

  void batch(BatchContext& context) const override {
    for (size_t i = 0; i < 2; ++i) {
      const BatchState state = context.input(i);
      if (state.is_batched() && state.axis == 0) continue;
      const bool whole = state.is_shared() && context.has_rank(i) &&
                         equal(context.input_shape(i)->front(), context.batch_dim());
      if (!whole) return context.block("X and grid do not both have the batch as axis 0");
    }
    context.set_output(0, BatchState::batched(0));
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Tensor& grid = context.input(1);
    const int rank = x.rank() - 2;
    if (rank < 2 || rank > 3 || grid.rank() != x.rank() || grid.dim(-1) != rank || grid.dim(0) != x.dim(0))
      fail(ErrorCode::invalid_argument,
           "X {} and grid {} do not fit: they must be [N, C, spatial...] and [N, out..., spatial rank]",
           describe(x), describe(grid));
    if (attrs_.mode == Mode::nearest) return pick(context);
    require_float(x, "X");
    compute_in(x.dtype(), [&](auto type) { interpolate_all<decltype(type)>(context); });
  }

 private:
  struct Sizes {
    Dims spatial, out;
    int64_t samples, channels, plane, points, blocks;
  };

  static Sizes sizes(const Tensor& x, const Tensor& grid) {
    Sizes s;
    s.spatial.assign(x.dims().begin() + 2, x.dims().end());
    s.out = {x.dim(0), x.dim(1)};
    s.out.insert(s.out.end(), grid.dims().begin() + 1, grid.dims().end() - 1);
    s.samples = x.dim(0);
    s.channels = x.dim(1);
    s.plane = dim_product(x.dims(), 2, x.dims().size());
    s.points = dim_product(s.out, 2, s.out.size());
    s.blocks = (s.points + block - 1) / block;
    if (s.plane == 0 && element_count(s.out) > 0)
      fail(ErrorCode::invalid_argument, "X {} has no elements to read", describe(x));
    return s;
  }

  /// Calls fn(plane, first point, taps) for blocks of every plane of the output.
  template <class T, class Fn>
  void for_blocks(RunContext& context, const Sizes& s, Fn&& fn) const {
    if (element_count(s.out) == 0) return;
    const ComputeInput<T> grid(context.input(1));
    const int64_t rank = static_cast<int64_t>(s.spatial.size());
    std::vector<BlockTaps<T>> taps(static_cast<size_t>(std::min(s.blocks, blocks_at_a_time)));
    for (int64_t sample = 0; sample < s.samples; ++sample) {
      for (int64_t first = 0; first < s.blocks; first += blocks_at_a_time) {
        const int64_t blocks = std::min(blocks_at_a_time, s.blocks - first);
        context.parallel_for(blocks, [&](int64_t at) {
          const int64_t begin = (first + at) * block;
          taps[static_cast<size_t>(at)] = place(grid.data() + (sample * s.points + begin) * rank,
                                                std::min(block, s.points - begin), s.spatial, attrs_);
        });
        context.parallel_for(s.channels * blocks, [&](int64_t task) {
          fn(sample * s.channels + task / blocks, (first + task % blocks) * block,
             taps[static_cast<size_t>(task % blocks)]);
        });
      }
    }
  }

  template <class T>
  void interpolate_all(RunContext& context) const {
    const Tensor& x = context.input(0);
    const Sizes s = sizes(x, context.input(1));
    const ComputeInput<T> from(x);
    ComputeOutput<T> y(context, 0, x.dtype(), s.out);
    for_blocks<T>(context, s, [&](int64_t plane, int64_t begin, const BlockTaps<T>& taps) {
      interpolate(from.data() + plane * s.plane, taps, y.data() + plane * s.points + begin);
    });
    y.store();
  }

  /// Nearest moves elements of any type.
  void pick(RunContext& context) const {
    const Tensor& x = context.input(0);
    const Sizes s = sizes(x, context.input(1));
    Tensor& y = context.output(0, x.dtype(), s.out);
    const auto all = [&]<class Coordinate>(Coordinate) {
      with_storage_type(x.dtype(), [&](auto type) {
        using T = decltype(type);
        for_blocks<Coordinate>(context, s, [&](int64_t plane, int64_t begin, const auto& taps) {
          const T* from = storage<T>(x) + plane * s.plane;
          T* to = storage<T>(y) + plane * s.points + begin;
          for (const auto& at : taps.plain) to[at.point] = from[at.first];
          for (const int32_t point : taps.others) to[point] = T{};
          for (const auto& at : taps.singles[0]) to[at.point] = from[at.offset];
        });
      });
    };
    compute_in(context.input(1).dtype(), all);
  }

  GridSampleAttrs attrs_;
};

}  // namespace

OpPtr make_grid_sample(const OpArgs& args) {
  GridSampleAttrs attrs;
  const std::string mode = args.get_string("mode", args.version() < 20 ? "bilinear" : "linear");
  if (mode == "nearest")
    attrs.mode = Mode::nearest;
  else if (mode == "cubic" || mode == "bicubic")
    attrs.mode = Mode::cubic;
  else if (mode != "linear" && mode != "bilinear")
    fail(ErrorCode::bad_model, "GridSample: mode '{}' is none of nearest, linear, cubic", mode);
  const std::string padding = args.get_string("padding_mode", "zeros");
  if (padding == "border")
    attrs.padding = Padding::border;
  else if (padding == "reflection")
    attrs.padding = Padding::reflection;
  else if (padding != "zeros")
    fail(ErrorCode::bad_model, "GridSample: padding_mode '{}' is none of zeros, border, reflection", padding);
  attrs.align_corners = args.get_flag("align_corners", false);
  return std::make_shared<GridSample>(attrs);
}

}  // namespace spinel::ops
