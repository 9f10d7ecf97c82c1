// Random messages in wire form, by schema: fields in any order, singular ones repeated (to be merged), lists
// packed or not, oneofs set twice, unknown fields, groups, wrong wire types and overlong numbers.
#pragma once
#include <cstdint>
#include <random>
#include <string>

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace reader_test {

void put_varint(std::string& out, uint64_t value);
void put_tag(std::string& out, uint32_t number, uint32_t wire_type);
/// Tag, length and body of a length-delimited field.
void put_bytes(std::string& out, uint32_t number, const std::string& body);

class WireGenerator {
 public:
  explicit WireGenerator(uint32_t seed) : random_(seed) {}
  /// A valid message of this type with up to `fields` fields at each of at most `depth` levels below it.
  std::string message(const google::protobuf::Descriptor* type, int depth, uint32_t fields);
  /// Uniform in 0 to bound - 1; the same on every machine.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }

 private:
  void put_field(std::string& out, const google::protobuf::FieldDescriptor* field, int depth,
                 uint32_t fields);
  void put_numbers(std::string& out, const google::protobuf::FieldDescriptor* field);
  void put_unknown(std::string& out, int depth);
  void put_long_varint(std::string& out, uint64_t value);
  uint64_t number();
  std::string text();

  std::mt19937 random_;
};

}  // namespace reader_test
