#include <link.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "run_model.hpp"

namespace {

bool is_mapped(const std::string& part) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find(part) != std::string::npos) return true;
  return false;
}

/// A copy of the library under another name, which the loader takes for another library.
std::string copy_library(const std::string& name) {
  const auto path = std::filesystem::path(SPINEL_BINARY_DIR) / "tests/guest" / name;
  std::filesystem::copy_file(SPINEL_LIBRARY, path, std::filesystem::copy_options::overwrite_existing);
  return path.string();
}

}  // namespace

TEST_CASE("several copies of the library in one process") {
  const Copy linked;
  spinel_engine* first = create_two(linked);
  for (const int flags : {RTLD_NOW | RTLD_LOCAL, RTLD_NOW | RTLD_GLOBAL, RTLD_LAZY | RTLD_LOCAL}) {
    void* library = dlopen(copy_library("libspinel-copy.so").c_str(), flags);
    INFO((library == nullptr ? dlerror() : ""));
    REQUIRE(library != nullptr);
    const Copy copy(library);
    CHECK(copy.create != linked.create);
    spinel_engine* second = create_two(copy);
    CHECK(run_two(copy, second));
    CHECK(run_two(linked, first));
    copy.release(second);
    CHECK(dlclose(library) == 0);
    CHECK_FALSE(is_mapped("libspinel-copy"));  // No unique symbol or thread-local destructor keeps it.
    CHECK(run_two(linked, first));
  }
  linked.release(first);
}

TEST_CASE("the library is loaded and unloaded again and again") {
  const std::string path = copy_library("libspinel-again.so");
  for (int i = 0; i < 10; ++i) {
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    REQUIRE(library != nullptr);
    const Copy copy(library);
    spinel_engine* engine = create_two(copy);
    CHECK(run_two(copy, engine));
    copy.release(engine);
    REQUIRE(dlclose(library) == 0);
    CHECK_FALSE(is_mapped("libspinel-again"));
  }
}
