// The oracle: libprotobuf's parse of the same bytes.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "canonical.hpp"

namespace google::protobuf {
class Descriptor;
class Message;
}  // namespace google::protobuf

namespace reader_test {

enum class Kind { model, tensor, sequence, optional };
inline constexpr Kind all_kinds[] = {Kind::model, Kind::tensor, Kind::sequence, Kind::optional};

/// The message type with today's fields: Debian's ONNX 1.12 schema with those added that the reader knows
/// besides.
const google::protobuf::Descriptor* current_descriptor(Kind kind);

/// The canonical text of libprotobuf's parse, or nothing where it rejects the bytes. Schema::onnx_1_12 uses
/// the generated classes of libonnx, Schema::current a dynamic message of current_descriptor().
std::optional<std::string> reference_text(Kind kind, std::string_view bytes, Schema schema);

/// The same for our reader, without limits other than protobuf's own. `reason` gets the message of a
/// rejection.
std::optional<std::string> reader_text(Kind kind, std::string_view bytes, Schema schema,
                                       std::string* reason = nullptr);

/// "" where reader and both references agree on the bytes, else what differs.
std::string disagreement(Kind kind, std::string_view bytes);

std::string canonical(const google::protobuf::Message& message);

}  // namespace reader_test
