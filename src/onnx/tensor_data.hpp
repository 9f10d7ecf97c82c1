// From the tensors of an ONNX file to spinel::Tensor.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include <spinel/limits.hpp>
#include <spinel/tensor.hpp>

#include "onnx/model.hpp"
#include "onnx/model_file.hpp"

namespace spinel::onnx {

/// Where a model's tensors get their bytes from, and how many they may have.
struct TensorSource {
  /// Keeps the file's bytes alive; tensors that point into them share it. Null: every tensor is a copy.
  std::shared_ptr<void> owner;
  /// Has those of the bytes that are not in memory; nullptr: all are.
  std::shared_ptr<const ModelFile> file;
  /// The folder that holds the model's external data. None: a model from memory, whose external data is
  /// refused.
  std::optional<std::filesystem::path> folder;
  Limits limits;
  /// Bytes that count towards max_model_bytes: set it to the model's size; to_tensor adds the external data
  /// it reads, so one source must not be used by two threads at once.
  mutable uint64_t model_bytes = 0;
};

/// The tensor's values, whatever their form in the file: raw, typed (packed or one by one) or external.
///
/// raw_data that is aligned for its element type becomes a view, which the caller must not write to and which
/// keeps source.owner alive; everything else is a copy. Packed types (int4, uint4, float4e2m1, int2, uint2)
/// stay packed. Integers of 8 and 16 bits must be within their type's range in int32_data; the other types
/// stored there are bit patterns, for which the signed reading of the same bits is accepted too. Any bool
/// other than 0 becomes true.
///
/// Throws Error that names the tensor: bad_model where payload and dims disagree or the external data is
/// refused, unsupported for an unknown element type or a segment, limit_exceeded for max_tensor_bytes and
/// max_model_bytes, not_found and io from reading external data.
spinel::Tensor to_tensor(const Tensor& tensor, const TensorSource& source);

/// The sparse tensor with its zeros (empty strings) filled in: dims as SparseTensorProto.dims, values of
/// shape [NNZ], indices int64, ascending and unique, either [NNZ] (linearised) or [NNZ, rank]. Throws Error
/// as to_tensor does.
spinel::Tensor to_dense_tensor(const SparseTensor& tensor, const TensorSource& source);

}  // namespace spinel::onnx
