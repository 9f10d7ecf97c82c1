// Arguments that name a model's inputs, and the files that fill them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <spinel/engine.hpp>

namespace spinel::cli {

/// "x: float32[batch, 3, 224, 224], mask: int64[batch, 128]"
std::string input_list(const InferEngine& engine);

/// Sorts arguments "NAME:VALUE" of the flag `flag` by input: the value for each of engine.inputs(), empty
/// where none was given. Arguments without NAME fill the inputs that are left, in the model's order. Names
/// and values may both contain ':', so the longest prefix that is an input's name counts. Throws Error and
/// UsageError.
std::vector<std::string> values_by_input(std::string_view flag, const std::vector<std::string>& arguments,
                                         const InferEngine& engine);

/// The array of a .npy file as the type that the input takes; a conversion is said on stderr. Throws Error.
Tensor load_input(const std::string& file, const TensorInfo& info);

}  // namespace spinel::cli
