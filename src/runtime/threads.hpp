// Starting threads inside a host.
#pragma once
#include <functional>
#include <thread>

namespace spinel::runtime {

/// Starts a thread that never runs the host's signal handlers: every signal is blocked in it.
/// Throws std::system_error if the system has no thread left.
std::thread start_thread(std::function<void()> body);

}  // namespace spinel::runtime
