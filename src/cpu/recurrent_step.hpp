// One step of a recurrent cell for some samples of one direction.
#pragma once
#include <optional>

#include "cpu/kernel_list.hpp"
#include "cpu/product.hpp"
#include "cpu/tasks.hpp"
#include "cpu/vector_kernels.hpp"
#include "ops/recurrent.hpp"

namespace spinel::cpu {

/// Weights of a direction, packed by Kernels::pack_columns.
struct DirectionWeights {
  bool backwards = false;
  std::vector<float> from_input;  ///< W: input x (gates * hidden)
  std::vector<float> from_state;  ///< R: hidden x (gates * hidden), or the first two gates of a plain GRU.
  std::vector<float> candidate;   ///< R of a plain GRU's third gate: hidden x hidden.
  std::vector<float> bias;        ///< [gates * hidden], added to the input's share.
  std::vector<float> state_bias;  ///< [gates * hidden]; empty unless a GRU multiplies it by its reset gate.
  std::vector<float> peephole;    ///< [3 * hidden] in the order i, o, f; empty if none.
  const ops::CellActivation* functions = nullptr;  ///< Of the attributes that the kernel was made of.
};

/// Of all directions, or nothing with the reason in `refusal`.
std::optional<std::vector<DirectionWeights>> pack_recurrent_weights(const Candidate& candidate,
                                                                    const ops::RecurrentAttrs& attrs,
                                                                    std::string& refusal);

/// Rows of samples, one after another.
struct StateRows {
  float* gates;       ///< gates * hidden; the input's share before, spoilt after a step.
  float* from_state;  ///< gates * hidden, GRU alone.
  float* h;           ///< hidden
  float* c;           ///< hidden, LSTM alone.
  float* spare;       ///< hidden
};

class RecurrentStep {
 public:
  RecurrentStep(const Kernels& kernels, const ops::RecurrentAttrs& attrs, const DirectionWeights& weights,
                int64_t hidden)
      : kernels_(kernels), attrs_(attrs), weights_(weights), hidden_(hidden) {}

  /// Adds the state's share to the gates of rows [0, count): on the context's threads, or on this one if it
  /// is nullptr.
  void multiply(graph::RunContext* context, const StateRows& rows, int64_t count) const;
  /// Advances the state of rows [row, row + count).
  void update(const StateRows& rows, int64_t row, int64_t count) const;

 private:
  struct Place;
  void product(graph::RunContext* context, const Product& product) const;
  void apply(const Place& place, size_t function) const;
  void lstm(const StateRows& rows, int64_t row, int64_t count) const;
  void gru(const StateRows& rows, int64_t row, int64_t count) const;

  const Kernels& kernels_;
  const ops::RecurrentAttrs& attrs_;
  const DirectionWeights& weights_;
  int64_t hidden_;
};

/// A row of float32 from one of float16 or float32, and back.
void load_row(const Kernels& kernels, const void* from, bool half, int64_t count, float* to);
void store_row(const Kernels& kernels, const float* from, int64_t count, bool half, void* to);

}  // namespace spinel::cpu
