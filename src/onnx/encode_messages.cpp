// The messages of onnx.proto as fields; what is read in read_graph.cpp, read_tensor.cpp and read_type.cpp.
#include "onnx/encode.hpp"

#include "base/text.hpp"

namespace spinel::onnx {
namespace {

class Encoder {
 public:
  explicit Encoder(ExternalData* external) : external_(external) {}

  Encoded of(const Model& model) const {
    Encoded out;
    number(out, 1, model.ir_version);
    text(out, 2, model.producer_name);
    text(out, 3, model.producer_version);
    text(out, 4, model.domain);
    number(out, 5, model.model_version);
    text(out, 6, model.doc_string);
    if (model.has_graph) out.add_message(7, of(model.graph));
    list(out, 8, model.opset_imports);
    list(out, 14, model.metadata_props);
    list(out, 20, model.training_infos);
    list(out, 25, model.functions);
    others(out, model.others);
    return out;
  }

  Encoded of(const Node& node) const {
    Encoded out;
    strings(out, 1, node.inputs);
    strings(out, 2, node.outputs);
    text(out, 3, node.name);
    text(out, 4, node.op_type);
    list(out, 5, node.attributes);
    text(out, 6, node.doc_string);
    text(out, 7, node.domain);
    text(out, 8, node.overload);
    others(out, node.others);
    return out;
  }

  Encoded of(const Attribute& attribute) const {
    Encoded out;
    text(out, 1, attribute.name);
    if (attribute.f) out.add_float(2, *attribute.f);
    if (attribute.i) out.add_int(3, *attribute.i);
    if (attribute.s) out.add_bytes(4, *attribute.s);
    maybe(out, 5, attribute.t);
    maybe(out, 6, attribute.g);
    for (const float value : attribute.floats) out.add_float(7, value);
    numbers(out, 8, attribute.ints);
    strings(out, 9, attribute.strings);
    list(out, 10, attribute.tensors);
    list(out, 11, attribute.graphs);
    text(out, 13, attribute.doc_string);
    maybe(out, 14, attribute.tp);
    list(out, 15, attribute.type_protos);
    number(out, 20, static_cast<int64_t>(attribute.type));
    text(out, 21, attribute.ref_attr_name);
    maybe(out, 22, attribute.sparse_tensor);
    list(out, 23, attribute.sparse_tensors);
    others(out, attribute.others);
    return out;
  }

 private:
  static void text(Encoded& out, uint32_t field, std::string_view value) {
    if (!value.empty()) out.add_bytes(field, value);
  }
  static void number(Encoded& out, uint32_t field, int64_t value) {
    if (value != 0) out.add_int(field, value);
  }
  static void strings(Encoded& out, uint32_t field, const std::vector<std::string_view>& values) {
    for (const std::string_view value : values) out.add_bytes(field, value);
  }
  static void numbers(Encoded& out, uint32_t field, const std::vector<int64_t>& values) {
    for (const int64_t value : values) out.add_int(field, value);
  }
  static void others(Encoded& out, const OtherFields& fields) {
    for (const std::string_view field : fields) out.add_fields(field);
  }
  template <class T>
  void list(Encoded& out, uint32_t field, const std::vector<T>& messages) const {
    for (const T& message : messages) out.add_message(field, of(message));
  }
  template <class Holder>
  void maybe(Encoded& out, uint32_t field, const Holder& message) const {
    if (message) out.add_message(field, of(*message));
  }

  Encoded of(const StringPair& pair) const {
    Encoded out;
    out.add_bytes(1, pair.key);
    out.add_bytes(2, pair.value);
    return out;
  }

  Encoded of(const OpsetImport& import) const {
    Encoded out;
    out.add_bytes(1, import.domain);
    out.add_int(2, import.version);
    return out;
  }

  Encoded of(const Graph& graph) const {
    Encoded out;
    list(out, 1, graph.nodes);
    text(out, 2, graph.name);
    for (const Tensor& tensor : graph.initializers) out.add_message(5, initializer(tensor));
    text(out, 10, graph.doc_string);
    list(out, 11, graph.inputs);
    list(out, 12, graph.outputs);
    list(out, 13, graph.value_infos);
    list(out, 14, graph.quantization_annotations);
    list(out, 15, graph.sparse_initializers);
    others(out, graph.others);
    return out;
  }

  Encoded of(const Function& function) const {
    Encoded out;
    text(out, 1, function.name);
    strings(out, 4, function.inputs);
    strings(out, 5, function.outputs);
    strings(out, 6, function.attributes);
    list(out, 7, function.nodes);
    text(out, 8, function.doc_string);
    list(out, 9, function.opset_imports);
    text(out, 10, function.domain);
    list(out, 11, function.attribute_protos);
    list(out, 12, function.value_infos);
    text(out, 13, function.overload);
    others(out, function.others);
    return out;
  }

  Encoded of(const TrainingInfo& info) const {
    Encoded out;
    maybe(out, 1, info.initialization);
    maybe(out, 2, info.algorithm);
    list(out, 3, info.initialization_bindings);
    list(out, 4, info.update_bindings);
    others(out, info.others);
    return out;
  }

  Encoded of(const QuantizationAnnotation& annotation) const {
    Encoded out;
    text(out, 1, annotation.tensor_name);
    list(out, 2, annotation.quant_parameter_tensor_names);
    return out;
  }

  /// A run keeps its form, packed or one value a tag.
  static void values(Encoded& out, uint32_t field, const WireValues& values) {
    for (const WireRun& run : values.runs) {
      const std::string_view bytes(reinterpret_cast<const char*>(run.bytes.data()), run.bytes.size());
      if (run.packed)
        out.add_bytes(field, bytes);
      else
        out.add_fields(bytes);
    }
  }

  static void head(Encoded& out, const Tensor& tensor) {
    numbers(out, 1, tensor.dims);
    number(out, 2, tensor.data_type);
    text(out, 8, tensor.name);
    text(out, 12, tensor.doc_string);
  }

  Encoded of(const Tensor& tensor) const {
    Encoded out;
    head(out, tensor);
    if (tensor.segment) {
      Encoded segment;
      number(segment, 1, tensor.segment->begin);
      number(segment, 2, tensor.segment->end);
      out.add_message(3, segment);
    }
    values(out, 4, tensor.float_data);
    values(out, 5, tensor.int32_data);
    strings(out, 6, tensor.string_data);
    values(out, 7, tensor.int64_data);
    if (tensor.raw_data)
      out.add_bytes(9, {reinterpret_cast<const char*>(tensor.raw_data->data()), tensor.raw_data->size()});
    values(out, 10, tensor.double_data);
    values(out, 11, tensor.uint64_data);
    list(out, 13, tensor.external_data);
    number(out, 14, static_cast<int64_t>(tensor.data_location));
    others(out, tensor.others);
    return out;
  }

  Encoded initializer(const Tensor& tensor) const {
    const bool moves = external_ != nullptr && tensor.raw_data && external_->takes(tensor.raw_data->size());
    if (!moves) return of(tensor);
    const std::string offset = fmt::to_string(external_->place(*tensor.raw_data));
    const std::string length = fmt::to_string(tensor.raw_data->size());
    Encoded out;
    head(out, tensor);
    out.add_message(13, of(StringPair{"location", external_->location()}));
    out.add_message(13, of(StringPair{"offset", offset}));
    out.add_message(13, of(StringPair{"length", length}));
    number(out, 14, static_cast<int64_t>(DataLocation::external));
    others(out, tensor.others);
    return out;
  }

  Encoded of(const SparseTensor& tensor) const {
    Encoded out;
    if (tensor.has_values) out.add_message(1, of(tensor.values));
    if (tensor.has_indices) out.add_message(2, of(tensor.indices));
    numbers(out, 3, tensor.dims);
    return out;
  }

  Encoded of(const ValueInfo& info) const {
    Encoded out;
    text(out, 1, info.name);
    maybe(out, 2, info.type);
    text(out, 3, info.doc_string);
    others(out, info.others);
    return out;
  }

  Encoded of(const Dim& dim) const {
    Encoded out;
    if (dim.kind == Dim::Kind::value) out.add_int(1, dim.value);
    if (dim.kind == Dim::Kind::param) out.add_bytes(2, dim.param);
    text(out, 3, dim.denotation);
    return out;
  }

  Encoded of(const Type& type) const {
    Encoded inner;
    switch (type.kind) {
      case Type::Kind::none:
        break;
      case Type::Kind::tensor:
      case Type::Kind::sparse_tensor:
        number(inner, 1, type.elem_type);
        if (type.shape) {
          Encoded shape;
          list(shape, 1, *type.shape);
          inner.add_message(2, shape);
        }
        break;
      case Type::Kind::sequence:
      case Type::Kind::optional:
        maybe(inner, 1, type.element);
        break;
      case Type::Kind::map:
        number(inner, 1, type.key_type);
        maybe(inner, 2, type.element);
        break;
      case Type::Kind::opaque:
        text(inner, 1, type.opaque_domain);
        text(inner, 2, type.opaque_name);
        break;
    }
    Encoded out;
    if (const uint32_t field = field_of(type.kind); field != 0) out.add_message(field, inner);
    text(out, 6, type.denotation);
    return out;
  }

  static uint32_t field_of(Type::Kind kind) {
    switch (kind) {
      case Type::Kind::none:
        return 0;
      case Type::Kind::tensor:
        return 1;
      case Type::Kind::sequence:
        return 4;
      case Type::Kind::map:
        return 5;
      case Type::Kind::opaque:
        return 7;
      case Type::Kind::sparse_tensor:
        return 8;
      case Type::Kind::optional:
        return 9;
    }
    return 0;
  }

  ExternalData* external_;
};

}  // namespace

Encoded encode(const Model& model, ExternalData* external) { return Encoder(external).of(model); }
Encoded encode(const Node& node) { return Encoder(nullptr).of(node); }
Encoded encode(const Attribute& attribute) { return Encoder(nullptr).of(attribute); }

}  // namespace spinel::onnx
