#include <catch2/catch.hpp>

#include <signal.h>
#include <time.h>

#include <chrono>
#include <fstream>
#include <set>
#include <thread>

#include <spinel/dataset.hpp>

#include "data/test_folder.hpp"

using namespace spinel;

#ifdef SPINEL_CODECS
namespace {

/// 37 images; image i is gray of value 5 * i. Numbers 4, 5 and 20 are no images.
class Fixture {
 public:
  static constexpr size_t count = 37;
  Fixture() {
    for (size_t i = 0; i < count; ++i) {
      const std::string name = std::to_string(100 + i) + ".pgm";
      const bool bad = i == 4 || i == 5 || i == 20;
      samples.push_back(
          {bad ? folder.file(name, "text") : folder.gray_image(name, static_cast<uint8_t>(5 * i)),
           static_cast<int64_t>(i % 10)});
    }
  }
  TestFolder folder;
  std::vector<Sample> samples;
};

Preprocessor plain() {
  PreprocessOptions options;
  options.resize = 0;
  options.crop_height = options.crop_width = 2;
  options.mean = {0, 0, 0};
  options.std = {1.0f / 255.0f, 1.0f / 255.0f, 1.0f / 255.0f};
  return Preprocessor(options);
}

DataLoaderOptions options_of(int64_t batch_size, int workers) {
  DataLoaderOptions options;
  options.batch_size = batch_size;
  options.workers = workers;
  return options;
}

/// Checks every row against the sample that it claims to be, and that the counts balance.
std::vector<size_t> drain(DataLoader& loader, const std::vector<Sample>& samples) {
  std::vector<size_t> seen;
  size_t batches = 0;
  while (auto batch = loader.next()) {
    ++batches;
    REQUIRE(batch->tensor.dim(0) == static_cast<int64_t>(batch->size()));
    REQUIRE(batch->labels.size() == batch->size());
    REQUIRE(batch->paths.size() == batch->size());
    for (size_t row = 0; row < batch->size(); ++row) {
      const size_t index = batch->indices[row];
      CHECK(batch->labels[row] == samples[index].label);
      CHECK(batch->paths[row] == samples[index].path);
      CHECK(batch->tensor.data<float>()[row * 12] == Approx(5.0 * static_cast<double>(index)));
      seen.push_back(index);
    }
    CHECK(batch->preprocess_seconds >= 0);
  }
  CHECK(batches == loader.batch_count());
  CHECK(loader.ledger().balanced());
  CHECK(loader.ledger().attempted == loader.sample_count());
  CHECK(loader.ledger().done == seen.size());
  return seen;
}

size_t thread_count() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("Threads:")) return std::stoul(line.substr(8));
  return 0;
}

}  // namespace

TEST_CASE("order is kept and nothing is lost, whatever the workers") {
  const Fixture fixture;
  for (const int workers : {0, 1, 3, 8})
    for (const int64_t batch_size : {1, 4, 10, 100}) {
      auto options = options_of(batch_size, workers);
      options.prefetch = workers == 3 ? 5 : 1;
      DataLoader loader(fixture.samples, plain(), options);
      const auto seen = drain(loader, fixture.samples);
      CHECK(seen.size() == Fixture::count - 3);
      CHECK(std::is_sorted(seen.begin(), seen.end()));
      const auto& rejected = loader.ledger().rejected;
      REQUIRE(rejected.size() == 3);
      CHECK(rejected[2].index == 20);
      CHECK(rejected[2].path == fixture.samples[20].path.string());
      CHECK_FALSE(loader.next().has_value());
    }
}

TEST_CASE("a batch without any usable sample has no rows") {
  const Fixture fixture;
  DataLoader loader({fixture.samples[4], fixture.samples[5]}, plain(), options_of(2, 1));
  const auto batch = loader.next();
  REQUIRE(batch.has_value());
  CHECK(batch->tensor.dims() == Dims{0, 3, 2, 2});
  CHECK(batch->rejected.size() == 2);
}

TEST_CASE("shards are disjoint and together complete") {
  const Fixture fixture;
  std::multiset<size_t> all;
  size_t attempted = 0;
  for (int rank = 0; rank < 5; ++rank) {
    auto options = options_of(3, 2);
    options.rank = rank;
    options.world = 5;
    DataLoader loader(fixture.samples, plain(), options);
    for (const size_t index : drain(loader, fixture.samples)) {
      CHECK(index % 5 == static_cast<size_t>(rank));
      all.insert(index);
    }
    attempted += loader.ledger().attempted;
  }
  CHECK(attempted == Fixture::count);
  CHECK(all.size() == Fixture::count - 3);
  CHECK(std::set<size_t>(all.begin(), all.end()).size() == all.size());
  // More ranks than samples: some have nothing to do.
  auto options = options_of(3, 2);
  options.rank = 39;
  options.world = 40;
  DataLoader empty(fixture.samples, plain(), options);
  CHECK_FALSE(empty.next().has_value());
}

TEST_CASE("drop_last counts what it drops, max_batches stops") {
  const Fixture fixture;
  auto options = options_of(10, 2);
  options.drop_last = true;
  DataLoader loader(fixture.samples, plain(), options);
  CHECK(loader.batch_count() == 3);
  drain(loader, fixture.samples);
  CHECK(loader.ledger().attempted == 30);
  CHECK(loader.ledger().dropped == 7);
  options.drop_last = false;
  options.max_batches = 2;
  DataLoader stopped(fixture.samples, plain(), options);
  drain(stopped, fixture.samples);
  CHECK(stopped.ledger().attempted == 20);
  CHECK(stopped.ledger().dropped == 0);
}

TEST_CASE("restart gives the same again, also in the middle") {
  const Fixture fixture;
  DataLoader loader(fixture.samples, plain(), options_of(4, 3));
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < round % 4; ++i) loader.next();
    loader.restart();
  }
  CHECK(drain(loader, fixture.samples).size() == Fixture::count - 3);
}

TEST_CASE("threads start with the first batch, sleep, and are gone after destruction") {
  const Fixture fixture;
  const size_t before = thread_count();
  {
    DataLoader loader(fixture.samples, plain(), options_of(2, 3));
    CHECK(thread_count() == before);
    loader.next();
    CHECK(thread_count() == before + 3);
    // The prefetch window is full soon; from then on there is no work and no spinning.
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto cpu_seconds = [] {
      timespec now{};
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
      return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
    };
    const double begin = cpu_seconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    CHECK(cpu_seconds() - begin < 0.01);
  }
  // The kernel may list a joined thread for a moment longer.
  for (int i = 0; i < 100 && thread_count() != before; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(thread_count() == before);
  for (int i = 0; i < 50; ++i) {
    DataLoader abandoned(fixture.samples, plain(), options_of(5, 4));
    if (i % 2 == 0) abandoned.next();
  }
}

TEST_CASE("the caller's signal mask is left as it was") {
  const Fixture fixture;
  sigset_t before;
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  DataLoader loader(fixture.samples, plain(), options_of(5, 2));
  loader.next();
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal < 32; ++signal)
    CHECK(sigismember(&before, signal) == sigismember(&after, signal));
}
#endif

TEST_CASE("loader options are checked") {
  const auto fails = [](auto change, const char* name) {
    DataLoaderOptions options;
    change(options);
    CHECK_THROWS_WITH(DataLoader(std::vector<Sample>{}, Preprocessor(), options), Catch::Contains(name));
  };
  fails([](auto& o) { o.batch_size = 0; }, "batch_size");
  fails([](auto& o) { o.workers = -1; }, "workers");
  fails([](auto& o) { o.prefetch = 0; }, "prefetch");
  fails([](auto& o) { o.world = 0; }, "world");
  fails([](auto& o) { o.rank = 1; }, "rank");
  DataLoader none(std::vector<Sample>{}, Preprocessor());
  CHECK_FALSE(none.next().has_value());
}
