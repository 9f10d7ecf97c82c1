#include "runtime/threads.hpp"

#include <pthread.h>
#include <signal.h>

namespace spinel::runtime {

std::thread start_thread(std::function<void()> body) {
  struct BlockedSignals {
    sigset_t previous;
    BlockedSignals() {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &previous);
    }
    ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &previous, nullptr); }
  } const blocked;
  return std::thread(std::move(body));
}

}  // namespace spinel::runtime
