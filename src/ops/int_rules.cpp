#include "ops/int_rules.hpp"

#include "base/text.hpp"

namespace spinel::ops {
namespace {

constexpr size_t max_known_elements = 1024;

bool holds_ints(DType dtype) {
  return dtype == DType::int64 || dtype == DType::int32 || dtype == DType::boolean;
}

}  // namespace

std::optional<Ints> known_ints(const InferContext& context, size_t input) {
  if (!context.has_input(input)) return std::nullopt;
  const graph::ValueType& type = context.input(input);
  if (!type.is_tensor() || !holds_ints(type.dtype) || !type.shape || type.shape->size() > 1)
    return std::nullopt;
  if (auto ints = context.ints(input)) return ints;
  const Tensor* constant = context.constant(input);
  if (constant == nullptr || static_cast<size_t>(constant->element_count()) > max_known_elements)
    return std::nullopt;
  const Tensor wide = convert(*constant, DType::int64);
  const auto values = wide.data<int64_t>();
  return Ints(values.begin(), values.end());
}

std::optional<Ints> known_or_unknown_ints(const InferContext& context, size_t input) {
  if (auto ints = known_ints(context, input)) return ints;
  const Shape* shape = context.shape(input);
  if (shape == nullptr || shape->size() > 1) return std::nullopt;
  const Dim length = shape->empty() ? Dim(1) : (*shape)[0];
  if (!length.is_constant() || length.constant() < 0 ||
      length.constant() > static_cast<int64_t>(max_known_elements))
    return std::nullopt;
  return Ints(static_cast<size_t>(length.constant()), Dim::unknown());
}

std::optional<std::vector<int64_t>> known_constants(const InferContext& context, size_t input) {
  const auto ints = known_ints(context, input);
  if (!ints) return std::nullopt;
  return graph::constant_dims(*ints);
}

void publish_ints(InferContext& context, size_t output, const graph::ValueType& type, Ints elements) {
  if (!type.is_tensor() || !holds_ints(type.dtype) || !type.shape || type.shape->size() > 1) return;
  if (elements.size() > max_known_elements) return;
  const Dim length = type.shape->empty() ? Dim(1) : (*type.shape)[0];
  if (!length.is_constant(static_cast<int64_t>(elements.size()))) return;
  context.set_output_ints(output, std::move(elements));
}

void set_tensor_with_ints(InferContext& context, DType dtype, std::optional<Shape> shape) {
  const auto type = graph::ValueType::tensor(dtype, std::move(shape));
  context.set_output(0, type);
  if (auto ints = known_ints(context, 0)) publish_ints(context, 0, type, std::move(*ints));
}

// Symbols stand for non-negative numbers and sums, products and quotients of such are non-negative, so an
// expression that is written without a minus sign is too.
bool proven_non_negative(const Dim& dim) {
  return !dim.is_unknown() && dim.text().find('-') == std::string::npos;
}

bool proven_different(const Dim& a, const Dim& b) {
  if (a.is_unknown() || b.is_unknown()) return false;
  return proven_non_negative(a - b - Dim(1)) || proven_non_negative(b - a - Dim(1));
}

bool depends_on_batch(const BatchContext& context, const Dim& dim) {
  const Dim& batch = context.batch_dim();
  if (dim.is_unknown()) return true;
  if (batch.is_constant()) return false;
  std::vector<std::string> symbols;
  batch.collect_symbols(symbols);
  for (const std::string& symbol : symbols)
    if (dim.mentions(symbol)) return true;
  return false;
}

bool is_fixed(const BatchContext& context, size_t input) {
  if (!context.has_input(input) || context.input(input).is_shared()) return true;
  if (!context.input(input).is_size()) return false;
  const auto ints = context.input_ints(input);
  if (!ints) return false;
  for (const Dim& element : *ints)
    if (depends_on_batch(context, element)) return false;
  return true;
}

bool require_fixed_inputs(BatchContext& context, size_t first) {
  for (size_t i = first; i < context.input_count(); ++i)
    if (!is_fixed(context, i)) {
      context.block(fmt::format("input {} depends on the batch", i));
      return false;
    }
  return true;
}

void batch_reshape(BatchContext& context) {
  const BatchState state = context.input(0);
  for (size_t i = 1; i < context.input_count(); ++i)
    if (context.has_input(i) && context.input(i).is_batched())
      return context.block("the new shape depends on the samples");
  if (!state.is_batched())
    return context.block("a tensor of fixed size gets a shape computed from the batch");
  const Shape* from = context.input_shape(0);
  const Shape* to = context.output_shape(0);
  if (from == nullptr || to == nullptr) return context.block("the rank before or after is not known");
  const Dim before = graph::product(*from, 0, static_cast<size_t>(state.axis));
  Dim here(1);
  for (size_t axis = 0; axis < to->size(); ++axis) {
    if (equal(here, before) && equal((*to)[axis], context.batch_dim()))
      return context.set_all_outputs(BatchState::batched(static_cast<int>(axis)));
    here = here * (*to)[axis];
  }
  context.block(fmt::format("reshaping {} to {} does not keep the batch as an axis of its own",
                            shape_text(*from), shape_text(*to)));
}

}  // namespace spinel::ops
