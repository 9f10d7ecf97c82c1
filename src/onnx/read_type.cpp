// Types and value descriptions.
#include "onnx/wire.hpp"

namespace spinel::onnx {
namespace {

// The four messages that TypeProto's oneof chooses from write into the one Type; these name which is being
// read.
struct TensorType {
  Type& type;
};
struct ElementType {  // TypeProto.Sequence and TypeProto.Optional
  Type& type;
};
struct MapType {
  Type& type;
};
struct OpaqueType {
  Type& type;
};

void read(Cursor in, TensorType out) {
  while (in.next()) {
    switch (in.field()) {
      case varint_field(1):
        out.type.elem_type = in.read_int32();
        break;
      case bytes_field(2):
        in.merge_optional("shape", out.type.shape);
        break;
      default:
        in.skip();
    }
  }
}

void read(Cursor in, ElementType out) {
  while (in.next()) {
    if (in.field() == bytes_field(1))
      in.merge_optional("elem_type", out.type.element);
    else
      in.skip();
  }
}

void read(Cursor in, MapType out) {
  while (in.next()) {
    switch (in.field()) {
      case varint_field(1):
        out.type.key_type = in.read_int32();
        break;
      case bytes_field(2):
        in.merge_optional("value_type", out.type.element);
        break;
      default:
        in.skip();
    }
  }
}

void read(Cursor in, OpaqueType out) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        out.type.opaque_domain = in.read_bytes();
        break;
      case bytes_field(2):
        out.type.opaque_name = in.read_bytes();
        break;
      default:
        in.skip();
    }
  }
}

/// A oneof's other members are cleared when one is set; setting the same one again merges.
void choose(Type& type, Type::Kind kind) {
  if (type.kind == kind) return;
  const std::string_view denotation = type.denotation;
  type = Type();
  type.kind = kind;
  type.denotation = denotation;
}

template <class Member>
void merge_member(Cursor& in, const char* name, Type& type, Type::Kind kind) {
  choose(type, kind);
  Member member{type};
  in.merge(name, member);
}

}  // namespace

void read(Cursor in, ValueInfo& info) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        info.name = in.read_bytes();
        break;
      case bytes_field(2):
        in.merge_optional("type", info.type);
        break;
      case bytes_field(3):
        info.doc_string = in.read_bytes();
        break;
      default:
        in.keep(info.others);
    }
  }
}

void read(Cursor in, Type& type) {
  while (in.next()) {
    switch (in.field()) {
      case bytes_field(1):
        merge_member<TensorType>(in, "tensor_type", type, Type::Kind::tensor);
        break;
      case bytes_field(4):
        merge_member<ElementType>(in, "sequence_type", type, Type::Kind::sequence);
        break;
      case bytes_field(5):
        merge_member<MapType>(in, "map_type", type, Type::Kind::map);
        break;
      case bytes_field(6):
        type.denotation = in.read_bytes();
        break;
      case bytes_field(7):
        merge_member<OpaqueType>(in, "opaque_type", type, Type::Kind::opaque);
        break;
      case bytes_field(8):
        merge_member<TensorType>(in, "sparse_tensor_type", type, Type::Kind::sparse_tensor);
        break;
      case bytes_field(9):
        merge_member<ElementType>(in, "optional_type", type, Type::Kind::optional);
        break;
      default:
        in.skip();
    }
  }
}

void read(Cursor in, std::vector<Dim>& shape) {
  while (in.next()) {
    if (in.field() == bytes_field(1))
      in.append("dim", shape);
    else
      in.skip();
  }
}

void read(Cursor in, Dim& dim) {
  while (in.next()) {
    switch (in.field()) {
      case varint_field(1):
        dim.kind = Dim::Kind::value;
        dim.value = in.read_int64();
        dim.param = {};
        break;
      case bytes_field(2):
        dim.kind = Dim::Kind::param;
        dim.value = 0;
        dim.param = in.read_bytes();
        break;
      case bytes_field(3):
        dim.denotation = in.read_bytes();
        break;
      default:
        in.skip();
    }
  }
}

}  // namespace spinel::onnx
