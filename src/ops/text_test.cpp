// StringConcat, StringSplit, StringNormalizer, RegexFullMatch and TfIdfVectorizer.
#include <catch2/catch.hpp>

#include "ops/op_harness.hpp"
#include "ops/regex.hpp"
#include "ops/utf8.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using spinel::ops::Regex;

namespace {

Tensor texts(Dims dims, std::initializer_list<std::string> values) {
  return Tensor::from<std::string>(std::move(dims), values);
}
bool matches(const char* pattern, std::string_view text) { return Regex(pattern).matches(text); }

}  // namespace

TEST_CASE("UTF-8 is read as it is written, broken bytes included", "[text]") {
  const std::string text = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80";
  CHECK(ops::code_points(text) == U"a\u00E4\u20AC\U0001F600");
  CHECK(ops::upper_case("stra\xC3\x9F"
                        "e \xC3\xA4\xD0\xB6\xCF\x83") ==
        "STRA\xC3\x9F"
        "E \xC3\x84\xD0\x96\xCE\xA3");
  CHECK(ops::lower_case("\xC3\x84\xD0\x96\xCE\xA3Z") == "\xC3\xA4\xD0\xB6\xCF\x83z");
  // A byte alone, a letter cut off, an overlong form and a surrogate.
  for (const char* broken : {"\x80", "\xE2\x82", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80"})
    CHECK(ops::lower_case(broken) == broken);
}

TEST_CASE("StringConcat broadcasts", "[text]") {
  expect_close(run_op("StringConcat", 20, {}, {texts({2, 1}, {"a", "b"}), texts({2}, {"x", ""})})[0],
               texts({2, 2}, {"ax", "a", "bx", "b"}));
  CHECK(batch_op("StringConcat", 20, {},
                 {InferInput(DType::string, {ops::Dim::symbol("batch")}), texts({1}, {"x"})},
                 {ops::BatchState::batched(0)})
            .text() == "batched(0)");
}

TEST_CASE("StringSplit splits at spaces or at a delimiter", "[text]") {
  const auto out = run_op("StringSplit", 20, {}, {texts({3}, {" a\tb  c ", "", "d"})}, 2);
  expect_close(out[0], texts({3, 3}, {"a", "b", "c", "", "", "", "d", "", ""}));
  expect_close(out[1], ints({3}, {3, 0, 1}));
  expect_close(run_op("StringSplit", 20, {{"delimiter", std::string("--")}}, {texts({1}, {"a----b--"})})[0],
               texts({1, 4}, {"a", "", "b", ""}));
  expect_close(run_op("StringSplit", 20, {{"maxsplit", int64_t{1}}}, {texts({2}, {" a  b c ", "d "})})[0],
               texts({2, 2}, {"a", "b c", "d", ""}));
  expect_close(run_op("StringSplit", 20, {}, {texts({0}, {})})[0], texts({0, 0}, {}));
}

TEST_CASE("StringNormalizer drops stop words and changes the case", "[text]") {
  const Tensor x = texts({1, 3}, {"Monday", "tuesday", "ÄPFEL"});
  const std::vector<std::string> stops{"MONDAY", "tuesday"};
  expect_close(run_op("StringNormalizer", 10, {{"stopwords", stops}}, {x})[0], texts({1, 1}, {"ÄPFEL"}));
  expect_close(run_op("StringNormalizer", 10,
                      {{"stopwords", stops},
                       {"is_case_sensitive", int64_t{1}},
                       {"case_change_action", std::string("LOWER")}},
                      {x})[0],
               texts({1, 2}, {"monday", "äpfel"}));
  expect_close(run_op("StringNormalizer", 10, {{"stopwords", stops}}, {texts({1}, {"Tuesday"})})[0],
               texts({1}, {""}));
}

TEST_CASE("regular expressions match whole texts", "[text]") {
  CHECK(matches("(\\w+)@(\\w+)\\.(com|org)", "somebody@example.org"));
  CHECK(!matches("a+", "aab"));
  CHECK(!matches("a|ab", "abc"));
  CHECK(matches("a|ab", "ab"));
  CHECK(matches("", ""));
  CHECK(matches("x{2,3}", "xxx"));
  CHECK(!matches("x{2,3}", "xxxx"));
  CHECK(matches("x{,3}", "x{,3}"));
  CHECK(matches("(?:ab?){3}?", "abaab"));
  CHECK(matches("[^a-c\\d]+", "xyz\n"));
  CHECK(!matches(".", "\n"));
  CHECK(matches("(?s).", "\n"));
  CHECK(
      matches("(?i)stra\xC3\x9F"
              "e|\xC3\x84"
              "x",
              "\xC3\xA4X"));
  CHECK(matches("(?i:A)b", "ab"));
  CHECK(!matches("(?i:A)b", "aB"));
  CHECK(matches("[[:alpha:]_]+[]-]", "ab_]"));
  CHECK(matches("\\x41\\x{20AC}\\101\\Q.*\\E",
                "A\xE2\x82\xAC"
                "A.*"));
  CHECK(matches("\\bfoo\\b.*\\Bar$", "foo bar"));
  CHECK(!matches("\\bfoo\\b.*\\bar$", "foo bar"));
  CHECK(matches("(?m)^a$\n^b$", "a\nb"));
  CHECK(!matches("^a$\n^b$", "a\nb"));
  CHECK(matches("(a*)*b", "aab"));
  CHECK(matches("(|a)+", "aaa"));
  CHECK(!matches(".", "\x80"));
  CHECK(matches("(?P<name>..)", "\xC3\xA4z"));
}

TEST_CASE("regular expressions take time linear in the text", "[text]") {
  // Backtracking would need 2^40 steps and more.
  CHECK(!matches("(a*)*(a|aa)+b", std::string(20000, 'a')));
  CHECK(matches("(x+x+)+y", std::string(20000, 'x') + "y"));
}

TEST_CASE("broken and oversized regular expressions are refused", "[text]") {
  for (const char* broken : {"(", ")", "[a", "a**", "*a", "a{1001}", "a{3,2}", "[z-a]", "\\", "\\y",
                             "(?<=a)b", "(?z)", "[[:nope:]]", "\\x{110000}"})
    expect_error(ErrorCode::bad_model, "regular expression", [&] { Regex regex(broken); });
  expect_error(ErrorCode::unsupported, "\\p", [] { Regex regex("\\pL"); });
  expect_error(ErrorCode::limit_exceeded, "states", [] { Regex regex("((a{1000}){1000}){1000}"); });
  expect_error(ErrorCode::limit_exceeded, "nests", [] { Regex regex(std::string(5000, '(')); });
  CHECK(Regex("((){1000}){1000}").matches(""));
  expect_close(
      run_op("RegexFullMatch", 20, {{"pattern", std::string("a.c")}}, {texts({2, 1}, {"abc", "ab"})})[0],
      bools({2, 1}, {true, false}));
}

TEST_CASE("TfIdfVectorizer counts n-grams with skips", "[text]") {
  const Attributes common{{"ngram_counts", std::vector<int64_t>{0, 2}},
                          {"ngram_indexes", std::vector<int64_t>{2, 0, 1}},
                          {"pool_int64s", std::vector<int64_t>{7, 8, 7, 8}},
                          {"weights", std::vector<float>{0.5f, 10, 3}},
                          {"min_gram_length", int64_t{1}},
                          {"max_gram_length", int64_t{2}}};
  const auto run_mode = [&](const char* mode, int64_t skips) {
    Attributes attributes = common;
    attributes["mode"] = std::string(mode);
    attributes["max_skip_count"] = skips;
    return run_op("TfIdfVectorizer", 9, attributes, {ints({2, 4}, {7, 8, 7, 8, 7, 1, 8, 8})})[0];
  };
  // Columns: 8, then (7, 8), then 7.
  expect_close(run_mode("TF", 0), floats({2, 3}, {2, 2, 2, 2, 0, 1}));
  expect_close(run_mode("TF", 1), floats({2, 3}, {2, 2, 2, 2, 1, 1}));
  expect_close(run_mode("TF", 2), floats({2, 3}, {2, 3, 2, 2, 2, 1}));
  expect_close(run_mode("IDF", 0), floats({2, 3}, {0.5f, 10, 3, 0.5f, 0, 3}));
  expect_close(run_mode("TFIDF", 0), floats({2, 3}, {1, 20, 6, 1, 0, 3}));
  Attributes words = common;
  words.erase("pool_int64s");
  words["pool_strings"] = std::vector<std::string>{"x", "y", "x", "y"};
  words["mode"] = std::string("TF");
  words["max_skip_count"] = int64_t{0};
  expect_close(run_op("TfIdfVectorizer", 9, words, {texts({3}, {"z", "x", "y"})})[0], floats({3}, {1, 1, 1}));
  words["mode"] = std::string("none");
  expect_error(ErrorCode::bad_model, "mode", [&] { make("TfIdfVectorizer", 9, words); });
}
