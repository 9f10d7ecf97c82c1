// One run of two.onnx of the C ABI's tests, through functions that may come from any copy of the library.
#pragma once
#include <dlfcn.h>

#include <array>
#include <cstdint>
#include <string>

#include "support.hpp"

/// The functions of one copy of the library.
struct Copy {
  decltype(&spinel_engine_options_init) options_init = &spinel_engine_options_init;
  decltype(&spinel_engine_create) create = &spinel_engine_create;
  decltype(&spinel_engine_run) run = &spinel_engine_run;
  decltype(&spinel_engine_release) release = &spinel_engine_release;

  Copy() = default;
  explicit Copy(void* library) {
    const auto find = [library]<class F>(F*& function, const char* name) {
      function = reinterpret_cast<F*>(dlsym(library, name));
      REQUIRE(function != nullptr);
    };
    find(options_init, "spinel_engine_options_init");
    find(create, "spinel_engine_create");
    find(run, "spinel_engine_run");
    find(release, "spinel_engine_release");
  }
};

inline spinel_engine* create_two(const Copy& copy, int32_t spas = 2) {
  spinel_engine_options options;
  copy.options_init(&options, sizeof options);
  options.spas = spas;
  spinel_engine* engine = nullptr;
  REQUIRE(copy.create(model_path("two").c_str(), &options, &engine, nullptr) == SPINEL_OK);
  return engine;
}

/// Runs a batch of 64 rows and tells whether the results are right.
inline bool run_two(const Copy& copy, const spinel_engine* engine) {
  const std::vector<int64_t> dims{64, 3};
  std::vector<float> x(192), y(192, 2), sum(192), product(192);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  const auto tensor = [&dims](std::vector<float>& data) {
    spinel_tensor out{};
    out.struct_size = sizeof out;
    out.data = data.data();
    out.size_bytes = data.size() * sizeof(float);
    out.dims = dims.data();
    out.rank = 2;
    out.dtype = SPINEL_FLOAT32;
    return out;
  };
  const spinel_tensor inputs[] = {tensor(x), tensor(y)};
  spinel_tensor outputs[] = {tensor(sum), tensor(product)};
  if (copy.run(engine, inputs, 2, outputs, 2, nullptr, nullptr) != SPINEL_OK) return false;
  for (size_t i = 0; i < x.size(); ++i)
    if (sum[i] != x[i] + 2 || product[i] != x[i] * 2) return false;
  return true;
}
