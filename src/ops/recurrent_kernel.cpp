// The reference kernels of RNN, GRU and LSTM: one sample and direction at a time.
#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/recurrent.hpp"
#include "ops/row_product.hpp"

namespace spinel::ops {

using Cell = RecurrentAttrs::Cell;

template <class T>
void CellActivation::apply(T* values, int64_t count) const {
  const T a = static_cast<T>(alpha);
  const T b = static_cast<T>(beta);
  const auto each = [&](auto&& function) { std::transform(values, values + count, values, function); };
  switch (kind) {
    case Kind::relu:
      return each([](T v) { return v < 0 ? T{0} : v; });
    case Kind::tanh:
      return each([](T v) { return std::tanh(v); });
    case Kind::sigmoid:
      return each([](T v) { return 1 / (1 + std::exp(-v)); });
    case Kind::affine:
      return each([=](T v) { return a * v + b; });
    case Kind::leaky_relu:
      return each([=](T v) { return v < 0 ? a * v : v; });
    case Kind::thresholded_relu:
      return each([=](T v) { return v > a ? v : T{0}; });
    case Kind::scaled_tanh:
      return each([=](T v) { return a * std::tanh(b * v); });
    case Kind::hard_sigmoid:
      return each([=](T v) { return std::clamp(a * v + b, T{0}, T{1}); });
    case Kind::elu:
      return each([=](T v) { return v < 0 ? a * (std::exp(v) - 1) : v; });
    case Kind::softsign:
      return each([](T v) { return v / (1 + std::abs(v)); });
    case Kind::softplus:
      return each([](T v) { return std::log1p(std::exp(-std::abs(v))) + std::max(v, T{0}); });
  }
}

using Sizes = RecurrentSizes;

RecurrentSizes check_recurrent_sizes(const RunContext& context, const RecurrentAttrs& attrs) {
  const Tensor& x = context.input(0);
  const Tensor& w = context.input(1);
  const Tensor& r = context.input(2);
  require_float(x, "X");
  if (x.rank() != 3 || w.rank() != 3 || r.rank() != 3)
    fail(ErrorCode::invalid_argument, "X {}, W {} and R {} must have rank 3", describe(x), describe(w),
         describe(r));
  Sizes s;
  s.steps = x.dim(attrs.batch_first ? 1 : 0);
  s.batch = x.dim(attrs.batch_first ? 0 : 1);
  s.input = x.dim(2);
  s.hidden = r.dim(2);
  s.directions = static_cast<int64_t>(attrs.directions());
  s.gates = attrs.gates();
  const int64_t rows = s.gates * s.hidden;
  if (attrs.hidden_size != 0 && attrs.hidden_size != s.hidden)
    fail(ErrorCode::invalid_argument, "hidden_size is {}, but R is {}", attrs.hidden_size, describe(r));
  const Dims state =
      attrs.batch_first ? Dims{s.batch, s.directions, s.hidden} : Dims{s.directions, s.batch, s.hidden};
  const auto require = [&](size_t index, const char* name, const Dims& dims) {
    if (context.has_input(index) && context.input(index).dims() != dims)
      fail(ErrorCode::invalid_argument, "{} is {}, it must be {}", name, describe(context.input(index)),
           dims_text(dims));
  };
  require(1, "W", {s.directions, rows, s.input});
  require(2, "R", {s.directions, rows, s.hidden});
  require(3, "B", {s.directions, 2 * rows});
  require(4, "sequence_lens", {s.batch});
  require(5, "initial_h", state);
  if (attrs.cell == Cell::lstm) {
    require(6, "initial_c", state);
    require(7, "P", {s.directions, 3 * s.hidden});
  }
  if (context.has_input(4))
    for (int64_t length : to_int64s(context.input(4)))
      if (length < 0 || length > s.steps)
        fail(ErrorCode::invalid_argument, "sequence_lens holds {}, outside [0, {}]", length, s.steps);
  return s;
}

namespace {

/// The weights of one direction, transposed so that a row holds one input's share of all gates.
template <class T>
struct Weights {
  std::vector<T> w, r;              ///< [input][gates * hidden], [hidden][gates * hidden]
  std::vector<T> w_bias, r_bias;    ///< [gates * hidden]
  std::vector<T> peephole;          ///< [3 * hidden] in the order i, o, f; empty if none.
  const CellActivation* functions;  ///< Of this direction.
};

template <class T>
std::vector<T> transposed(const T* matrix, int64_t rows, int64_t columns) {
  std::vector<T> out(static_cast<size_t>(rows * columns));
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) out[static_cast<size_t>(j * rows + i)] = matrix[i * columns + j];
  return out;
}

/// Advances one sample by one step.
template <class T>
class Stepper {
 public:
  Stepper(const RecurrentAttrs& attrs, const Sizes& sizes, const Weights<T>& weights)
      : attrs_(attrs),
        sizes_(sizes),
        weights_(weights),
        from_x_(weights.w_bias.size()),
        from_h_(weights.w_bias.size()),
        reset_(static_cast<size_t>(sizes.hidden)) {}

  /// x [input]; h and c [hidden] are replaced.
  void step(const T* x, T* h, T* c) {
    const int64_t rows = std::ssize(from_x_);
    std::ranges::copy(weights_.w_bias, from_x_.begin());
    add_row_product(rows, sizes_.input, x, 1, weights_.w.data(), rows, from_x_.data());
    std::ranges::copy(weights_.r_bias, from_h_.begin());
    add_row_product(rows, sizes_.hidden, h, 1, weights_.r.data(), rows, from_h_.data());
    if (attrs_.cell == Cell::lstm)
      lstm(h, c);
    else if (attrs_.cell == Cell::gru)
      gru(h);
    else
      rnn(h);
  }

 private:
  T* gate(int64_t index) { return from_x_.data() + index * sizes_.hidden; }
  void activate(T* values, size_t function) {
    const T clip = static_cast<T>(attrs_.clip);
    if (attrs_.clip > 0)
      for (int64_t i = 0; i < sizes_.hidden; ++i) values[i] = std::clamp(values[i], -clip, clip);
    weights_.functions[function].apply(values, sizes_.hidden);
  }
  void add_peephole(T* values, int64_t index, const T* c) const {
    if (weights_.peephole.empty()) return;
    for (int64_t i = 0; i < sizes_.hidden; ++i)
      values[i] += weights_.peephole[static_cast<size_t>(index * sizes_.hidden + i)] * c[i];
  }
  void add_from_h() {
    for (size_t i = 0; i < from_x_.size(); ++i) from_x_[i] += from_h_[i];
  }

  void rnn(T* h) {
    add_from_h();
    activate(gate(0), 0);
    std::copy_n(gate(0), sizes_.hidden, h);
  }

  /// Gates in the order i, o, f, c.
  void lstm(T* h, T* c) {
    add_from_h();
    T* const i = gate(0);
    T* const o = gate(1);
    T* const f = gate(2);
    T* const g = gate(3);
    add_peephole(i, 0, c);
    activate(i, 0);
    if (attrs_.input_forget) {
      for (int64_t k = 0; k < sizes_.hidden; ++k) f[k] = 1 - i[k];
    } else {
      add_peephole(f, 2, c);
      activate(f, 0);
    }
    activate(g, 1);
    for (int64_t k = 0; k < sizes_.hidden; ++k) c[k] = f[k] * c[k] + i[k] * g[k];
    add_peephole(o, 1, c);
    activate(o, 0);
    std::copy_n(c, sizes_.hidden, h);
    weights_.functions[2].apply(h, sizes_.hidden);
    for (int64_t k = 0; k < sizes_.hidden; ++k) h[k] *= o[k];
  }

  /// Gates in the order z, r, h.
  void gru(T* h) {
    const int64_t hidden = sizes_.hidden;
    T* const z = gate(0);
    T* const r = gate(1);
    T* const g = gate(2);
    T* const g_from_h = from_h_.data() + 2 * hidden;
    for (int64_t k = 0; k < 2 * hidden; ++k) z[k] += from_h_[static_cast<size_t>(k)];
    activate(z, 0);
    activate(r, 0);
    if (attrs_.linear_before_reset) {
      for (int64_t k = 0; k < hidden; ++k) g_from_h[k] *= r[k];
    } else {
      for (int64_t k = 0; k < hidden; ++k) reset_[static_cast<size_t>(k)] = r[k] * h[k];
      std::copy_n(weights_.r_bias.data() + 2 * hidden, hidden, g_from_h);
      add_row_product(hidden, hidden, reset_.data(), 1, weights_.r.data() + 2 * hidden, 3 * hidden, g_from_h);
    }
    for (int64_t k = 0; k < hidden; ++k) g[k] += g_from_h[k];
    activate(g, 1);
    for (int64_t k = 0; k < hidden; ++k) h[k] = (1 - z[k]) * g[k] + z[k] * h[k];
  }

  const RecurrentAttrs& attrs_;
  const Sizes& sizes_;
  const Weights<T>& weights_;
  std::vector<T> from_x_, from_h_, reset_;
};

template <class T>
std::vector<Weights<T>> read_weights(const RunContext& context, const RecurrentAttrs& attrs, const Sizes& s) {
  const int64_t rows = s.gates * s.hidden;
  const ComputeInput<T> w(context.input(1));
  const ComputeInput<T> r(context.input(2));
  const ComputeInput<T> b = context.has_input(3) ? ComputeInput<T>(context.input(3)) : ComputeInput<T>();
  const bool has_peephole = attrs.cell == Cell::lstm && context.has_input(7);
  const ComputeInput<T> p = has_peephole ? ComputeInput<T>(context.input(7)) : ComputeInput<T>();
  std::vector<Weights<T>> out(static_cast<size_t>(s.directions));
  for (int64_t d = 0; d < s.directions; ++d) {
    Weights<T>& to = out[static_cast<size_t>(d)];
    to.w = transposed(w.data() + d * rows * s.input, rows, s.input);
    to.r = transposed(r.data() + d * rows * s.hidden, rows, s.hidden);
    to.w_bias.assign(static_cast<size_t>(rows), T{0});
    to.r_bias = to.w_bias;
    if (context.has_input(3)) {
      std::copy_n(b.data() + 2 * d * rows, rows, to.w_bias.begin());
      std::copy_n(b.data() + (2 * d + 1) * rows, rows, to.r_bias.begin());
    }
    if (has_peephole) to.peephole.assign(p.data() + d * 3 * s.hidden, p.data() + (d + 1) * 3 * s.hidden);
    to.functions = attrs.activations.data() + static_cast<size_t>(d) * attrs.activations_per_direction();
  }
  return out;
}

template <class T>
void run_recurrent(RunContext& context, const RecurrentAttrs& attrs, const Sizes& s) {
  const Tensor& x = context.input(0);
  const ComputeInput<T> from(x);
  const std::vector<Weights<T>> weights = read_weights<T>(context, attrs, s);
  const bool first = attrs.batch_first;
  const size_t states = attrs.cell == Cell::lstm ? 2 : 1;
  ComputeInput<T> initial[2];
  for (size_t i = 0; i < states; ++i)
    if (context.has_input(5 + i)) initial[i] = ComputeInput<T>(context.input(5 + i));
  const std::vector<int64_t> lengths = context.has_input(4)
                                           ? to_int64s(context.input(4))
                                           : std::vector<int64_t>(static_cast<size_t>(s.batch), s.steps);
  const Dims y_dims =
      first ? Dims{s.batch, s.steps, s.directions, s.hidden} : Dims{s.steps, s.directions, s.batch, s.hidden};
  const Dims state_dims =
      first ? Dims{s.batch, s.directions, s.hidden} : Dims{s.directions, s.batch, s.hidden};
  std::optional<ComputeOutput<T>> outputs[3];
  for (size_t i = 0; i < std::min(context.output_count(), states + 1); ++i)
    if (context.wants_output(i)) outputs[i].emplace(context, i, x.dtype(), i == 0 ? y_dims : state_dims);

  context.parallel_for(s.directions * s.batch, [&](int64_t task) {
    const int64_t d = task % s.directions;
    const int64_t n = task / s.directions;
    const int64_t length = lengths[static_cast<size_t>(n)];
    const bool backwards = attrs.direction == RecurrentAttrs::Direction::reverse || d == 1;
    const int64_t state_at = (first ? n * s.directions + d : d * s.batch + n) * s.hidden;
    std::vector<T> state[2];  // h and c
    for (size_t i = 0; i < 2; ++i) {
      state[i].assign(static_cast<size_t>(s.hidden), T{0});
      if (i < states && context.has_input(5 + i))
        std::copy_n(initial[i].data() + state_at, s.hidden, state[i].begin());
    }
    Stepper<T> stepper(attrs, s, weights[static_cast<size_t>(d)]);
    for (int64_t step = 0; step < s.steps; ++step) {
      const int64_t t = backwards && step < length ? length - 1 - step : step;
      if (step < length)
        stepper.step(from.data() + (first ? n * s.steps + t : t * s.batch + n) * s.input, state[0].data(),
                     state[1].data());
      if (!outputs[0]) continue;
      T* to =
          outputs[0]->data() +
          (first ? (n * s.steps + t) * s.directions + d : (t * s.directions + d) * s.batch + n) * s.hidden;
      if (step < length)
        std::ranges::copy(state[0], to);
      else
        std::fill_n(to, s.hidden, T{0});
    }
    for (size_t i = 0; i < states; ++i)
      if (outputs[1 + i]) std::ranges::copy(state[i], outputs[1 + i]->data() + state_at);
  });
  for (auto& output : outputs)
    if (output) output->store();
}

}  // namespace

void RecurrentOp::run(RunContext& context) const {
  const Sizes sizes = check_recurrent_sizes(context, attrs_);
  compute_in(context.input(0).dtype(),
             [&](auto type) { run_recurrent<decltype(type)>(context, attrs_, sizes); });
}

}  // namespace spinel::ops
