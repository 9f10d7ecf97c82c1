// New dims for a model's inputs.
#pragma once
#include <map>
#include <string>

#include <spinel/tensor.hpp>

#include "onnx/editable_model.hpp"

namespace spinel::tools {

/// Gives inputs new dims (0 or less: as they are). A name that gets a number is that number in the whole
/// model; where a fixed dim changes, shapes that the model states are forgotten. Returns whether that was so.
/// Throws Error: not_found for an input, invalid_argument where rank or numbers contradict each other.
bool overwrite_input_shapes(onnx::EditableModel& model, const std::map<std::string, Dims>& shapes);

/// Takes initializers off the list of inputs; returns how many. IR version 3 becomes 4, which allows it.
size_t drop_initializer_inputs(onnx::EditableModel& model);

}  // namespace spinel::tools
