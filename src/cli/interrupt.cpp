#include "cli/interrupt.hpp"

#include <signal.h>

namespace spinel::cli {
namespace {

/// What the signal handler cancels; made anew by each Interrupt.
CancelToken& interrupt_token() {
  static CancelToken token;
  return token;
}

struct sigaction& previous_action() {
  static struct sigaction action {};
  return action;
}

extern "C" void spinel_interrupted(int) { interrupt_token().cancel(); }

}  // namespace

Interrupt::Interrupt() {
  interrupt_token() = CancelToken();
  struct sigaction action {};
  action.sa_handler = spinel_interrupted;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, &action, &previous_action());
}

Interrupt::~Interrupt() { sigaction(SIGINT, &previous_action(), nullptr); }

const CancelToken& Interrupt::token() const noexcept { return interrupt_token(); }

}  // namespace spinel::cli
