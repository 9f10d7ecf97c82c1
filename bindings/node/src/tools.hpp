// ONNX files to ONNX files.
#pragma once

#include "values.hpp"

namespace spinel_node {

// Functions of the module; index.js says what they take.
napi_value simplify_model(const Call& call);
napi_value convert_model(const Call& call);

}  // namespace spinel_node
