#include <catch2/catch.hpp>

#include <spinel/error.hpp>
#include <spinel/labels.hpp>

#include "data/test_folder.hpp"

using namespace spinel;

TEST_CASE("the name is what follows the first space") {
  CHECK(parse_labels("n02124075 Egyptian cat\nn1 hen\n", "x") ==
        std::vector<std::string>{"Egyptian cat", "hen"});
  CHECK(parse_labels("n1 cat, big\r\nn2 dog\r\n\r\n", "x") == std::vector<std::string>{"cat, big", "dog"});
  CHECK(parse_labels("\xef\xbb\xbfplain\nn2 other", "x") == std::vector<std::string>{"plain", "other"});
}

TEST_CASE("label files that make no sense are errors that name the line") {
  CHECK_THROWS_WITH(parse_labels("", "synset.txt"),
                    Catch::Contains("synset.txt") && Catch::Contains("empty"));
  CHECK_THROWS_WITH(parse_labels("\n\n", "x"), Catch::Contains("empty"));
  CHECK_THROWS_WITH(parse_labels("a b\n\nc d\n", "x"), Catch::Contains("line 2"));
  CHECK_THROWS_WITH(parse_labels(std::string_view("a b\nc\0d\n", 8), "x"), Catch::Contains("line 2"));
}

TEST_CASE("the number of labels is checked") {
  const TestFolder folder;
  const auto path = folder.file("synset.txt", "a one\nb two\n");
  CHECK(load_labels(path).size() == 2);
  CHECK(load_labels(path, 2)[1] == "two");
  CHECK_THROWS_WITH(load_labels(path, 10), Catch::Contains("2 classes") && Catch::Contains("10"));
  CHECK_THROWS_AS(load_labels(folder.path() / "none.txt"), Error);
  CHECK_THROWS_WITH(check_labels({"a"}, 2, "engine"), Catch::Contains("engine"));
  CHECK_NOTHROW(check_labels({"a"}, 1, "engine"));
}
