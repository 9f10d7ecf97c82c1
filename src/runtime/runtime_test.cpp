#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <set>
#include <stdexcept>
#include <thread>

#include "runtime/async_queue.hpp"
#include "runtime/batch_split.hpp"
#include "runtime/lease.hpp"
#include "runtime/thread_pool.hpp"

using namespace spinel;
using namespace spinel::runtime;

TEST_CASE("thread pool: every task runs once, nested loops too", "[runtime]") {
  for (int workers : {0, 1, 3}) {
    ThreadPool pool(workers);
    std::vector<std::atomic<int>> hits(24 * 10);
    pool.parallel_for(24, [&](int64_t i) {
      pool.parallel_for(10, [&](int64_t j) { ++hits[static_cast<size_t>(i * 10 + j)]; });
    });
    for (const auto& hit : hits) CHECK(hit == 1);
    pool.parallel_for(0, [](int64_t) { FAIL("a loop of nothing"); });
  }
}

TEST_CASE("thread pool: an exception reaches the caller of its loop, and the pool goes on", "[runtime]") {
  ThreadPool pool(2);
  for (int repeat = 0; repeat < 20; ++repeat) {
    CHECK_THROWS_AS(pool.parallel_for(50,
                                      [](int64_t i) {
                                        if (i == 7) throw std::runtime_error("seven");
                                      }),
                    std::runtime_error);
    std::atomic<int> sum{0};
    pool.parallel_for(10, [&](int64_t i) { sum += static_cast<int>(i); });
    CHECK(sum == 45);
  }
}

TEST_CASE("thread pool: loops from several threads at once", "[runtime]") {
  ThreadPool pool(2);
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t)
    callers.emplace_back([&] {
      for (int r = 0; r < 50; ++r) pool.parallel_for(20, [&](int64_t i) { sum += i; });
    });
  for (auto& caller : callers) caller.join();
  CHECK(sum == 4 * 50 * 190);
}

TEST_CASE("thread pool: threads without tasks of their own help inside a loop that goes on", "[runtime]") {
  // Task 1 of the outer loop goes on until its inner loop has had two threads at once, so that whoever ran
  // task 0 must have come to help, the waiting caller included.
  ThreadPool pool(1);
  for (int repeat = 0; repeat < 20; ++repeat) {
    std::atomic<int> together{0};
    pool.parallel_for(2, [&](int64_t i) {
      if (i == 0) return;
      pool.parallel_for(2, [&](int64_t) {
        ++together;
        while (together < 2) std::this_thread::yield();
      });
    });
    CHECK(together == 2);
  }
}

TEST_CASE("thread pool: more loops at once than it has places for still run", "[runtime]") {
  ThreadPool pool(2);
  std::atomic<int> leaves{0};
  std::function<void(int)> nest = [&](int depth) {
    if (depth == 0)
      ++leaves;
    else
      pool.parallel_for(2, [&](int64_t i) { nest(i == 0 ? depth - 1 : 0); });
  };
  nest(100);
  CHECK(leaves == 101);
}

TEST_CASE("async queue: jobs run in order and are finished before it goes", "[runtime]") {
  std::vector<int> order;
  {
    AsyncQueue queue;
    for (int i = 0; i < 100; ++i) queue.push([&order, i] { order.push_back(i); });
  }
  REQUIRE(order.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(order[static_cast<size_t>(i)] == i);
}

TEST_CASE("lease: an item has one user at a time", "[runtime]") {
  std::vector<std::unique_ptr<std::atomic<int>>> items;
  for (int i = 0; i < 2; ++i) items.push_back(std::make_unique<std::atomic<int>>(0));
  LeasePool<std::atomic<int>> pool(std::move(items));
  std::atomic<int> conflicts{0};
  std::vector<std::thread> users;
  for (int t = 0; t < 6; ++t)
    users.emplace_back([&] {
      for (int r = 0; r < 100; ++r) {
        const auto item = pool.lease();
        if (++*item != 1) ++conflicts;
        --*item;
      }
    });
  for (auto& user : users) user.join();
  CHECK(conflicts == 0);
}

TEST_CASE("split: parts are contiguous, complete and even", "[runtime]") {
  for (int64_t batch = 1; batch < 40; ++batch)
    for (int64_t parts = 1; parts < 10; ++parts) {
      int64_t next = 0;
      int64_t smallest = batch;
      int64_t largest = 0;
      for (const Part& part : split_evenly(batch, parts)) {
        CHECK(part.begin == next);
        CHECK(part.count == part.run_count);
        next += part.count;
        smallest = std::min(smallest, part.count);
        largest = std::max(largest, part.count);
      }
      CHECK(next == batch);
      CHECK(largest - smallest <= 1);
    }
  for (int64_t batch = 1; batch < 100; ++batch)
    for (int64_t spas = 1; spas < 6; ++spas)
      for (int64_t samples = 1; samples < 10; ++samples) {
        const auto parts = split_for_stealing(batch, spas, samples);
        int64_t next = 0;
        for (const Part& part : parts) {
          CHECK(part.begin == next);
          next += part.count;
        }
        CHECK(next == batch);
        CHECK(parts.front().count <= samples);
        CHECK(parts.front().count - parts.back().count <= 1);
        const auto count = static_cast<int64_t>(parts.size());
        CHECK((count == batch || count % spas == 0));
      }
  CHECK(split_for_stealing(64, 2, 8).size() == 8);
  const auto fixed = split_fixed(10, 4);
  REQUIRE(fixed.size() == 3);
  CHECK(fixed[2].count == 2);
  CHECK(fixed[2].run_count == 4);
}

TEST_CASE("split: rows along any axis come back as they were", "[runtime]") {
  Tensor whole(DType::int32, {3, 7, 2});
  for (int32_t i = 0; i < 42; ++i) whole.data<int32_t>()[static_cast<size_t>(i)] = i;
  for (int axis = 0; axis < 3; ++axis) {
    Tensor back(DType::int32, whole.dims());
    PartBuffer buffer;
    for (const Part& part : split_fixed(whole.dim(axis), 2)) {
      Tensor piece;
      take_part(whole, axis, part, buffer, piece);
      CHECK(piece.dim(axis) == 2);
      put_part(piece, back, axis, part);
    }
    CHECK(std::ranges::equal(back.data<int32_t>(), whole.data<int32_t>()));
  }
  PartBuffer buffer;
  Tensor padded;
  take_part(whole, 1, {6, 1, 3}, buffer, padded);
  CHECK(padded.data<int32_t>()[0] == padded.data<int32_t>()[4]);
}

TEST_CASE("split: padding fills the end of each axis", "[runtime]") {
  const Tensor x = Tensor::from<int32_t>({2, 1, 2}, {1, 2, 3, 4});
  const Tensor y = pad_to(x, {2, 2, 3}, 9);
  const std::vector<int32_t> expected{1, 2, 9, 9, 9, 9, 3, 4, 9, 9, 9, 9};
  CHECK(std::ranges::equal(y.data<int32_t>(), expected));
}
