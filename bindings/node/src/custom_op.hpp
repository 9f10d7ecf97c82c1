// Operators written in JavaScript, and sets of operators.
#pragma once

#include "attributes.hpp"
#include "values.hpp"

namespace spinel_node {

/// An operator. JavaScript's handle, the sets and the engines share it; destroyed on the environment's
/// thread.
class CustomOp {
 public:
  /// [description, compute, shapes]: see lib/custom_op.js.
  explicit CustomOp(const Call& call);
  CustomOp(const CustomOp&) = delete;

  Environment& environment() const { return *environment_; }
  /// Adds it to a set, which then keeps it.
  void add_to(spinel_op_set* set, const std::shared_ptr<CustomOp>& self) const;

  // Read by any thread, but for the functions.
  struct Input {
    std::string name;
    std::vector<int32_t> dtypes;
    bool optional, whole;
  };
  struct Output {
    std::string name;
    int32_t dtype, same_as;
    bool optional;
  };
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  std::vector<Attribute> attributes;
  Reference compute, shapes;  // shapes may be missing.

 private:
  std::shared_ptr<Environment> environment_;
  std::string domain_, name_;
  int32_t since_version_;
  bool variadic_, rows_independent_, float16_, indeterminate_;
};

/// What `customOps` lists: operators, and paths of libraries. Made and destroyed on the environment's thread.
class OpSet {
 public:
  OpSet(napi_env env, napi_value list);

  /// NULL if nothing was listed.
  const spinel_op_set* get() const { return set_.get(); }
  /// Those written in JavaScript.
  const std::vector<std::shared_ptr<CustomOp>>& ops() const { return ops_; }

 private:
  Owned<spinel_op_set> set_{nullptr, spinel_op_set_release};
  std::vector<std::shared_ptr<CustomOp>> ops_;
};

// The callbacks of the C ABI: src/op_calls.cpp.
struct OpHolder;
void set_callbacks(spinel_custom_op& op, OpHolder* holder, bool has_shapes);
/// What the callbacks are called with. Freed by the library, or by the caller if it was not added.
OpHolder* make_holder(std::shared_ptr<CustomOp> op);
void free_holder(OpHolder* holder) noexcept;

// Functions of the module; index.js says what they take.
napi_value make_op(const Call& call);

}  // namespace spinel_node
