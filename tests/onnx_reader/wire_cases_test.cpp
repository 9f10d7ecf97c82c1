// Corners of the wire format, one by one: the verdict is stated, and libprotobuf must share it.
#include <catch2/catch.hpp>

#include "reference.hpp"
#include "wire_generator.hpp"

namespace reader_test {
namespace {

/// A model whose graph is nested in attributes of nodes until `levels` messages lie below the outermost.
std::string nested_model(int levels) {
  std::string body;
  constexpr uint32_t numbers[] = {1, 5, 6};  // node of a graph, attribute of a node, graph of an attribute
  for (int level = levels; level > 1; --level) {
    std::string outer;
    put_bytes(outer, numbers[(level - 2) % 3], body);
    body = outer;
  }
  std::string model;
  put_bytes(model, 7, body);
  return model;
}

std::string groups(int levels) {
  std::string out;
  for (int i = 0; i < levels; ++i) put_tag(out, 40, 3);
  for (int i = 0; i < levels; ++i) put_tag(out, 40, 4);
  return out;
}

void expect(bool accepted, const std::string& bytes, Kind kind = Kind::model) {
  INFO("bytes: " << printable(bytes));
  CHECK(disagreement(kind, bytes) == "");
  CHECK(reader_text(kind, bytes, Schema::current).has_value() == accepted);
}

using namespace std::string_literals;

}  // namespace

TEST_CASE("tags") {
  expect(true, "");
  expect(false, "\x00"s);                          // field 0
  expect(false, "\x02\x00"s);                      // field 0, length-delimited
  expect(true, "\x08\x07"s);                       // ir_version
  expect(false, "\x08"s);                          // and its value missing
  expect(true, "\x88\x80\x80\x80\x00\x07"s);       // the same tag in five bytes
  expect(false, "\x88\x80\x80\x80\x80\x00\x07"s);  // in six
  expect(true, "\x88\x80\x80\x80\x10\x07"s);       // bits above the 32nd are dropped
  expect(false, "\x80\x00"s);                      // field 0 in two bytes
  expect(false, "\x0e\x00"s);                      // wire type 6
  expect(false, "\x0f\x00"s);                      // wire type 7
  expect(true, "\xc2\xa3\x09\x00"s);               // field 19000
}

TEST_CASE("numbers") {
  expect(true, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s);
  expect(true, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"s);           // bits above the 64th are dropped
  expect(false, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"s);      // eleven bytes
  expect(false, "\xf0\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"s);  // of an unknown field
  expect(true, "\x0a\x01\x31\x0d\x01\x02\x03\x04"s);  // ir_version of two wrong wire types
}

TEST_CASE("lengths") {
  expect(true, "\x12\x00"s);
  expect(false, "\x12\x01"s);
  expect(true, "\x12\x81\x80\x80\x80\x00\x41"s);           // 1 in five bytes
  expect(false, "\x12\x81\x80\x80\x80\x80\x00\x41"s);      // in six
  expect(false, "\x12\x81\x80\x80\x80\x10\x41"s);          // 2^32 + 1: not 1
  expect(false, "\x12\xff\xff\xff\xff\x07"s);              // 2 GiB - 1
  expect(false, "\x3a\x03\x0a\x05\x08\x07"s);              // a node longer than its graph
  expect(false, "\x3a\x02\x0a\x05\x08\x07\x08\x07\x08"s);  // the same with bytes behind
}

TEST_CASE("groups") {
  expect(true, groups(1));
  expect(true, groups(100));
  expect(false, groups(101));
  expect(true, "\x0b\x10\x01\x0c"s);       // group 1 with a field
  expect(false, "\x0b\x10\x01"s);          // without an end
  expect(false, "\x0b\x14"s);              // ended as group 2
  expect(false, "\x0c"s);                  // an end without a start
  expect(false, "\x0b\x00\x0c"s);          // field 0 within
  expect(false, "\x3a\x01\x0c"s);          // an end within a graph
  expect(false, "\x0b\x3a\x01\x0c\x08"s);  // an end within a length-delimited field
}

TEST_CASE("nesting") {
  expect(true, nested_model(100));
  expect(false, nested_model(101));
}

TEST_CASE("lists, merging and oneofs") {
  const Kind kind = Kind::tensor;
  expect(true, "\x0a\x02\x01\x02\x08\x03\x0a\x00"s, kind);  // dims packed and not
  expect(false, "\x0a\x02\x01\x82"s, kind);                 // a packed number cut
  expect(false, "\x0a\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"s, kind);
  expect(false, "\x2a\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"s, kind);         // int32_data
  expect(true, "\x22\x08\x01\x02\x03\x04\x05\x06\x07\x08\x25\x01\x02\x03\x04"s, kind);  // float_data
  expect(false, "\x22\x07\x01\x02\x03\x04\x05\x06\x07"s, kind);
  expect(false, "\x52\x09\x01\x02\x03\x04\x05\x06\x07\x08\x09"s, kind);  // double_data
  expect(true, "\x28\x01\x28\x02\x2a\x01\x03\x28\x04"s, kind);           // int32_data in three runs
  expect(true, "\x70\x01\x70\x05"s, kind);                  // data_location, then an unknown value
  expect(true, "\x1a\x02\x08\x01\x1a\x02\x10\x02"s, kind);  // segment merged
  // graph.input with a type whose tensor_type comes twice (merged), then as a sequence (replaced)
  expect(true, "\x3a\x0c\x5a\x0a\x12\x08\x0a\x02\x08\x01\x0a\x02\x12\x00"s);
  expect(true, "\x3a\x0c\x5a\x0a\x12\x08\x0a\x02\x08\x01\x22\x02\x0a\x00"s);
  expect(true, "\x3a\x02\x12\x00\x3a\x04\x12\x02gg"s);  // graph merged
}

}  // namespace reader_test
