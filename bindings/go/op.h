/* What a custom operator may call, since Go cannot call pointers to functions. The table is that of the
 * library which the package is linked with: it has every function that the header declares. */
#ifndef SPINEL_GO_OP_H
#define SPINEL_GO_OP_H

#include "callbacks.h"

typedef const spinel_op_api* op_api;
typedef spinel_op_context* op_context;

/* Sets the callbacks of an operator; handle is its own, and is released with it. */
void spinel_go_set_op(spinel_custom_op* op, uintptr_t handle, int32_t has_shapes);

static inline void op_set_error(op_api a, op_context c, const char* message) { a->set_error(c, message); }
static inline int32_t op_float(op_api a, op_context c, const char* name, float* value) {
  return a->attribute_float(c, name, value);
}
static inline int32_t op_int(op_api a, op_context c, const char* name, int64_t* value) {
  return a->attribute_int(c, name, value);
}
static inline int32_t op_string(op_api a, op_context c, const char* name, spinel_string* value) {
  return a->attribute_string(c, name, value);
}
static inline int32_t op_floats(op_api a, op_context c, const char* name, const float** values, size_t* n) {
  return a->attribute_floats(c, name, values, n);
}
static inline int32_t op_ints(op_api a, op_context c, const char* name, const int64_t** values, size_t* n) {
  return a->attribute_ints(c, name, values, n);
}
static inline int32_t op_strings(op_api a, op_context c, const char* name, const spinel_string** values,
                                 size_t* n) {
  return a->attribute_strings(c, name, values, n);
}
static inline int32_t op_tensor(op_api a, op_context c, const char* name, const spinel_tensor** value) {
  return a->attribute_tensor(c, name, value);
}
static inline size_t op_input_count(op_api a, op_context c) { return a->input_count(c); }
static inline size_t op_output_count(op_api a, op_context c) { return a->output_count(c); }
static inline int32_t op_input_rank(op_api a, op_context c, size_t i) { return a->input_rank(c, i); }
static inline int64_t op_input_dim(op_api a, op_context c, size_t i, size_t axis) {
  return a->input_dim(c, i, axis);
}
static inline int32_t op_set_output(op_api a, op_context c, size_t i, const int64_t* dims, int32_t rank) {
  return a->set_output(c, i, 0, dims, rank);
}
static inline const spinel_tensor* op_input(op_api a, op_context c, size_t i) { return a->input(c, i); }
static inline int32_t op_wants(op_api a, op_context c, size_t i) { return a->wants_output(c, i); }
static inline void* op_output(op_api a, op_context c, size_t i, const int64_t* dims, size_t rank) {
  return a->output(c, i, dims, rank);
}
static inline int32_t op_output_strings(op_api a, op_context c, size_t i, const int64_t* dims, size_t rank,
                                        const spinel_string* texts) {
  return a->output_strings(c, i, dims, rank, texts);
}
static inline int32_t op_cancelled(op_api a, op_context c) { return a->cancelled(c); }

#endif /* SPINEL_GO_OP_H */
