// A small program of elementwise functions, run block by block so that what lies between stays in the cache.
#pragma once
#include <string>
#include <vector>

#include "cpu/kernels.hpp"
#include "cpu/vector_kernels.hpp"
#include "graph/op.hpp"

namespace spinel::cpu {

/// Functions over inputs, constants and the results of earlier functions; the last one's is the output.
/// Immutable once finished.
class ElementProgram {
 public:
  enum class Source : uint8_t { input, constant, step };
  struct Operand {
    Source source = Source::input;
    uint32_t index = 0;
    bool operator==(const Operand&) const = default;
  };
  struct Step {
    ElementFunction function = ElementFunction::copy;
    float p = 0, q = 0;
    Operand operands[3] = {};
  };

  static Operand input(size_t index) { return {Source::input, static_cast<uint32_t>(index)}; }
  Operand constant(Tensor tensor);  ///< float32, of dims that broadcast to the output's.
  Operand step(Step step);
  /// Once, when all steps are there: places their results in registers. Throws Error(internal) if there are
  /// no steps or too many operands.
  void finish(size_t input_count);

  const std::vector<Step>& steps() const noexcept { return steps_; }
  const std::vector<Tensor>& constants() const noexcept { return constants_; }
  size_t input_count() const noexcept { return input_count_; }
  /// Canonical: equal text means the same function.
  std::string text() const;

  static bool takes(DType dtype) { return dtype == DType::float32 || dtype == DType::float16; }
  static constexpr size_t max_steps = 32;

  graph::Scratch scratch() const;
  /// Output 0 has the dims to which the inputs' broadcast, and the first input's dtype; each input is float32
  /// or float16.
  void run(const Kernels& kernels, graph::RunContext& context) const;
  /// Numbers of inputs that the program reads (all others may be anything).
  bool reads_input(size_t index) const;

 private:
  std::vector<Step> steps_;
  std::vector<Tensor> constants_;
  std::vector<int> registers_;  ///< Of each step; -1 for the last.
  int register_count_ = 0;
  size_t input_count_ = 0;
};

}  // namespace spinel::cpu
