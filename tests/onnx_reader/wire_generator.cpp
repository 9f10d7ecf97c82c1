#include "wire_generator.hpp"

#include <google/protobuf/descriptor.h>

namespace reader_test {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

/// The wire type of one value: 0 varint, 1 fixed64, 2 bytes, 5 fixed32.
uint32_t wire_type_of(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_FLOAT:
      return 5;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return 1;
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return 2;
    default:
      return 0;
  }
}

}  // namespace

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void put_tag(std::string& out, uint32_t number, uint32_t wire_type) {
  put_varint(out, number << 3 | wire_type);
}

void put_bytes(std::string& out, uint32_t number, const std::string& body) {
  put_tag(out, number, 2);
  put_varint(out, body.size());
  out += body;
}

std::string WireGenerator::message(const Descriptor* type, int depth, uint32_t fields) {
  std::string out;
  for (uint32_t count = below(fields + 1); count > 0; --count) {
    if (below(12) == 0)
      put_unknown(out, 3);
    else
      put_field(out, type->field(static_cast<int>(below(static_cast<uint32_t>(type->field_count())))), depth,
                fields);
  }
  return out;
}

void WireGenerator::put_field(std::string& out, const FieldDescriptor* field, int depth, uint32_t fields) {
  const auto number_of_field = static_cast<uint32_t>(field->number());
  if (below(20) == 0) {  // A known number with another wire type is an unknown field.
    const uint32_t wrong = wire_type_of(field) == 2 ? 0 : 2;
    if (wrong == 0) {
      put_tag(out, number_of_field, 0);
      put_varint(out, number());
      return;
    }
    if (!field->is_repeated()) {
      put_bytes(out, number_of_field, text());
      return;
    }
  }
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    if (depth > 0) put_bytes(out, number_of_field, message(field->message_type(), depth - 1, fields));
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    put_bytes(out, number_of_field, text());
  } else {
    put_numbers(out, field);
  }
}

void WireGenerator::put_numbers(std::string& out, const FieldDescriptor* field) {
  const auto number_of_field = static_cast<uint32_t>(field->number());
  const uint32_t wire_type = wire_type_of(field);
  const bool packed = field->is_repeated() && below(2) == 0;
  std::string body;
  for (uint32_t count = field->is_repeated() ? below(5) : 1; count > 0; --count) {
    std::string value;
    if (wire_type == 0) {
      const bool enumeration = field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM;
      const uint64_t drawn = enumeration && below(4) != 0 ? below(17) : number();
      if (below(8) == 0)
        put_long_varint(value, drawn);
      else
        put_varint(value, drawn);
    } else {
      for (uint32_t i = 0; i < (wire_type == 1 ? 8u : 4u); ++i) value += static_cast<char>(below(256));
    }
    if (!packed) put_tag(out, number_of_field, wire_type);
    (packed ? body : out) += value;
  }
  if (packed) put_bytes(out, number_of_field, body);
}

void WireGenerator::put_unknown(std::string& out, int depth) {
  const uint32_t number_of_field = below(4) == 0 ? 19000 + below(1000) : 30 + below(1u << 20);
  switch (below(5)) {
    case 0:
      put_tag(out, number_of_field, 0);
      put_long_varint(out, number());
      return;
    case 1:
      put_tag(out, number_of_field, 1);
      out += "8 bytes.";
      return;
    case 2:
      put_bytes(out, number_of_field, text());
      return;
    case 3:
      put_tag(out, number_of_field, 5);
      out += "four";
      return;
    default:
      put_tag(out, number_of_field, 3);
      for (uint32_t count = depth > 0 ? below(3) : 0; count > 0; --count) put_unknown(out, depth - 1);
      put_tag(out, number_of_field, 4);
  }
}

/// Up to 10 bytes whatever the value: the padding bytes carry zeros, and the tenth bits that fall off the
/// top.
void WireGenerator::put_long_varint(std::string& out, uint64_t value) {
  const uint32_t length = 1 + below(10);
  for (uint32_t i = 1; i < length; ++i, value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(length == 10 ? below(128) : value & 0x7f);
}

uint64_t WireGenerator::number() {
  const uint64_t bits = uint64_t{random_()} << 32 | random_();
  return bits >> below(64);
}

std::string WireGenerator::text() {
  std::string out;
  for (uint32_t count = below(9); count > 0; --count) out += static_cast<char>(below(256));
  return out;
}

}  // namespace reader_test
