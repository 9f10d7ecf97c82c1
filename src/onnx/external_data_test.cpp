// External data is untrusted: a model must not read anything but regular files beneath its own folder.
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "onnx/test_tensor.hpp"

namespace spinel::onnx::testing {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

/// A model's folder with a file "w.bin" of the floats 0, 1, 2 ... 15, and a file "secret" outside of it.
class Folder {
 public:
  Folder() : root_(fs::path(SPINEL_BINARY_DIR) / ("external_data_test." + std::to_string(::getpid()))) {
    fs::remove_all(root_);
    fs::create_directories(model() / "sub");
    std::vector<float> values(16);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    const std::string bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
    for (const fs::path& path : {model() / "w.bin", model() / "sub" / "w.bin", root_ / "secret"})
      write(path, bytes);
  }
  ~Folder() { fs::remove_all(root_); }
  static void write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  fs::path root() const { return root_; }
  fs::path model() const { return root_ / "model"; }
  TensorSource source() const {
    TensorSource source;
    source.folder = model();
    return source;
  }

 private:
  fs::path root_;
};

TensorBytes external(std::initializer_list<StringPair> entries, std::vector<int64_t> dims = {2}) {
  return TensorBytes(DType::float32, dims).external(entries);
}

std::vector<float> floats(const spinel::Tensor& tensor) {
  return {tensor.data<float>().begin(), tensor.data<float>().end()};
}

}  // namespace

TEST_CASE("external data: location, offset and length") {
  const Folder folder;
  const TensorSource source = folder.source();
  CHECK(floats(external({{"location", "w.bin"}}).tensor(source)) == std::vector<float>{0, 1});
  CHECK(floats(external({{"location", "sub/w.bin"}, {"offset", "8"}, {"length", "8"}}).tensor(source)) ==
        std::vector<float>{2, 3});
  CHECK(floats(external({{"location", "./w.bin"}, {"offset", "56"}, {"checksum", "any"}}).tensor(source)) ==
        std::vector<float>{14, 15});
  CHECK(source.model_bytes == 24);
  // An offset that is no multiple of the element's size is allowed.
  CHECK(external({{"location", "w.bin"}, {"offset", "3"}}).tensor(source).element_count() == 2);
  CHECK(external({{"location", "w.bin"}}, {0}).tensor(source).element_count() == 0);
}

TEST_CASE("external data: large tensors keep their block, small ones are copied") {
  const Folder folder;
  const std::string bytes(1 << 20, '\1');
  Folder::write(folder.model() / "large.bin", bytes);
  const spinel::Tensor large = external({{"location", "large.bin"}}, {1 << 18}).tensor(folder.source());
  CHECK(large.size_bytes() == bytes.size());
  CHECK(std::memcmp(large.raw(), bytes.data(), bytes.size()) == 0);
  CHECK(large.owned());
}

TEST_CASE("external data: what leaves the folder is refused") {
  const Folder folder;
  const TensorSource source = folder.source();
  fs::create_symlink(folder.root() / "secret", folder.model() / "link");
  fs::create_symlink("w.bin", folder.model() / "inner_link");
  fs::create_directory_symlink(folder.root(), folder.model() / "folder_link");
  fs::create_hard_link(folder.root() / "secret", folder.model() / "hard");
  const std::string absolute = (folder.root() / "secret").string();
  const std::string with_zero("w.bin\0", 6);
  for (std::string_view location :
       {std::string_view("../secret"), std::string_view("sub/../../secret"), std::string_view("sub/../w.bin"),
        std::string_view(absolute), std::string_view("link"), std::string_view("inner_link"),
        std::string_view("folder_link/secret"), std::string_view("hard"), std::string_view(with_zero),
        std::string_view("."), std::string_view("w.bin/x")}) {
    INFO(location);
    CHECK_THAT(error_of([&] {
                 external({{"location", location}}).tensor(source);
               }),
               StartsWith("bad_model") && Contains("'w'"));
  }
  CHECK_THAT(error_of([&] { external({{"location", "sub"}}).tensor(source); }), StartsWith("io"));
  CHECK_THAT(error_of([&] {
               external({{"location", "missing"}}).tensor(source);
             }),
             StartsWith("not_found") && Contains("missing"));
  CHECK_THAT(error_of([&] { external({{"location", ""}}).tensor(source); }), StartsWith("bad_model"));
  CHECK_THAT(error_of([&] { external({{"offset", "0"}}).tensor(source); }), StartsWith("bad_model"));
}

TEST_CASE("external data: a FIFO neither hangs nor is read") {
  const Folder folder;
  REQUIRE(::mkfifo((folder.model() / "pipe").c_str(), 0600) == 0);
  CHECK_THAT(error_of([&] { external({{"location", "pipe"}}).tensor(folder.source()); }), StartsWith("io"));
}

TEST_CASE("external data: offsets and lengths are plain decimal numbers within the file") {
  const Folder folder;
  const TensorSource source = folder.source();
  for (const char* number : {"-1", "+1", " 1", "1 ", "0x8", "8.0", "", "eight", "18446744073709551616",
                             "18446744073709551615", "9223372036854775808"}) {
    INFO(number);
    CHECK_THAT(error_of([&] {
                 external({{"location", "w.bin"}, {"offset", number}}).tensor(source);
               }),
               StartsWith("bad_model") && Contains("offset"));
    CHECK_THAT(error_of([&] {
                 external({{"location", "w.bin"}, {"length", number}}).tensor(source);
               }),
               StartsWith("bad_model") && Contains("length"));
  }
  for (const char* offset : {"57", "64", "65", "9223372036854775807"}) {
    INFO(offset);
    CHECK_THAT(error_of([&] {
                 external({{"location", "w.bin"}, {"offset", offset}}).tensor(source);
               }),
               StartsWith("bad_model") && Contains("64 bytes"));
  }
  CHECK_THAT(error_of([&] {
               external({{"location", "w.bin"}, {"length", "12"}}).tensor(source);
             }),
             StartsWith("bad_model") && Contains("8 bytes") && Contains("12"));
}

TEST_CASE("external data: other forms") {
  const Folder folder;
  const TensorSource source = folder.source();
  CHECK_THAT(error_of([] {
               external({{"location", "w.bin"}}).tensor({});
             }),
             StartsWith("bad_model") && Contains("memory"));
  TensorBytes both(DType::float32, {1});
  both.floats({1}).external({{"location", "w.bin"}});
  CHECK_THAT(error_of([&] { both.tensor(source); }), StartsWith("bad_model") && Contains("float_data"));
  TensorBytes texts(DType::string, {1});
  texts.external({{"location", "w.bin"}});
  CHECK_THAT(error_of([&] { texts.tensor(source); }), StartsWith("bad_model"));
  Folder::write(folder.model() / "bools", std::string("\0\5", 2));
  TensorBytes bools(DType::boolean, {2});
  bools.external({{"location", "bools"}});
  CHECK(bytes_of(bools.tensor(source)) == std::vector<unsigned>{0, 1});
}

TEST_CASE("external data: limits") {
  const Folder folder;
  TensorSource source = folder.source();
  source.limits.max_model_bytes = 20;
  source.model_bytes = 4;
  const TensorBytes two = external({{"location", "w.bin"}});
  two.tensor(source);
  two.tensor(source);
  CHECK_THAT(error_of([&] { two.tensor(source); }),
             StartsWith("limit_exceeded") && Contains("max_model_bytes"));
  source.limits.max_model_bytes = 0;
  source.limits.max_tensor_bytes = 4;
  CHECK_THAT(error_of([&] { two.tensor(source); }),
             StartsWith("limit_exceeded") && Contains("max_tensor_bytes"));
}

TEST_CASE("external data: a file that shrinks meanwhile is an error, never a crash") {
  const Folder folder;
  const fs::path path = folder.model() / "shrinking";
  constexpr size_t size = 4 << 20;
  Folder::write(path, std::string(size, '\1'));
  std::atomic<bool> stop = false;
  std::thread shrinker([&] {
    while (!stop) {
      fs::resize_file(path, 100);
      fs::resize_file(path, size);
    }
  });
  size_t refused = 0;
  const TensorBytes large = external({{"location", "shrinking"}}, {size / 4});
  for (int i = 0; i < 200; ++i) {
    const std::string error = error_of([&] {
      const spinel::Tensor tensor = large.tensor(folder.source());
      volatile float last = tensor.data<float>().back();
      (void)last;
    });
    if (error.empty()) continue;
    ++refused;
    CHECK((error.starts_with("io") || error.starts_with("bad_model")));
  }
  stop = true;
  shrinker.join();
  fs::resize_file(path, 100);
  CHECK_THAT(error_of([&] { large.tensor(folder.source()); }), StartsWith("bad_model"));
  INFO(refused << " of 200 reads met a short file");
}

}  // namespace spinel::onnx::testing
