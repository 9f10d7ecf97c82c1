// What a spinel_value holds.
#pragma once
#include <vector>

#include <spinel/value.hpp>

#include "boundary.hpp"

struct spinel_value {
  spinel::Value value;
};

namespace spinel::capi {

/// The caller's values, sharing what they hold. Throws Misuse if one of them is NULL.
std::vector<Value> read_values(const spinel_value* const* values, size_t count, const char* argument);

}  // namespace spinel::capi
