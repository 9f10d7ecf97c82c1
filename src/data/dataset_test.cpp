#include <catch2/catch.hpp>

#include <spinel/dataset.hpp>

#include "data/test_folder.hpp"

using namespace spinel;

namespace {

std::vector<std::string> names(const std::vector<std::filesystem::path>& paths) {
  std::vector<std::string> out;
  for (const auto& path : paths) out.push_back(path.filename().string());
  return out;
}

}  // namespace

TEST_CASE("a flat folder lists its files in byte order") {
  const TestFolder folder;
  for (const char* name : {"b.png", "a10.png", "B.png", "a9.png", ".hidden", "\xc3\xa4.png", "notes.txt"})
    folder.file(name, "x");
  folder.file("sub/inside.png", "x");
  CHECK(names(list_images(folder.path())) ==
        std::vector<std::string>{"B.png", "a10.png", "a9.png", "b.png", "notes.txt", "\xc3\xa4.png"});
}

TEST_CASE("folders that cannot be listed are errors that name them") {
  const TestFolder folder;
  CHECK_THROWS_WITH(list_images(folder.path()), Catch::Contains("no image"));
  CHECK_THROWS_WITH(list_images(folder.path() / "none"), Catch::Contains("none"));
  const auto file = folder.file("file", "x");
  CHECK_THROWS_WITH(list_images(file), Catch::Contains("not a folder"));
  CHECK_THROWS_WITH(ImageFolder(file), Catch::Contains("not a folder"));
  CHECK_THROWS_WITH(ImageFolder(folder.path()), Catch::Contains("ROOT/CLASS/IMAGE"));
  folder.folder("empty_class");
  CHECK_THROWS_WITH(ImageFolder(folder.path()), Catch::Contains("none holds an image"));
  try {
    ImageFolder(folder.path() / "none");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::not_found);
  }
}

TEST_CASE("classes are sorted, their index is the label, and what is left out is noted") {
  const TestFolder folder;
  for (const char* name : {"dog/2.png", "dog/1.png", "Cat/a.png", "ant/x.png"}) folder.file(name, "x");
  folder.folder("bee");
  folder.folder("dog/nested");
  folder.folder(".git");
  folder.file("readme.txt", "x");
  const ImageFolder dataset(folder.path());
  CHECK(dataset.classes() == std::vector<std::string>{"Cat", "ant", "bee", "dog"});
  REQUIRE(dataset.size() == 4);
  CHECK(dataset.samples()[0].label == 0);
  CHECK(dataset.samples()[1].label == 1);
  CHECK(dataset.samples()[2].label == 3);
  CHECK(dataset.samples()[2].path.filename() == "1.png");
  CHECK(dataset.notes().size() == 3);
}
