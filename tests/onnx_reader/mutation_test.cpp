// Damaged files: our reader accepts exactly what libprotobuf accepts, and then reads the same.
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "base/file.hpp"
#include "corpus.hpp"
#include "reference.hpp"
#include "wire_generator.hpp"

namespace reader_test {
namespace {

constexpr size_t whole_prefixes_bytes = 700;
constexpr size_t sampled_prefixes = 40;
constexpr size_t max_mutated_bytes = 16384;

std::string contents(const std::filesystem::path& path) {
  const spinel::Bytes file = spinel::read_file(path, "file");
  return {reinterpret_cast<const char*>(file.data.data()), file.data.size()};
}

/// One to three changes of the kinds that damage does to files; deterministic for a seed.
class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}
  std::string operator()(std::string bytes) {
    for (size_t count = 1 + below(3); count > 0 && !bytes.empty(); --count) change(bytes);
    return bytes;
  }

 private:
  size_t below(size_t bound) { return random_() % bound; }
  void change(std::string& bytes) {
    const size_t at = below(bytes.size());
    switch (below(7)) {
      case 0:
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        return;
      case 2:
        bytes[at] = static_cast<char>(below(256));
        return;
      case 3:
        bytes[at] = static_cast<char>(bytes[at] + (below(2) == 0 ? 1 : -1));
        return;  // mostly lengths
      case 4:
        bytes.erase(at, 1 + below(4));
        return;
      case 5:
        bytes.insert(at, 1 + below(4), static_cast<char>(below(256)));
        return;
      default:
        bytes.insert(at, bytes.substr(below(bytes.size()), 1 + below(16)));
        return;
    }
  }
  std::mt19937 random_;
};

struct Tally {
  size_t accepted = 0;
  size_t rejected = 0;
};

void check(Kind kind, const std::string& bytes, Tally& tally) {
  const std::string found = disagreement(kind, bytes);
  if (!found.empty()) FAIL(found << "\nbytes: " << printable(bytes));
  ++(reader_text(kind, bytes, Schema::current) ? tally.accepted : tally.rejected);
}

void mutate_corpus(size_t mutations) {
  Tally tally;
  uint32_t seed = 0;
  std::set<std::string> seen;
  for (const char* extension : {".onnx", ".pb"}) {
    const bool models = extension == std::string(".onnx");
    for (const auto& path : corpus(extension)) {
      const std::string bytes = contents(path);
      ++seed;
      if (bytes.empty() || bytes.size() > max_mutated_bytes || !seen.insert(bytes).second) continue;
      if (!models && seed % 8 != 0) continue;
      INFO(path.string());
      for (size_t i = 0; i < mutations; ++i) {
        const Kind kind = models ? Kind::model : all_kinds[1 + i % 3];
        check(kind, Mutator(seed * 1000 + static_cast<uint32_t>(i))(bytes), tally);
      }
    }
  }
  INFO(tally.accepted << " accepted, " << tally.rejected << " rejected");
  CHECK(tally.accepted > 1000);
  CHECK(tally.rejected > 1000);
}

void random_messages(uint32_t messages, uint32_t mutations) {
  Tally intact;
  Tally damaged;
  for (uint32_t seed = 1; seed <= messages; ++seed) {
    WireGenerator generator(seed);
    const Kind kind = all_kinds[seed % 4];
    std::string bytes = generator.message(current_descriptor(kind), 6, 7);
    // Two messages one after the other are one message, merged.
    if (seed % 3 == 0) bytes += generator.message(current_descriptor(kind), 4, 7);
    INFO("seed " << seed);
    check(kind, bytes, intact);
    for (uint32_t i = 0; i < mutations && bytes.size() <= max_mutated_bytes; ++i)
      check(kind, Mutator(seed * 100 + i)(bytes), damaged);
  }
  INFO(intact.accepted << " of " << messages << " accepted; damaged: " << damaged.accepted << " accepted, "
                       << damaged.rejected << " rejected");
  // Only a tail field that was cut short by a wrong wire type makes a generated message invalid.
  CHECK(intact.accepted > messages * 9 / 10);
  CHECK(damaged.accepted > 100);
  CHECK(damaged.rejected > 100);
}

}  // namespace

TEST_CASE("every truncation of a file is accepted or rejected as by libprotobuf") {
  Tally tally;
  std::mt19937 random(7);
  std::set<std::string> seen;
  size_t index = 0;
  for (const char* extension : {".onnx", ".pb"}) {
    const Kind kind = extension == std::string(".onnx") ? Kind::model : Kind::tensor;
    for (const auto& path : corpus(extension)) {
      const std::string bytes = contents(path);
      if (bytes.size() > 200'000 || !seen.insert(bytes).second || ++index % 2 != 0) continue;
      INFO(path.string());
      if (bytes.size() <= whole_prefixes_bytes) {
        for (size_t length = 0; length < bytes.size(); ++length) check(kind, bytes.substr(0, length), tally);
      } else {
        for (size_t i = 0; i < sampled_prefixes; ++i)
          check(kind, bytes.substr(0, random() % bytes.size()), tally);
      }
    }
  }
  CHECK(tally.accepted > 100);
  CHECK(tally.rejected > 10'000);
}

TEST_CASE("mutated files are accepted or rejected as by libprotobuf, and read alike") { mutate_corpus(120); }
TEST_CASE("random messages of every field read as by libprotobuf, damaged ones too") {
  random_messages(16'000, 6);
}

// Run by name when the reader changed: some ten minutes.
TEST_CASE("many mutated files", "[.long]") { mutate_corpus(1500); }
TEST_CASE("many random messages", "[.long]") { random_messages(200'000, 6); }

}  // namespace reader_test
