// NonMaxSuppression: of the boxes of each class, the best ones that do not overlap a better one too much.
#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

#include "ops/compute_type.hpp"
#include "ops/op_args.hpp"
#include "ops/scalar_input.hpp"

namespace spinel::ops {
namespace {

/// The boxes of one image, or those chosen so far, coordinate by coordinate.
struct Boxes {
  std::vector<float> x0, y0, x1, y1, area;

  size_t size() const { return area.size(); }
  void push(const Boxes& from, size_t at) {
    x0.push_back(from.x0[at]);
    y0.push_back(from.y0[at]);
    x1.push_back(from.x1[at]);
    y1.push_back(from.y1[at]);
    area.push_back(from.area[at]);
  }
};

/// `data` holds [count, 4]: two opposite corners (y, x, y, x) in any order, or centre and size (x, y, w, h).
Boxes read_boxes(const float* data, int64_t count, bool center_format) {
  Boxes out;
  for (int64_t i = 0; i < count; ++i, data += 4) {
    if (center_format) {
      const float half_width = data[2] / 2;
      const float half_height = data[3] / 2;
      out.x0.push_back(data[0] - half_width);
      out.x1.push_back(data[0] + half_width);
      out.y0.push_back(data[1] - half_height);
      out.y1.push_back(data[1] + half_height);
    } else {
      out.y0.push_back(std::min(data[0], data[2]));
      out.y1.push_back(std::max(data[0], data[2]));
      out.x0.push_back(std::min(data[1], data[3]));
      out.x1.push_back(std::max(data[1], data[3]));
    }
    out.area.push_back((out.x1.back() - out.x0.back()) * (out.y1.back() - out.y0.back()));
  }
  return out;
}

/// Whether the box overlaps one of `chosen` by more than the threshold. Boxes without an area overlap none.
bool is_suppressed(const Boxes& chosen, const Boxes& boxes, size_t at, float iou_threshold) {
  constexpr size_t lanes =
      16;  // A block without branches, which the compiler turns into vector instructions.
  const float x0 = boxes.x0[at], y0 = boxes.y0[at], x1 = boxes.x1[at], y1 = boxes.y1[at];
  const float area = boxes.area[at];
  if (!(area > 0)) return false;
  for (size_t begin = 0; begin < chosen.size(); begin += lanes) {
    const size_t end = std::min(begin + lanes, chosen.size());
    int hits = 0;
    for (size_t i = begin; i < end; ++i) {
      const float width = std::min(x1, chosen.x1[i]) - std::max(x0, chosen.x0[i]);
      const float height = std::min(y1, chosen.y1[i]) - std::max(y0, chosen.y0[i]);
      const float common = width * height;
      const float both = chosen.area[i] + area - common;
      hits += static_cast<int>(width > 0) & static_cast<int>(height > 0) & static_cast<int>(common > 0) &
              static_cast<int>(chosen.area[i] > 0) & static_cast<int>(both > 0) &
              static_cast<int>(common / both > iou_threshold);
    }
    if (hits > 0) return true;
  }
  return false;
}

/// Inputs boxes [batches, boxes, 4], scores [batches, classes, boxes] and optionally, one number each,
/// max_output_boxes_per_class, iou_threshold and score_threshold; output [selected, 3] of batch, class and
/// box, ordered by batch, class and falling score, equal scores by box: as ONNX Runtime has it.
class NonMaxSuppression final : public Op {
 public:
  explicit NonMaxSuppression(bool center_format) : center_format_(center_format) {}

  std::string_view name() const override { return "NonMaxSuppression"; }
  bool keeps_float32(size_t /*input*/) const override { return true; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    for (size_t i = 0; i < 2; ++i) {
      require_rank(context, i, i == 0 ? "boxes" : "scores", 3, 3);
      if (context.dtype(i) != DType::undefined && context.dtype(i) != DType::float32)
        fail(ErrorCode::bad_model, "boxes and scores must be float32, not {}", dtype_name(context.dtype(i)));
    }
    context.set_tensor(0, DType::int64, Shape{Dim::unknown(), Dim(3)});
  }

  void batch(BatchContext& context) const override {
    context.block("how many boxes are selected depends on all samples");
  }

  void run(RunContext& context) const override {
    const Tensor& boxes = context.input(0);
    const Tensor& scores = context.input(1);
    if (boxes.rank() != 3 || scores.rank() != 3 || boxes.dim(2) != 4 || boxes.dim(0) != scores.dim(0) ||
        boxes.dim(1) != scores.dim(2))
      fail(
          ErrorCode::invalid_argument,
          "boxes {} and scores {} do not fit: they must be [batches, boxes, 4] and [batches, classes, boxes]",
          describe(boxes), describe(scores));
    if (boxes.dim(1) > int64_t{0xffffffff})
      fail(ErrorCode::unsupported, "{} boxes an image are more than can be told apart", boxes.dim(1));
    const int64_t most = context.has_input(2) ? int_scalar(context, 2, "max_output_boxes_per_class") : 0;
    const double iou = context.has_input(3) ? float_scalar(context, 3, "iou_threshold") : 0;
    if (!(iou >= 0 && iou <= 1))
      fail(ErrorCode::invalid_argument, "iou_threshold is {}, it must be 0 to 1", iou);
    std::optional<float> least_score;
    if (context.has_input(4)) least_score = static_cast<float>(float_scalar(context, 4, "score_threshold"));

    const int64_t batches = boxes.dim(0), classes = scores.dim(1), count = boxes.dim(1);
    std::vector<Boxes> images;
    for (int64_t n = 0; n < batches; ++n)
      images.push_back(read_boxes(boxes.data<float>().data() + n * count * 4, count, center_format_));
    std::vector<std::vector<int64_t>> selected(static_cast<size_t>(batches * classes));
    context.parallel_for(most > 0 ? batches * classes : 0, [&](int64_t task) {
      selected[static_cast<size_t>(task)] =
          select(images[static_cast<size_t>(task / classes)], scores.data<float>().data() + task * count,
                 static_cast<size_t>(most), static_cast<float>(iou), least_score);
    });

    int64_t total = 0;
    for (const auto& each : selected) total += static_cast<int64_t>(each.size());
    int64_t* y = context.output(0, DType::int64, {total, 3}).data<int64_t>().data();
    for (size_t task = 0; task < selected.size(); ++task) {
      for (int64_t box : selected[task]) {
        *y++ = static_cast<int64_t>(task) / classes;
        *y++ = static_cast<int64_t>(task) % classes;
        *y++ = box;
      }
    }
  }

 private:
  static std::vector<int64_t> select(const Boxes& boxes, const float* scores, size_t most, float iou,
                                     std::optional<float> least_score) {
    std::vector<uint64_t> ranks;
    for (size_t i = 0; i < boxes.size(); ++i)
      if (!least_score || scores[i] > *least_score) ranks.push_back(rank(scores[i], i));
    Boxes chosen;
    std::vector<int64_t> out;
    // Often few of many candidates are looked at: they are sorted piece by piece.
    const auto end = ranks.end();
    auto begin = ranks.begin();
    for (std::ptrdiff_t piece = 256; begin != end && out.size() < most; piece *= 2) {
      const auto stop = end - begin > piece ? begin + piece : end;
      if (stop != end) std::nth_element(begin, stop, end, std::greater<>());
      std::sort(begin, stop, std::greater<>());
      for (; begin != stop && out.size() < most; ++begin) {
        const size_t box = index_of(*begin);
        if (is_suppressed(chosen, boxes, box, iou)) continue;
        chosen.push(boxes, box);
        out.push_back(static_cast<int64_t>(box));
      }
    }
    return out;
  }

  /// A number that is larger for larger scores, and for equal ones for smaller indices (which are below
  /// 2^32). NaN counts as the smallest score.
  static uint64_t rank(float score, size_t index) {
    const uint32_t bits = std::bit_cast<uint32_t>(score + 0.0f);  // -0 becomes 0.
    const uint32_t ordered = std::isnan(score) ? 0 : (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
    return uint64_t{ordered} << 32 | (0xffffffffu - static_cast<uint32_t>(index));
  }
  static size_t index_of(uint64_t rank) { return 0xffffffffu - static_cast<uint32_t>(rank); }

  bool center_format_;
};

}  // namespace

OpPtr make_non_max_suppression(const OpArgs& args) {
  const int64_t format = args.get_int("center_point_box", 0);
  if (format != 0 && format != 1)
    fail(ErrorCode::bad_model, "NonMaxSuppression: center_point_box is {}, it must be 0 or 1", format);
  return std::make_shared<NonMaxSuppression>(format == 1);
}

}  // namespace spinel::ops
