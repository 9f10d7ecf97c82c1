// The processor's floating-point mode while kernels run.
#pragma once
#include <cstdint>

namespace spinel::runtime {

/// Sets the mode that kernels count on, round to nearest, no traps, denormals flushed to zero (FTZ and DAZ),
/// and restores the host's, its exception flags included, when it goes. x86 only; elsewhere nothing changes.
class FloatState {
 public:
  FloatState() noexcept;
  FloatState(const FloatState&) = delete;
  FloatState& operator=(const FloatState&) = delete;
  ~FloatState();

 private:
  uint32_t host_;
};

}  // namespace spinel::runtime
