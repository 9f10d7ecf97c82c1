// Cancelling loads, and runs inside a loop. No test measures time: what is not cancelled never ends.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "support.hpp"

namespace {

Owned<spinel_cancel_token> make_token() {
  spinel_cancel_token* token = nullptr;
  check_succeeds([&](spinel_error** error) { return spinel_cancel_token_create(&token, error); });
  return Owned<spinel_cancel_token>(token);
}

struct Stages {
  std::vector<std::string> names;
  std::vector<double> fractions;
  spinel_cancel_token* token = nullptr;
  std::string cancel_at;
  std::atomic<bool> folding{false};
  static void report(void* user, const char* stage, double fraction) {
    Stages& self = *static_cast<Stages*>(user);
    self.names.emplace_back(stage);
    self.fractions.push_back(fraction);
    if (self.names.back() == self.cancel_at) spinel_cancel_token_cancel(self.token);
    if (self.names.back() == "fold_constants") self.folding = true;
  }
};

spinel_engine_options watched(Stages& stages) {
  spinel_engine_options options = engine_options();
  options.progress = Stages::report;
  options.progress_user = &stages;
  return options;
}

}  // namespace

TEST_CASE("a load tells its stages, and is cancelled at each of them") {
  Stages all;
  spinel_engine_options options = watched(all);
  load("two", &options);
  REQUIRE(all.names.size() > 10);
  CHECK(all.names.front() == "read");
  CHECK(all.names.back() == "done");
  CHECK(std::is_sorted(all.fractions.begin(), all.fractions.end()));
  CHECK(all.fractions.front() == 0);
  CHECK(all.fractions.back() == 1);
  CHECK(std::count(all.fractions.begin(), all.fractions.end(), 1) == 1);
  for (const std::string& stage : all.names) {
    const auto token = make_token();
    Stages stages;
    stages.token = token.get();
    stages.cancel_at = stage;
    options = watched(stages);
    options.cancel = token.get();
    spinel_engine* engine = nullptr;
    INFO(stage);
    CHECK(spinel_engine_create(model_path("two").c_str(), &options, &engine, nullptr) == SPINEL_CANCELLED);
    CHECK(engine == nullptr);
    CHECK(stages.names.back() == stage);
  }
}

TEST_CASE("a loop that is folded for ever is cancelled") {
  const auto token = make_token();
  Stages stages;
  spinel_engine_options options = watched(stages);
  options.cancel = token.get();
  std::jthread other([&] {
    while (!stages.folding) std::this_thread::yield();
    spinel_cancel_token_cancel(token.get());
  });
  spinel_engine* engine = nullptr;
  check_fails(SPINEL_CANCELLED, "the load was cancelled", [&](spinel_error** error) {
    return spinel_engine_create(model_path("endless_load").c_str(), &options, &engine, error);
  });
}

TEST_CASE("a run inside a loop is cancelled, and the next is unaffected") {
  const auto engine = load("endless_run");
  const std::vector<int64_t> scalar, one{1};
  std::vector<int64_t> trips{int64_t{1} << 40};
  std::vector<float> x{1};
  const spinel_tensor inputs[] = {tensor_of(SPINEL_INT64, scalar, trips), tensor_of(SPINEL_FLOAT32, one, x)};
  spinel_tensor output = empty_tensor();
  const auto token = make_token();
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    spinel_cancel_token_cancel(token.get());
  });
  check_fails(SPINEL_CANCELLED, "the run was cancelled", [&](spinel_error** error) {
    return spinel_engine_run(engine.get(), inputs, 2, &output, 1, token.get(), error);
  });
  trips[0] = 3;
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_run(engine.get(), inputs, 2, &output, 1, nullptr, error);
  });
  CHECK(static_cast<const float*>(output.data)[0] == 8);
  spinel_tensor_release(&output);
}
