#include "boundary.hpp"
#include "plugin/op_set.hpp"
#include "strings.hpp"
#include "structs.hpp"

using namespace spinel;
using namespace spinel::capi;

void spinel_custom_op_init(spinel_custom_op* op, size_t struct_size) {
  init_struct(op, struct_size, spinel_custom_op{});
}

int32_t spinel_op_set_create(spinel_op_set** set, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(set, "set");
    *set = new spinel_op_set;
  });
}

int32_t spinel_op_set_add(spinel_op_set* set, const spinel_custom_op* op, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(set, "set");
    require(op, "op");
    plugin::add_op(*set, *op);
  });
}

int32_t spinel_op_set_load(spinel_op_set* set, const char* path, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(set, "set");
    plugin::load_library(require_text(path, "path"), *set);
  });
}

void spinel_op_set_release(spinel_op_set* set) { delete set; }
