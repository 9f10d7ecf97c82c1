// Tensors, and the sequence, map and optional messages of ONNX's test data.
#include "onnx/wire.hpp"

namespace spinel::onnx {

Sequence::Sequence() = default;
Sequence::Sequence(Sequence&&) noexcept = default;
Sequence& Sequence::operator=(Sequence&&) noexcept = default;
Sequence::~Sequence() = default;
Optional::Optional() = default;
Optional::Optional(Optional&&) noexcept = default;
Optional& Optional::operator=(Optional&&) noexcept = default;
Optional::~Optional() = default;

void read(Cursor in, Tensor& tensor) {
  while (in.next()) {
    switch (in.field()) {
      case varint_field(1):
        in.append_varint(tensor.dims);
        break;
      case bytes_field(1):
        in.append_packed_varints(tensor.dims);
        break;
      case varint_field(2):
        tensor.data_type = in.read_int32();
        break;
      case bytes_field(3):
        in.merge_optional("segment", tensor.segment);
        break;
      case fixed32_field(4):
        in.note_fixed(tensor.float_data, sizeof(float));
        break;
      case bytes_field(4):
        in.note_packed_fixed(tensor.float_data, sizeof(float));
        break;
      case varint_field(5):
        in.note_varint(tensor.int32_data);
        break;
      case bytes_field(5):
        in.note_packed_varints(tensor.int32_data);
        break;
      case bytes_field(6):
        in.append_bytes(tensor.string_data);
        break;
      case varint_field(7):
        in.note_varint(tensor.int64_data);
        break;
      case bytes_field(7):
        in.note_packed_varints(tensor.int64_data);
        break;
      case bytes_field(8):
        tensor.name = in.read_bytes();
        break;
      case bytes_field(9):
        tensor.raw_data = std::as_bytes(std::span(in.read_bytes()));
        break;
      case fixed64_field(10):
        in.note_fixed(tensor.double_data, sizeof(double));
        break;
      case bytes_field(10):
        in.note_packed_fixed(tensor.double_data, sizeof(double));
        break;
      case varint_field(11):
        in.note_varint(tensor.uint64_data);
        break;
      case bytes_field(11):
        in.note_packed_varints(tensor.uint64_data);
        break;
      case bytes_field(12):
        tensor.doc_string = in.read_bytes();
        break;
      case bytes_field(13):
        in.append("external_data", tensor.external_data);
        break;
      case varint_field(14): {
        // As with AttributeProto.type: a value that the enum lacks leaves the field as it was.
        const int32_t location = in.read_int32();
        if (location == 0 || location == 1) tensor.data_location = static_cast<DataLocation>(location);
        break;
      }
      default:
        in.keep(tensor.others);
    }
  }
}

void read(Cursor in, SparseTensor& tensor) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        tensor.has_values = true;
        in.merge("values", tensor.values);
        break;
      case bytes_field(2):
        tensor.has_indices = true;
        in.merge("indices", tensor.indices);
        break;
      case varint_field(3):
        in.append_varint(tensor.dims);
        break;
      case bytes_field(3):
        in.append_packed_varints(tensor.dims);
        break;
      default:
        in.skip();
    }
  }
}

void read(Cursor in, Segment& segment) {
  while (in.next()) {
    switch (in.field()) {
      case varint_field(1):
        segment.begin = in.read_int64();
        break;
      case varint_field(2):
        segment.end = in.read_int64();
        break;
      default:
        in.skip();
    }
  }
}

void read(Cursor in, Sequence& sequence) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        sequence.name = in.read_bytes();
        break;
      case varint_field(2):
        sequence.elem_type = in.read_int32();
        break;
      case bytes_field(3):
        in.append("tensor_values", sequence.tensors);
        break;
      case bytes_field(4):
        in.append("sparse_tensor_values", sequence.sparse_tensors);
        break;
      case bytes_field(5):
        in.append("sequence_values", sequence.sequences);
        break;
      case bytes_field(6):
        in.append("map_values", sequence.maps);
        break;
      case bytes_field(7):
        in.append("optional_values", sequence.optionals);
        break;
      default:
        in.skip();
    }
  }
}

void read(Cursor in, Map& map) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        map.name = in.read_bytes();
        break;
      case varint_field(2):
        map.key_type = in.read_int32();
        break;
      case varint_field(3):
        in.append_varint(map.keys);
        break;
      case bytes_field(3):
        in.append_packed_varints(map.keys);
        break;
      case bytes_field(4):
        in.append_bytes(map.string_keys);
        break;
      case bytes_field(5):
        in.merge_optional("values", map.values);
        break;
      default:
        in.skip();
    }
  }
}

void read(Cursor in, Optional& optional) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        optional.name = in.read_bytes();
        break;
      case varint_field(2):
        optional.elem_type = in.read_int32();
        break;
      case bytes_field(3):
        in.merge_optional("tensor_value", optional.tensor);
        break;
      case bytes_field(4):
        in.merge_optional("sparse_tensor_value", optional.sparse_tensor);
        break;
      case bytes_field(5):
        in.merge_optional("sequence_value", optional.sequence);
        break;
      case bytes_field(6):
        in.merge_optional("map_value", optional.map);
        break;
      case bytes_field(7):
        in.merge_optional("optional_value", optional.optional);
        break;
      default:
        in.skip();
    }
  }
}

}  // namespace spinel::onnx
