// The description of an operator in C as one of C++: callbacks become functions that throw.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "base/text.hpp"
#include "plugin/op_context.hpp"
#include "plugin/op_set.hpp"

namespace spinel::plugin {
namespace {

/// spinel_custom_op's size in its first release: the least that struct_size may say.
constexpr size_t first_size_bytes =
    offsetof(spinel_custom_op, release_user) + sizeof(spinel_custom_op::release_user);
/// Above these a field was never set.
constexpr size_t largest_struct_bytes = 4096;
constexpr size_t most_ports = 4096;

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) {
  fail(ErrorCode::invalid_argument, "spinel_custom_op: {}", fmt::format(text, std::forward<Args>(args)...));
}

/// A copy of the caller's struct, whatever version of the header it has. Throws Error.
spinel_custom_op copy_struct(const spinel_custom_op& source) {
  size_t size_bytes;
  std::memcpy(&size_bytes, &source, sizeof size_bytes);
  if (size_bytes < first_size_bytes || size_bytes > largest_struct_bytes)
    refuse("struct_size is {}; set it to sizeof the struct, which is {}", size_bytes, sizeof source);
  spinel_custom_op out{};
  std::memcpy(&out, &source, std::min(size_bytes, sizeof out));
  const auto* bytes = reinterpret_cast<const unsigned char*>(&source);
  for (size_t i = sizeof out; i < size_bytes; ++i)
    if (bytes[i] != 0)
      fail(ErrorCode::unsupported,
           "spinel_custom_op sets a field at byte {} that Spinel {} does not know; use the header of the "
           "library",
           i, SPINEL_VERSION);
  return out;
}

bool read_flag(int32_t value, const char* what) {
  if (value != 0 && value != 1) refuse("{} is {}; it must be 0 or 1", what, value);
  return value == 1;
}

template <class T>
std::span<const T> read_array(const T* first, size_t count, const char* what) {
  if (count > most_ports) refuse("{}_count is {}", what, count);
  if (first == nullptr && count != 0) refuse("{}s is NULL, but its count is {}", what, count);
  return {first, count};
}

std::string read_name(const char* name, const char* what) {
  if (name == nullptr) refuse("an {} has no name", what);
  return name;
}

DType read_dtype(int32_t dtype, const char* what) {
  if (!is_known_dtype(dtype) || dtype == SPINEL_UNDEFINED)
    refuse("{} has the dtype {}, which is no spinel_dtype", what, dtype);
  return static_cast<DType>(dtype);
}

AttributeType read_attribute_type(int32_t type) {
  switch (type) {
    case SPINEL_ATTRIBUTE_FLOAT:
      return AttributeType::real;
    case SPINEL_ATTRIBUTE_INT:
      return AttributeType::integer;
    case SPINEL_ATTRIBUTE_STRING:
      return AttributeType::string;
    case SPINEL_ATTRIBUTE_TENSOR:
      return AttributeType::tensor;
    case SPINEL_ATTRIBUTE_FLOATS:
      return AttributeType::reals;
    case SPINEL_ATTRIBUTE_INTS:
      return AttributeType::integers;
    case SPINEL_ATTRIBUTE_STRINGS:
      return AttributeType::strings;
    default:
      refuse("an attribute has the type {}, which is no spinel_attribute_type", type);
  }
}

/// The callbacks and what keeps their code loaded. user is released when it goes.
struct Callbacks {
  std::shared_ptr<void> library;
  void* user;
  spinel_op_shapes shapes;
  spinel_op_create create;
  spinel_op_compute compute;
  spinel_op_destroy destroy;
  spinel_op_release_user release_user = nullptr;

  Callbacks(const spinel_custom_op& op, std::shared_ptr<void> kept)
      : library(std::move(kept)),
        user(op.user),
        shapes(op.shapes),
        create(op.create),
        compute(op.compute),
        destroy(op.destroy) {}
  Callbacks(const Callbacks&) = delete;
  Callbacks& operator=(const Callbacks&) = delete;
  ~Callbacks() {
    if (release_user != nullptr) release_user(user);
  }

  /// Throws the failure that a callback has returned.
  static void check(int32_t code, const spinel_op_context& context, const char* callback) {
    if (code == SPINEL_OK) return;
    if (context.message.empty() && context.failure) throw *context.failure;
    const bool known = code > 0 && code <= SPINEL_INTERNAL;
    const auto as = known ? static_cast<ErrorCode>(code) : ErrorCode::internal;
    if (!context.message.empty()) throw Error(as, context.message);
    fail(as, "{}() returned {} without saying why", callback,
         known ? std::string(error_code_name(as)) : fmt::to_string(code));
  }
};

class Kernel final : public CustomKernel {
 public:
  Kernel(std::shared_ptr<const Callbacks> callbacks, const CustomAttributes& attributes)
      : callbacks_(std::move(callbacks)) {
    if (callbacks_->create == nullptr) return;
    spinel_op_context context;
    context.attributes = &attributes;
    Callbacks::check(callbacks_->create(&op_api(), &context, callbacks_->user, &state_), context, "create");
  }
  ~Kernel() override {
    if (callbacks_->create != nullptr && callbacks_->destroy != nullptr)
      callbacks_->destroy(callbacks_->user, state_);
  }
  void compute(CustomRun& run) const override {
    spinel_op_context context;
    context.run = &run;
    Callbacks::check(callbacks_->compute(&op_api(), &context, callbacks_->user, state_), context, "compute");
  }

 private:
  std::shared_ptr<const Callbacks> callbacks_;
  void* state_ = nullptr;
};

}  // namespace

void add_op(spinel_op_set& set, const spinel_custom_op& source) {
  const spinel_custom_op from = copy_struct(source);
  CustomOp op;
  if (from.name == nullptr || *from.name == '\0') refuse("name is NULL or empty");
  if (from.compute == nullptr) refuse("'{}': compute is NULL", from.name);
  op.domain = from.domain == nullptr ? "" : from.domain;
  op.name = from.name;
  if (from.since_version != 0) op.since_version = from.since_version;
  op.variadic = read_flag(from.variadic, "variadic");
  op.rows_independent = read_flag(from.rows_independent, "rows_independent");
  op.float16 = read_flag(from.float16, "float16");
  op.deterministic = !read_flag(from.indeterminate, "indeterminate");
  for (const spinel_op_input& each : read_array(from.inputs, from.input_count, "input")) {
    CustomInput input;
    input.name = read_name(each.name, "input");
    for (int32_t dtype : read_array(each.dtypes, each.dtype_count, "dtype"))
      input.dtypes.push_back(read_dtype(dtype, "an input"));
    input.optional = read_flag(each.optional, "optional of an input");
    input.whole = read_flag(each.whole, "whole of an input");
    op.inputs.push_back(std::move(input));
  }
  for (const spinel_op_output& each : read_array(from.outputs, from.output_count, "output")) {
    CustomOutput output;
    output.name = read_name(each.name, "output");
    if (each.dtype != SPINEL_UNDEFINED) output.dtype = read_dtype(each.dtype, "an output");
    if (each.same_as < 0) refuse("same_as of an output is {}", each.same_as);
    output.same_as = static_cast<size_t>(each.same_as);
    output.optional = read_flag(each.optional, "optional of an output");
    op.outputs.push_back(std::move(output));
  }
  for (const spinel_op_attribute& each : read_array(from.attributes, from.attribute_count, "attribute"))
    op.attributes.push_back({read_name(each.name, "attribute"), read_attribute_type(each.type),
                             read_flag(each.required, "required of an attribute")});

  auto callbacks = std::make_shared<Callbacks>(from, set.library);
  if (from.shapes != nullptr)
    op.shapes = [callbacks](CustomShapes& shapes) {
      spinel_op_context context;
      context.attributes = &shapes.attributes();
      context.shapes = &shapes;
      Callbacks::check(callbacks->shapes(&op_api(), &context, callbacks->user), context, "shapes");
    };
  op.create = [callbacks](const CustomAttributes& attributes) {
    return std::make_shared<const Kernel>(callbacks, attributes);
  };
  set.ops.reserve(set.ops.size() + 1);
  callbacks->release_user = from.release_user;  // Nothing below fails.
  set.ops.push_back(std::move(op));
}

}  // namespace spinel::plugin
