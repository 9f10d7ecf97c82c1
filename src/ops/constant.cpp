#include "ops/constant.hpp"

#include "base/text.hpp"

namespace spinel::ops {
namespace {

template <class T>
Tensor vector_of(const std::vector<T>& values) {
  return Tensor::from<T>({static_cast<int64_t>(values.size())}, std::span<const T>(values));
}

}  // namespace

std::optional<Tensor> constant_value(const OpArgs& args) {
  if (args.op_type() != "Constant") return std::nullopt;
  constexpr std::string_view forms[] = {"value",      "value_float",  "value_floats",  "value_int",
                                        "value_ints", "value_string", "value_strings", "sparse_value"};
  std::string_view form;
  for (const std::string_view each : forms) {
    if (!args.has(each)) continue;
    if (!form.empty()) fail(ErrorCode::bad_model, "Constant has both '{}' and '{}'", form, each);
    form = each;
  }
  if (form.empty()) fail(ErrorCode::bad_model, "Constant has no value");
  if (form == "value") return args.get_tensor(form);
  if (form == "value_float") return Tensor::scalar(args.get_float(form, 0));
  if (form == "value_floats") return vector_of(args.get_floats(form));
  if (form == "value_int") return Tensor::scalar(args.get_int(form, 0));
  if (form == "value_ints") return vector_of(args.get_ints(form));
  if (form == "value_string") return Tensor::scalar(args.get_string(form, {}));
  if (form == "value_strings") return vector_of(args.get_strings(form));
  return std::nullopt;
}

}  // namespace spinel::ops
