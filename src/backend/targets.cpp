#include "backend/backend.hpp"
#include "backend/cpu/cpu_model.hpp"
#include "backend/onnxruntime/onnxruntime_model.hpp"
#include "base/text.hpp"

namespace spinel::backend {
namespace {

constexpr Target target_table[] = {
    {"cpu", compile_for_cpu, load_for_cpu},
    {"onnx", compile_for_onnxruntime, nullptr, false},
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
