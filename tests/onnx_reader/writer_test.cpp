// What is written: libprotobuf reads from it what it reads from the original.
#include <catch2/catch.hpp>
#include <span>

#include "base/file.hpp"
#include "corpus.hpp"
#include "onnx/encode.hpp"
#include "reference.hpp"
#include "wire_generator.hpp"

namespace reader_test {
namespace {

std::string rewritten(const std::string& bytes) {
  const spinel::onnx::Model model =
      spinel::onnx::parse_model_fields(std::as_bytes(std::span(bytes)), spinel::Limits{});
  return spinel::onnx::encode(model).text();
}

}  // namespace

TEST_CASE("every model of the test data is written as it was read") {
  size_t models = 0;
  for (const auto& path : corpus(".onnx")) {
    INFO(path.string());
    const spinel::Bytes file = spinel::read_file(path, "file");
    const std::string bytes(reinterpret_cast<const char*>(file.data.data()), file.data.size());
    const auto expected = reference_text(Kind::model, bytes, Schema::current);
    REQUIRE(expected);
    const bool same = reference_text(Kind::model, rewritten(bytes), Schema::current) == expected;
    REQUIRE(same);
    ++models;
  }
  CHECK(models > 1000);
}

TEST_CASE("random models of every field are written as they were read") {
  size_t models = 0;
  for (uint32_t seed = 1; seed <= 4000; ++seed) {
    WireGenerator generator(seed);
    std::string bytes = generator.message(current_descriptor(Kind::model), 6, 7);
    if (seed % 3 == 0) bytes += generator.message(current_descriptor(Kind::model), 4, 7);
    INFO("seed " << seed);
    const auto read = reader_text(Kind::model, bytes, Schema::current);
    if (!read) continue;
    ++models;
    const auto again = reference_text(Kind::model, rewritten(bytes), Schema::current);
    REQUIRE(again);
    REQUIRE(*again == *read);
  }
  CHECK(models > 3000);
}

TEST_CASE("fields that the reader does not know are written as they stand") {
  // NodeProto.metadata_props (9) of a node in a graph, and a field 900 of the model.
  const std::string entry = "\x0a\x01k\x12\x01v";
  const std::string node = std::string("\x22\x04Relu\x4a") + static_cast<char>(entry.size()) + entry;
  const std::string graph = std::string("\x0a") + static_cast<char>(node.size()) + node;
  const std::string bytes =
      std::string("\x08\x08\x3a") + static_cast<char>(graph.size()) + graph + "\xa2\x38\x02xy";
  CHECK(rewritten(bytes) == bytes);
}

}  // namespace reader_test
