// Images to tensors, tensors to labels.
#pragma once

#include "values.hpp"

namespace spinel_node {

// Functions of the module; index.js says what they take.
napi_value make_preprocess(const Call& call);
napi_value fit_preprocess(const Call& call);
napi_value size_preprocess(const Call& call);
napi_value describe_preprocess(const Call& call);
napi_value preprocess(const Call& call);
napi_value preprocess_in_place(const Call& call);
napi_value decode_image(const Call& call);
napi_value decode_image_in_place(const Call& call);
napi_value top_k(const Call& call);
napi_value softmax(const Call& call);
napi_value load_labels(const Call& call);

}  // namespace spinel_node
