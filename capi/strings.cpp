#include "strings.hpp"

#include <spinel/engine.hpp>

using namespace spinel;
using namespace spinel::capi;

const char* spinel_version(void) { return version(); }

const char* spinel_code_name(int32_t code) {
  return code == SPINEL_OK ? "ok" : error_code_name(static_cast<ErrorCode>(code));
}

// dtype_name() views literals, which end with NUL.
const char* spinel_dtype_name(int32_t dtype) { return dtype_name(static_cast<DType>(dtype)).data(); }

size_t spinel_strings_count(const spinel_strings* strings) {
  return strings == nullptr ? 0 : strings->texts.size();
}

const char* spinel_strings_get(const spinel_strings* strings, size_t index) {
  return index < spinel_strings_count(strings) ? strings->texts[index].c_str() : nullptr;
}

void spinel_strings_release(spinel_strings* strings) { delete strings; }

int32_t spinel_available_targets(spinel_strings** targets, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(targets, "targets");
    *targets = new spinel_strings{available_targets()};
  });
}
