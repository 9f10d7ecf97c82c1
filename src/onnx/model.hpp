// The messages of an ONNX file as plain structs whose strings and payloads are views into the file's bytes.
//
// Field names follow onnx.proto (plural where repeated). What onnx.proto says about presence is kept where it
// means something: a std::optional, a null pointer or a "none" kind stands for a field that the file does not
// hold; elsewhere an absent field has its protobuf default (empty or 0). What onnx.proto has beside these
// fields (metadata of nodes, fields of newer versions) is kept as it stands, for who writes the model again.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <spinel/limits.hpp>

namespace spinel::onnx {

/// The oldest IR version that is read, and the newest one whose fields are all known.
inline constexpr int64_t oldest_ir_version = 3;
inline constexpr int64_t newest_known_ir_version = 14;

struct StringPair {
  std::string_view key;
  std::string_view value;
};

struct OpsetImport {
  std::string_view domain;  ///< Empty and "ai.onnx" both mean the standard operators; kept as written.
  int64_t version = 0;
};

/// A run of values of one repeated numeric field, still in wire form; known to be well formed.
struct WireRun {
  std::span<const std::byte> bytes;
  size_t count = 0;    ///< Values in the run.
  bool packed = true;  ///< Packed values only, or one tag before each value.
};

/// Fields of a message that its struct does not have, tags included, in the file's order.
using OtherFields = std::vector<std::string_view>;

/// The values of a repeated numeric field, decoded on demand by tensor_data.
struct WireValues {
  std::vector<WireRun> runs;
  size_t count() const noexcept {
    size_t sum = 0;
    for (const WireRun& run : runs) sum += run.count;
    return sum;
  }
  bool empty() const noexcept { return count() == 0; }
};

struct Segment {
  int64_t begin = 0;
  int64_t end = 0;
};

enum class DataLocation : int32_t { in_model = 0, external = 1 };

/// TensorProto. Convert with to_tensor of tensor_data.hpp.
struct Tensor {
  std::vector<int64_t> dims;
  int32_t data_type = 0;  ///< TensorProto.DataType as written, perhaps unknown to spinel::DType.
  std::string_view name;
  std::string_view doc_string;
  std::optional<std::span<const std::byte>> raw_data;
  WireValues float_data;
  WireValues int32_data;
  WireValues int64_data;
  WireValues double_data;
  WireValues uint64_data;
  std::vector<std::string_view> string_data;
  std::vector<StringPair> external_data;  ///< "location", "offset", "length", "checksum"
  DataLocation data_location = DataLocation::in_model;
  std::optional<Segment> segment;
  OtherFields others;
};

/// SparseTensorProto: COO values and indices. Convert with to_dense_tensor of tensor_data.hpp.
struct SparseTensor {
  Tensor values;
  Tensor indices;
  std::vector<int64_t> dims;
  bool has_values = false;
  bool has_indices = false;
};

/// TensorShapeProto.Dimension
struct Dim {
  enum class Kind : uint8_t { unknown, value, param };
  Kind kind = Kind::unknown;
  int64_t value = 0;       ///< With Kind::value; as written, perhaps negative.
  std::string_view param;  ///< With Kind::param; perhaps empty.
  std::string_view denotation;
};

/// TypeProto. Move-only; nested types hang below `element`.
struct Type {
  enum class Kind : uint8_t { none, tensor, sequence, map, optional, sparse_tensor, opaque };
  Kind kind = Kind::none;
  int32_t elem_type = 0;                  ///< tensor, sparse_tensor: TensorProto.DataType as written.
  std::optional<std::vector<Dim>> shape;  ///< tensor, sparse_tensor: absent when even the rank is unknown.
  int32_t key_type = 0;                   ///< map
  std::unique_ptr<Type> element;  ///< sequence, optional: the element; map: the value. Null when absent.
  std::string_view opaque_domain;
  std::string_view opaque_name;
  std::string_view denotation;
};

/// ValueInfoProto
struct ValueInfo {
  std::string_view name;
  std::string_view doc_string;
  std::optional<Type> type;
  OtherFields others;
};

/// AttributeProto.AttributeType
enum class AttributeType : int32_t {
  undefined = 0,
  float_value = 1,
  int_value = 2,
  string = 3,
  tensor = 4,
  graph = 5,
  floats = 6,
  ints = 7,
  strings = 8,
  tensors = 9,
  graphs = 10,
  sparse_tensor = 11,
  sparse_tensors = 12,
  type_proto = 13,
  type_protos = 14,
};

struct Graph;

/// AttributeProto. `type` is what the file says; nothing here checks that the field it names is the one
/// filled.
struct Attribute {
  Attribute();
  Attribute(Attribute&&) noexcept;
  Attribute& operator=(Attribute&&) noexcept;
  ~Attribute();

  std::string_view name;
  std::string_view ref_attr_name;  ///< Inside a function: the function's attribute that gives the value.
  std::string_view doc_string;
  AttributeType type = AttributeType::undefined;
  std::optional<float> f;
  std::optional<int64_t> i;
  std::optional<std::string_view> s;
  std::unique_ptr<Tensor> t;
  std::unique_ptr<Graph> g;
  std::unique_ptr<SparseTensor> sparse_tensor;
  std::unique_ptr<Type> tp;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string_view> strings;
  std::vector<Tensor> tensors;
  std::vector<Graph> graphs;
  std::vector<SparseTensor> sparse_tensors;
  std::vector<Type> type_protos;
  OtherFields others;
};

/// NodeProto
struct Node {
  std::vector<std::string_view> inputs;  ///< An empty name is an optional input that is left out.
  std::vector<std::string_view> outputs;
  std::string_view name;
  std::string_view op_type;
  std::string_view domain;
  std::string_view overload;
  std::string_view doc_string;
  std::vector<Attribute> attributes;
  OtherFields others;
};

/// TensorAnnotation
struct QuantizationAnnotation {
  std::string_view tensor_name;
  std::vector<StringPair> quant_parameter_tensor_names;
};

/// GraphProto
struct Graph {
  std::string_view name;
  std::string_view doc_string;
  std::vector<Node> nodes;
  std::vector<Tensor> initializers;
  std::vector<SparseTensor> sparse_initializers;  ///< Named by values.name.
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
  std::vector<ValueInfo> value_infos;
  std::vector<QuantizationAnnotation> quantization_annotations;
  OtherFields others;
};

/// FunctionProto
struct Function {
  std::string_view name;
  std::string_view domain;
  std::string_view overload;
  std::string_view doc_string;
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  std::vector<std::string_view> attributes;  ///< Names of attributes without a default.
  std::vector<Attribute> attribute_protos;   ///< Attributes with their defaults.
  std::vector<Node> nodes;
  std::vector<OpsetImport> opset_imports;
  std::vector<ValueInfo> value_infos;
  OtherFields others;
};

/// TrainingInfoProto; inference ignores it.
struct TrainingInfo {
  std::optional<Graph> initialization;
  std::optional<Graph> algorithm;
  std::vector<StringPair> initialization_bindings;
  std::vector<StringPair> update_bindings;
  OtherFields others;
};

/// ModelProto
struct Model {
  int64_t ir_version = 0;
  std::string_view producer_name;
  std::string_view producer_version;
  std::string_view domain;
  int64_t model_version = 0;
  std::string_view doc_string;
  std::vector<OpsetImport> opset_imports;
  bool has_graph = false;
  Graph graph;
  std::vector<StringPair> metadata_props;
  std::vector<Function> functions;
  std::vector<TrainingInfo> training_infos;
  OtherFields others;
};

struct Map;
struct Optional;

/// SequenceProto of ONNX's test data files. elem_type says which list is meant.
struct Sequence {
  enum class Element : int32_t {
    undefined = 0,
    tensor = 1,
    sparse_tensor = 2,
    sequence = 3,
    map = 4,
    optional = 5
  };
  Sequence();
  Sequence(Sequence&&) noexcept;
  Sequence& operator=(Sequence&&) noexcept;
  ~Sequence();

  std::string_view name;
  int32_t elem_type = 0;  ///< Element as written, perhaps unknown.
  std::vector<Tensor> tensors;
  std::vector<SparseTensor> sparse_tensors;
  std::vector<Sequence> sequences;
  std::vector<Map> maps;
  std::vector<Optional> optionals;
};

/// MapProto of ONNX's test data files.
struct Map {
  std::string_view name;
  int32_t key_type = 0;
  std::vector<int64_t> keys;
  std::vector<std::string_view> string_keys;
  std::optional<Sequence> values;
};

/// OptionalProto of ONNX's test data files; elem_type (Sequence::Element) says which value is meant,
/// undefined: none.
struct Optional {
  Optional();
  Optional(Optional&&) noexcept;
  Optional& operator=(Optional&&) noexcept;
  ~Optional();

  std::string_view name;
  int32_t elem_type = 0;
  std::unique_ptr<Tensor> tensor;
  std::unique_ptr<SparseTensor> sparse_tensor;
  std::unique_ptr<Sequence> sequence;
  std::unique_ptr<Map> map;
  std::unique_ptr<Optional> optional;
};

/// Reads a ModelProto. The result points into `bytes`, which must outlive it.
///
/// Accepts and rejects the same byte strings as libprotobuf: unknown fields and fields of another wire type
/// are skipped, repeated singular fields are merged, strings are not checked to be UTF-8. Beyond that the
/// model must have an ir_version of at least 3 and a graph; IR versions newer than newest_known_ir_version
/// are read as far as known.
///
/// Throws Error: bad_model with the path of the message ("graph.node[12].attribute[1]") and the byte offset,
/// unsupported for IR versions 1 and 2, limit_exceeded for max_model_bytes (the bytes, and the memory of the
/// returned structs), max_nodes (nodes of the graph, subgraphs, functions and training graphs together) and
/// max_nesting. Messages nested more than 100 deep are bad_model whatever the limits, as in protobuf.
Model parse_model(std::span<const std::byte> bytes, const Limits& limits);

/// parse_model without the demands on ir_version and graph: whatever libprotobuf parses as a ModelProto.
Model parse_model_fields(std::span<const std::byte> bytes, const Limits& limits);

/// Reads one message of an ONNX test data file (input_0.pb). As parse_model_fields in every other respect.
Tensor parse_tensor(std::span<const std::byte> bytes, const Limits& limits);
Sequence parse_sequence(std::span<const std::byte> bytes, const Limits& limits);
Optional parse_optional(std::span<const std::byte> bytes, const Limits& limits);
/// Read one message, such as encode() of onnx/encode.hpp makes it.
Node parse_node(std::span<const std::byte> bytes, const Limits& limits);
Attribute parse_attribute(std::span<const std::byte> bytes, const Limits& limits);

}  // namespace spinel::onnx
