// What the process may use of the machine.
#pragma once

namespace spinel {

/// Cores that this process may use: its affinity mask, cut by the CPU quota of its cgroups (rounded up). At
/// least 1.
int available_cores();

}  // namespace spinel
