#include "onnx/model.hpp"

#include "base/text.hpp"
#include "onnx/wire.hpp"

namespace spinel::onnx {
namespace {

template <class Message>
Message parse(std::span<const std::byte> bytes, const Limits& limits) {
  Document document(bytes, limits);
  const char* const begin = reinterpret_cast<const char*>(bytes.data());
  Message message;
  read(Cursor(document, begin, begin + bytes.size()), message);
  return message;
}

}  // namespace

Model parse_model_fields(std::span<const std::byte> bytes, const Limits& limits) {
  return parse<Model>(bytes, limits);
}
Tensor parse_tensor(std::span<const std::byte> bytes, const Limits& limits) {
  return parse<Tensor>(bytes, limits);
}
Sequence parse_sequence(std::span<const std::byte> bytes, const Limits& limits) {
  return parse<Sequence>(bytes, limits);
}
Optional parse_optional(std::span<const std::byte> bytes, const Limits& limits) {
  return parse<Optional>(bytes, limits);
}
Node parse_node(std::span<const std::byte> bytes, const Limits& limits) { return parse<Node>(bytes, limits); }
Attribute parse_attribute(std::span<const std::byte> bytes, const Limits& limits) {
  return parse<Attribute>(bytes, limits);
}

Model parse_model(std::span<const std::byte> bytes, const Limits& limits) {
  if (bytes.empty()) fail(ErrorCode::bad_model, "the ONNX file is empty");
  Model model = parse_model_fields(bytes, limits);
  if (model.ir_version == 0)
    fail(ErrorCode::bad_model, "this is not an ONNX model: it has no IR version (ModelProto.ir_version)");
  if (model.ir_version < oldest_ir_version)
    fail(ErrorCode::unsupported,
         "the model has ONNX IR version {}; versions {} and newer are supported, so export it again",
         model.ir_version, oldest_ir_version);
  if (!model.has_graph) fail(ErrorCode::bad_model, "the ONNX model has no graph (ModelProto.graph)");
  return model;
}

}  // namespace spinel::onnx
