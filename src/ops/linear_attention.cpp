// LinearAttention (opset 27): attention as a recurrence over a matrix of state.
#include <cmath>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

struct LinearAttentionAttrs {
  int64_t q_heads = 0;
  int64_t kv_heads = 0;
  float scale = 0;     ///< 0: 1 / sqrt(columns of a head of Q).
  bool gated = false;  ///< The state decays by e^decay before each step.
  bool delta = false;  ///< What the state already answers for the key is taken off the value, times beta.
};

/// Inputs query [batch, length, q_heads * d_k], key [.., kv_heads * d_k], value [.., kv_heads * d_v],
/// past_state [batch, kv_heads, d_k, d_v], decay [.., kv_heads or kv_heads * d_k] and beta [.., kv_heads or
/// 1]. Outputs [batch, length, q_heads * d_v] and the state after the last step. Computed in float32.
class LinearAttention final : public Op {
 public:
  explicit LinearAttention(LinearAttentionAttrs attrs) : attrs_(attrs) {}

  std::string_view name() const override { return "LinearAttention"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 3);
    for (size_t i = 0; i < context.input_count(); ++i) {
      if (!context.has_input(i)) continue;
      require_float(context, i, "an operand");
      const size_t rank = i == past ? 4 : 3;
      require_rank(context, i, "an operand", rank, rank);
    }
    if (context.has_input(decay) != attrs_.gated || context.has_input(beta) != attrs_.delta)
      fail(ErrorCode::bad_model, "decay must be given for a gated rule alone, beta for one with delta alone");
    const Shape* q = context.shape(0);
    const Shape* v = context.shape(2);
    const auto part = [](const Dim& dim, int64_t heads) {
      return dim.is_constant() ? Dim(dim.constant() / heads) : Dim::unknown();
    };
    const bool known = q != nullptr && v != nullptr;
    const Dim d_v = known ? part((*v)[2], attrs_.kv_heads) : Dim::unknown();
    const Dim width = d_v.is_constant() ? Dim(d_v.constant() * attrs_.q_heads) : Dim::unknown();
    context.set_tensor(0, context.dtype(0),
                       known ? std::optional<Shape>({(*q)[0], (*q)[1], width}) : std::nullopt);
    if (context.output_count() > 1)
      context.set_tensor(
          1, context.has_input(past) ? context.dtype(past) : context.dtype(0),
          known ? std::optional<Shape>({(*q)[0], Dim(attrs_.kv_heads), part((*q)[2], attrs_.q_heads), d_v})
                : std::nullopt);
  }

  void batch(BatchContext& context) const override {
    for (size_t i = 0; i < context.input_count(); ++i)
      if (context.has_input(i) && (!context.input(i).is_batched() || context.input(i).axis != 0))
        return context.block("the batch is not axis 0 of every operand");
    context.set_all_outputs(BatchState::batched(0));
  }

  void run(RunContext& context) const override {
    const Tensor& q = context.input(0);
    const Tensor& k = context.input(1);
    const Tensor& v = context.input(2);
    const int64_t q_heads = attrs_.q_heads;
    const int64_t heads = attrs_.kv_heads;
    const auto misfit = [&] {
      fail(ErrorCode::invalid_argument, "query {}, key {} and value {} do not fit {} and {} heads",
           describe(q), describe(k), describe(v), q_heads, heads);
    };
    if (q.rank() != 3 || k.rank() != 3 || v.rank() != 3 || q.dim(2) % q_heads != 0 || v.dim(2) % heads != 0)
      misfit();
    const int64_t batches = q.dim(0);
    const int64_t length = q.dim(1);
    const int64_t d_k = q.dim(2) / q_heads;
    const int64_t d_v = v.dim(2) / heads;
    if (k.dims() != Dims{batches, length, heads * d_k} || v.dims() != Dims{batches, length, heads * d_v})
      misfit();
    const Dims state_dims{batches, heads, d_k, d_v};
    const auto optional = [&](size_t input, auto&& fits) {
      if (!context.has_input(input)) return ComputeInput<float>();
      if (!fits(context.input(input).dims()))
        fail(ErrorCode::invalid_argument, "input {} {} does not fit query {}", input,
             describe(context.input(input)), describe(q));
      return ComputeInput<float>(context.input(input));
    };
    const auto per_step = [&](const Dims& dims, int64_t a, int64_t b) {
      return dims == Dims{batches, length, a} || dims == Dims{batches, length, b};
    };
    const auto from = optional(past, [&](const Dims& dims) { return dims == state_dims; });
    const auto g = optional(decay, [&](const Dims& dims) { return per_step(dims, heads, heads * d_k); });
    const auto rate = optional(beta, [&](const Dims& dims) { return per_step(dims, heads, 1); });
    const bool decay_per_column = context.has_input(decay) && context.input(decay).dim(2) != heads;
    const int64_t rates = context.has_input(beta) ? context.input(beta).dim(2) : 0;

    const ComputeInput<float> queries(q);
    const ComputeInput<float> keys(k);
    const ComputeInput<float> values(v);
    ComputeOutput<float> y(context, 0, q.dtype(), {batches, length, q_heads * d_v});
    Tensor state_tensor(DType::float32, state_dims);
    if (context.has_input(past)) copy_elements(convert(context.input(past), DType::float32), state_tensor);
    float* const states = state_tensor.data<float>().data();
    const float scale = attrs_.scale != 0 ? attrs_.scale : 1 / std::sqrt(static_cast<float>(d_k));
    const int64_t group = q_heads / heads;
    context.parallel_for(batches * heads, [&](int64_t task) {
      const int64_t b = task / heads;
      const int64_t h = task % heads;
      float* const state = states + task * d_k * d_v;
      std::vector<float> change(static_cast<size_t>(d_v));
      for (int64_t t = 0; t < length; ++t) {
        const int64_t step = b * length + t;
        const float* key = keys.data() + (step * heads + h) * d_k;
        for (int64_t i = 0; attrs_.gated && i < d_k; ++i) {
          const float kept =
              std::exp(decay_per_column ? g[(step * heads + h) * d_k + i] : g[step * heads + h]);
          for (int64_t j = 0; j < d_v; ++j) state[i * d_v + j] *= kept;
        }
        const float* value = values.data() + (step * heads + h) * d_v;
        std::copy_n(value, d_v, change.begin());
        if (attrs_.delta) {
          for (int64_t i = 0; i < d_k; ++i)
            for (int64_t j = 0; j < d_v; ++j) change[static_cast<size_t>(j)] -= state[i * d_v + j] * key[i];
          const float factor = rate[rates == 1 ? step : step * heads + h];
          for (float& each : change) each *= factor;
        }
        for (int64_t i = 0; i < d_k; ++i)
          for (int64_t j = 0; j < d_v; ++j) state[i * d_v + j] += key[i] * change[static_cast<size_t>(j)];
        for (int64_t reader = h * group; reader < (h + 1) * group; ++reader) {
          const float* query = queries.data() + (step * q_heads + reader) * d_k;
          float* const out = y.data() + (step * q_heads + reader) * d_v;
          std::fill_n(out, d_v, 0.0F);
          for (int64_t i = 0; i < d_k; ++i)
            for (int64_t j = 0; j < d_v; ++j) out[j] += query[i] * state[i * d_v + j];
          for (int64_t j = 0; j < d_v; ++j) out[j] *= scale;
        }
      }
    });
    y.store();
    if (context.output_count() > 1 && context.wants_output(1)) {
      const DType dtype = context.has_input(past) ? context.input(past).dtype() : q.dtype();
      copy_elements(convert(state_tensor, dtype), context.output(1, dtype, state_dims));
    }
  }

 private:
  enum : size_t { past = 3, decay = 4, beta = 5 };
  LinearAttentionAttrs attrs_;
};

}  // namespace

OpPtr make_linear_attention(const OpArgs& args) {
  LinearAttentionAttrs attrs;
  args.require("q_num_heads");
  args.require("kv_num_heads");
  args.ignore("chunk_size");
  attrs.q_heads = args.get_int("q_num_heads", 0);
  attrs.kv_heads = args.get_int("kv_num_heads", 0);
  attrs.scale = args.get_float("scale", 0);
  if (attrs.kv_heads <= 0 || attrs.q_heads <= 0 || attrs.q_heads % attrs.kv_heads != 0)
    fail(ErrorCode::bad_model, "q_num_heads={} is no multiple of kv_num_heads={}", attrs.q_heads,
         attrs.kv_heads);
  const std::string rule = args.get_string("update_rule", "gated_delta");
  attrs.gated = rule == "gated" || rule == "gated_delta";
  attrs.delta = rule == "delta" || rule == "gated_delta";
  if (!attrs.gated && !attrs.delta && rule != "linear")
    fail(ErrorCode::bad_model, "update_rule is '{}'; it is linear, gated, delta or gated_delta", rule);
  return std::make_shared<LinearAttention>(attrs);
}

}  // namespace spinel::ops
