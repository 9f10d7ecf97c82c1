// Every allocation of a call fails once: the call answers out_of_memory, or does without, and nothing leaks.
#include <cstdlib>
#include <new>

#include "support.hpp"

namespace {

thread_local int64_t allocations_left = -1;  ///< -1: never fails.

void* allocate(size_t size_bytes, size_t alignment_bytes) {
  if (allocations_left == 0) throw std::bad_alloc();
  if (allocations_left > 0) --allocations_left;
  void* memory = alignment_bytes == 0
                     ? std::malloc(size_bytes == 0 ? 1 : size_bytes)
                     : std::aligned_alloc(alignment_bytes, (size_bytes + alignment_bytes - 1) /
                                                               alignment_bytes * alignment_bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// The library's own `new` resolves to these, as it would to a host's.
void* operator new(size_t size_bytes) { return allocate(size_bytes, 0); }
void* operator new[](size_t size_bytes) { return allocate(size_bytes, 0); }
void* operator new(size_t size_bytes, std::align_val_t alignment) {
  return allocate(size_bytes, static_cast<size_t>(alignment));
}
void* operator new[](size_t size_bytes, std::align_val_t alignment) {
  return allocate(size_bytes, static_cast<size_t>(alignment));
}
void* operator new(size_t size_bytes, const std::nothrow_t&) noexcept {
  return allocations_left == 0 ? nullptr : allocate(size_bytes, 0);
}
void* operator new[](size_t size_bytes, const std::nothrow_t&) noexcept {
  return allocations_left == 0 ? nullptr : allocate(size_bytes, 0);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

/// Fails the first, then the second ... allocation of `call` in the calling thread until it needs no more,
/// and returns how many failed. `undo` frees what a success gave.
template <class Call, class Undo>
int64_t fail_every_allocation(Call&& call, Undo&& undo) {
  for (int64_t n = 0;; ++n) {
    spinel_error* error = nullptr;
    allocations_left = n;
    const int32_t code = call(&error);
    const bool had_enough = allocations_left > 0;
    allocations_left = -1;
    if (code == SPINEL_OK) {
      if (error != nullptr) FAIL("an error beside SPINEL_OK");
      undo();
      if (had_enough) return n;
      continue;  // The call did without what it could not have.
    }
    const int32_t told = spinel_error_code(error);
    const std::string message = spinel_error_message(error);
    spinel_error_release(error);
    INFO("allocation " << n << ": " << message);
    if (code != SPINEL_OUT_OF_MEMORY || told != SPINEL_OUT_OF_MEMORY || message.empty())
      FAIL("not out_of_memory");
  }
}

}  // namespace

TEST_CASE("loading without memory") {
  const std::string path = model_path("image");
  spinel_engine_options options = engine_options();
  options.spas = 1;
  spinel_engine* engine = nullptr;
  CHECK(
      fail_every_allocation(
          [&](spinel_error** error) { return spinel_engine_create(path.c_str(), &options, &engine, error); },
          [&] { spinel_engine_release(engine); }) > 10);
}

TEST_CASE("preprocessing without memory") {
  const std::string path = std::string(SPINEL_SOURCE_DIR) + "/samples/resnet/images/00_t_shirt_top.png";
  spinel_tensor row = empty_tensor();
  CHECK(fail_every_allocation(
            [&](spinel_error** error) { return spinel_preprocess_file(nullptr, path.c_str(), &row, error); },
            [&] { spinel_tensor_release(&row); }) > 3);
  spinel_image images[2];
  for (auto& image : images) {
    spinel_image_init(&image, sizeof image);
    image.path = path.c_str();
  }
  spinel_error* errors[2];
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              return spinel_preprocess_batch(nullptr, images, 2, &row, errors, error);
            },
            [&] { spinel_tensor_release(&row); }) > 3);
}

TEST_CASE("running without memory") {
  spinel_engine_options options = engine_options();
  options.spas = 1;
  const auto engine = load("two", &options);
  std::vector<float> data(6, 1);
  const std::vector<int64_t> dims{2, 3};
  const spinel_tensor inputs[] = {tensor_of(SPINEL_FLOAT32, dims, data),
                                  tensor_of(SPINEL_FLOAT32, dims, data)};
  spinel_tensor outputs[] = {empty_tensor(), empty_tensor()};
  const auto release_outputs = [&] {
    for (auto& output : outputs) spinel_tensor_release(&output);
  };
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              return spinel_engine_run(engine.get(), inputs, 2, outputs, 2, nullptr, error);
            },
            release_outputs) > 3);
  spinel_request* request = nullptr;
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              const int32_t code =
                  spinel_engine_run_async(engine.get(), inputs, 2, outputs, 2, &request, error);
              if (code != SPINEL_OK) return code;
              const int32_t waited = spinel_request_wait(request, -1, nullptr, error);
              spinel_request_release(request);
              return waited;
            },
            release_outputs) > 3);
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_run(engine.get(), inputs, 2, outputs, 2, nullptr, error);
  });
  CHECK(static_cast<const float*>(outputs[0].data)[5] == 2);
  release_outputs();
}

TEST_CASE("labels, answers and lists without memory") {
  const std::string path = std::string(SPINEL_SOURCE_DIR) + "/samples/resnet/synset.txt";
  spinel_strings* strings = nullptr;
  const auto release = [&] { spinel_strings_release(strings); };
  CHECK(fail_every_allocation(
            [&](spinel_error** error) { return spinel_labels_load(path.c_str(), 10, &strings, error); },
            release) > 3);
  CHECK(fail_every_allocation([&](spinel_error** error) { return spinel_available_targets(&strings, error); },
                              release) > 1);
  std::vector<float> logits{1, 2, 3};
  const std::vector<int64_t> dims{1, 3};
  const spinel_tensor scores = tensor_of(SPINEL_FLOAT32, dims, logits);
  int64_t best = 0;
  size_t per_row = 0;
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              return spinel_top_k(&scores, 1, 1, &best, nullptr, 1, &per_row, error);
            },
            [] {}) > 3);
}
