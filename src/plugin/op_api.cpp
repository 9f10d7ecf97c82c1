// The functions that callbacks of custom operators call. Nothing is thrown out of them: a failure is kept in
// the context, and the callback learns that there was one.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "plugin/op_context.hpp"
#include "plugin/op_set.hpp"

namespace spinel::plugin {
namespace {

using Context = spinel_op_context;

constexpr int64_t first_expression = SPINEL_DIM_UNKNOWN - 1;

/// Runs `body`, which returns a T; `failed` if it throws.
template <class T, class Body>
T guard(Context* context, T failed, Body&& body) noexcept {
  if (context == nullptr) return failed;
  try {
    try {
      return body();
    } catch (const Error& error) {
      context->failure = error;
    } catch (const std::bad_alloc&) {
      context->failure.emplace(ErrorCode::out_of_memory, "no memory left");
    } catch (const std::exception& error) {
      context->failure.emplace(ErrorCode::internal, error.what());
    }
  } catch (...) {  // No memory even for the text; this one is short enough to need none.
    context->failure.emplace(ErrorCode::out_of_memory, "no memory left");
  }
  return failed;
}

/// The same for functions that return a code.
template <class Body>
int32_t guard_code(Context* context, Body&& body) noexcept {
  const int32_t code = guard<int32_t>(context, -1, body);
  if (code != -1) return code;
  return context != nullptr && context->failure ? static_cast<int32_t>(context->failure->code())
                                                : SPINEL_INVALID_ARGUMENT;
}

template <class T>
T& need(T* part, const char* function, const char* where) {
  if (part == nullptr)
    fail(ErrorCode::invalid_argument, "{}() of spinel_op_api is called outside of {}", function, where);
  return *part;
}
void need_pointer(const void* pointer, const char* what) {
  if (pointer == nullptr) fail(ErrorCode::invalid_argument, "{} is NULL", what);
}

CustomShapes& shapes_of(Context* context, const char* function) {
  return need(context->shapes, function, "shapes()");
}
CustomRun& run_of(Context* context, const char* function) {
  return need(context->run, function, "compute()");
}

Dims to_dims(const int64_t* dims, size_t rank) {
  if (rank > 64) fail(ErrorCode::invalid_argument, "a rank of {} is not possible", rank);
  if (rank != 0) need_pointer(dims, "dims");
  return rank == 0 ? Dims() : Dims(dims, dims + rank);
}

const spinel_string* lend_texts(Context& context, std::span<const std::string> texts) {
  auto& list = context.lent().string_lists.emplace_back();
  for (const std::string& text : texts) list.push_back({text.data(), text.size()});
  return list.data();
}

const spinel_tensor* lend(Context& context, const Tensor& tensor) {
  spinel_tensor& view = context.new_view();
  view = {};
  view.struct_size = sizeof view;
  view.dtype = static_cast<int32_t>(tensor.dtype());
  view.dims = tensor.dims().data();
  view.rank = tensor.dims().size();
  if (tensor.dtype() == DType::string) {
    const auto texts = tensor.data<std::string>();
    view.data = const_cast<spinel_string*>(lend_texts(context, texts));
    view.size_bytes = texts.size() * sizeof(spinel_string);
  } else {
    view.data = const_cast<void*>(tensor.raw());
    view.size_bytes = tensor.size_bytes();
  }
  return &view;
}

// --- operators and errors ----------------------------------------------------------------------------------

int32_t add(spinel_op_set* set, const spinel_custom_op* op) noexcept {
  if (set == nullptr || op == nullptr) return SPINEL_INVALID_ARGUMENT;
  try {
    try {
      add_op(*set, *op);
      return SPINEL_OK;
    } catch (const Error& error) {
      set->failure = error;
      return static_cast<int32_t>(error.code());
    }
  } catch (...) {
    return SPINEL_OUT_OF_MEMORY;
  }
}

void set_load_error(spinel_op_set* set, const char* message) noexcept {
  if (set == nullptr || message == nullptr) return;
  try {
    set->failure.emplace(ErrorCode::unsupported, message);
  } catch (...) {
    set->failure.reset();
  }
}

void set_error(Context* context, const char* message) noexcept {
  if (context == nullptr || message == nullptr) return;
  try {
    context->message = message;
  } catch (...) {
    context->message.clear();
  }
}

// --- attributes --------------------------------------------------------------------------------------------

/// Calls read(attributes), unless the node lacks the attribute.
template <class Read>
int32_t attribute(Context* context, const char* function, const char* name, const void* target, Read&& read) {
  return guard_code(context, [&]() -> int32_t {
    const CustomAttributes& attributes = need(context->attributes, function, "create() and shapes()");
    need_pointer(name, "name");
    need_pointer(target, "value");
    return read(attributes) ? SPINEL_OK : SPINEL_NOT_FOUND;
  });
}

int32_t attribute_float(Context* context, const char* name, float* value) {
  return attribute(context, __func__, name, value, [&](const CustomAttributes& attributes) {
    const float found = attributes.get_float(name);
    if (!attributes.has(name)) return false;
    *value = found;
    return true;
  });
}
int32_t attribute_int(Context* context, const char* name, int64_t* value) {
  return attribute(context, __func__, name, value, [&](const CustomAttributes& attributes) {
    const int64_t found = attributes.get_int(name);
    if (!attributes.has(name)) return false;
    *value = found;
    return true;
  });
}
int32_t attribute_string(Context* context, const char* name, spinel_string* value) {
  return attribute(context, __func__, name, value, [&](const CustomAttributes& attributes) {
    std::string found = attributes.get_string(name);
    if (!attributes.has(name)) return false;
    const std::string& text = context->lent().texts.emplace_back(std::move(found));
    *value = {text.data(), text.size()};
    return true;
  });
}
int32_t attribute_floats(Context* context, const char* name, const float** values, size_t* count) {
  return attribute(context, __func__, name, values, [&](const CustomAttributes& attributes) {
    need_pointer(count, "count");
    std::vector<float> found = attributes.get_floats(name);
    if (!attributes.has(name)) return false;
    const auto& list = context->lent().floats.emplace_back(std::move(found));
    *values = list.data();
    *count = list.size();
    return true;
  });
}
int32_t attribute_ints(Context* context, const char* name, const int64_t** values, size_t* count) {
  return attribute(context, __func__, name, values, [&](const CustomAttributes& attributes) {
    need_pointer(count, "count");
    std::vector<int64_t> found = attributes.get_ints(name);
    if (!attributes.has(name)) return false;
    const auto& list = context->lent().ints.emplace_back(std::move(found));
    *values = list.data();
    *count = list.size();
    return true;
  });
}
int32_t attribute_strings(Context* context, const char* name, const spinel_string** values, size_t* count) {
  return attribute(context, __func__, name, values, [&](const CustomAttributes& attributes) {
    need_pointer(count, "count");
    std::vector<std::string> found = attributes.get_strings(name);
    if (!attributes.has(name)) return false;
    auto& list = context->lent().string_lists.emplace_back();
    for (std::string& text : found) {
      const std::string& kept = context->lent().texts.emplace_back(std::move(text));
      list.push_back({kept.data(), kept.size()});
    }
    *values = list.data();
    *count = list.size();
    return true;
  });
}
int32_t attribute_tensor(Context* context, const char* name, const spinel_tensor** value) {
  return attribute(context, __func__, name, value, [&](const CustomAttributes& attributes) {
    const Tensor found = attributes.get_tensor(name);
    if (!attributes.has(name)) return false;
    *value = lend(*context, context->lent().tensors.emplace_back(found));
    return true;
  });
}

// --- shapes ------------------------------------------------------------------------------------------------

int64_t number_of(Context& context, const SymbolicDim& dim) {
  if (dim.is_unknown()) return SPINEL_DIM_UNKNOWN;
  if (const auto constant = dim.constant(); constant.value_or(-1) >= 0) return *constant;
  auto& dims = context.lent().dims;
  const auto known = std::ranges::find_if(dims, [&](const SymbolicDim& each) { return equal(each, dim); });
  const auto index = known - dims.begin();
  if (known == dims.end()) dims.push_back(dim);
  return first_expression - index;
}
SymbolicDim dim_of(Context& context, int64_t number) {
  if (number >= 0) return {number};
  if (number == SPINEL_DIM_UNKNOWN) return SymbolicDim::unknown();
  const auto& dims = context.lent().dims;
  const int64_t index = first_expression - number;
  if (index >= std::ssize(dims))
    fail(ErrorCode::invalid_argument, "{} is no dim that a function of spinel_op_api gave", number);
  return dims[static_cast<size_t>(index)];
}

size_t input_count(Context* context) {
  return guard<size_t>(context, 0, [&] {
    return context->run != nullptr
               ? context->run->input_count()
               : need(context->shapes, "input_count", "shapes() and compute()").input_count();
  });
}
size_t output_count(Context* context) {
  return guard<size_t>(context, 0, [&] {
    return context->run != nullptr
               ? context->run->output_count()
               : need(context->shapes, "output_count", "shapes() and compute()").output_count();
  });
}
int32_t has_input(Context* context, size_t index) {
  return guard<int32_t>(context, 0, [&] {
    const bool has = context->run != nullptr
                         ? context->run->has_input(index)
                         : need(context->shapes, "has_input", "shapes() and compute()").has_input(index);
    return has ? 1 : 0;
  });
}
int32_t input_dtype(Context* context, size_t index) {
  return guard<int32_t>(context, SPINEL_UNDEFINED, [&] {
    CustomShapes& shapes = shapes_of(context, "input_dtype");
    return shapes.has_input(index) ? static_cast<int32_t>(shapes.dtype(index)) : SPINEL_UNDEFINED;
  });
}
int32_t input_rank(Context* context, size_t index) {
  return guard<int32_t>(context, -1, [&] {
    const auto shape = shapes_of(context, "input_rank").shape(index);
    return shape ? static_cast<int32_t>(shape->size()) : -1;
  });
}
int64_t input_dim(Context* context, size_t index, size_t axis) {
  return guard<int64_t>(context, SPINEL_DIM_UNKNOWN, [&]() -> int64_t {
    const auto shape = shapes_of(context, "input_dim").shape(index);
    if (!shape) return SPINEL_DIM_UNKNOWN;
    if (axis >= shape->size())
      fail(ErrorCode::invalid_argument, "input {} has rank {}, so no axis {}", index, shape->size(), axis);
    return number_of(*context, (*shape)[axis]);
  });
}
const spinel_tensor* input_constant(Context* context, size_t index) {
  return guard<const spinel_tensor*>(context, nullptr, [&]() -> const spinel_tensor* {
    const Tensor* constant = shapes_of(context, "input_constant").constant(index);
    return constant == nullptr ? nullptr : lend(*context, *constant);
  });
}
int64_t input_elements(Context* context, size_t index, int64_t* elements, size_t capacity) {
  return guard<int64_t>(context, -1, [&]() -> int64_t {
    const auto known = shapes_of(context, "input_elements").elements(index);
    if (!known) return -1;
    if (capacity != 0) need_pointer(elements, "elements");
    for (size_t i = 0; i < std::min(capacity, known->size()); ++i)
      elements[i] = number_of(*context, (*known)[i]);
    return std::ssize(*known);
  });
}

template <class Combine>
int64_t combine(Context* context, int64_t a, int64_t b, Combine&& fn) {
  return guard<int64_t>(context, SPINEL_DIM_UNKNOWN,
                        [&] { return number_of(*context, fn(dim_of(*context, a), dim_of(*context, b))); });
}
int64_t dim_add(Context* context, int64_t a, int64_t b) {
  return combine(context, a, b, [](const SymbolicDim& x, const SymbolicDim& y) { return x + y; });
}
int64_t dim_subtract(Context* context, int64_t a, int64_t b) {
  return combine(context, a, b, [](const SymbolicDim& x, const SymbolicDim& y) { return x - y; });
}
int64_t dim_multiply(Context* context, int64_t a, int64_t b) {
  return combine(context, a, b, [](const SymbolicDim& x, const SymbolicDim& y) { return x * y; });
}
int64_t dim_divide(Context* context, int64_t a, int64_t b) {
  return combine(context, a, b, [](const SymbolicDim& x, const SymbolicDim& y) { return floor_div(x, y); });
}

int32_t set_output(Context* context, size_t index, int32_t dtype, const int64_t* dims, int32_t rank) {
  return guard_code(context, [&]() -> int32_t {
    CustomShapes& shapes = shapes_of(context, "set_output");
    if (dtype != 0 && !is_known_dtype(dtype))
      fail(ErrorCode::invalid_argument, "output {} is given the dtype {}, which is no spinel_dtype", index,
           dtype);
    if (rank < 0) {
      shapes.set_output_unknown(index, static_cast<DType>(dtype));
      return SPINEL_OK;
    }
    SymbolicShape shape;
    for (const int64_t dim : to_dims(dims, static_cast<size_t>(rank))) shape.push_back(dim_of(*context, dim));
    shapes.set_output(index, std::move(shape), static_cast<DType>(dtype));
    return SPINEL_OK;
  });
}

// --- compute -----------------------------------------------------------------------------------------------

const spinel_tensor* input(Context* context, size_t index) {
  return guard<const spinel_tensor*>(context, nullptr, [&]() -> const spinel_tensor* {
    const CustomRun& run = run_of(context, "input");
    return run.has_input(index) ? lend(*context, run.input(index)) : nullptr;
  });
}
int32_t wants_output(Context* context, size_t index) {
  return guard<int32_t>(context, 0,
                        [&] { return run_of(context, "wants_output").wants_output(index) ? 1 : 0; });
}
void* output(Context* context, size_t index, const int64_t* dims, size_t rank) {
  // What stands for the buffer of a tensor without elements.
  alignas(64) static std::byte nothing[64];
  return guard<void*>(context, nullptr, [&]() -> void* {
    Tensor& tensor = run_of(context, "output").output(index, to_dims(dims, rank));
    if (tensor.dtype() == DType::string)
      fail(ErrorCode::invalid_argument, "output {} is of strings: call output_strings()", index);
    return tensor.raw() == nullptr ? nothing : tensor.raw();
  });
}
int32_t output_strings(Context* context, size_t index, const int64_t* dims, size_t rank,
                       const spinel_string* texts) {
  return guard_code(context, [&]() -> int32_t {
    Tensor& tensor = run_of(context, "output_strings").output(index, to_dims(dims, rank));
    const auto to = tensor.data<std::string>();
    if (!to.empty()) need_pointer(texts, "texts");
    for (size_t i = 0; i < to.size(); ++i) {
      if (texts[i].size_bytes != 0) need_pointer(texts[i].data, "a text");
      to[i].assign(texts[i].size_bytes == 0 ? "" : texts[i].data, texts[i].size_bytes);
    }
    return SPINEL_OK;
  });
}
int32_t parallel_for(Context* context, int64_t count, spinel_task task, void* data) {
  return guard_code(context, [&]() -> int32_t {
    need_pointer(reinterpret_cast<const void*>(task), "task");
    run_of(context, "parallel_for").parallel_for(count, [&](int64_t i) { task(data, i); });
    return SPINEL_OK;
  });
}
int32_t concurrency(Context* context) {
  return guard<int32_t>(context, 1, [&] { return run_of(context, "concurrency").concurrency(); });
}
int32_t cancelled(Context* context) {
  // Tasks of several threads may ask: no failure is kept.
  if (context == nullptr || context->run == nullptr) return 0;
  return context->run->cancelled() ? 1 : 0;
}

constexpr spinel_op_api table{
    sizeof(spinel_op_api),
    SPINEL_OP_ABI,
    0,
    SPINEL_VERSION,
    add,
    set_load_error,
    set_error,
    attribute_float,
    attribute_int,
    attribute_string,
    attribute_floats,
    attribute_ints,
    attribute_strings,
    attribute_tensor,
    input_count,
    output_count,
    has_input,
    input_dtype,
    input_rank,
    input_dim,
    input_constant,
    input_elements,
    dim_add,
    dim_subtract,
    dim_multiply,
    dim_divide,
    set_output,
    input,
    wants_output,
    output,
    output_strings,
    parallel_for,
    concurrency,
    cancelled,
};

}  // namespace

const spinel_op_api& op_api() { return table; }

}  // namespace spinel::plugin
