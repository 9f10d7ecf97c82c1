// A small call of every operator.
#pragma once
#include <span>

namespace spinel::cli {

/// How one operator is called.
///
/// `attributes` are NAME=VALUE, with a space between them: 3, 0.5 (has a point), 'text', ['text'] (a list of
/// one), or integers with commas between or behind them; @T is the number of the element type that is tried,
/// and for `value` a tensor of it.
///
/// `inputs` are TYPE[DIMS]:VALUES, with a space between them: TYPE is f32, i64 ... or T, the type that is
/// tried; without dims it is a vector, without values it counts 1 2 3 1 2 3 ... `!` in front makes it an
/// initializer, S is a sequence of two tensors, - an input that is left out. "body": the operator takes what
/// its body does, and there is nothing to try.
struct OperatorSample {
  const char* name;  ///< With the domain, unless it is ai.onnx: "com.microsoft::QGemm".
  int opset;
  const char* label;  ///< Which of the operator's types T is; empty where it has one.
  const char* attributes;
  const char* inputs;
  int outputs = 1;
};

/// By domain and name; some operators have several.
std::span<const OperatorSample> operator_samples();

}  // namespace spinel::cli
