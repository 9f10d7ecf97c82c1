#include "reference.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/stubs/logging.h>
#include <onnx/onnx-data_pb.h>

#include <memory>
#include <stdexcept>

#include <spinel/error.hpp>

namespace reader_test {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::DescriptorProto;
using google::protobuf::DynamicMessageFactory;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;
using google::protobuf::Message;

DescriptorProto& message_type(FileDescriptorProto& file, const std::string& name) {
  for (DescriptorProto& type : *file.mutable_message_type())
    if (type.name() == name) return type;
  throw std::runtime_error("no message " + name);
}

void add_field(DescriptorProto& type, const char* name, int number, bool repeated,
               const char* message = nullptr) {
  FieldDescriptorProto& field = *type.add_field();
  field.set_name(name);
  field.set_number(number);
  field.set_label(repeated ? FieldDescriptorProto::LABEL_REPEATED : FieldDescriptorProto::LABEL_OPTIONAL);
  if (message != nullptr) field.set_type_name(message);
  field.set_type(message != nullptr ? FieldDescriptorProto::TYPE_MESSAGE : FieldDescriptorProto::TYPE_STRING);
}

/// Today's schema, and the factory of its messages.
class CurrentSchema {
 public:
  CurrentSchema() {
    FileDescriptorProto graph_file;
    onnx::ModelProto::descriptor()->file()->CopyTo(&graph_file);
    add_field(message_type(graph_file, "NodeProto"), "overload", 8, false);
    DescriptorProto& function = message_type(graph_file, "FunctionProto");
    add_field(function, "attribute_proto", 11, true, ".onnx.AttributeProto");
    add_field(function, "value_info", 12, true, ".onnx.ValueInfoProto");
    add_field(function, "overload", 13, false);
    FileDescriptorProto data_file;
    onnx::SequenceProto::descriptor()->file()->CopyTo(&data_file);
    if (pool_.BuildFile(graph_file) == nullptr || pool_.BuildFile(data_file) == nullptr)
      throw std::runtime_error("the current schema cannot be built");
  }
  const Descriptor* find(const std::string& name) const {
    return pool_.FindMessageTypeByName("onnx." + name);
  }
  std::unique_ptr<Message> make(const Descriptor* type) {
    return std::unique_ptr<Message>(factory_.GetPrototype(type)->New());
  }

 private:
  DescriptorPool pool_;
  DynamicMessageFactory factory_{&pool_};
};

CurrentSchema& current_schema() {
  static CurrentSchema schema;
  return schema;
}

std::unique_ptr<Message> make_message(Kind kind, Schema schema) {
  if (schema == Schema::current) return current_schema().make(current_descriptor(kind));
  switch (kind) {
    case Kind::model:
      return std::make_unique<onnx::ModelProto>();
    case Kind::tensor:
      return std::make_unique<onnx::TensorProto>();
    case Kind::sequence:
      return std::make_unique<onnx::SequenceProto>();
    case Kind::optional:
      return std::make_unique<onnx::OptionalProto>();
  }
  return nullptr;
}

std::string verdict(const char* who, const std::optional<std::string>& text) {
  return std::string(who) + (text ? " accepts" : " rejects");
}

/// Whether a rejection is due to a message that ONNX 1.12 does not know and skips unread.
bool in_newer_field(const std::string& reason) {
  const size_t function = reason.find("functions[");
  return function != std::string::npos && (reason.find("].attribute_proto[", function) != std::string::npos ||
                                           reason.find("].value_info[", function) != std::string::npos);
}

}  // namespace

const Descriptor* current_descriptor(Kind kind) {
  switch (kind) {
    case Kind::model:
      return current_schema().find("ModelProto");
    case Kind::tensor:
      return current_schema().find("TensorProto");
    case Kind::sequence:
      return current_schema().find("SequenceProto");
    case Kind::optional:
      return current_schema().find("OptionalProto");
  }
  return nullptr;
}

std::optional<std::string> reference_text(Kind kind, std::string_view bytes, Schema schema) {
  // Proto2 strings that are not UTF-8 are parsed all the same, with a line on stderr for each.
  const google::protobuf::LogSilencer silence;
  const std::unique_ptr<Message> message = make_message(kind, schema);
  if (!message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  return canonical(*message);
}

std::optional<std::string> reader_text(Kind kind, std::string_view bytes, Schema schema,
                                       std::string* reason) {
  spinel::Limits limits;
  limits.max_nesting = 0;
  limits.max_nodes = 0;
  limits.max_model_bytes = 0;
  const auto span = std::as_bytes(std::span(bytes));
  try {
    switch (kind) {
      case Kind::model:
        return canonical(spinel::onnx::parse_model_fields(span, limits), schema);
      case Kind::tensor:
        return canonical(spinel::onnx::parse_tensor(span, limits), schema);
      case Kind::sequence:
        return canonical(spinel::onnx::parse_sequence(span, limits), schema);
      case Kind::optional:
        return canonical(spinel::onnx::parse_optional(span, limits), schema);
    }
  } catch (const spinel::Error& error) {
    if (error.code() != spinel::ErrorCode::bad_model) throw;
    if (reason != nullptr) *reason = error.what();
  }
  return std::nullopt;
}

std::string disagreement(Kind kind, std::string_view bytes) {
  std::string reason;
  const auto ours = reader_text(kind, bytes, Schema::current, &reason);
  const auto theirs = reference_text(kind, bytes, Schema::current);
  if (ours.has_value() != theirs.has_value())
    return verdict("the reader", ours) + ", " + verdict("protobuf", theirs);
  if (ours && *ours != *theirs) return difference(*ours, *theirs);
  const auto generated = reference_text(kind, bytes, Schema::onnx_1_12);
  if (!ours && !generated) return "";
  if (!ours && in_newer_field(reason)) return "";
  if (!ours) return "the generated class accepts, the reader does not: " + reason;
  if (!generated)
    return "the reader and the dynamic message accept, " + verdict("the generated class", generated);
  return difference(*reader_text(kind, bytes, Schema::onnx_1_12), *generated);
}

}  // namespace reader_test
