// What the library calls of an operator written in JavaScript, in whichever thread: each call is a visit.
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "custom_op.hpp"
#include "visits.hpp"

namespace spinel_node {

/// What a set or an engine keeps of an operator. An event, so that nothing need be allocated to have it
/// destroyed.
struct OpHolder : Event {
  explicit OpHolder(std::shared_ptr<CustomOp> its_op) : op(std::move(its_op)) {}
  void deliver(Environment&) override {}

  std::shared_ptr<CustomOp> op;
};

namespace {

/// A node of a loaded model.
struct Node : Event {
  Node(const CustomOp& op, const spinel_op_api& api, spinel_op_context* context)
      : environment(op.environment().shared_from_this()), attributes(op.attributes, api, context) {}
  void deliver(Environment&) override {}

  std::shared_ptr<Environment> environment;
  AttributeValues attributes;
  Reference object;  // Of the attributes. The environment's thread.
};

std::string in_words(const int64_t* dims, size_t rank) {
  std::string text = "[";
  for (size_t axis = 0; axis < rank; ++axis)
    text += (axis == 0 ? "" : ", ") + (dims[axis] < 0 ? "?" : std::to_string(dims[axis]));
  return text + "]";
}

/// What the function of lib/custom_op.js returns: an array. Its failure, {code, message}, is thrown.
napi_value call(napi_env env, const Reference& function, std::initializer_list<napi_value> arguments) {
  napi_value result;
  check(env, napi_call_function(env, undefined(env), function.get(), arguments.size(), arguments.begin(),
                                &result));
  bool is_array = false;
  check(env, napi_is_array(env, result, &is_array));
  if (is_array) return result;
  const std::string code = to_text(env, get(env, result, "code"), "code");
  int32_t number = SPINEL_INVALID_ARGUMENT;
  for (int32_t each = SPINEL_INVALID_ARGUMENT; each <= SPINEL_INTERNAL; ++each)
    if (code == spinel_code_name(each)) number = each;
  throw Failure{number, to_text(env, get(env, result, "message"), "message"), ""};
}

/// shapes(): the inputs' dims in, the outputs' dims out. Without a value where even the rank is not known.
class Shaping : public Visit {
 public:
  using Dims = std::optional<std::vector<int64_t>>;

  Shaping(const CustomOp& op, const spinel_op_api& api, spinel_op_context* context)
      : op_(op), attributes_(op.attributes, api, context) {
    for (size_t i = 0, count = api.input_count(context); i < count; ++i) {
      Dims& dims = inputs_.emplace_back();
      const int32_t rank = api.input_rank(context, i);
      if (rank < 0) continue;
      dims.emplace();
      for (size_t axis = 0; axis < static_cast<size_t>(rank); ++axis)
        dims->push_back(api.input_dim(context, i, axis));
    }
  }

  const std::vector<Dims>& outputs() const { return outputs_; }

 private:
  const void* subject() const override { return &op_; }

  void serve(napi_env env) override {
    napi_value null;
    check(env, napi_get_null(env, &null));
    const napi_value shapes = make_array(env, inputs_.size());
    for (size_t i = 0; i < inputs_.size(); ++i)
      set(env, shapes, i, inputs_[i] ? of_integers(env, inputs_[i]->data(), inputs_[i]->size()) : null);
    const napi_value found = call(env, op_.shapes, {shapes, attributes_.object(env)});
    if (abandoned()) throw Pending{};
    for (size_t i = 0, count = length(env, found, "the shapes"); i < count; ++i) {
      const napi_value dims = get(env, found, i);
      Dims& output = outputs_.emplace_back();
      if (!is_missing(env, dims)) output = to_integers(env, dims, "the shape of an output");
    }
  }

  void abandon(napi_env) noexcept override {}

  const CustomOp& op_;
  AttributeValues attributes_;
  std::vector<Dims> inputs_, outputs_;
};

/// compute(): its functions of the table may be called by any thread.
class Computing : public Visit {
 public:
  Computing(const CustomOp& op, Node& node, const spinel_op_api& api, spinel_op_context* context)
      : op_(op), node_(node), api_(api), context_(context) {}

 private:
  const void* subject() const override { return &op_; }

  void serve(napi_env env) override {
    if (api_.cancelled(context_) != 0) throw Failure{SPINEL_CANCELLED, "the run was cancelled", ""};
    const size_t output_count = api_.output_count(context_);
    std::vector<int32_t> dtypes;
    const napi_value outputs = make_array(env, output_count);
    for (size_t i = 0; i < output_count; ++i) {
      dtypes.push_back(output_dtype(i));
      if (api_.wants_output(context_, i) != 0)
        set(env, outputs, i, of_text(env, spinel_dtype_name(dtypes[i])));
    }
    if (!node_.object) node_.object = Reference(env, node_.attributes.object(env));
    const napi_value attributes = node_.object.get();
    // Nothing that JavaScript keeps may point to the library's memory afterwards.
    struct TakeBack {
      Computing& computing;
      napi_env env;
      ~TakeBack() { computing.take_back(env); }
    } const take_back{*this, env};
    const napi_value results = call(env, op_.compute, {lend_inputs(env), attributes, outputs});
    if (abandoned()) throw Pending{};
    if (length(env, results, "the results") > output_count)
      misuse("there are " + std::to_string(length(env, results, "the results")) + " results; the node has " +
             std::to_string(output_count) + " outputs");
    for (size_t i = 0; i < output_count; ++i)
      if (api_.wants_output(context_, i) != 0) give(env, i, dtypes[i], get(env, results, i));
  }

  void abandon(napi_env env) noexcept override { take_back(env); }

  void take_back(napi_env env) noexcept {
    for (const napi_value tensor : lent_) detach_tensor(env, tensor);
    lent_.clear();
  }

  napi_value lend_inputs(napi_env env) {
    napi_value null;
    check(env, napi_get_null(env, &null));
    const size_t count = api_.input_count(context_);
    const napi_value inputs = make_array(env, count);
    lent_.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      const spinel_tensor* tensor = api_.input(context_, i);
      if (tensor == nullptr) {
        set(env, inputs, i, null);
        continue;
      }
      // Not owned, but taken back before the callback returns.
      const napi_value lent = lend_tensor(env, *tensor, {std::shared_ptr<void>(), tensor});
      lent_.push_back(lent);
      set(env, inputs, i, lent);
    }
    return inputs;
  }

  int32_t output_dtype(size_t index) const {
    const CustomOp::Output& output = op_.outputs.at(index);
    if (output.dtype != SPINEL_UNDEFINED) return output.dtype;
    const spinel_tensor* input = api_.input(context_, static_cast<size_t>(output.same_as));
    if (input == nullptr)
      misuse("output " + std::to_string(index) + " has the dtype of input " + std::to_string(output.same_as) +
             ", which is left out");
    return input->dtype;
  }

  void give(napi_env env, size_t index, int32_t dtype, napi_value result) {
    const std::string name = "output " + std::to_string(index);
    if (is_missing(env, result)) misuse(name + " was not computed");
    const napi_value list = make_array(env, 1);
    set(env, list, size_t{0}, result);
    const Tensors tensors(env, list, "output");
    const spinel_tensor& tensor = tensors.structs()[0];
    if (tensor.dtype != dtype)
      misuse(name + " is " + spinel_dtype_name(tensor.dtype) + "; it must be " + spinel_dtype_name(dtype));
    size_t size_bytes = 0;
    spinel_error* error = nullptr;
    check(spinel_tensor_bytes(dtype, tensor.dims, tensor.rank, &size_bytes, &error), error);
    if (size_bytes != tensor.size_bytes)
      misuse(name + " has the dims " + in_words(tensor.dims, tensor.rank) +
             ", but its data has another size");
    bool given = true;
    if (dtype == SPINEL_STRING) {
      given = api_.output_strings(context_, index, tensor.dims, tensor.rank,
                                  static_cast<const spinel_string*>(tensor.data)) == SPINEL_OK;
    } else {
      void* data = api_.output(context_, index, tensor.dims, tensor.rank);
      given = data != nullptr || size_bytes == 0;
      if (given && size_bytes != 0) std::memcpy(data, tensor.data, size_bytes);
    }
    if (!given)
      misuse(name + " has the dims " + in_words(tensor.dims, tensor.rank) + ", which shapes() contradicts");
  }

  const CustomOp& op_;
  Node& node_;
  const spinel_op_api& api_;
  spinel_op_context* context_;
  std::vector<napi_value> lent_;
};

template <typename Function>
int32_t answer(const spinel_op_api* api, spinel_op_context* context, Function function) noexcept {
  try {
    function();
    return SPINEL_OK;
  } catch (const Failure& failure) {
    api->set_error(context, failure.message.c_str());
    return failure.code;
  } catch (const std::bad_alloc&) {
    return SPINEL_OUT_OF_MEMORY;
  } catch (const std::exception& failure) {
    api->set_error(context, failure.what());
    return SPINEL_INTERNAL;
  }
}

CustomOp& op_of(void* user) { return *static_cast<OpHolder*>(user)->op; }

int32_t on_create(const spinel_op_api* api, spinel_op_context* context, void* user, void** state) noexcept {
  return answer(api, context, [&] { *state = std::make_unique<Node>(op_of(user), *api, context).release(); });
}

int32_t on_shapes(const spinel_op_api* api, spinel_op_context* context, void* user) noexcept {
  return answer(api, context, [&] {
    CustomOp& op = op_of(user);
    const auto shaping = std::make_shared<Shaping>(op, *api, context);
    op.environment().visits().call(shaping);
    const auto& outputs = shaping->outputs();
    for (size_t i = 0; i < outputs.size() && i < api->output_count(context); ++i) {
      const bool ranked = outputs[i].has_value();
      const int64_t* dims = ranked ? outputs[i]->data() : nullptr;
      const int32_t rank = ranked ? static_cast<int32_t>(outputs[i]->size()) : -1;
      if (api->set_output(context, i, SPINEL_UNDEFINED, dims, rank) != SPINEL_OK)
        misuse("the shape " + (ranked ? in_words(dims, outputs[i]->size()) : "null") + " of output " +
               std::to_string(i) + " was refused");
    }
  });
}

int32_t on_compute(const spinel_op_api* api, spinel_op_context* context, void* user, void* state) noexcept {
  return answer(api, context, [&] {
    CustomOp& op = op_of(user);
    op.environment().visits().call(
        std::make_shared<Computing>(op, *static_cast<Node*>(state), *api, context));
  });
}

void on_destroy(void*, void* state) noexcept {
  std::unique_ptr<Node> node(static_cast<Node*>(state));
  const std::shared_ptr<Environment> environment = node->environment;
  environment->drop(std::move(node));
}

}  // namespace

OpHolder* make_holder(std::shared_ptr<CustomOp> op) { return new OpHolder(std::move(op)); }

void free_holder(OpHolder* holder) noexcept {
  const std::shared_ptr<Environment> environment = holder->op->environment().shared_from_this();
  environment->drop(std::unique_ptr<Event>(holder));
}

void set_callbacks(spinel_custom_op& op, OpHolder* holder, bool has_shapes) {
  op.user = holder;
  op.shapes = has_shapes ? on_shapes : nullptr;
  op.create = on_create;
  op.compute = on_compute;
  op.destroy = on_destroy;
  op.release_user = [](void* user) noexcept { free_holder(static_cast<OpHolder*>(user)); };
}

}  // namespace spinel_node
