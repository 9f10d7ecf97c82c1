// Upper bounds on what untrusted input may ask for.
#pragma once
#include <cstddef>
#include <cstdint>

namespace spinel {

/// Limits on models and images. Exceeding one is an Error with ErrorCode::limit_exceeded that names the
/// limit. In every field 0 means "no limit".
struct Limits {
  uint64_t max_model_bytes = uint64_t{16} << 30;  ///< An ONNX file together with its external data.
  uint64_t max_tensor_bytes = uint64_t{8} << 30;  ///< One tensor, constant or computed.
  uint64_t max_arena_bytes = uint64_t{32} << 30;  ///< The activations of one SPA.
  size_t max_nodes = 1'000'000;                   ///< Nodes of a model, subgraphs and functions included.
  size_t max_nesting = 64;                        ///< Depth of nested subgraphs, types and messages.
  uint64_t max_image_pixels = uint64_t{
      178'956'970};  ///< Width times height; Pillow's limit before it refuses is twice its MAX_IMAGE_PIXELS.
};

}  // namespace spinel
