#include "base/file.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <functional>

#include <sys/stat.h>
#include <unistd.h>

#include <spinel/error.hpp>

namespace fs = std::filesystem;
using namespace spinel;

namespace {

struct Scratch {
  fs::path folder;
  Scratch() {
    std::string name = (fs::temp_directory_path() / "spinel_file_XXXXXX").string();
    folder = mkdtemp(name.data());
  }
  ~Scratch() { fs::remove_all(folder); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << text;
  }
};

std::string text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size()};
}

ErrorCode code_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error.code();
  }
  FAIL("nothing was thrown");
  return ErrorCode::internal;
}

}  // namespace

TEST_CASE("read_file: whole files, and a clear error for all else", "[base]") {
  const Scratch s;
  s.write("a", "hello");
  s.write("empty", "");
  CHECK(text(read_file(s.folder / "a", "model")) == "hello");
  CHECK(read_file(s.folder / "empty", "model").data.empty());
  CHECK(code_of([&] { read_file(s.folder / "none", "model"); }) == ErrorCode::not_found);
  CHECK(code_of([&] { read_file(s.folder, "model"); }) == ErrorCode::io);
  CHECK(code_of([&] { read_file(s.folder / "a", "model", 4); }) == ErrorCode::limit_exceeded);
  REQUIRE(mkfifo((s.folder / "fifo").c_str(), 0600) == 0);
  CHECK(code_of([&] { read_file(s.folder / "fifo", "model"); }) == ErrorCode::io);
}

TEST_CASE("read_file: what was read outlives a file that shrinks", "[base]") {
  const Scratch s;
  s.write("a", std::string(100000, 'x'));
  const Bytes bytes = read_file(s.folder / "a", "model");
  fs::resize_file(s.folder / "a", 0);
  CHECK(text(bytes) == std::string(100000, 'x'));
}

TEST_CASE("read_beneath: only files beneath the folder", "[base]") {
  const Scratch s;
  s.write("model/data.bin", "0123456789");
  s.write("model/sub/more.bin", "abc");
  s.write("secret", "secret");
  const fs::path folder = s.folder / "model";
  CHECK(text(read_beneath(folder, "data.bin", 2, 3)) == "234");
  CHECK(text(read_beneath(folder, "./sub/more.bin", 0, -1)) == "abc");
  for (const char* bad : {"../secret", "sub/../../secret", "", "sub", "."})
    CHECK_THROWS_AS(read_beneath(folder, bad, 0, -1), Error);
  CHECK(code_of([&] { read_beneath(folder, (s.folder / "secret").string(), 0, -1); }) ==
        ErrorCode::bad_model);
  CHECK(code_of([&] { read_beneath(folder, "none", 0, -1); }) == ErrorCode::not_found);
  CHECK(code_of([&] { read_beneath(folder, "data.bin", 8, 3); }) == ErrorCode::bad_model);
  CHECK(code_of([&] { read_beneath(folder, "data.bin", UINT64_MAX, 1); }) == ErrorCode::bad_model);
  CHECK(code_of([&] { read_beneath(folder, "data.bin", 0, -1, 9); }) == ErrorCode::limit_exceeded);
  fs::create_symlink(s.folder / "secret", folder / "link");
  CHECK(code_of([&] { read_beneath(folder, "link", 0, -1); }) == ErrorCode::bad_model);
  fs::create_directory_symlink(s.folder, folder / "up");
  CHECK(code_of([&] { read_beneath(folder, "up/secret", 0, -1); }) == ErrorCode::bad_model);
  fs::create_hard_link(s.folder / "secret", folder / "hard");
  CHECK(code_of([&] { read_beneath(folder, "hard", 0, -1); }) == ErrorCode::bad_model);
}

TEST_CASE("write_file: whole or not at all", "[base]") {
  const Scratch s;
  const std::string body = "body";
  const auto bytes = std::as_bytes(std::span(body));
  write_file(s.folder / "out", bytes, bytes);
  CHECK(text(read_file(s.folder / "out", "file")) == "bodybody");
  CHECK_THROWS_AS(write_file(s.folder / "none/out", bytes), Error);
  fs::create_directory(s.folder / "taken");
  CHECK_THROWS_AS(write_file(s.folder / "taken", bytes), Error);
  size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(s.folder)) ++entries;
  CHECK(entries == 2);
}
