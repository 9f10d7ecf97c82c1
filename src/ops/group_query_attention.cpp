// GroupQueryAttention of com.microsoft: causal attention over a cache of keys and values to which the node
// appends.
#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/op_args.hpp"
#include "ops/rotary_embedding.hpp"
#include "ops/scalar_input.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

struct Attrs {
  int64_t heads;
  int64_t kv_heads;
  bool rotary;
  bool interleaved;
  float scale;     ///< 0: one over the root of the columns of a head.
  float softcap;   ///< 0: none.
  int64_t window;  ///< A query sees so many keys at most, its own the last; -1: all before it.
  bool smooth;     ///< A further score of 0 that no value belongs to.
};

/// Inputs: query [batch, rows, heads * columns], or Q, K and V packed along the last axis; key and value
/// [batch, rows, kv_heads * columns]; the past of each [batch, kv_heads, capacity, columns]; seqlens_k
/// [batch], one less than how many tokens a sample has with the new ones; the greatest number of tokens;
/// cosines and sines of the rotation, by position; a summand of the scores; a further score for each head.
/// Outputs: Y like the query, and the past with the new rows behind those that are there.
class GroupQueryAttention final : public Op {
 public:
  explicit GroupQueryAttention(const Attrs& attrs) : attrs_(attrs) {}

  std::string_view name() const override { return "GroupQueryAttention"; }

  void infer(InferContext& context) const override {
    require_tensors(context, query + 1);
    for (const size_t i : {query, key, value, past_key, past_value, bias, sink})
      if (context.has_input(i)) require_float(context, i, "an operand");
    require_rank(context, query, "query", 3, 3);
    require_rank(context, past_key, "past_key", 4, 4);
    require_rank(context, past_value, "past_value", 4, 4);
    for (size_t i = positions; i < context.input_count(); ++i)
      if (context.has_input(i) && i != bias && i != sink)
        fail(ErrorCode::unsupported,
             "GroupQueryAttention with input {} (positions, scales of a cache, norms, lengths of queries) is "
             "not "
             "supported",
             i);
    if (context.has_input(key) != context.has_input(value) ||
        context.has_input(past_key) != context.has_input(past_value) ||
        (attrs_.rotary && !(context.has_input(cosines) && context.has_input(sines))))
      fail(ErrorCode::bad_model,
           "key and value, the past of both, and both tables of do_rotary come together");
    for (const size_t i : {seqlens, total})
      if (!context.has_input(i)) fail(ErrorCode::bad_model, "input {} is missing", size_t{i});
    const Shape* x = context.shape(query);
    std::optional<Shape> y;
    std::optional<Shape> cache;
    if (x != nullptr) {
      const int64_t parts = context.has_input(key) ? attrs_.heads : attrs_.heads + 2 * attrs_.kv_heads;
      const Dim columns = floor_div((*x)[2], Dim(parts));
      y = Shape{(*x)[0], (*x)[1], columns * Dim(attrs_.heads)};
      cache = Shape{(*x)[0], Dim(attrs_.kv_heads), cache_length(context), columns};
    }
    context.set_tensor(0, context.dtype(query), std::move(y));
    for (size_t i = 1; i < context.output_count(); ++i) context.set_tensor(i, context.dtype(query), cache);
  }

  void batch(BatchContext& context) const override {
    for (size_t i = 0; i < context.input_count(); ++i) {
      if (!context.has_input(i)) continue;
      const BatchState state = context.input(i);
      const bool follows = state.is_batched() && state.axis == 0;
      const bool is_repeated = i == bias && state.is_shared() && context.has_rank(i) &&
                               (*context.input_shape(i))[0].is_constant(1);
      if (i <= seqlens || i == bias ? !follows && !is_repeated : !state.is_shared())
        return context.block(i <= seqlens || i == bias ? "an operand does not follow the batch along axis 0"
                                                       : "what all samples share depends on the batch");
    }
    context.set_all_outputs(BatchState::batched(0));
  }

  void run(RunContext& context) const override {
    compute_in(context.input(query).dtype(), [&](auto type) { attend<decltype(type)>(context); });
  }

 private:
  enum : size_t {
    query,
    key,
    value,
    past_key,
    past_value,
    seqlens,
    total,
    cosines,
    sines,
    positions,
    bias,
    sink
  };

  /// The greater of the past's capacity and the number of tokens, where it is known.
  static Dim cache_length(const InferContext& context) {
    const Dim tokens = known_scalar(context, total);
    if (!context.has_input(past_key)) return tokens;
    const Shape* past = context.shape(past_key);
    const Shape* x = context.shape(query);
    if (past == nullptr || x == nullptr) return Dim::unknown();
    const Dim& capacity = (*past)[2];
    if (capacity.is_constant() && tokens.is_constant())
      return Dim(std::max(capacity.constant(), tokens.constant()));
    return equal(tokens, capacity + (*x)[1]) ? tokens : Dim::unknown();
  }

  struct Sizes {
    int64_t batch, rows, columns, width;
    int64_t capacity;           ///< Rows of the past.
    int64_t length;             ///< Rows of the present.
    std::vector<int64_t> past;  ///< Rows of the past that a sample has.
  };

  Sizes sizes(RunContext& context) const {
    const Tensor& x = context.input(query);
    const bool packed = !context.has_input(key);
    const int64_t parts = packed ? attrs_.heads + 2 * attrs_.kv_heads : attrs_.heads;
    if (x.rank() != 3 || x.dim(2) % parts != 0)
      fail(ErrorCode::invalid_argument, "query is {}; its last axis is to hold {} heads", describe(x), parts);
    Sizes s{x.dim(0), x.dim(1), x.dim(2) / parts, x.dim(2), 0, 0, {}};
    const auto expect = [&](size_t index, const Dims& dims) {
      if (context.input(index).dims() != dims)
        fail(ErrorCode::invalid_argument, "input {} is {}, which does not fit the query {}", index,
             describe(context.input(index)), describe(x));
    };
    if (!packed)
      for (const size_t i : {key, value}) expect(i, {s.batch, s.rows, attrs_.kv_heads * s.columns});
    if (context.has_input(past_key)) {
      s.capacity = context.input(past_key).rank() == 4 ? context.input(past_key).dim(2) : 0;
      for (const size_t i : {past_key, past_value})
        expect(i, {s.batch, attrs_.kv_heads, s.capacity, s.columns});
    }
    const int64_t tokens = int_scalar(context, total, "total_sequence_length");
    s.length = std::max(s.capacity, tokens);
    const std::vector<int64_t> last = to_int64s(context.input(seqlens));
    if (std::ssize(last) != s.batch)
      fail(ErrorCode::invalid_argument, "seqlens_k has {} elements for {} samples", last.size(), s.batch);
    for (const int64_t each : last) {
      // A prompt is padded behind its end: its rows are the first ones whatever its length.
      s.past.push_back(tokens == s.rows ? 0 : each + 1 - s.rows);
      if (s.past.back() < 0 || s.past.back() > s.capacity || s.past.back() + s.rows > s.length)
        fail(ErrorCode::invalid_argument,
             "a sample of {} tokens does not fit {} new ones, a past of {} and {} in all", each + 1, s.rows,
             s.capacity, tokens);
    }
    if (context.has_input(sink)) expect(sink, {attrs_.heads});
    if (context.has_input(bias)) {
      const Tensor& b = context.input(bias);
      if (b.rank() != 4 || (b.dim(0) != 1 && b.dim(0) != s.batch) ||
          (b.dim(1) != 1 && b.dim(1) != attrs_.heads) || b.dim(2) != s.rows || b.dim(3) < tokens)
        fail(ErrorCode::invalid_argument, "attention_bias is {}, which does not fit {} rows and {} tokens",
             describe(b), s.rows, tokens);
    }
    return s;
  }

  /// One row of one head, rotated to its position.
  template <class T>
  struct Rotation {
    ComputeInput<T> cos, sin;
    int64_t half = 0;
    int64_t count = 0;
    void operator()(const T* from, T* to, int64_t columns, int64_t position, bool interleaved) const {
      if (position >= count)
        fail(ErrorCode::invalid_argument, "there are rotations for {} positions, not for {}", count,
             position);
      rotate_head(from, to, columns, 2 * half, cos.data() + position * half, sin.data() + position * half,
                  interleaved);
    }
  };

  template <class T>
  void attend(RunContext& context) const {
    const Sizes s = sizes(context);
    const ComputeInput<T> q(context.input(query));
    const bool packed = !context.has_input(key);
    Rotation<T> rotation;
    if (attrs_.rotary) {
      const Tensor& table = context.input(cosines);
      if (table.rank() != 2 || 2 * table.dim(1) > s.columns || context.input(sines).dims() != table.dims())
        fail(ErrorCode::invalid_argument, "the cosines are {}, the sines {}, of heads of {} columns",
             describe(table), describe(context.input(sines)), s.columns);
      rotation = {ComputeInput<T>(table), ComputeInput<T>(context.input(sines)), table.dim(1), table.dim(0)};
    }
    const Dims cache{s.batch, attrs_.kv_heads, s.length, s.columns};
    Tensor caches[2] = {Tensor::uninitialized(dtype_of<T>::value, cache),
                        Tensor::uninitialized(dtype_of<T>::value, cache)};
    for (size_t which = 0; which < 2; ++which) {
      const ComputeInput<T> fresh = packed ? q : ComputeInput<T>(context.input(key + which));
      const ComputeInput<T> past =
          s.capacity > 0 ? ComputeInput<T>(context.input(past_key + which)) : ComputeInput<T>();
      const int64_t stride = packed ? s.width : attrs_.kv_heads * s.columns;
      const int64_t first =
          packed ? (attrs_.heads + static_cast<int64_t>(which) * attrs_.kv_heads) * s.columns : 0;
      T* const out = caches[which].template data<T>().data();
      context.parallel_for(s.batch * attrs_.kv_heads, [&](int64_t task) {
        const int64_t sample = task / attrs_.kv_heads;
        const int64_t before = s.past[static_cast<size_t>(sample)];
        T* const to = out + task * s.length * s.columns;
        if (s.capacity > 0)
          std::copy_n(past.data() + task * s.capacity * s.columns, s.capacity * s.columns, to);
        std::fill(to + s.capacity * s.columns, to + s.length * s.columns, T{0});
        for (int64_t row = 0; row < s.rows; ++row) {
          const T* from =
              fresh.data() + (sample * s.rows + row) * stride + first + task % attrs_.kv_heads * s.columns;
          T* const place = to + (before + row) * s.columns;
          if (which == 0 && attrs_.rotary)
            rotation(from, place, s.columns, before + row, attrs_.interleaved);
          else
            std::copy_n(from, s.columns, place);
        }
      });
    }
    ComputeOutput<T> y(context, 0, context.input(query).dtype(), {s.batch, s.rows, attrs_.heads * s.columns});
    const ComputeInput<T> summand =
        context.has_input(bias) ? ComputeInput<T>(context.input(bias)) : ComputeInput<T>();
    const ComputeInput<T> sinks =
        context.has_input(sink) ? ComputeInput<T>(context.input(sink)) : ComputeInput<T>();
    context.parallel_for(s.batch * attrs_.heads, [&](int64_t task) {
      const int64_t sample = task / attrs_.heads;
      const int64_t head = task % attrs_.heads;
      const int64_t cached =
          (sample * attrs_.kv_heads + head / (attrs_.heads / attrs_.kv_heads)) * s.length * s.columns;
      const T* const k = caches[0].template data<T>().data() + cached;
      const T* const v = caches[1].template data<T>().data() + cached;
      std::vector<T> turned(static_cast<size_t>(s.columns));
      std::vector<T> scores(static_cast<size_t>(s.length));
      for (int64_t row = 0; row < s.rows; ++row) {
        const int64_t position = s.past[static_cast<size_t>(sample)] + row;
        const T* from = q.data() + (sample * s.rows + row) * s.width + head * s.columns;
        if (attrs_.rotary) {
          rotation(from, turned.data(), s.columns, position, attrs_.interleaved);
          from = turned.data();
        }
        const T* added = nullptr;
        if (context.has_input(bias)) {
          const Tensor& b = context.input(bias);
          const int64_t of_sample = b.dim(0) == 1 ? 0 : sample;
          const int64_t of_head = b.dim(1) == 1 ? 0 : head;
          added = summand.data() + ((of_sample * b.dim(1) + of_head) * s.rows + row) * b.dim(3);
        }
        const int64_t begin = attrs_.window < 0 ? 0 : std::max<int64_t>(position + 1 - attrs_.window, 0);
        weigh(from, k, added, begin, position + 1, s.columns,
              context.has_input(sink) ? &sinks[head] : nullptr, scores);
        T* const to = y.data() + ((sample * s.rows + row) * attrs_.heads + head) * s.columns;
        std::fill_n(to, s.columns, T{0});
        for (int64_t i = begin; i <= position; ++i)
          for (int64_t c = 0; c < s.columns; ++c)
            to[c] += scores[static_cast<size_t>(i)] * v[i * s.columns + c];
      }
    });
    y.store();
    for (size_t i = 0; i < 2; ++i)
      if (i + 1 < context.output_count() && context.wants_output(i + 1))
        copy_elements(convert(caches[i], context.input(query).dtype()),
                      context.output(i + 1, context.input(query).dtype(), cache));
  }

  /// The weights of keys begin ... end - 1 for one query.
  template <class T>
  void weigh(const T* q, const T* k, const T* added, int64_t begin, int64_t end, int64_t columns,
             const T* own, std::vector<T>& scores) const {
    const T scale = attrs_.scale != 0 ? static_cast<T>(attrs_.scale) : 1 / std::sqrt(static_cast<T>(columns));
    const T cap = static_cast<T>(attrs_.softcap);
    T most = own != nullptr ? *own : attrs_.smooth ? T{0} : -std::numeric_limits<T>::infinity();
    const T further = most;
    for (int64_t i = begin; i < end; ++i) {
      T score = 0;
      for (int64_t c = 0; c < columns; ++c) score += q[c] * k[i * columns + c];
      score *= scale;
      if (cap > 0) score = cap * std::tanh(score / cap);
      if (added != nullptr) score += added[i];
      scores[static_cast<size_t>(i)] = score;
      most = std::max(most, score);
    }
    T sum = own != nullptr || attrs_.smooth ? std::exp(further - most) : T{0};
    for (int64_t i = begin; i < end; ++i)
      sum += scores[static_cast<size_t>(i)] = std::exp(scores[static_cast<size_t>(i)] - most);
    for (int64_t i = begin; i < end; ++i) scores[static_cast<size_t>(i)] /= sum;
  }

  Attrs attrs_;
};

}  // namespace

OpPtr make_group_query_attention(const OpArgs& args) {
  args.require("num_heads");
  args.require("kv_num_heads");
  const Attrs attrs{args.get_int("num_heads", 0),
                    args.get_int("kv_num_heads", 0),
                    args.get_flag("do_rotary", false),
                    args.get_flag("rotary_interleaved", false),
                    args.get_float("scale", 0),
                    args.get_float("softcap", 0),
                    args.get_int("local_window_size", -1),
                    args.get_flag("smooth_softmax", false)};
  if (attrs.kv_heads <= 0 || attrs.heads <= 0 || attrs.heads % attrs.kv_heads != 0)
    fail(ErrorCode::bad_model, "num_heads is {}, kv_num_heads {}", attrs.heads, attrs.kv_heads);
  if (!args.get_flag("causal", true) || args.get_flag("sliding_window_cache", false) ||
      args.get_int("qk_output", 0) != 0 || args.output_count() > 3)
    fail(ErrorCode::unsupported,
         "GroupQueryAttention without a causal mask, with a cache of a window, or with its scores as an "
         "output is "
         "not supported");
  if (args.get_string("k_quant_type", "NONE") != "NONE" || args.get_string("v_quant_type", "NONE") != "NONE")
    fail(ErrorCode::unsupported, "GroupQueryAttention with a quantised cache is not supported");
  for (const char* name : {"kv_cache_bit_width", "qk_norm_epsilon", "q_norm_epsilon", "k_norm_epsilon"})
    args.ignore(name);
  if (args.input_count() < 7)
    fail(ErrorCode::bad_model, "there are {} inputs; it takes 7 at least", args.input_count());
  if (attrs.rotary && args.input_count() < 9)
    fail(ErrorCode::bad_model, "do_rotary takes the inputs 7 and 8");
  return std::make_shared<GroupQueryAttention>(attrs);
}

}  // namespace spinel::ops
