/* Exchange of tensors with libraries that speak DLPack, without copies. C99 and C++11; an optional header
 * beside spinel.h. It works with or without <dlpack/dlpack.h>. DLManagedTensor is the unversioned struct of
 * DLPack 0.2 to 1.x, what Python's "dltensor" capsules hold. */
#ifndef SPINEL_DLPACK_H
#define SPINEL_DLPACK_H

#include "spinel.h"

#ifdef __cplusplus
extern "C" {
#endif

struct DLManagedTensor;

/* Makes *view, whose struct_size the caller has set, a tensor over the memory of a DLPack tensor, to be used
 * as an input or as an output with data. The tensor must lie in the memory of the CPU, dense and row-major,
 * and be of a type that spinel_dtype has. *managed stays the caller's: it must live as long as *view is used,
 * and its deleter is the caller's to call. On failure *view is untouched. Any thread. */
SPINEL_API int32_t spinel_tensor_from_dlpack(const struct DLManagedTensor* managed, spinel_tensor* view,
                                             spinel_error** error);

/* Gives a tensor that the library allocated away as a DLPack tensor: *managed, whose deleter frees it, on any
 * thread. *tensor is afterwards as spinel_tensor_release() leaves it. A tensor of the caller's, of strings or
 * of a packed or float8 type is an error, and *tensor is then untouched. */
SPINEL_API int32_t spinel_tensor_to_dlpack(spinel_tensor* tensor, struct DLManagedTensor** managed,
                                           spinel_error** error);

#ifdef __cplusplus
}
#endif

#endif /* SPINEL_DLPACK_H */
