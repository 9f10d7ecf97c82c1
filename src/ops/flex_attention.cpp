// FlexAttention: attention whose scores and probabilities subgraphs may change.
#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/elements.hpp"
#include "ops/op_args.hpp"
#include "ops/row_product.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

using graph::ValueType;

struct FlexAttrs {
  std::optional<float> scale;  ///< None: 1 / sqrt(head size).
  DType precision =
      DType::undefined;  ///< Of scores and probabilities; undefined: float64's own, else float32.
  int score_mod = -1, prob_mod = -1;  ///< Subgraphs by position; -1: none.
};

/// Sizes of q [batch, heads, rows, depth], k [batch, kv_heads, columns, depth] and v [batch, kv_heads,
/// columns, width].
struct FlexSizes {
  int64_t batch, heads, rows, depth, kv_heads, columns, width;

  Dims scores() const { return {batch, heads, rows, columns}; }
  /// Rows of keys and values that belong to this head of one of the batch.
  int64_t kv_of(int64_t head) const { return head / heads * kv_heads + head % heads * kv_heads / heads; }
};

class FlexAttention final : public Op {
 public:
  explicit FlexAttention(FlexAttrs attrs) : attrs_(attrs) {}

  std::string_view name() const override { return "FlexAttention"; }

  void infer(InferContext& context) const override {
    for (size_t i = 0; i < 3; ++i) {
      require_float(context, i, "input");
      require_rank(context, i, "input", 4, 4);
      if (context.dtype(i) != context.dtype(0))
        fail(ErrorCode::bad_model, "queries, keys and values are {}, {} and {}; they must be of one type",
             dtype_name(context.dtype(0)), dtype_name(context.dtype(1)), dtype_name(context.dtype(2)));
    }
    const Shape *q = context.shape(0), *k = context.shape(1), *v = context.shape(2);
    std::optional<Shape> scores, y;
    if (q != nullptr && k != nullptr) scores = Shape{(*q)[0], (*q)[1], (*q)[2], (*k)[2]};
    if (q != nullptr && v != nullptr) y = Shape{(*q)[0], (*q)[1], (*q)[2], (*v)[3]};
    const ValueType type = ValueType::tensor(precision(context.dtype(0)), std::move(scores));
    for (int subgraph : {attrs_.score_mod, attrs_.prob_mod}) {
      if (subgraph < 0) continue;
      const auto results = context.infer_subgraph(static_cast<size_t>(subgraph), {type});
      if (results.size() != 1 || !results[0].is_tensor() || results[0].dtype != type.dtype)
        fail(ErrorCode::bad_model, "{} must give one tensor of {}", mod_name(subgraph),
             dtype_name(type.dtype));
    }
    context.set_tensor(0, context.dtype(0), std::move(y));
  }

  void batch(BatchContext& context) const override {
    if (attrs_.score_mod >= 0 || attrs_.prob_mod >= 0)
      return context.block("a subgraph may mix the rows of the batch");
    for (size_t i = 0; i < 3; ++i)
      if (!context.input(i).is_batched() || context.input(i).axis != 0)
        return context.block("queries, keys and values are not all batched along axis 0");
    context.set_output(0, BatchState::batched(0));
  }

  /// The subgraphs' constants get the new type, so what they are given must have it, too.
  std::shared_ptr<const Op> with_float_type(DType from, DType to) const override {
    const bool has_subgraph = attrs_.score_mod >= 0 || attrs_.prob_mod >= 0;
    if (!has_subgraph || precision(from) != from) return nullptr;
    FlexAttrs converted = attrs_;
    converted.precision = to;
    return std::make_shared<FlexAttention>(converted);
  }

  void run(RunContext& context) const override {
    const FlexSizes sizes = sizes_of(context);
    compute_in(context.input(0).dtype(), [&](auto type) { compute<decltype(type)>(context, sizes); });
  }

 private:
  DType precision(DType input) const {
    if (attrs_.precision != DType::undefined) return attrs_.precision;
    return input == DType::float64 ? DType::float64 : DType::float32;
  }
  const char* mod_name(int subgraph) const { return subgraph == attrs_.score_mod ? "score_mod" : "prob_mod"; }

  static FlexSizes sizes_of(const RunContext& context) {
    const Tensor &q = context.input(0), &k = context.input(1), &v = context.input(2);
    for (const Tensor* tensor : {&q, &k, &v}) {
      require_float(*tensor, "input");
      if (tensor->rank() != 4 || tensor->dtype() != q.dtype())
        fail(ErrorCode::invalid_argument, "queries {}, keys {} and values {} must be of rank 4 and one type",
             describe(q), describe(k), describe(v));
    }
    if (k.dim(0) != q.dim(0) || v.dim(0) != q.dim(0) || k.dim(3) != q.dim(3) || v.dim(1) != k.dim(1) ||
        v.dim(2) != k.dim(2) || k.dim(1) == 0 || q.dim(1) % k.dim(1) != 0)
      fail(ErrorCode::invalid_argument, "queries {}, keys {} and values {} do not fit together", describe(q),
           describe(k), describe(v));
    return {q.dim(0), q.dim(1), q.dim(2), q.dim(3), k.dim(1), k.dim(2), v.dim(3)};
  }

  Tensor modified(RunContext& context, int subgraph, Tensor values) const {
    if (subgraph < 0) return values;
    const Dims dims = values.dims();
    const DType dtype = values.dtype();
    const auto results = context.run_subgraph(static_cast<size_t>(subgraph), {std::move(values)});
    if (results.size() != 1 || results[0].tensor().dtype() != dtype || results[0].tensor().dims() != dims)
      fail(ErrorCode::invalid_argument, "{} must give {}{}", mod_name(subgraph), dtype_name(dtype),
           dims_text(dims));
    return results[0].tensor();
  }

  template <class T>
  void compute(RunContext& context, const FlexSizes& sizes) const {
    const DType between = precision(context.input(0).dtype());
    Tensor scores(dtype_of<T>::value, sizes.scores());
    multiply_keys<T>(context, sizes, scores);
    if (scores.dtype() != between) scores = convert(scores, between);
    scores = modified(context, attrs_.score_mod, std::move(scores));
    Tensor probabilities;
    compute_in(between, [&](auto type) { probabilities = softmax<decltype(type)>(context, scores); });
    if (probabilities.dtype() != between) probabilities = convert(probabilities, between);
    probabilities = modified(context, attrs_.prob_mod, std::move(probabilities));
    multiply_values<T>(context, sizes, probabilities);
  }

  /// Each head of each of the batch is one task.
  template <class T>
  void multiply_keys(RunContext& context, const FlexSizes& sizes, Tensor& scores) const {
    const ComputeInput<T> q(context.input(0)), k(context.input(1));
    const T scale = attrs_.scale ? static_cast<T>(*attrs_.scale)
                                 : T{1} / std::sqrt(static_cast<T>(std::max<int64_t>(sizes.depth, 1)));
    const std::span<T> out = scores.data<T>();
    context.parallel_for(sizes.batch * sizes.heads, [&](int64_t head) {
      std::vector<T> block(static_cast<size_t>(product_depth_block * product_column_block));
      T* const own = out.data() + head * sizes.rows * sizes.columns;
      add_product<T>(sizes.rows, sizes.columns, sizes.depth,
                     {q.data() + head * sizes.rows * sizes.depth, sizes.depth, 1},
                     {k.data() + sizes.kv_of(head) * sizes.columns * sizes.depth, 1, sizes.depth}, own,
                     sizes.columns, block.data());
      for (int64_t i = 0; i < sizes.rows * sizes.columns; ++i) own[i] *= scale;
    });
  }

  /// Along the last axis.
  template <class T>
  static Tensor softmax(RunContext& context, const Tensor& scores) {
    const ComputeInput<T> x(scores);
    Tensor y = Tensor::uninitialized(dtype_of<T>::value, scores.dims());
    const int64_t columns = scores.dim(3);
    if (y.element_count() == 0) return y;
    const std::span<T> out = y.data<T>();
    context.parallel_for(y.element_count() / columns, [&](int64_t row) {
      const T* from = x.data() + row * columns;
      T* to = out.data() + row * columns;
      const T greatest = *std::max_element(from, from + columns);
      T sum = 0;
      for (int64_t i = 0; i < columns; ++i) sum += to[i] = std::exp(from[i] - greatest);
      for (int64_t i = 0; i < columns; ++i) to[i] /= sum;
    });
    return y;
  }

  template <class T>
  static void multiply_values(RunContext& context, const FlexSizes& sizes, const Tensor& probabilities) {
    const ComputeInput<T> p(probabilities), v(context.input(2));
    ComputeOutput<T> y(context, 0, context.input(0).dtype(),
                       {sizes.batch, sizes.heads, sizes.rows, sizes.width});
    context.parallel_for(sizes.batch * sizes.heads, [&](int64_t head) {
      T* const own = y.data() + head * sizes.rows * sizes.width;
      std::fill_n(own, sizes.rows * sizes.width, T{0});
      add_product<T>(sizes.rows, sizes.width, sizes.columns,
                     {p.data() + head * sizes.rows * sizes.columns, sizes.columns, 1},
                     {v.data() + sizes.kv_of(head) * sizes.columns * sizes.width, sizes.width, 1}, own,
                     sizes.width, nullptr);
    });
    y.store();
  }

  FlexAttrs attrs_;
};

}  // namespace

OpPtr make_flex_attention(const OpArgs& args) {
  FlexAttrs attrs;
  if (args.has("scale")) attrs.scale = args.get_float("scale", 0);
  if (args.has("softmax_precision")) {
    attrs.precision = static_cast<DType>(args.get_int("softmax_precision", 0));
    if (attrs.precision != DType::float32 && attrs.precision != DType::float16 &&
        attrs.precision != DType::bfloat16 && attrs.precision != DType::float64)
      fail(ErrorCode::bad_model, "softmax_precision {} is no float type", static_cast<int>(attrs.precision));
  }
  int subgraphs = 0;
  if (args.has("score_mod")) attrs.score_mod = subgraphs++;
  if (args.has("prob_mod")) attrs.prob_mod = subgraphs++;
  return std::make_shared<FlexAttention>(attrs);
}

}  // namespace spinel::ops
