/* Exchange of tensors with libraries that speak DLPack, without copies. C99 and C++11; an optional header
 * beside spinel.h. It works with or without <dlpack/dlpack.h>. DLManagedTensor is the unversioned struct of
 * DLPack 0.2 to 1.x, what Python's "dltensor" capsules hold; DLManagedTensorVersioned is that of DLPack 1.x,
 * in "dltensor_versioned" capsules. */
#ifndef SPINEL_DLPACK_H
#define SPINEL_DLPACK_H

#include "spinel.h"

#ifdef __cplusplus
extern "C" {
#endif

struct DLManagedTensor;
struct DLManagedTensorVersioned;

/* Makes *view, whose struct_size the caller has set, a tensor over the memory of a DLPack tensor, to be used
 * as an input or as an output with data. The tensor must lie in the memory of the CPU, dense and row-major,
 * and be of a type that spinel_dtype has. *managed stays the caller's: it must live as long as *view is used,
 * and its deleter is the caller's to call. SPINEL_UNSUPPORTED for another device or type,
 * SPINEL_INVALID_ARGUMENT for strides of another order; *view is then untouched. Any thread. */
SPINEL_API int32_t spinel_tensor_from_dlpack(const struct DLManagedTensor* managed, spinel_tensor* view,
                                             spinel_error** error);

/* Gives a tensor that the library allocated away as a DLPack tensor: *managed, whose deleter frees it, on any
 * thread. *tensor is afterwards as spinel_tensor_release() leaves it. SPINEL_INVALID_ARGUMENT for a tensor of
 * the caller's, SPINEL_UNSUPPORTED for one of strings or of a packed or float8 type; *tensor is then
 * untouched. Not on a tensor that another thread uses. */
SPINEL_API int32_t spinel_tensor_to_dlpack(spinel_tensor* tensor, struct DLManagedTensor** managed,
                                           spinel_error** error);

/* As spinel_tensor_from_dlpack(). *read_only becomes 1 if the tensor's flags say that it must not be written
 * to, so that *view is an input alone, else 0; read_only may be NULL. SPINEL_UNSUPPORTED, too, for another
 * major version than 1, of which nothing but the deleter may be used. */
SPINEL_API int32_t spinel_tensor_from_dlpack_versioned(const struct DLManagedTensorVersioned* managed,
                                                       spinel_tensor* view, int32_t* read_only,
                                                       spinel_error** error);

/* As spinel_tensor_to_dlpack(); *managed says version 1.0 and has no flags. */
SPINEL_API int32_t spinel_tensor_to_dlpack_versioned(spinel_tensor* tensor,
                                                     struct DLManagedTensorVersioned** managed,
                                                     spinel_error** error);

#ifdef __cplusplus
}
#endif

#endif /* SPINEL_DLPACK_H */
