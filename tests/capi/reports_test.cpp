#include <algorithm>
#include <map>
#include <thread>

#include "support.hpp"

TEST_CASE("what the passes did") {
  spinel_engine_options options = engine_options();
  options.pass_json = R"({"passes": {"fuse_elementwise": false}})";
  const auto engine = load("two", &options);
  std::map<std::string, bool> enabled;
  for (size_t i = 0; i < spinel_engine_pass_count(engine.get()); ++i) {
    auto info = sized<spinel_pass_info>();
    check_succeeds([&](spinel_error** error) { return spinel_engine_pass(engine.get(), i, &info, error); });
    enabled[info.name] = info.enabled == 1;
    for (size_t n = 0; n < info.note_count; ++n) CHECK_THAT(info.notes[n].text, !Catch::Equals(""));
  }
  REQUIRE(enabled.count("fuse_elementwise") == 1);
  CHECK_FALSE(enabled["fuse_elementwise"]);
  CHECK(enabled["select_kernels"]);
  auto info = sized<spinel_pass_info>();
  check_fails(SPINEL_NOT_FOUND, "does not exist", [&](spinel_error** error) {
    return spinel_engine_pass(engine.get(), enabled.size(), &info, error);
  });
  options.pass_path = "also.json";
  spinel_engine* none = nullptr;
  check_fails(SPINEL_INVALID_ARGUMENT, "pass_", [&](spinel_error** error) {
    return spinel_engine_create(model_path("two").c_str(), &options, &none, error);
  });
}

TEST_CASE("how the engine computes and what it takes") {
  const auto engine = load("image");
  auto info = sized<spinel_engine_info>();
  check_succeeds([&](spinel_error** error) { return spinel_engine_describe(engine.get(), &info, error); });
  CHECK_THAT(info.arithmetic, Catch::StartsWith("float32 ("));
  auto report = sized<spinel_memory_report>();
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_memory(engine.get(), nullptr, 0, &report, nullptr, error);
  });
  CHECK(report.scratch_bytes_per_spa <= report.arena_bytes_per_spa);
}

TEST_CASE("the time of every layer") {
  const auto engine = load("slow");
  const std::vector<int64_t> dims{2, 384};
  std::vector<float> data(768, 1);
  const spinel_tensor input = tensor_of(SPINEL_FLOAT32, dims, data);
  const auto profile = make<spinel_profile>([&](spinel_profile** made, spinel_error** error) {
    return spinel_engine_profile(engine.get(), &input, 1, nullptr, made, error);
  });
  REQUIRE(spinel_profile_layer_count(profile.get()) >= 400);
  int64_t sum = 0;
  size_t products = 0;
  for (size_t i = 0; i < spinel_profile_layer_count(profile.get()); ++i) {
    auto layer = sized<spinel_layer_time>();
    check_succeeds(
        [&](spinel_error** error) { return spinel_profile_layer(profile.get(), i, &layer, error); });
    sum += layer.duration_ns;
    if (layer.flops == 2.0 * 2 * 384 * 384) {
      ++products;
      REQUIRE(layer.source_count >= 1);
      CHECK_THAT(layer.sources[0], Catch::StartsWith("matmul_"));
    }
  }
  CHECK(products == 400);
  CHECK(sum <= spinel_profile_duration_ns(profile.get()));
  spinel_cancel_token* token = nullptr;
  check_succeeds([&](spinel_error** error) { return spinel_cancel_token_create(&token, error); });
  const Owned<spinel_cancel_token> owned(token);
  spinel_cancel_token_cancel(token);
  spinel_profile* none = nullptr;
  check_fails(SPINEL_CANCELLED, "", [&](spinel_error** error) {
    return spinel_engine_profile(engine.get(), &input, 1, token, &none, error);
  });
}

TEST_CASE("a callback when a request is finished") {
  struct Told {
    std::atomic<int> times{0};
    spinel_request* request = nullptr;
    int32_t finished = 0;
    static void call(void* user) {
      auto& told = *static_cast<Told*>(user);
      if (told.request != nullptr) spinel_request_wait(told.request, 0, &told.finished, nullptr);
      ++told.times;
    }
  };
  const auto engine = load("two");
  std::vector<float> data(6, 1);
  const std::vector<int64_t> dims{2, 3};
  const spinel_tensor inputs[] = {tensor_of(SPINEL_FLOAT32, dims, data),
                                  tensor_of(SPINEL_FLOAT32, dims, data)};
  spinel_tensor outputs[] = {empty_tensor(), empty_tensor()};
  for (const bool wait_first : {true, false}) {
    spinel_request* request = nullptr;
    check_succeeds([&](spinel_error** error) {
      return spinel_engine_run_async(engine.get(), inputs, 2, outputs, 2, &request, error);
    });
    Told told;
    if (wait_first)
      check_succeeds([&](spinel_error** error) { return spinel_request_wait(request, -1, nullptr, error); });
    else
      told.request = request;
    check_succeeds(
        [&](spinel_error** error) { return spinel_request_on_finished(request, Told::call, &told, error); });
    if (wait_first) CHECK(told.times == 1);
    check_fails(SPINEL_INVALID_ARGUMENT, "already", [&](spinel_error** error) {
      return spinel_request_on_finished(request, Told::call, &told, error);
    });
    check_succeeds([&](spinel_error** error) { return spinel_request_wait(request, -1, nullptr, error); });
    spinel_request_release(request);  // Waits for the callback.
    CHECK(told.times == 1);
    if (!wait_first) CHECK(told.finished == 1);
    CHECK(static_cast<const float*>(outputs[0].data)[5] == 2);
    for (auto& output : outputs) spinel_tensor_release(&output);
  }
  check_fails(SPINEL_INVALID_ARGUMENT, "request is NULL", [&](spinel_error** error) {
    return spinel_request_on_finished(nullptr, Told::call, nullptr, error);
  });
}
