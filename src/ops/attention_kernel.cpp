// The reference kernel of Attention.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "ops/attention.hpp"
#include "ops/compute_type.hpp"
#include "ops/elements.hpp"
#include "ops/row_product.hpp"

namespace spinel::ops {
namespace {

constexpr int64_t row_block = 16;

/// An operand of known dims as [batch, head, row, column]; columns lie side by side.
struct HeadView {
  int64_t batches, heads, rows, columns;
  int64_t batch_stride, head_stride, row_stride;

  HeadView(const Tensor& tensor, int64_t given_heads, const char* what) {
    const Dims& dims = tensor.dims();
    if (dims.size() != 3 && dims.size() != 4)
      fail(ErrorCode::invalid_argument, "{} {} has neither 3 nor 4 dims", what, describe(tensor));
    const bool apart = dims.size() == 4;
    batches = dims[0];
    heads = apart ? dims[1] : given_heads;
    rows = apart ? dims[2] : dims[1];
    if (heads <= 0 || (!apart && dims[2] % heads != 0))
      fail(ErrorCode::invalid_argument, "{} {} cannot be cut into {} heads", what, describe(tensor), heads);
    columns = apart ? dims[3] : dims[2] / heads;
    batch_stride = heads * rows * columns;
    head_stride = apart ? rows * columns : columns;
    row_stride = apart ? columns : heads * columns;
  }
  int64_t at(int64_t batch, int64_t head, int64_t row) const {
    return batch * batch_stride + head * head_stride + row * row_stride;
  }
  Dims dims() const { return {batches, heads, rows, columns}; }
};

/// Past rows, then the new ones, as [batch, heads, rows, columns].
Tensor join(RunContext& context, size_t output, const Tensor* past, const Tensor& added,
            const HeadView& view) {
  const bool wanted = output < context.output_count() && context.wants_output(output);
  if (!wanted && past == nullptr && added.rank() == 4) return added;
  Dims dims = view.dims();
  if (past != nullptr) {
    Dims expected = dims;
    expected[2] = past->rank() == 4 ? past->dim(2) : 0;
    if (past->dims() != expected || past->dtype() != added.dtype())
      fail(ErrorCode::invalid_argument, "the past {} does not fit {}", describe(*past), describe(added));
    dims[2] += past->dim(2);
  }
  Tensor local;
  Tensor& out = wanted ? context.output(output, added.dtype(), dims)
                       : (local = Tensor::uninitialized(added.dtype(), dims));
  const int64_t before = dims[2] - view.rows;
  for (int64_t b = 0; b < view.batches; ++b)
    for (int64_t h = 0; h < view.heads; ++h) {
      const int64_t to = (b * view.heads + h) * dims[2] * view.columns;
      if (past != nullptr)
        copy_range(*past, (b * view.heads + h) * before * view.columns, out, to, before * view.columns);
      for (int64_t row = 0; row < view.rows; ++row)
        copy_range(added, view.at(b, h, row), out, to + (before + row) * view.columns, view.columns);
    }
  return out;
}

/// What is added to a row of scores: the mask, -inf where it is false or too short.
class MaskRows {
 public:
  MaskRows(const Tensor* mask, bool pads, Dims scores) : tensor_(mask) {
    if (mask == nullptr) return;
    const Dims& dims = mask->dims();
    const auto misfit = [&] {
      fail(ErrorCode::invalid_argument, "the mask {} does not fit scores of {}", describe(*mask),
           dims_text(scores));
    };
    if (dims.empty() || dims.size() > 4) misfit();
    columns_ = dims.back();
    if (columns_ > scores[3] || (!pads && columns_ != scores[3] && columns_ != 1)) misfit();
    repeats_ = !pads && columns_ == 1;
    int64_t stride = columns_;
    for (size_t i = 1; i < dims.size(); ++i) {
      const int64_t dim = dims[dims.size() - 1 - i];
      if (dim != 1 && dim != scores[3 - i]) misfit();
      strides_[3 - i] = dim == 1 ? 0 : stride;
      stride *= dim;
    }
    if (mask->dtype() == DType::boolean) return;
    values_ = convert(*mask, DType::float64);
  }

  double at(int64_t b, int64_t h, int64_t row, int64_t column) const {
    if (tensor_ == nullptr) return 0;
    if (repeats_) column = 0;
    if (column >= columns_) return -std::numeric_limits<double>::infinity();
    const int64_t i = b * strides_[0] + h * strides_[1] + row * strides_[2] + column;
    if (values_.defined()) return static_cast<const double*>(values_.raw())[i];
    return static_cast<const bool*>(tensor_->raw())[i] ? 0 : -std::numeric_limits<double>::infinity();
  }

 private:
  const Tensor* tensor_;
  Tensor values_;  ///< As float64; undefined for bools.
  int64_t columns_ = 0;
  bool repeats_ = false;
  int64_t strides_[3] = {};
};

double rounded_to(DType dtype, double value) {
  if (dtype == DType::float16)
    return static_cast<double>(static_cast<float>(Half(static_cast<float>(value))));
  if (dtype == DType::bfloat16)
    return static_cast<double>(static_cast<float>(BFloat16(static_cast<float>(value))));
  return dtype == DType::float32 ? static_cast<double>(static_cast<float>(value)) : value;
}

/// A row of scores becomes weights.
template <class T>
void softmax_row(T* row, int64_t count, DType dtype) {
  double maximum = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < count; ++i) {
    const double score = rounded_to(dtype, static_cast<double>(row[i]));
    row[i] = static_cast<T>(score);
    if (!(score <= maximum)) maximum = score;  // NaN stays.
  }
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += std::exp(static_cast<double>(row[i]) - maximum);
  for (int64_t i = 0; i < count; ++i)
    row[i] = static_cast<T>(rounded_to(dtype, std::exp(static_cast<double>(row[i]) - maximum) / sum));
}

template <class T>
class AttentionRun {
 public:
  AttentionRun(RunContext& context, const AttentionAttrs& attrs)
      : attrs_(attrs),
        q_(context.input(AttentionOp::q), attrs.q_heads, "Q"),
        new_k_(context.input(AttentionOp::k), attrs.kv_heads, "K"),
        new_v_(context.input(AttentionOp::v), attrs.kv_heads, "V"),
        past_rows_(given(context, AttentionOp::past_key) ? given(context, AttentionOp::past_key)->dim(2) : 0),
        keys_(join(context, 1, given(context, AttentionOp::past_key), context.input(AttentionOp::k), new_k_)),
        values_(
            join(context, 2, given(context, AttentionOp::past_value), context.input(AttentionOp::v), new_v_)),
        k_(keys_, 0, "K"),
        v_(values_, 0, "V"),
        mask_(given(context, AttentionOp::mask), attrs.pads_mask, {q_.batches, q_.heads, q_.rows, k_.rows}),
        queries_in_(context.input(AttentionOp::q)),
        keys_in_(keys_),
        values_in_(values_) {
    if (k_.heads != v_.heads || k_.heads == 0 || q_.heads % k_.heads != 0 || q_.batches != k_.batches ||
        q_.batches != v_.batches || q_.columns != k_.columns || k_.rows != v_.rows)
      fail(ErrorCode::invalid_argument, "Q {}, K {} and V {} do not fit each other",
           describe(context.input(AttentionOp::q)), describe(keys_), describe(values_));
    if (const Tensor* lengths = given(context, AttentionOp::key_lengths)) {
      key_lengths_ = to_int64s(*lengths);
      if (std::ssize(key_lengths_) != q_.batches)
        fail(ErrorCode::invalid_argument, "nonpad_kv_seqlen is {}, expected one for each of {} samples",
             describe(*lengths), q_.batches);
    }
    scale_ = attrs.scale
                 ? static_cast<T>(*attrs.scale)
                 : static_cast<T>(1 / std::sqrt(static_cast<double>(std::max<int64_t>(q_.columns, 1))));
    // Without a wish, 16-bit floats stay as wide as they are computed.
    softmax_dtype_ = attrs.softmax_dtype != DType::undefined ? attrs.softmax_dtype : dtype_of<T>::value;
  }

  void run(RunContext& context) {
    const Tensor& q = context.input(AttentionOp::q);
    Dims dims{q_.batches, q_.heads, q_.rows, v_.columns};
    if (q.rank() == 3) dims = {q_.batches, q_.rows, q_.heads * v_.columns};
    ComputeOutput<T> y(context, 0, q.dtype(), dims);
    std::optional<ComputeOutput<T>> scores;
    if (context.output_count() > 3 && context.wants_output(3))
      scores.emplace(context, 3, q.dtype(), Dims{q_.batches, q_.heads, q_.rows, k_.rows});
    const int64_t blocks = (q_.rows + row_block - 1) / row_block;
    context.parallel_for(q_.batches * q_.heads * blocks, [&](int64_t task) {
      const int64_t pair = task / blocks;
      const int64_t first = task % blocks * row_block;
      run_block(pair / q_.heads, pair % q_.heads, first, std::min(row_block, q_.rows - first), q.rank() == 4,
                y.data(), scores ? scores->data() : nullptr);
    });
    y.store();
    if (scores) scores->store();
  }

 private:
  static const Tensor* given(RunContext& context, size_t input) {
    return context.has_input(input) ? &context.input(input) : nullptr;
  }

  void run_block(int64_t b, int64_t h, int64_t first, int64_t rows, bool apart, T* y, T* scores_out) const {
    const int64_t total = k_.rows;
    const int64_t shared = h / (q_.heads / k_.heads);
    std::vector<T> scores(static_cast<size_t>(rows * total), T{0});
    std::vector<T> scratch(static_cast<size_t>(product_depth_block * product_column_block));
    add_product<T>(rows, total, q_.columns, {queries_in_.data() + q_.at(b, h, first), q_.row_stride, 1},
                   {keys_in_.data() + k_.at(b, shared, 0), 1, k_.columns}, scores.data(), total,
                   scratch.data());
    for (int64_t row = 0; row < rows; ++row) {
      T* const line = scores.data() + row * total;
      T* const out =
          scores_out == nullptr ? nullptr : scores_out + ((b * q_.heads + h) * q_.rows + first + row) * total;
      const auto put = [&](int64_t mode) {
        if (out != nullptr && attrs_.scores_output == mode) std::copy_n(line, total, out);
      };
      for (int64_t j = 0; j < total; ++j) line[j] *= scale_;
      put(0);
      if (attrs_.softcap != 0)
        for (int64_t j = 0; j < total; ++j)
          line[j] = static_cast<T>(attrs_.softcap) * std::tanh(line[j] / static_cast<T>(attrs_.softcap));
      put(1);
      bool sees_a_key = false;
      for (int64_t j = 0; j < total; ++j) {
        const double bias = bias_at(b, h, first + row, j);
        sees_a_key |= bias != -std::numeric_limits<double>::infinity();
        line[j] += static_cast<T>(bias);
      }
      put(2);
      if (sees_a_key)
        softmax_row(line, total, softmax_dtype_);
      else
        std::fill_n(line, total, T{0});
      put(3);
    }
    const int64_t y_stride = apart ? v_.columns : q_.heads * v_.columns;
    T* const to = apart ? y + ((b * q_.heads + h) * q_.rows + first) * v_.columns
                        : y + (b * q_.rows + first) * y_stride + h * v_.columns;
    for (int64_t row = 0; row < rows; ++row) std::fill_n(to + row * y_stride, v_.columns, T{0});
    if (total > 0)
      add_product<T>(rows, v_.columns, total, {scores.data(), total, 1},
                     {values_in_.data() + v_.at(b, shared, 0), v_.columns, 1}, to, y_stride, scratch.data());
  }

  double bias_at(int64_t b, int64_t h, int64_t row, int64_t column) const {
    const int64_t length = key_lengths_.empty() ? k_.rows : key_lengths_[static_cast<size_t>(b)];
    const int64_t place = row + (key_lengths_.empty() ? past_rows_ : length - q_.rows);
    const bool hidden = column >= length || (attrs_.causal && column > place) ||
                        (attrs_.left_window >= 0 && place - column > attrs_.left_window) ||
                        (attrs_.right_window >= 0 && column - place > attrs_.right_window);
    return hidden ? -std::numeric_limits<double>::infinity() : mask_.at(b, h, row, column);
  }

  const AttentionAttrs& attrs_;
  HeadView q_, new_k_, new_v_;
  int64_t past_rows_;
  Tensor keys_, values_;
  HeadView k_, v_;
  MaskRows mask_;
  ComputeInput<T> queries_in_, keys_in_, values_in_;
  std::vector<int64_t> key_lengths_;
  T scale_ = 1;
  DType softmax_dtype_ = DType::undefined;
};

}  // namespace

void AttentionOp::run(RunContext& context) const {
  for (const size_t i : {q, k, v}) require_float(context.input(i), "an operand");
  compute_in(context.input(q).dtype(),
             [&](auto type) { AttentionRun<decltype(type)>(context, attrs_).run(context); });
}

}  // namespace spinel::ops
