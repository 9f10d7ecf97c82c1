// An operator new that fails when told to. The library's own `new` resolves to it, as it would to a host's.
#pragma once
#include <cstdint>

/// In this thread: `before` more allocations succeed; then one fails, or, unless `once`, all that follow.
void fail_allocation(int64_t before, bool once) noexcept;
/// Ends it. Whether an allocation failed.
bool stop_failing() noexcept;
