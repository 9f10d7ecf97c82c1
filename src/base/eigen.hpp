// Eigen with its assertions as errors. Include this before any header of Eigen.
#pragma once
#include <spinel/error.hpp>

#ifdef eigen_assert
#error "base/eigen.hpp must come before Eigen's headers"
#endif
#define eigen_assert(condition) \
  ((condition) ? void()         \
               : throw spinel::Error(spinel::ErrorCode::internal, "Eigen: " #condition " does not hold"))
