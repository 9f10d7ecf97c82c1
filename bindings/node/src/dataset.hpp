// Files and their classes, in batches; metrics.
#pragma once

#include "values.hpp"

namespace spinel_node {

// Functions of the module; index.js says what they take.
napi_value list_dataset(const Call& call);
napi_value make_loader(const Call& call);
napi_value release_loader(const Call& call);
napi_value next_batch(const Call& call);
napi_value describe_loader(const Call& call);
napi_value make_accuracy(const Call& call);
napi_value add_accuracy(const Call& call);
napi_value merge_accuracy(const Call& call);
napi_value describe_accuracy(const Call& call);
napi_value difference(const Call& call);

}  // namespace spinel_node
