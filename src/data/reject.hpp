// Which failures reject one sample, and which end the work.
#pragma once
#include <spinel/error.hpp>

namespace spinel {

/// Whether a failure is the sample's own fault, so that the others can go on.
inline bool rejects_sample(ErrorCode code) noexcept {
  return code != ErrorCode::out_of_memory && code != ErrorCode::cancelled && code != ErrorCode::internal;
}

}  // namespace spinel
