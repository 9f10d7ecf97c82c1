// What the stand-in for ONNX Runtime's library does and has seen; shared with the test that loads it.
#pragma once
#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "backend/onnxruntime/c_api.hpp"

namespace spinel::backend::ort::fake {

struct Failure {
  int code = 0;
  const char* message = nullptr;  ///< Null: no failure.
};

struct State {
  // Set by the test.
  Failure loads_fail;
  Failure runs_fail;
  bool runs_wait_for_cancel = false;

  // Seen.
  int alive = 0;  ///< Objects made and not released.
  int sessions = 0;
  int threads = 0;
  int severity = -1;
  bool telemetry_is_off = false;
  bool output_was_given = false;
  std::map<std::string, std::string> config;
  std::string log_id;
  std::atomic<bool> terminated{false};

  // The library's own.
  Function table[256] = {};
  LogFunction log = nullptr;
  const TensorShape* shape_of = nullptr;  ///< A shape that is a value's, not an input's or output's.
  int64_t shape_rows = 0;
};

/// The library exports this as "fake_state".
using GetState = State* (*)();

}  // namespace spinel::backend::ort::fake
