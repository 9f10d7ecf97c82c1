// Models, graphs, nodes, attributes and functions. A field of an unexpected wire type is an unknown field, as
// in protobuf: the cases name number and wire type together, and the rest is skipped.
#include "onnx/wire.hpp"

namespace spinel::onnx {

Attribute::Attribute() = default;
Attribute::Attribute(Attribute&&) noexcept = default;
Attribute& Attribute::operator=(Attribute&&) noexcept = default;
Attribute::~Attribute() = default;

void read(Cursor in, Model& model) {
  while (in.next()) {
    switch (in.field()) {
      case varint_field(1):
        model.ir_version = in.read_int64();
        break;
      case bytes_field(2):
        model.producer_name = in.read_bytes();
        break;
      case bytes_field(3):
        model.producer_version = in.read_bytes();
        break;
      case bytes_field(4):
        model.domain = in.read_bytes();
        break;
      case varint_field(5):
        model.model_version = in.read_int64();
        break;
      case bytes_field(6):
        model.doc_string = in.read_bytes();
        break;
      case bytes_field(7):
        model.has_graph = true;
        in.merge("graph", model.graph);
        break;
      case bytes_field(8):
        in.append("opset_import", model.opset_imports);
        break;
      case bytes_field(14):
        in.append("metadata_props", model.metadata_props);
        break;
      case bytes_field(20):
        in.append("training_info", model.training_infos);
        break;
      case bytes_field(25):
        in.append("functions", model.functions);
        break;
      default:
        in.keep(model.others);
    }
  }
}

void read(Cursor in, Graph& graph) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        in.append("node", graph.nodes);
        break;
      case bytes_field(2):
        graph.name = in.read_bytes();
        break;
      case bytes_field(5):
        in.append("initializer", graph.initializers);
        break;
      case bytes_field(10):
        graph.doc_string = in.read_bytes();
        break;
      case bytes_field(11):
        in.append("input", graph.inputs);
        break;
      case bytes_field(12):
        in.append("output", graph.outputs);
        break;
      case bytes_field(13):
        in.append("value_info", graph.value_infos);
        break;
      case bytes_field(14):
        in.append("quantization_annotation", graph.quantization_annotations);
        break;
      case bytes_field(15):
        in.append("sparse_initializer", graph.sparse_initializers);
        break;
      default:
        in.keep(graph.others);
    }
  }
}

void read(Cursor in, Node& node) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        in.append_bytes(node.inputs);
        break;
      case bytes_field(2):
        in.append_bytes(node.outputs);
        break;
      case bytes_field(3):
        node.name = in.read_bytes();
        break;
      case bytes_field(4):
        node.op_type = in.read_bytes();
        break;
      case bytes_field(5):
        in.append("attribute", node.attributes);
        break;
      case bytes_field(6):
        node.doc_string = in.read_bytes();
        break;
      case bytes_field(7):
        node.domain = in.read_bytes();
        break;
      case bytes_field(8):
        node.overload = in.read_bytes();
        break;
      default:
        in.keep(node.others);
    }
  }
}

void read(Cursor in, Attribute& attribute) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        attribute.name = in.read_bytes();
        break;
      case fixed32_field(2):
        attribute.f = in.read_fixed<float>();
        break;
      case varint_field(3):
        attribute.i = in.read_int64();
        break;
      case bytes_field(4):
        attribute.s = in.read_bytes();
        break;
      case bytes_field(5):
        in.merge_optional("t", attribute.t);
        break;
      case bytes_field(6):
        in.merge_optional("g", attribute.g);
        break;
      case fixed32_field(7):
        in.append_fixed(attribute.floats);
        break;
      case bytes_field(7):
        in.append_packed_fixed(attribute.floats);
        break;
      case varint_field(8):
        in.append_varint(attribute.ints);
        break;
      case bytes_field(8):
        in.append_packed_varints(attribute.ints);
        break;
      case bytes_field(9):
        in.append_bytes(attribute.strings);
        break;
      case bytes_field(10):
        in.append("tensors", attribute.tensors);
        break;
      case bytes_field(11):
        in.append("graphs", attribute.graphs);
        break;
      case bytes_field(13):
        attribute.doc_string = in.read_bytes();
        break;
      case bytes_field(14):
        in.merge_optional("tp", attribute.tp);
        break;
      case bytes_field(15):
        in.append("type_protos", attribute.type_protos);
        break;
      case varint_field(20): {
        // A value that the enum lacks goes to protobuf's unknown fields and leaves the field as it was.
        const int32_t type = in.read_int32();
        if (type >= 0 && type <= static_cast<int32_t>(AttributeType::type_protos))
          attribute.type = static_cast<AttributeType>(type);
        break;
      }
      case bytes_field(21):
        attribute.ref_attr_name = in.read_bytes();
        break;
      case bytes_field(22):
        in.merge_optional("sparse_tensor", attribute.sparse_tensor);
        break;
      case bytes_field(23):
        in.append("sparse_tensors", attribute.sparse_tensors);
        break;
      default:
        in.keep(attribute.others);
    }
  }
}

void read(Cursor in, Function& function) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        function.name = in.read_bytes();
        break;
      case bytes_field(4):
        in.append_bytes(function.inputs);
        break;
      case bytes_field(5):
        in.append_bytes(function.outputs);
        break;
      case bytes_field(6):
        in.append_bytes(function.attributes);
        break;
      case bytes_field(7):
        in.append("node", function.nodes);
        break;
      case bytes_field(8):
        function.doc_string = in.read_bytes();
        break;
      case bytes_field(9):
        in.append("opset_import", function.opset_imports);
        break;
      case bytes_field(10):
        function.domain = in.read_bytes();
        break;
      case bytes_field(11):
        in.append("attribute_proto", function.attribute_protos);
        break;
      case bytes_field(12):
        in.append("value_info", function.value_infos);
        break;
      case bytes_field(13):
        function.overload = in.read_bytes();
        break;
      default:
        in.keep(function.others);
    }
  }
}

void read(Cursor in, OpsetImport& import) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        import.domain = in.read_bytes();
        break;
      case varint_field(2):
        import.version = in.read_int64();
        break;
      default:
        in.skip();
    }
  }
}

void read(Cursor in, StringPair& pair) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        pair.key = in.read_bytes();
        break;
      case bytes_field(2):
        pair.value = in.read_bytes();
        break;
      default:
        in.skip();
    }
  }
}

void read(Cursor in, TrainingInfo& info) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        in.merge_optional("initialization", info.initialization);
        break;
      case bytes_field(2):
        in.merge_optional("algorithm", info.algorithm);
        break;
      case bytes_field(3):
        in.append("initialization_binding", info.initialization_bindings);
        break;
      case bytes_field(4):
        in.append("update_binding", info.update_bindings);
        break;
      default:
        in.keep(info.others);
    }
  }
}

void read(Cursor in, QuantizationAnnotation& annotation) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        annotation.tensor_name = in.read_bytes();
        break;
      case bytes_field(2):
        in.append("quant_parameter_tensor_names", annotation.quant_parameter_tensor_names);
        break;
      default:
        in.skip();
    }
  }
}

}  // namespace spinel::onnx
