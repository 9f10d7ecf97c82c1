#include "backend/backend.hpp"
#include "backend/cpu/cpu_model.hpp"
#include "backend/onnxruntime/onnxruntime_model.hpp"
#include "base/text.hpp"

namespace spinel::backend {
namespace {

constexpr Target target_table[] = {
    {.name = "cpu", .compile = compile_for_cpu, .load = load_for_cpu, .only_imports = true},
    {.name = "onnx", .compile = compile_for_onnxruntime, .has_passes = false},
};

}  // namespace

std::span<const Target> targets() { return target_table; }

const Target& find_target(const std::string& name) {
  std::string names;
  for (const Target& target : target_table) {
    if (name == target.name) return target;
    names += (names.empty() ? "" : ", ") + std::string(target.name);
  }
  fail(ErrorCode::not_found, "target '{}' is not there; this build has: {}", name, names);
}

}  // namespace spinel::backend
