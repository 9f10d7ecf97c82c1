// Kernels over float types: float16 and bfloat16 are widened to float32, computed there and rounded once.
#pragma once
#include <span>

#include "graph/op.hpp"

namespace spinel::ops {

constexpr bool is_float_dtype(DType dtype) {
  return dtype == DType::float32 || dtype == DType::float16 || dtype == DType::bfloat16 ||
         dtype == DType::float64;
}

/// Throws Error(unsupported) if the dtype of an input is known and not a float type. `name` is the input's
/// name in the specification.
void require_float(const graph::InferContext& context, size_t index, const char* name);
/// The same for a tensor that is there.
void require_float(const Tensor& tensor, const char* name);

/// Throws Error(bad_model) if an input is given whose rank is known and outside [low, high].
void require_rank(const graph::InferContext& context, size_t index, const char* name, size_t low,
                  size_t high);

/// Calls fn(double{}) for float64 and fn(float{}) for all else.
template <class Fn>
void compute_in(DType dtype, Fn&& fn) {
  if (dtype == DType::float64)
    fn(double{});
  else
    fn(float{});
}

/// The elements of a tensor as T (float or double): its own, or a converted copy.
template <class T>
class ComputeInput {
 public:
  ComputeInput() = default;
  explicit ComputeInput(const Tensor& tensor)
      : tensor_(tensor.dtype() == dtype_of<T>::value ? tensor : convert(tensor, dtype_of<T>::value)) {}
  const T* data() const { return static_cast<const T*>(tensor_.raw()); }
  const T& operator[](int64_t index) const { return data()[index]; }

 private:
  Tensor tensor_;
};

/// An output that is computed as T: store() rounds it into the output's own type where that differs.
template <class T>
class ComputeOutput {
 public:
  ComputeOutput(graph::RunContext& context, size_t index, DType dtype, Dims dims)
      : output_(&context.output(index, dtype, dims)),
        buffer_(dtype == dtype_of<T>::value ? *output_
                                            : Tensor::uninitialized(dtype_of<T>::value, std::move(dims))) {}
  T* data() { return static_cast<T*>(buffer_.raw()); }
  int64_t count() const { return buffer_.element_count(); }
  void store();

 private:
  Tensor* output_;
  Tensor buffer_;
};

template <class T>
void ComputeOutput<T>::store() {
  if (output_->dtype() != buffer_.dtype()) {
    const Tensor rounded = convert(buffer_, output_->dtype());
    copy_elements(rounded, *output_);
  }
}

}  // namespace spinel::ops
