#include "cpu/recurrent_step.hpp"

#include <limits>

#include "base/text.hpp"
#include "cpu/weights.hpp"

namespace spinel::cpu {
namespace {

using ops::CellActivation;
using ops::RecurrentAttrs;
using Cell = RecurrentAttrs::Cell;
using Function = ElementFunction;

constexpr float infinity = std::numeric_limits<float>::infinity();

struct FunctionStep {
  Function function;
  float p = 0, q = 0;
};

std::optional<FunctionStep> step_of(const CellActivation& activation) {
  switch (activation.kind) {
    case CellActivation::Kind::relu:
      return FunctionStep{Function::clamp, 0, infinity};
    case CellActivation::Kind::tanh:
      return FunctionStep{Function::tanh};
    case CellActivation::Kind::sigmoid:
      return FunctionStep{Function::sigmoid};
    case CellActivation::Kind::hard_sigmoid:
      return FunctionStep{Function::hard_sigmoid, activation.alpha, activation.beta};
    default:
      return std::nullopt;
  }
}

}  // namespace

/// A block of values among the rows.
struct RecurrentStep::Place {
  float* data;
  int64_t stride;
  int64_t rows;
  int64_t columns;

  ElementOperand operand() const { return {.data = data, .row_stride = stride}; }
};

std::optional<std::vector<DirectionWeights>> pack_recurrent_weights(const Candidate& candidate,
                                                                    const RecurrentAttrs& attrs,
                                                                    std::string& refusal) {
  const auto refused = [&](std::string why) {
    refusal = std::move(why);
    return std::nullopt;
  };
  if (attrs.input_forget) return refused("the forget gate is coupled to the input gate");
  for (const CellActivation& activation : attrs.activations)
    if (!step_of(activation)) return refused("a function other than tanh, sigmoid, ReLU and hard sigmoid");
  Tensor wide[8];
  for (const size_t i : {1, 2, 3, 7}) {
    if (!candidate.has_input(i)) continue;
    const graph::Value& value = candidate.graph.value(candidate.node.inputs[i]);
    if (!value.is_constant()) return refused(fmt::format("input {} is not a constant", i));
    wide[i] = ops::to_float32(value.constant);
  }
  const auto directions = static_cast<int64_t>(attrs.directions());
  const int64_t input = wide[1].dim(2);
  const int64_t hidden = wide[2].dim(2);
  const int64_t rows = attrs.gates() * hidden;
  const auto fits = [&](size_t i, const Dims& dims) { return !wide[i].defined() || wide[i].dims() == dims; };
  if (input == 0 || hidden == 0 || !fits(1, {directions, rows, input}) ||
      !fits(2, {directions, rows, hidden}) || !fits(3, {directions, 2 * rows}) ||
      !fits(7, {directions, 3 * hidden}))
    return refused("the weights' dims do not fit");

  const Kernels& kernels = candidate.kernels;
  const auto pack = [&](const float* from, int64_t depth, int64_t columns) {
    std::vector<float> packed(static_cast<size_t>(kernels.packed_size(depth, columns)));
    pack_weights(
        kernels,
        {.from = from, .columns = columns, .channels = depth, .column_stride = depth, .channel_stride = 1},
        packed.data());
    return packed;
  };
  std::vector<DirectionWeights> all(static_cast<size_t>(directions));
  for (int64_t d = 0; d < directions; ++d) {
    DirectionWeights& to = all[static_cast<size_t>(d)];
    to.backwards = attrs.direction == RecurrentAttrs::Direction::reverse || d == 1;
    const float* r = wide[2].data<float>().data() + d * rows * hidden;
    const bool plain_gru = attrs.cell == Cell::gru && !attrs.linear_before_reset;
    to.from_input = pack(wide[1].data<float>().data() + d * rows * input, input, rows);
    to.from_state = pack(r, hidden, plain_gru ? 2 * hidden : rows);
    if (plain_gru) to.candidate = pack(r + 2 * hidden * hidden, hidden, hidden);
    to.bias.assign(static_cast<size_t>(rows), 0.0F);
    if (wide[3].defined()) {
      const float* b = wide[3].data<float>().data() + 2 * d * rows;
      std::copy_n(b, rows, to.bias.begin());
      const bool before_reset = attrs.cell == Cell::gru && attrs.linear_before_reset;
      if (before_reset)
        to.state_bias.assign(b + rows, b + 2 * rows);
      else
        for (int64_t i = 0; i < rows; ++i) to.bias[static_cast<size_t>(i)] += b[rows + i];
    }
    if (attrs.cell == Cell::lstm && wide[7].defined()) {
      const float* p = wide[7].data<float>().data() + d * 3 * hidden;
      to.peephole.assign(p, p + 3 * hidden);
    }
    to.functions = attrs.activations.data() + static_cast<size_t>(d) * attrs.activations_per_direction();
  }
  return all;
}

void RecurrentStep::product(graph::RunContext* context, const Product& p) const {
  if (context != nullptr) return run_products(*context, kernels_, 1, [&](int64_t) { return p; });
  GemmBlock block{.whole_depth = p.depth,
                  .c = static_cast<float*>(p.c),
                  .c_stride = p.c_stride,
                  .rows = p.rows,
                  .columns = p.columns,
                  .start = static_cast<const float*>(p.residual),
                  .start_stride = p.residual_stride};
  block.b = static_cast<const float*>(p.b);
  block.a_stride = p.a_stride;
  for (int64_t k = 0; k < p.depth; k += depth_block) {
    block.k = k;
    block.depth = std::min(depth_block, p.depth - k);
    block.a = static_cast<const float*>(p.a) + k;
    block.epilogue = k + block.depth == p.depth ? &p.epilogue : nullptr;
    kernels_.gemm_block(block);
    block.start = block.c;
    block.start_stride = block.c_stride;
  }
}

void RecurrentStep::multiply(graph::RunContext* context, const StateRows& rows, int64_t count) const {
  const int64_t gates = attrs_.gates() * hidden_;
  Product p;
  p.a = rows.h;
  p.a_stride = hidden_;
  p.b = weights_.from_state.data();
  p.c = rows.gates;
  p.c_stride = gates;
  p.rows = count;
  p.depth = hidden_;
  p.columns = weights_.candidate.empty() ? gates : 2 * hidden_;
  if (attrs_.cell == Cell::gru && attrs_.linear_before_reset) {
    p.c = rows.from_state;
    p.epilogue.bias = weights_.state_bias.empty() ? nullptr : weights_.state_bias.data();
    return product(context, p);
  }
  p.residual = rows.gates;
  p.residual_stride = gates;
  product(context, p);
}

/// Clips and applies a function of the direction.
void RecurrentStep::apply(const Place& place, size_t function) const {
  const auto step = [&](const FunctionStep& f) {
    kernels_.vector->elementwise({.function = f.function,
                                  .p = f.p,
                                  .q = f.q,
                                  .operands = {place.operand(), {}, {}},
                                  .to = place.data,
                                  .to_row_stride = place.stride,
                                  .rows = place.rows,
                                  .columns = place.columns});
  };
  if (attrs_.clip > 0) step({Function::clamp, -attrs_.clip, attrs_.clip});
  step(*step_of(weights_.functions[function]));
}

namespace {

void combine(const Kernels& kernels, Function function, const ElementOperand& a, const ElementOperand& b,
             const ElementOperand& c, float* to, int64_t to_stride, int64_t rows, int64_t columns) {
  kernels.vector->elementwise({.function = function,
                               .p = -infinity,
                               .q = infinity,
                               .operands = {a, b, c},
                               .to = to,
                               .to_row_stride = to_stride,
                               .rows = rows,
                               .columns = columns});
}

}  // namespace

void RecurrentStep::update(const StateRows& rows, int64_t row, int64_t count) const {
  if (attrs_.cell == Cell::lstm) return lstm(rows, row, count);
  if (attrs_.cell == Cell::gru) return gru(rows, row, count);
  const Place gate{rows.gates + row * hidden_, hidden_, count, hidden_};
  apply(gate, 0);
  std::copy_n(gate.data, count * hidden_, rows.h + row * hidden_);
}

/// Gates in the order i, o, f, c.
void RecurrentStep::lstm(const StateRows& rows, int64_t row, int64_t count) const {
  const int64_t stride = 4 * hidden_;
  float* const first = rows.gates + row * stride;
  const auto gate = [&](int64_t index, int64_t gates = 1) {
    return Place{first + index * hidden_, stride, count, gates * hidden_};
  };
  const Place h{rows.h + row * hidden_, hidden_, count, hidden_};
  const Place c{rows.c + row * hidden_, hidden_, count, hidden_};
  const auto peep = [&](int64_t index) {
    const ElementOperand weights{.data = weights_.peephole.data() + index * hidden_, .row_stride = 0};
    combine(kernels_, Function::mul_add, c.operand(), weights, gate(index).operand(), gate(index).data,
            stride, count, hidden_);
  };
  if (weights_.peephole.empty()) {
    apply(gate(0, 3), 0);
  } else {
    peep(0);
    peep(2);
    apply(gate(0), 0);
    apply(gate(2), 0);
  }
  apply(gate(3), 1);
  combine(kernels_, Function::mul, gate(2).operand(), c.operand(), {}, c.data, hidden_, count, hidden_);
  combine(kernels_, Function::mul_add, gate(0).operand(), gate(3).operand(), c.operand(), c.data, hidden_,
          count, hidden_);
  if (!weights_.peephole.empty()) {
    peep(1);
    apply(gate(1), 0);
  }
  const FunctionStep last = *step_of(weights_.functions[2]);
  kernels_.vector->elementwise({.function = last.function,
                                .p = last.p,
                                .q = last.q,
                                .operands = {c.operand(), {}, {}},
                                .to = h.data,
                                .to_row_stride = hidden_,
                                .rows = count,
                                .columns = hidden_});
  combine(kernels_, Function::mul, h.operand(), gate(1).operand(), {}, h.data, hidden_, count, hidden_);
}

/// Gates in the order z, r, h.
void RecurrentStep::gru(const StateRows& rows, int64_t row, int64_t count) const {
  const int64_t stride = 3 * hidden_;
  float* const first = rows.gates + row * stride;
  const auto gate = [&](int64_t index, int64_t gates = 1) {
    return Place{first + index * hidden_, stride, count, gates * hidden_};
  };
  const Place h{rows.h + row * hidden_, hidden_, count, hidden_};
  const Place spare{rows.spare + row * hidden_, hidden_, count, hidden_};
  if (attrs_.linear_before_reset) {
    const Place from{rows.from_state + row * stride, stride, count, hidden_};
    combine(kernels_, Function::add, gate(0).operand(), from.operand(), {}, first, stride, count,
            2 * hidden_);
    apply(gate(0, 2), 0);
    const ElementOperand candidate{.data = from.data + 2 * hidden_, .row_stride = stride};
    combine(kernels_, Function::mul_add, gate(1).operand(), candidate, gate(2).operand(), gate(2).data,
            stride, count, hidden_);
  } else {
    apply(gate(0, 2), 0);
    combine(kernels_, Function::mul, gate(1).operand(), h.operand(), {}, spare.data, hidden_, count, hidden_);
    Product p;
    p.a = spare.data;
    p.a_stride = hidden_;
    p.b = weights_.candidate.data();
    p.c = gate(2).data;
    p.c_stride = stride;
    p.residual = p.c;
    p.residual_stride = stride;
    p.rows = count;
    p.depth = hidden_;
    p.columns = hidden_;
    product(nullptr, p);
  }
  apply(gate(2), 1);
  combine(kernels_, Function::sub, h.operand(), gate(2).operand(), {}, spare.data, hidden_, count, hidden_);
  combine(kernels_, Function::mul_add, gate(0).operand(), spare.operand(), gate(2).operand(), h.data, hidden_,
          count, hidden_);
}

void load_row(const Kernels& kernels, const void* from, bool half, int64_t count, float* to) {
  if (half)
    kernels.widen_rows(static_cast<const uint16_t*>(from), count, 1, count, to, count);
  else
    std::copy_n(static_cast<const float*>(from), count, to);
}

void store_row(const Kernels& kernels, const float* from, int64_t count, bool half, void* to) {
  if (half)
    kernels.narrow_rows(from, count, 1, count, static_cast<uint16_t*>(to), count);
  else
    std::copy_n(from, count, static_cast<float*>(to));
}

}  // namespace spinel::cpu
