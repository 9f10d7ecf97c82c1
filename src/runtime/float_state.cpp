#include "runtime/float_state.hpp"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace spinel::runtime {

#if defined(__SSE2__)
namespace {
constexpr uint32_t traps_masked = 0x1f80;
constexpr uint32_t flush_to_zero = 0x8000;
constexpr uint32_t denormals_are_zero = 0x0040;
}  // namespace

FloatState::FloatState() noexcept : host_(_mm_getcsr()) {
  _mm_setcsr(traps_masked | flush_to_zero | denormals_are_zero);
}
FloatState::~FloatState() { _mm_setcsr(host_); }
#else
FloatState::FloatState() noexcept : host_(0) {}
FloatState::~FloatState() = default;
#endif

}  // namespace spinel::runtime
