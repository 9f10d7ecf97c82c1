// Values between the layers of a compiled model, under their names in the ONNX file.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include <spinel/tensor.hpp>

namespace spinel {

/// A value of the ONNX file that a compiled model still computes: passes merge nodes, and what lies inside a
/// merged layer is gone.
struct LayerValue {
  std::string name;  ///< Of the value in the ONNX file.
  DType dtype = DType::undefined;
  bool has_rank = true;              ///< False where even the rank is open; dims is then empty.
  Dims dims;                         ///< In the file's order of axes; -1 where a dim is not known.
  size_t layer = 0;                  ///< Position of the layer that computes it, in the order of execution.
  std::string node;                  ///< The layer's name.
  std::string op;                    ///< "NhwcConv"; of target `onnx` the ONNX operator.
  std::vector<std::string> sources;  ///< The ONNX nodes that the layer stands for.
  std::vector<std::string> inputs;   ///< The layer's inputs that have a name in the file, without constants.
};

/// What InferEngine::inspect() is asked for.
struct Inspection {
  /// Values to give out, of InferEngine::layer_values(); empty: all.
  std::vector<std::string> names;
  /// Called with each value, one at a time, in the order of execution. The tensor has the file's order of
  /// axes and the type that the layer computes; it is a view that is valid during the call (clone() keeps
  /// it). What it throws ends the inspection.
  std::function<void(const LayerValue& value, const Tensor& tensor)> value;
  /// Target `cpu`: called after `value`, for each of `names`; a tensor that it returns takes the value's
  /// place, converted to the value's type, so that what follows is fed with it; an undefined one changes
  /// nothing. Must have the value's dims. Views of other values follow those.
  std::function<Tensor(const LayerValue& value)> replace;
};

}  // namespace spinel
