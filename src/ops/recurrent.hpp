// RNN, GRU and LSTM: what they share, and what compiled kernels read of them.
#pragma once
#include <string>
#include <vector>

#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

/// An activation function with its parameters.
struct CellActivation {
  enum class Kind {
    relu,
    tanh,
    sigmoid,
    affine,
    leaky_relu,
    thresholded_relu,
    scaled_tanh,
    hard_sigmoid,
    elu,
    softsign,
    softplus,
  };
  Kind kind = Kind::tanh;
  float alpha = 0;
  float beta = 0;

  /// Replaces each value by the function of it, computed in float or double.
  template <class T>
  void apply(T* values, int64_t count) const;
};

struct RecurrentAttrs {
  enum class Cell { rnn, gru, lstm };
  enum class Direction { forward, reverse, bidirectional };
  Cell cell = Cell::lstm;
  Direction direction = Direction::forward;
  /// gates() - (1 for GRU and LSTM) functions a direction: RNN f; GRU f g; LSTM f g h.
  std::vector<CellActivation> activations;
  float clip = 0;             ///< Gates are clipped to [-clip, clip] before their activation; 0: not at all.
  int64_t hidden_size = 0;    ///< 0: taken from R.
  bool input_forget = false;  ///< LSTM: the forget gate is 1 - input gate.
  bool linear_before_reset = false;  ///< GRU: the reset gate multiplies R's product instead of its operand.
  bool batch_first = false;          ///< layout 1.

  size_t directions() const { return direction == Direction::bidirectional ? 2 : 1; }
  int64_t gates() const { return cell == Cell::rnn ? 1 : cell == Cell::gru ? 3 : 4; }
  size_t activations_per_direction() const { return cell == Cell::rnn ? 1 : cell == Cell::gru ? 2 : 3; }
};

/// Of one run.
struct RecurrentSizes {
  int64_t steps, batch, input, hidden, directions, gates;
};

/// Those of the node's inputs. Throws Error(invalid_argument) unless all inputs have the dims that they must
/// have.
RecurrentSizes check_recurrent_sizes(const RunContext& context, const RecurrentAttrs& attrs);

/// Inputs X [steps, batch, input], W [directions, gates * hidden, input], R [directions, gates * hidden,
/// hidden], optional B [directions, 2 * gates * hidden], sequence_lens [batch] (int32), initial_h and (LSTM)
/// initial_c [directions, batch, hidden], P [directions, 3 * hidden] (LSTM); outputs Y [steps, directions,
/// batch, hidden], Y_h and (LSTM) Y_c [directions, batch, hidden]. With batch_first the batch is axis 0 of X,
/// the initial states and all outputs. Float types; each sample is computed alone.
class RecurrentOp final : public Op {
 public:
  RecurrentOp(std::string name, RecurrentAttrs attrs) : name_(std::move(name)), attrs_(std::move(attrs)) {}
  const RecurrentAttrs& attrs() const noexcept { return attrs_; }
  std::string_view name() const override { return name_; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;

 private:
  std::string name_;
  RecurrentAttrs attrs_;
};

}  // namespace spinel::ops
