#include "cpu/recurrent.hpp"

#include <cstring>

#include "base/text.hpp"
#include "cpu/recurrent_step.hpp"
#include "ops/recurrent.hpp"

namespace spinel::cpu {
namespace {

using ops::RecurrentAttrs;
using Cell = RecurrentAttrs::Cell;
using Sizes = ops::RecurrentSizes;

/// Rows of X whose share of the gates is computed ahead of the steps.
constexpr int64_t rows_ahead = 1024;

/// What a run keeps in its scratch memory: floats, one block after another.
struct Layout {
  int64_t chunk;  ///< Steps whose share of the gates is computed ahead.
  int64_t gates;  ///< gates * hidden
  int64_t x, ahead, gate_rows, from_state, h, c, spare, total;

  Layout(const Sizes& s, Cell cell, bool half, bool has_lengths) {
    // A sample that ends early begins its way back somewhere else than the others.
    chunk =
        has_lengths ? s.steps : std::clamp<int64_t>(rows_ahead / std::max<int64_t>(s.batch, 1), 1, s.steps);
    gates = s.gates * s.hidden;
    int64_t end = 0;
    const auto block = [&](int64_t floats) {
      const int64_t begin = end;
      end += (floats + 15) / 16 * 16;
      return begin;
    };
    const int64_t rows = s.directions * s.batch;
    x = block(half ? s.steps * s.batch * s.input : 0);
    ahead = block(rows * chunk * gates);
    gate_rows = block(rows * gates);
    from_state = block(cell == Cell::gru ? rows * gates : 0);
    h = block(rows * s.hidden);
    c = block(cell == Cell::lstm ? rows * s.hidden : 0);
    spare = block(rows * s.hidden);
    total = end;
  }
};

class RecurrentKernel final : public KernelOp {
 public:
  RecurrentKernel(const Candidate& candidate, const RecurrentAttrs& attrs,
                  std::vector<DirectionWeights> weights)
      : KernelOp(candidate.node.op),
        attrs_(attrs),
        kernels_(candidate.kernels),
        half_(candidate.input_type(0).dtype == DType::float16),
        has_lengths_(candidate.has_input(4)),
        input_(candidate.graph.value(candidate.node.inputs[1]).constant.dim(2)),
        hidden_(candidate.graph.value(candidate.node.inputs[2]).constant.dim(2)),
        weights_(std::move(weights)) {}

  std::string_view kernel() const override { return "packed"; }

  graph::Scratch scratch(const graph::ScratchContext& context) const override {
    const auto x = context.input_dims(0);
    if (x.size() != 3) return {};
    const bool first = attrs_.batch_first;
    const Sizes s{.steps = x[first ? 1 : 0],
                  .batch = x[first ? 0 : 1],
                  .input = input_,
                  .hidden = hidden_,
                  .directions = std::ssize(weights_),
                  .gates = attrs_.gates()};
    const Layout layout(s, attrs_.cell, half_, has_lengths_);
    return {.shared_bytes = static_cast<uint64_t>(layout.total) * sizeof(float)};
  }

  void run(graph::RunContext& context) const override;

 private:
  struct Run;
  void compute_ahead(graph::RunContext& context, const Run& run, int64_t first_step, int64_t steps) const;
  void advance(graph::RunContext* context, const Run& run, int64_t direction, int64_t sample, int64_t count,
               int64_t first_step, int64_t steps) const;

  RecurrentAttrs attrs_;
  const Kernels& kernels_;
  bool half_, has_lengths_;
  int64_t input_, hidden_;
  std::vector<DirectionWeights> weights_;
};

/// What the parts of one run share.
struct RecurrentKernel::Run {
  Sizes s;
  Layout at;
  float* scratch;
  const float* x;
  std::vector<int64_t> lengths;  ///< Of each sample; empty: all steps.
  Tensor* y;                     ///< Or nullptr.

  int64_t length(int64_t sample) const {
    return lengths.empty() ? s.steps : lengths[static_cast<size_t>(sample)];
  }
  /// First step in time of the steps [first_step, first_step + steps) of a direction.
  int64_t low_time(bool backwards, int64_t first_step, int64_t steps) const {
    return backwards && lengths.empty() ? s.steps - first_step - steps : backwards ? 0 : first_step;
  }
};

void RecurrentKernel::compute_ahead(graph::RunContext& context, const Run& run, int64_t first_step,
                                    int64_t steps) const {
  const Sizes& s = run.s;
  // Products of contiguous rows: all samples of the steps, or a sample's steps.
  const int64_t per_direction = attrs_.batch_first ? s.batch : 1;
  run_products(context, kernels_, s.directions * per_direction, [&](int64_t index) {
    const DirectionWeights& w = weights_[static_cast<size_t>(index / per_direction)];
    const int64_t n = index % per_direction;
    const int64_t time = run.low_time(w.backwards, first_step, steps);
    Product p;
    p.a = run.x + (attrs_.batch_first ? n * s.steps + time : time * s.batch) * s.input;
    p.a_stride = s.input;
    p.b = w.from_input.data();
    p.c = run.scratch + run.at.ahead + (index / per_direction * s.batch + n) * run.at.chunk * run.at.gates;
    p.c_stride = run.at.gates;
    p.rows = attrs_.batch_first ? steps : steps * s.batch;
    p.depth = s.input;
    p.columns = run.at.gates;
    p.epilogue.bias = w.bias.data();
    return p;
  });
}

void RecurrentKernel::advance(graph::RunContext* context, const Run& run, int64_t direction, int64_t sample,
                              int64_t count, int64_t first_step, int64_t steps) const {
  const Sizes& s = run.s;
  const DirectionWeights& w = weights_[static_cast<size_t>(direction)];
  const int64_t low = run.low_time(w.backwards, first_step, steps);
  const int64_t row = direction * s.batch + sample;
  const auto at = [&](int64_t block, int64_t width) { return run.scratch + block + row * width; };
  StateRows rows{.gates = at(run.at.gate_rows, run.at.gates),
                 .from_state = at(run.at.from_state, run.at.gates),
                 .h = at(run.at.h, s.hidden),
                 .c = at(run.at.c, s.hidden),
                 .spare = at(run.at.spare, s.hidden)};
  const RecurrentStep stepper(kernels_, attrs_, w, s.hidden);
  for (int64_t step = first_step; step < first_step + steps; ++step) {
    const auto time = [&](int64_t n) {
      return w.backwards && step < run.length(n) ? run.length(n) - 1 - step : step;
    };
    for (int64_t i = 0; i < count; ++i) {
      const int64_t n = sample + i;
      const int64_t t = time(n) - low;
      const int64_t ahead = attrs_.batch_first ? (direction * s.batch + n) * run.at.chunk + t
                                               : (direction * run.at.chunk + t) * s.batch + n;
      std::copy_n(run.scratch + run.at.ahead + ahead * run.at.gates, run.at.gates,
                  rows.gates + i * run.at.gates);
    }
    stepper.multiply(context, rows, count);
    if (run.lengths.empty())
      stepper.update(rows, 0, count);
    else
      for (int64_t i = 0; i < count; ++i)
        if (step < run.length(sample + i)) stepper.update(rows, i, 1);
    if (run.y == nullptr) continue;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t n = sample + i;
      const int64_t t = time(n);
      char* to = element_at(*run.y, (attrs_.batch_first ? (n * s.steps + t) * s.directions + direction
                                                        : (t * s.directions + direction) * s.batch + n) *
                                        s.hidden);
      if (step >= run.length(n))
        std::memset(to, 0, static_cast<size_t>(s.hidden) * (is_half(*run.y) ? 2 : 4));
      else
        store_row(kernels_, rows.h + i * s.hidden, s.hidden, is_half(*run.y), to);
    }
  }
}

void RecurrentKernel::run(graph::RunContext& context) const {
  const Sizes s = ops::check_recurrent_sizes(context, attrs_);
  const Tensor& x = context.input(0);
  if (s.input != input_ || s.hidden != hidden_ || is_half(x) != half_ || context.has_input(4) != has_lengths_)
    fail(ErrorCode::invalid_argument, "X {} is not what the weights were packed for", describe(x));
  const bool first = attrs_.batch_first;
  const Dims y_dims =
      first ? Dims{s.batch, s.steps, s.directions, s.hidden} : Dims{s.steps, s.directions, s.batch, s.hidden};
  const Dims state_dims =
      first ? Dims{s.batch, s.directions, s.hidden} : Dims{s.directions, s.batch, s.hidden};
  const size_t states = attrs_.cell == Cell::lstm ? 2 : 1;
  Tensor* outputs[3] = {};
  for (size_t i = 0; i < std::min(context.output_count(), states + 1); ++i)
    if (context.wants_output(i))
      outputs[i] = &context.output_or(i, x.dtype(), [&] { return i == 0 ? y_dims : state_dims; });

  Run run{.s = s,
          .at = Layout(s, attrs_.cell, half_, has_lengths_),
          .scratch = reinterpret_cast<float*>(context.scratch()),
          .x = nullptr,
          .lengths = {},
          .y = outputs[0]};
  if (has_lengths_) run.lengths = ops::to_int64s(context.input(4));
  if (half_) {
    kernels_.widen_rows(static_cast<const uint16_t*>(x.raw()), s.input, s.steps * s.batch, s.input,
                        run.scratch + run.at.x, s.input);
    run.x = run.scratch + run.at.x;
  } else {
    run.x = x.data<float>().data();
  }
  // States lie [directions, batch, hidden] in scratch memory, whatever the layout.
  const auto each_state = [&](auto&& fn) {
    for (size_t i = 0; i < states; ++i)
      for (int64_t d = 0; d < s.directions; ++d)
        for (int64_t n = 0; n < s.batch; ++n)
          fn(i, run.scratch + (i == 0 ? run.at.h : run.at.c) + (d * s.batch + n) * s.hidden,
             (first ? n * s.directions + d : d * s.batch + n) * s.hidden);
  };
  each_state([&](size_t i, float* to, int64_t from) {
    if (context.has_input(5 + i))
      load_row(kernels_, element_at(context.input(5 + i), from), half_, s.hidden, to);
    else
      std::fill_n(to, s.hidden, 0.0F);
  });

  // Directions and groups of samples advance on their own; where there are fewer than threads, the product of
  // each step is cut instead.
  const int64_t concurrency = context.concurrency();
  const int64_t groups = std::clamp<int64_t>(concurrency / s.directions, 1, std::max<int64_t>(s.batch, 1));
  const int64_t group = (s.batch + groups - 1) / groups;
  const bool alone = s.directions * groups >= concurrency;
  for (int64_t step = 0; step < s.steps && s.batch > 0; step += run.at.chunk) {
    context.check_cancelled();
    const int64_t steps = std::min(run.at.chunk, s.steps - step);
    compute_ahead(context, run, step, steps);
    const auto part = [&](int64_t task, graph::RunContext* shared) {
      const int64_t sample = task / s.directions * group;
      advance(shared, run, task % s.directions, sample, std::min(group, s.batch - sample), step, steps);
    };
    const int64_t tasks = (s.batch + group - 1) / group * s.directions;
    if (alone)
      context.parallel_for(tasks, [&](int64_t task) { part(task, nullptr); });
    else
      for (int64_t task = 0; task < tasks; ++task) part(task, &context);
  }
  each_state([&](size_t i, const float* from, int64_t to) {
    if (outputs[1 + i] != nullptr)
      store_row(kernels_, from, s.hidden, half_, element_at(*outputs[1 + i], to));
  });
}

}  // namespace

graph::OpPtr make_recurrent_kernel(const Candidate& candidate, std::string& refusal) {
  const auto* op = dynamic_cast<const ops::RecurrentOp*>(candidate.node.op.get());
  if (op == nullptr) return nullptr;
  const DType dtype = candidate.input_type(0).dtype;
  if (dtype != DType::float32 && dtype != DType::float16) {
    refusal = fmt::format("X is {}", dtype_name(dtype));
    return nullptr;
  }
  auto weights = pack_recurrent_weights(candidate, op->attrs(), refusal);
  if (!weights) return nullptr;
  return std::make_shared<RecurrentKernel>(candidate, op->attrs(), std::move(*weights));
}

}  // namespace spinel::cpu
