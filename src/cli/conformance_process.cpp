#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "cli/conformance_case.hpp"
#include "cli/output.hpp"

namespace spinel::cli {
namespace {

void write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) _exit(1);
    text.remove_prefix(static_cast<size_t>(written));
  }
}

/// The child's work: an outcome a line. Nothing of the parent's is cleaned up here, for it is the parent's.
[[noreturn]] void run_in_child(const std::vector<CaseFolder>& cases, size_t begin,
                               const EngineOptions& options, const Interrupt& interrupt, int out) {
  try {
    for (size_t i = begin; i < cases.size() && !interrupt.requested(); ++i) {
      const CaseOutcome outcome = run_case(cases[i], options, interrupt.token());
      const Json line = {static_cast<int>(outcome.status), outcome.reason};
      write_all(out, line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    }
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

/// A process that runs cases from `begin` on. Ends it when it goes.
class Worker {
 public:
  Worker(const std::vector<CaseFolder>& cases, size_t begin, const EngineOptions& options,
         const Interrupt& interrupt) {
    int ends[2];
    if (pipe(ends) != 0) fail(ErrorCode::io, "no pipe to a process of its own: {}", std::strerror(errno));
    std::fflush(nullptr);
    id_ = fork();
    if (id_ < 0) {
      const int reason = errno;
      close(ends[0]);
      close(ends[1]);
      fail(ErrorCode::io, "the cases want a process of their own: {}", std::strerror(reason));
    }
    if (id_ == 0) {
      close(ends[0]);
      run_in_child(cases, begin, options, interrupt, ends[1]);
    }
    close(ends[1]);
    in_ = ends[0];
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    close(in_);
    if (id_ > 0) {
      kill(id_, SIGKILL);
      wait_for_end();
    }
  }

  /// The next outcome; nothing once there are no more or the interrupt is requested.
  std::optional<CaseOutcome> next(const Interrupt& interrupt) {
    for (;;) {
      if (const size_t end = text_.find('\n'); end != std::string::npos) {
        const Json line = Json::parse(text_.substr(0, end));
        text_.erase(0, end + 1);
        return CaseOutcome{static_cast<CaseStatus>(line[0].get<int>()), line[1].get<std::string>()};
      }
      // Ctrl-C ends poll(), and read() it would not. A signal between the two lines is seen within a second.
      if (interrupt.requested()) return std::nullopt;
      pollfd readable{in_, POLLIN, 0};
      if (poll(&readable, 1, 1000) <= 0) continue;
      char buffer[4096];
      const ssize_t count = read(in_, buffer, sizeof buffer);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return std::nullopt;
      text_.append(buffer, static_cast<size_t>(count));
    }
  }

  /// Waits for the end; what ended it, in words.
  std::string wait_for_end() {
    int status = 0;
    const pid_t id = std::exchange(id_, -1);
    while (waitpid(id, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFSIGNALED(status)) return fmt::format("it ended its process with status {}", WEXITSTATUS(status));
    return fmt::format("it crashed: signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  }

 private:
  pid_t id_ = -1;
  int in_ = -1;
  std::string text_;  ///< Read and not yet handed out.
};

}  // namespace

void run_cases(const std::vector<CaseFolder>& cases, const EngineOptions& options, const Interrupt& interrupt,
               const std::function<void(size_t index, CaseOutcome outcome)>& done) {
  size_t next = 0;
  while (next < cases.size() && !interrupt.requested()) {
    Worker worker(cases, next, options, interrupt);
    while (std::optional<CaseOutcome> outcome = worker.next(interrupt)) done(next++, std::move(*outcome));
    if (next == cases.size() || interrupt.requested()) return;
    done(next++, {CaseStatus::fail, worker.wait_for_end()});
  }
}

}  // namespace spinel::cli
