// Images to tensors, tensors to labels.
#pragma once

#include "values.hpp"

namespace spinel_node {

/// JavaScript's Preprocessor. A copy refers to the limits of its own.
struct Preprocess {
  Preprocess() = default;
  Preprocess(const Preprocess& other) : options(other.options), limits(other.limits) {
    if (options.limits != nullptr) options.limits = &limits;
  }

  spinel_preprocess_options options{};
  spinel_limits limits{};
};

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
