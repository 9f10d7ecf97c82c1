// What the cores could compute at most.
#pragma once
#include <optional>

namespace spinel::cli {

/// float32 operations a second (two a multiply-add) that `threads` cores reach at once in a loop of nothing
/// but independent vector multiply-adds in registers, with the widest vectors that this machine has. Takes
/// about 30 ms. Nothing on machines other than x86-64 with FMA.
std::optional<double> measure_peak_flops(int threads);

}  // namespace spinel::cli
