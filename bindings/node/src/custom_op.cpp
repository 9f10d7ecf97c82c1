#include "custom_op.hpp"

#include <utility>

namespace spinel_node {

namespace {

/// Calls found(element) for each of an array of objects.
template <typename Found>
void each_of(napi_env env, napi_value array, const char* what, Found found) {
  for (size_t i = 0, count = length(env, array, what); i < count; ++i) found(get(env, array, i));
}

}  // namespace

CustomOp::CustomOp(const Call& call) : environment_(Environment::of(call.env).shared_from_this()) {
  const napi_env env = call.env;
  const napi_value given = call[0];
  const auto text = [&](napi_value object, const char* name) {
    return to_text(env, get(env, object, name), name);
  };
  const auto flag = [&](napi_value object, const char* name) {
    return to_bool(env, get(env, object, name), name);
  };
  domain_ = text(given, "domain");
  name_ = text(given, "name");
  since_version_ = to_int32(env, get(env, given, "sinceVersion"), "sinceVersion");
  variadic_ = flag(given, "variadic");
  rows_independent_ = flag(given, "rowsIndependent");
  float16_ = flag(given, "float16");
  indeterminate_ = flag(given, "indeterminate");
  each_of(env, get(env, given, "inputs"), "inputs", [&](napi_value input) {
    std::vector<int32_t> dtypes;
    each_of(env, get(env, input, "dtypes"), "dtypes",
            [&](napi_value dtype) { dtypes.push_back(to_dtype(env, dtype, "dtypes")); });
    inputs.push_back({text(input, "name"), std::move(dtypes), flag(input, "optional"), flag(input, "whole")});
  });
  each_of(env, get(env, given, "outputs"), "outputs", [&](napi_value output) {
    const napi_value dtype = get(env, output, "dtype");
    outputs.push_back({text(output, "name"),
                       is_missing(env, dtype) ? SPINEL_UNDEFINED : to_dtype(env, dtype, "dtype"),
                       to_int32(env, get(env, output, "sameAs"), "sameAs"), flag(output, "optional")});
  });
  each_of(env, get(env, given, "attributes"), "attributes", [&](napi_value attribute) {
    attributes.push_back({text(attribute, "name"), to_attribute_type(env, get(env, attribute, "type")),
                          flag(attribute, "required")});
  });
  compute = Reference(env, call[1]);
  if (!is_missing(env, call[2])) shapes = Reference(env, call[2]);
}

void CustomOp::add_to(spinel_op_set* set, const std::shared_ptr<CustomOp>& self) const {
  std::vector<spinel_op_input> c_inputs;
  for (const Input& each : inputs)
    c_inputs.push_back({each.name.c_str(), each.dtypes.empty() ? nullptr : each.dtypes.data(),
                        each.dtypes.size(), each.optional, each.whole});
  std::vector<spinel_op_output> c_outputs;
  for (const Output& each : outputs)
    c_outputs.push_back({each.name.c_str(), each.dtype, each.same_as, each.optional, 0});
  std::vector<spinel_op_attribute> c_attributes;
  for (const Attribute& each : attributes)
    c_attributes.push_back({each.name.c_str(), each.type, each.required});
  spinel_custom_op op;
  spinel_custom_op_init(&op, sizeof op);
  op.domain = domain_.c_str();
  op.name = name_.c_str();
  op.since_version = since_version_;
  op.variadic = variadic_;
  op.inputs = c_inputs.data();
  op.input_count = c_inputs.size();
  op.outputs = c_outputs.data();
  op.output_count = c_outputs.size();
  op.attributes = c_attributes.data();
  op.attribute_count = c_attributes.size();
  op.rows_independent = rows_independent_;
  op.float16 = float16_;
  op.indeterminate = indeterminate_;
  std::unique_ptr<OpHolder, void (*)(OpHolder*)> holder(make_holder(self), free_holder);
  set_callbacks(op, holder.get(), static_cast<bool>(shapes));
  spinel_error* error = nullptr;
  check(spinel_op_set_add(set, &op, &error), error);
  holder.release();
}

OpSet::OpSet(napi_env env, napi_value list) {
  if (is_missing(env, list)) return;
  spinel_error* error = nullptr;
  spinel_op_set* set = nullptr;
  check(spinel_op_set_create(&set, &error), error);
  set_.reset(set);
  each_of(env, list, "customOps", [&](napi_value each) {
    napi_valuetype type;
    check(env, napi_typeof(env, each, &type));
    if (type == napi_external) {
      ops_.push_back(of_external<std::shared_ptr<CustomOp>>(env, each));
      ops_.back()->add_to(set, ops_.back());
    } else {
      const std::string path = to_text(env, each, "each of customOps, unless it is a spinel.CustomOp,");
      check(spinel_op_set_load(set, path.c_str(), &error), error);
    }
  });
}

napi_value make_op(const Call& call) {
  auto op = std::make_shared<CustomOp>(call);
  // What contradicts itself is refused here, not by each load.
  spinel_error* error = nullptr;
  spinel_op_set* set = nullptr;
  check(spinel_op_set_create(&set, &error), error);
  const Owned<spinel_op_set> owned(set, spinel_op_set_release);
  op->add_to(set, op);
  return make_external(call.env, std::make_unique<std::shared_ptr<CustomOp>>(std::move(op)));
}

}  // namespace spinel_node
