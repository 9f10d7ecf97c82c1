#include "buffers.hpp"

namespace spinel_node {

Buffers::Buffers(const Call& call)
    : engine(engine_of(call)), inputs(call.env, call[1], "input"), outputs(engine->output_count()) {
  for (spinel_tensor& output : outputs) spinel_tensor_init(&output, sizeof output);
  place_outputs(call.env, call[2]);
  const napi_value all = make_array(call.env, 2);
  set(call.env, all, size_t{0}, call[1]);
  set(call.env, all, 1, data_);
  keep_ = Reference(call.env, all);
}

napi_value Buffers::results(napi_env env, bool external) {
  napi_value all = keep_.get();
  const napi_value data = get(env, all, 1), out = make_array(env, outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    spinel_tensor& output = outputs[i];
    const napi_value placed = get(env, data, i);
    if (is_missing(env, placed))
      set(env, out, i, take_tensor(env, output, external));
    else if (given_[i])
      set(env, out, i, undefined(env));
    else
      set(env, out, i, make_tensor(env, output.dtype, dims_[i].data(), dims_[i].size(), placed));
  }
  return out;
}

void Buffers::place_outputs(napi_env env, napi_value given) {
  const bool any_given = !is_missing(env, given);
  if (any_given && length(env, given, "outputs") != outputs.size())
    misuse("outputs has " + std::to_string(length(env, given, "outputs")) + " tensors; the model has " +
           std::to_string(outputs.size()) + " outputs");
  data_ = make_array(env, outputs.size());
  given_.resize(outputs.size());
  dims_.resize(outputs.size());
  const auto& known = engine->output_dims(inputs.shapes());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const napi_value tensor = any_given ? get(env, given, i) : undefined(env);
    if (!is_missing(env, tensor))
      use_given(env, i, tensor);
    else if (known[i] && engine->output_dtype(i) != SPINEL_STRING)
      use_new(env, i, *known[i]);
  }
}

void Buffers::use_given(napi_env env, size_t index, napi_value tensor) {
  const napi_value list = make_array(env, 1);
  set(env, list, size_t{0}, tensor);
  const Tensors read(env, list, "output");
  const spinel_tensor& its = read.structs()[0];
  if (its.dtype == SPINEL_STRING)
    misuse("outputs has a string tensor; the library allocates those: give null for it");
  dims_[index].assign(its.dims, its.dims + its.rank);
  outputs[index] = its;
  outputs[index].dims = dims_[index].data();
  given_[index] = true;
  set(env, data_, index, get(env, tensor, "data"));
}

void Buffers::use_new(napi_env env, size_t index, const Engine::Dims& dims) {
  const Room room = make_room(env, engine->output_dtype(index), dims);
  if (room.size_bytes == 0) return;  // Without bytes there is no pointer: the library allocates.
  dims_[index] = dims;
  outputs[index].dtype = engine->output_dtype(index);
  outputs[index].dims = dims_[index].data();
  outputs[index].rank = dims.size();
  outputs[index].data = room.bytes;
  outputs[index].size_bytes = room.size_bytes;
  set(env, data_, index, room.data);
}

}  // namespace spinel_node
