#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/reflection.h>

#include <algorithm>
#include <vector>

#include "reference.hpp"

namespace reader_test {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void write(Canonical& out, const Message& message);

template <class T>
void write_list(Canonical& out, const Message& message, const FieldDescriptor* field) {
  const auto values = message.GetReflection()->GetRepeatedFieldRef<T>(message, field);
  const std::vector<T> copy(values.begin(), values.end());
  out.list(field->name(), std::span<const T>(copy));
}

void write_repeated(Canonical& out, const Message& message, const FieldDescriptor* field) {
  const Reflection& reflection = *message.GetReflection();
  const int count = reflection.FieldSize(message, field);
  std::string scratch;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      for (int i = 0; i < count; ++i) {
        out.open(field->name());
        write(out, reflection.GetRepeatedMessage(message, field, i));
        out.close();
      }
      return;
    case FieldDescriptor::CPPTYPE_STRING:
      for (int i = 0; i < count; ++i)
        out.bytes(field->name(), reflection.GetRepeatedStringReference(message, field, i, &scratch));
      return;
    case FieldDescriptor::CPPTYPE_INT32:
      write_list<int32_t>(out, message, field);
      return;
    case FieldDescriptor::CPPTYPE_INT64:
      write_list<int64_t>(out, message, field);
      return;
    case FieldDescriptor::CPPTYPE_UINT64:
      write_list<uint64_t>(out, message, field);
      return;
    case FieldDescriptor::CPPTYPE_FLOAT:
      write_list<float>(out, message, field);
      return;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      write_list<double>(out, message, field);
      return;
    default:
      out.bytes(field->name(), "a type that this test does not know");
      return;
  }
}

void write_singular(Canonical& out, const Message& message, const FieldDescriptor* field) {
  const Reflection& reflection = *message.GetReflection();
  const bool present = reflection.HasField(message, field);
  const bool message_field = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (!present && (message_field || has_presence(field->containing_type()->name() + "." + field->name())))
    return;
  std::string scratch;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      out.open(field->name());
      write(out, reflection.GetMessage(message, field));
      out.close();
      return;
    case FieldDescriptor::CPPTYPE_STRING:
      out.bytes(field->name(), reflection.GetStringReference(message, field, &scratch));
      return;
    case FieldDescriptor::CPPTYPE_INT32:
      out.number(field->name(), reflection.GetInt32(message, field));
      return;
    case FieldDescriptor::CPPTYPE_INT64:
      out.number(field->name(), reflection.GetInt64(message, field));
      return;
    case FieldDescriptor::CPPTYPE_FLOAT:
      out.number(field->name(), reflection.GetFloat(message, field));
      return;
    case FieldDescriptor::CPPTYPE_ENUM:
      out.number(field->name(), static_cast<int32_t>(reflection.GetEnumValue(message, field)));
      return;
    default:
      out.bytes(field->name(), "a type that this test does not know");
      return;
  }
}

void write(Canonical& out, const Message& message) {
  const Descriptor* type = message.GetDescriptor();
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < type->field_count(); ++i) fields.push_back(type->field(i));
  std::ranges::sort(fields, {}, [](const FieldDescriptor* field) { return field->number(); });
  for (const FieldDescriptor* field : fields) {
    if (field->is_repeated())
      write_repeated(out, message, field);
    else
      write_singular(out, message, field);
  }
}

}  // namespace

std::string canonical(const Message& message) {
  Canonical out;
  write(out, message);
  return out.take();
}

}  // namespace reader_test
