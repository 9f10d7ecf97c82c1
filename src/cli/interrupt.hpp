// Ctrl-C as a request.
#pragma once
#include <spinel/engine.hpp>

namespace spinel::cli {

/// While it lives, Ctrl-C cancels runs that were given token() instead of ending the process; a second one
/// ends it.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  const CancelToken& token() const noexcept;
  bool requested() const noexcept { return token().cancelled(); }
};

}  // namespace spinel::cli
