// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss.
#include <cmath>

#include "ops/compute_type.hpp"
#include "ops/elements.hpp"
#include "ops/indices.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

enum class Reduction { none, mean, sum };

struct LossAttrs {
  std::string name;
  bool softmax = false;  ///< The scores become logarithms of probabilities first, which are output 1.
  Reduction reduction = Reduction::mean;
  std::optional<int64_t> ignore_index;
};

/// Positions that one task of the logarithm of softmax takes.
constexpr int64_t block = 256;

/// Log-softmax over axis 1 of [N, C, positions].
template <class T>
void log_softmax(RunContext& context, const T* x, T* y, int64_t samples, int64_t classes, int64_t positions) {
  const int64_t blocks = (positions + block - 1) / block;
  context.parallel_for(samples * blocks, [&](int64_t task) {
    const int64_t begin = task % blocks * block;
    const int64_t count = std::min(block, positions - begin);
    const int64_t start = task / blocks * classes * positions + begin;
    T largest[block];
    double total[block] = {};
    std::copy_n(x + start, count, largest);
    for (int64_t c = 1; c < classes; ++c)
      for (int64_t i = 0; i < count; ++i) largest[i] = std::max(largest[i], x[start + c * positions + i]);
    for (int64_t c = 0; c < classes; ++c)
      for (int64_t i = 0; i < count; ++i)
        total[i] += static_cast<double>(std::exp(x[start + c * positions + i] - largest[i]));
    for (int64_t i = 0; i < count; ++i) total[i] = std::log(total[i]);
    for (int64_t c = 0; c < classes; ++c)
      for (int64_t i = 0; i < count; ++i) {
        const int64_t at = start + c * positions + i;
        y[at] = static_cast<T>(static_cast<double>(x[at] - largest[i]) - total[i]);
      }
  });
}

/// Inputs scores [N, C, d...] (logarithms of probabilities, unless they go through softmax), labels
/// [N, d...] (int32 or int64) and weights [C] of the classes (optional); outputs the loss, [N, d...] or a
/// scalar, and with softmax the logarithms of the probabilities. The mean is that over the weights of the
/// labels that are not ignored, NaN if there are none.
class LossOp final : public Op {
 public:
  explicit LossOp(LossAttrs attrs) : attrs_(std::move(attrs)) {}

  std::string_view name() const override { return attrs_.name; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    require_float(context, 0, "scores");
    require_float(context, 2, "weights");
    require_index_type(context, 1);
    require_rank(context, 0, "scores", 2, 64);
    require_rank(context, 2, "weights", 1, 1);
    const Shape* scores = context.shape(0);
    const Shape* labels = context.shape(1);
    if (scores != nullptr && labels != nullptr && labels->size() + 1 != scores->size())
      fail(ErrorCode::bad_model,
           "the labels {} do not fit the scores {}: they must be [N, d...] for [N, C, d...]",
           shape_text(*labels), shape_text(*scores));
    std::optional<Shape> loss;
    if (attrs_.reduction != Reduction::none)
      loss = Shape{};
    else if (labels != nullptr)
      loss = *labels;
    context.set_tensor(0, context.dtype(0), std::move(loss));
    if (context.output_count() > 1) context.set_tensor(1, context.dtype(0), context.input(0).shape);
  }

  void batch(BatchContext& context) const override {
    if (attrs_.reduction != Reduction::none) return context.block("the loss is reduced over the batch");
    for (size_t i = 0; i < 2; ++i)
      if (!context.input(i).is_batched() || context.input(i).axis != 0)
        return context.block("scores and labels do not both have the batch as axis 0");
    if (!require_shared_inputs(context, 2)) return;
    context.set_all_outputs(BatchState::batched(0));
  }

  void run(RunContext& context) const override {
    require_float(context.input(0), "scores");
    compute_in(context.input(0).dtype(), [&](auto type) { compute<decltype(type)>(context); });
  }

 private:
  template <class T>
  void compute(RunContext& context) const {
    const Tensor& scores = context.input(0);
    const Tensor& labels = context.input(1);
    Dims expected = scores.dims();
    if (scores.rank() < 2)
      fail(ErrorCode::invalid_argument, "the scores {} are not [N, C, d...]", describe(scores));
    expected.erase(expected.begin() + 1);
    if (labels.dims() != expected)
      fail(ErrorCode::invalid_argument, "the labels {} do not fit the scores {}", describe(labels),
           describe(scores));
    const int64_t classes = scores.dim(1);
    const int64_t positions = dim_product(scores.dims(), 2, scores.dims().size());
    ComputeInput<T> weights;
    if (context.has_input(2)) {
      if (context.input(2).dims() != Dims{classes})
        fail(ErrorCode::invalid_argument, "the weights {} do not fit {} classes", describe(context.input(2)),
             classes);
      weights = ComputeInput<T>(context.input(2));
    }
    const ComputeInput<T> given(scores);
    const T* logarithms = given.data();
    Tensor own;
    std::optional<ComputeOutput<T>> wanted;
    if (attrs_.softmax) {
      T* to;
      if (context.output_count() > 1 && context.wants_output(1)) {
        wanted.emplace(context, 1, scores.dtype(), scores.dims());
        to = wanted->data();
      } else {
        own = Tensor::uninitialized(dtype_of<T>::value, scores.dims());
        to = static_cast<T*>(own.raw());
      }
      if (scores.element_count() > 0)
        log_softmax(context, given.data(), to, scores.dim(0), classes, positions);
      logarithms = to;
    }
    const bool reduced = attrs_.reduction != Reduction::none;
    ComputeOutput<T> loss(context, 0, scores.dtype(), reduced ? Dims{} : labels.dims());
    double sum = 0;
    double weight_sum = 0;
    const IndexReader label(labels);
    for (int64_t i = 0; i < labels.element_count(); ++i) {
      T weight = 0;
      T value = 0;
      if (label[i] != attrs_.ignore_index) {
        if (label[i] < 0 || label[i] >= classes)
          fail(ErrorCode::invalid_argument, "label {} at position {} is outside [0, {})", label[i], i,
               classes);
        weight = context.has_input(2) ? weights[label[i]] : T{1};
        value = -logarithms[(i / positions * classes + label[i]) * positions + i % positions] * weight;
      }
      if (!reduced) loss.data()[i] = value;
      sum += static_cast<double>(value);
      weight_sum += static_cast<double>(weight);
    }
    if (reduced)
      loss.data()[0] = static_cast<T>(attrs_.reduction == Reduction::mean ? sum / weight_sum : sum);
    loss.store();
    if (wanted) wanted->store();
  }

  LossAttrs attrs_;
};

}  // namespace

OpPtr make_loss(const OpArgs& args) {
  LossAttrs attrs;
  attrs.name = args.op_type();
  attrs.softmax = attrs.name == "SoftmaxCrossEntropyLoss";
  const std::string reduction = args.get_string("reduction", "mean");
  if (reduction == "none")
    attrs.reduction = Reduction::none;
  else if (reduction == "sum")
    attrs.reduction = Reduction::sum;
  else if (reduction != "mean")
    fail(ErrorCode::bad_model, "{}: reduction '{}' is none of none, mean, sum", attrs.name, reduction);
  if (args.has("ignore_index")) attrs.ignore_index = args.get_int("ignore_index", 0);
  return std::make_shared<LossOp>(std::move(attrs));
}

}  // namespace spinel::ops
