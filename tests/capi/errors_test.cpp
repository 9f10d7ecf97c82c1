#include <cstring>

#include "support.hpp"

TEST_CASE("the version is the header's") {
  const std::string version = std::to_string(SPINEL_VERSION_MAJOR) + "." +
                              std::to_string(SPINEL_VERSION_MINOR) + "." +
                              std::to_string(SPINEL_VERSION_PATCH);
  CHECK(spinel_version() == version);
}

TEST_CASE("codes have names") {
  const char* names[] = {
      "ok",          "invalid_argument", "not_found",     "io",        "bad_model", "bad_data",
      "unsupported", "limit_exceeded",   "out_of_memory", "cancelled", "released",  "internal"};
  for (int32_t code = SPINEL_OK; code <= SPINEL_INTERNAL; ++code)
    CHECK(std::strcmp(spinel_code_name(code), names[code]) == 0);
  CHECK(std::strcmp(spinel_code_name(12), "unknown") == 0);
  CHECK(std::strcmp(spinel_code_name(-1), "unknown") == 0);
}

TEST_CASE("dtypes have names") {
  CHECK(std::strcmp(spinel_dtype_name(SPINEL_FLOAT16), "float16") == 0);
  CHECK(std::strcmp(spinel_dtype_name(SPINEL_INT2), "int2") == 0);
  CHECK(std::strcmp(spinel_dtype_name(27), "unknown") == 0);
  CHECK(std::strcmp(spinel_dtype_name(-1), "unknown") == 0);
}

TEST_CASE("accessors of errors and lists take NULL") {
  CHECK(spinel_error_code(nullptr) == SPINEL_OK);
  CHECK(std::strcmp(spinel_error_message(nullptr), "") == 0);
  CHECK(std::strcmp(spinel_error_node(nullptr), "") == 0);
  spinel_error_release(nullptr);
  CHECK(spinel_strings_count(nullptr) == 0);
  CHECK(spinel_strings_get(nullptr, 0) == nullptr);
  spinel_strings_release(nullptr);
}

TEST_CASE("misuse names the function and the argument") {
  check_fails(SPINEL_INVALID_ARGUMENT, "spinel_available_targets: targets is NULL",
              [](spinel_error** error) { return spinel_available_targets(nullptr, error); });
}

TEST_CASE("the targets of this build") {
  spinel_strings* raw = nullptr;
  check_succeeds([&](spinel_error** error) { return spinel_available_targets(&raw, error); });
  const Owned<spinel_strings> targets(raw);
  REQUIRE(spinel_strings_count(raw) >= 1);
  CHECK(std::strcmp(spinel_strings_get(raw, 0), "cpu") == 0);
  CHECK(spinel_strings_get(raw, spinel_strings_count(raw)) == nullptr);
}
