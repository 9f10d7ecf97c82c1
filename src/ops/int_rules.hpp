// Integer elements that are known while inferring: what makes shape arithmetic of a model disappear.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "ops/shape_rules.hpp"

namespace spinel::ops {

/// The elements of an integer tensor, as far as they are known; single ones may be unknown.
using Ints = std::vector<Dim>;

/// The elements of an int64, int32 or bool input of rank 0 or 1: constants, or what its producer stated.
std::optional<Ints> known_ints(const InferContext& context, size_t input);
/// Like known_ints; a vector of known length whose elements are not known is made of unknown elements.
std::optional<Ints> known_or_unknown_ints(const InferContext& context, size_t input);
/// The elements if every one is a constant.
std::optional<std::vector<int64_t>> known_constants(const InferContext& context, size_t input);
/// States the elements of an output whose type is `type` if it is a small integer tensor of rank 0 or 1 and
/// the number of elements fits; else does nothing. set_output must have been called.
void publish_ints(InferContext& context, size_t output, const graph::ValueType& type, Ints elements);
/// set_tensor(0, ...), and output 0's elements are input 0's, in order.
void set_tensor_with_ints(InferContext& context, DType dtype, std::optional<Shape> shape);

/// Whether the number cannot be negative under any binding of its symbols.
bool proven_non_negative(const Dim& dim);
/// Whether the two differ under every binding of their symbols.
bool proven_different(const Dim& a, const Dim& b);

/// Whether an input that a batch rule looks at is the same for every part of the batch: shared, or known
/// elements computed from a shape, none of which depends on the batch's size.
bool is_fixed(const BatchContext& context, size_t input);
/// Whether the dim changes with the number of samples.
bool depends_on_batch(const BatchContext& context, const Dim& dim);
/// Blocks with a reason and returns false unless is_fixed() holds for every input from `first` on.
bool require_fixed_inputs(BatchContext& context, size_t first);
/// Batch rule of operators whose output is input 0's elements in order under another shape: the batch axis is
/// where an output dim equals the batch and the dims before it have an equal product.
void batch_reshape(BatchContext& context);

}  // namespace spinel::ops
