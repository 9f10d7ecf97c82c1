// What of the process a guest leaves as it was.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <array>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <thread>

#include "run_model.hpp"

extern char** environ;

namespace {

size_t thread_count() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// All that a host may have set up, as bytes that can be compared.
struct State {
  unsigned mxcsr =
      _mm_getcsr() & ~static_cast<unsigned>(_MM_EXCEPT_MASK);  ///< Without what was computed since.
  std::string locale = std::setlocale(LC_ALL, nullptr);
  std::string folder = std::filesystem::current_path().string();
  std::vector<std::string> environment;
  sigset_t mask{};
  std::array<struct sigaction, 32> handlers{};
  cpu_set_t cpus{};
  size_t open_files = 0;
  mode_t file_mask = 0;

  State() {
    for (char** each = environ; *each != nullptr; ++each) environment.emplace_back(*each);
    sigprocmask(SIG_BLOCK, nullptr, &mask);
    for (int i = 1; i < 32; ++i) sigaction(i, nullptr, &handlers[static_cast<size_t>(i)]);
    sched_getaffinity(0, sizeof cpus, &cpus);
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd"))
      ++open_files;
    file_mask = umask(0);
    umask(file_mask);
  }
};

void check_same(const State& before, const State& after) {
  CHECK(after.mxcsr == before.mxcsr);
  CHECK(after.locale == before.locale);
  CHECK(after.folder == before.folder);
  CHECK(after.environment == before.environment);
  CHECK(std::memcmp(&after.mask, &before.mask, sizeof before.mask) == 0);
  for (size_t i = 1; i < 32; ++i) {
    INFO("signal " << i);
    CHECK(after.handlers[i].sa_handler == before.handlers[i].sa_handler);
    CHECK(after.handlers[i].sa_flags == before.handlers[i].sa_flags);
  }
  CHECK(CPU_EQUAL(&after.cpus, &before.cpus));
  CHECK(after.open_files == before.open_files);
  CHECK(after.file_mask == before.file_mask);
}

/// stdout and stderr of `body`, which must not write to either.
template <class Body>
std::string printed(Body&& body) {
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK);
  const int old_out = dup(1), old_err = dup(2);
  dup2(pipe_ends[1], 1);
  dup2(pipe_ends[1], 2);
  body();
  dup2(old_out, 1);
  dup2(old_err, 2);
  close(old_out);
  close(old_err);
  close(pipe_ends[1]);
  std::array<char, 1000> text{};
  const ssize_t count = read(pipe_ends[0], text.data(), text.size());
  close(pipe_ends[0]);
  return {text.data(), static_cast<size_t>(std::max<ssize_t>(count, 0))};
}

/// Everything a host does with an engine, failures included.
void use_engine() {
  const Copy copy;
  spinel_engine* engine = create_two(copy);
  CHECK(run_two(copy, engine));
  spinel_engine* none = nullptr;
  CHECK(spinel_engine_create("/none/such.onnx", nullptr, &none, nullptr) == SPINEL_NOT_FOUND);
  const std::string text = std::string(SPINEL_SOURCE_DIR) + "/samples/resnet/synset.txt";
  CHECK(spinel_engine_create(text.c_str(), nullptr, &none, nullptr) == SPINEL_BAD_MODEL);
  spinel_tensor row = empty_tensor();
  CHECK(spinel_preprocess_file(nullptr, text.c_str(), &row, nullptr) == SPINEL_BAD_DATA);
  const std::string image = std::string(SPINEL_SOURCE_DIR) + "/samples/photos/coffee.jpg";
  CHECK(spinel_preprocess_file(nullptr, image.c_str(), &row, nullptr) == SPINEL_OK);
  spinel_tensor_release(&row);
  copy.release(engine);
}

}  // namespace

TEST_CASE("what a host has set up stays as it is, and nothing is printed") {
  // Unusual on purpose: denormals flushed, rounding upwards, a decimal comma where there is such a locale.
  const unsigned usual = _mm_getcsr();
  const std::string usual_locale = std::setlocale(LC_ALL, nullptr);
  if (std::setlocale(LC_ALL, "de_DE.UTF-8") == nullptr) std::setlocale(LC_ALL, "C.UTF-8");
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
  for (const unsigned mxcsr : {usual, usual | _MM_FLUSH_ZERO_ON, usual | _MM_ROUND_UP}) {
    _mm_setcsr(mxcsr);
    const State before;
    std::string text;
    text = printed(use_engine);
    const State after;
    _mm_setcsr(usual);
    CHECK(text == "");
    check_same(before, after);
  }
  std::setlocale(LC_ALL, usual_locale.c_str());
}

TEST_CASE("no thread before the first run, few during, none after release, and none that spins") {
  const Copy copy;
  const size_t before = thread_count();
  spinel_engine* engine = create_two(copy, 3);
  CHECK(thread_count() == before);
  CHECK(run_two(copy, engine));
  CHECK(thread_count() <= before + 2);  // The caller takes part.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const double start = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  CHECK(cpu_seconds() - start < 0.005);
  copy.release(engine);
  CHECK(thread_count() == before);
}

TEST_CASE("fork before and after an engine is created") {
  const auto in_child = [](auto&& body) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      alarm(60);
      _exit(body() ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  };
  const Copy copy;
  spinel_engine* engine = create_two(copy);
  CHECK(run_two(copy, engine));
  in_child([&] {  // A child makes its own; what it inherited it may release.
    spinel_engine* own = create_two(copy);
    const bool right = run_two(copy, own);
    copy.release(own);
    copy.release(engine);
    return right;
  });
  CHECK(run_two(copy, engine));
  copy.release(engine);
  in_child([&] {
    spinel_engine* own = create_two(copy);
    const bool right = run_two(copy, own);
    copy.release(own);
    return right;
  });
}
