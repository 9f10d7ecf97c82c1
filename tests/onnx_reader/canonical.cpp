#include "canonical.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.hpp"
#include "onnx/wire.hpp"

namespace reader_test {
namespace {

namespace onnx = spinel::onnx;
using onnx::Attribute;
using onnx::Function;
using onnx::Graph;
using onnx::Node;
using onnx::StringPair;
using onnx::Type;
using onnx::ValueInfo;

/// The fields of each message in the order of their numbers.
class Writer {
 public:
  explicit Writer(Schema schema) : current_(schema == Schema::current) {}
  std::string take() { return out_.take(); }

  void fields(const onnx::Model& m) {
    out_.number("ir_version", m.ir_version);
    out_.bytes("producer_name", m.producer_name);
    out_.bytes("producer_version", m.producer_version);
    out_.bytes("domain", m.domain);
    out_.number("model_version", m.model_version);
    out_.bytes("doc_string", m.doc_string);
    if (m.has_graph) message("graph", m.graph);
    messages("opset_import", m.opset_imports);
    messages("metadata_props", m.metadata_props);
    messages("training_info", m.training_infos);
    messages("functions", m.functions);
  }
  void fields(const Graph& g) {
    messages("node", g.nodes);
    out_.bytes("name", g.name);
    messages("initializer", g.initializers);
    out_.bytes("doc_string", g.doc_string);
    messages("input", g.inputs);
    messages("output", g.outputs);
    messages("value_info", g.value_infos);
    messages("quantization_annotation", g.quantization_annotations);
    messages("sparse_initializer", g.sparse_initializers);
  }
  void fields(const Node& n) {
    strings("input", n.inputs);
    strings("output", n.outputs);
    out_.bytes("name", n.name);
    out_.bytes("op_type", n.op_type);
    messages("attribute", n.attributes);
    out_.bytes("doc_string", n.doc_string);
    out_.bytes("domain", n.domain);
    if (current_) out_.bytes("overload", n.overload);
  }
  void fields(const Attribute& a) {
    out_.bytes("name", a.name);
    if (a.f) out_.number("f", *a.f);
    if (a.i) out_.number("i", *a.i);
    if (a.s) out_.bytes("s", *a.s);
    if (a.t) message("t", *a.t);
    if (a.g) message("g", *a.g);
    list("floats", a.floats);
    list("ints", a.ints);
    strings("strings", a.strings);
    messages("tensors", a.tensors);
    messages("graphs", a.graphs);
    out_.bytes("doc_string", a.doc_string);
    if (a.tp) message("tp", *a.tp);
    messages("type_protos", a.type_protos);
    out_.number("type", static_cast<int32_t>(a.type));
    out_.bytes("ref_attr_name", a.ref_attr_name);
    if (a.sparse_tensor) message("sparse_tensor", *a.sparse_tensor);
    messages("sparse_tensors", a.sparse_tensors);
  }
  void fields(const Function& f) {
    out_.bytes("name", f.name);
    strings("input", f.inputs);
    strings("output", f.outputs);
    strings("attribute", f.attributes);
    messages("node", f.nodes);
    out_.bytes("doc_string", f.doc_string);
    messages("opset_import", f.opset_imports);
    out_.bytes("domain", f.domain);
    if (!current_) return;
    messages("attribute_proto", f.attribute_protos);
    messages("value_info", f.value_infos);
    out_.bytes("overload", f.overload);
  }
  void fields(const onnx::OpsetImport& o) {
    out_.bytes("domain", o.domain);
    out_.number("version", o.version);
  }
  void fields(const StringPair& p) {
    out_.bytes("key", p.key);
    out_.bytes("value", p.value);
  }
  void fields(const onnx::TrainingInfo& t) {
    if (t.initialization) message("initialization", *t.initialization);
    if (t.algorithm) message("algorithm", *t.algorithm);
    messages("initialization_binding", t.initialization_bindings);
    messages("update_binding", t.update_bindings);
  }
  void fields(const onnx::QuantizationAnnotation& q) {
    out_.bytes("tensor_name", q.tensor_name);
    messages("quant_parameter_tensor_names", q.quant_parameter_tensor_names);
  }
  void fields(const ValueInfo& v) {
    out_.bytes("name", v.name);
    if (v.type) message("type", *v.type);
    out_.bytes("doc_string", v.doc_string);
  }
  void fields(const Type& t) {
    using Kind = Type::Kind;
    if (t.kind == Kind::tensor) tensor_type("tensor_type", t);
    if (t.kind == Kind::sequence) element_type("sequence_type", t);
    if (t.kind == Kind::map) {
      out_.open("map_type");
      out_.number("key_type", t.key_type);
      if (t.element) message("value_type", *t.element);
      out_.close();
    }
    out_.bytes("denotation", t.denotation);
    if (t.kind == Kind::opaque) {
      out_.open("opaque_type");
      out_.bytes("domain", t.opaque_domain);
      out_.bytes("name", t.opaque_name);
      out_.close();
    }
    if (t.kind == Kind::sparse_tensor) tensor_type("sparse_tensor_type", t);
    if (t.kind == Kind::optional) element_type("optional_type", t);
  }
  void fields(const onnx::Dim& d) {
    if (d.kind == onnx::Dim::Kind::value) out_.number("dim_value", d.value);
    if (d.kind == onnx::Dim::Kind::param) out_.bytes("dim_param", d.param);
    out_.bytes("denotation", d.denotation);
  }
  void fields(const onnx::Tensor& t) {
    list("dims", t.dims);
    out_.number("data_type", t.data_type);
    if (t.segment) {
      out_.open("segment");
      out_.number("begin", t.segment->begin);
      out_.number("end", t.segment->end);
      out_.close();
    }
    fixed<float>("float_data", t.float_data);
    varints<int32_t>("int32_data", t.int32_data);
    strings("string_data", t.string_data);
    varints<int64_t>("int64_data", t.int64_data);
    out_.bytes("name", t.name);
    if (t.raw_data)
      out_.bytes("raw_data", {reinterpret_cast<const char*>(t.raw_data->data()), t.raw_data->size()});
    fixed<double>("double_data", t.double_data);
    varints<uint64_t>("uint64_data", t.uint64_data);
    out_.bytes("doc_string", t.doc_string);
    messages("external_data", t.external_data);
    out_.number("data_location", static_cast<int32_t>(t.data_location));
  }
  void fields(const onnx::SparseTensor& t) {
    if (t.has_values) message("values", t.values);
    if (t.has_indices) message("indices", t.indices);
    list("dims", t.dims);
  }
  void fields(const onnx::Sequence& s) {
    out_.bytes("name", s.name);
    out_.number("elem_type", s.elem_type);
    messages("tensor_values", s.tensors);
    messages("sparse_tensor_values", s.sparse_tensors);
    messages("sequence_values", s.sequences);
    messages("map_values", s.maps);
    messages("optional_values", s.optionals);
  }
  void fields(const onnx::Map& m) {
    out_.bytes("name", m.name);
    out_.number("key_type", m.key_type);
    list("keys", m.keys);
    strings("string_keys", m.string_keys);
    if (m.values) message("values", *m.values);
  }
  void fields(const onnx::Optional& o) {
    out_.bytes("name", o.name);
    out_.number("elem_type", o.elem_type);
    if (o.tensor) message("tensor_value", *o.tensor);
    if (o.sparse_tensor) message("sparse_tensor_value", *o.sparse_tensor);
    if (o.sequence) message("sequence_value", *o.sequence);
    if (o.map) message("map_value", *o.map);
    if (o.optional) message("optional_value", *o.optional);
  }

 private:
  template <class T>
  void message(std::string_view name, const T& value) {
    out_.open(name);
    fields(value);
    out_.close();
  }
  template <class T>
  void messages(std::string_view name, const std::vector<T>& values) {
    for (const T& value : values) message(name, value);
  }
  void strings(std::string_view name, const std::vector<std::string_view>& values) {
    for (std::string_view value : values) out_.bytes(name, value);
  }
  template <class T>
  void list(std::string_view name, const std::vector<T>& values) {
    out_.list(name, std::span<const T>(values));
  }
  template <class T>
  void fixed(std::string_view name, const onnx::WireValues& values) {
    std::vector<T> decoded(values.count());
    onnx::copy_fixed(values, decoded.data());
    list(name, decoded);
  }
  template <class T>
  void varints(std::string_view name, const onnx::WireValues& values) {
    std::vector<T> decoded;
    onnx::for_each_varint(values, [&](uint64_t wire) { decoded.push_back(static_cast<T>(wire)); });
    if (decoded.size() != values.count()) out_.bytes("wrong count of", name);
    list(name, decoded);
  }
  void tensor_type(std::string_view name, const Type& t) {
    out_.open(name);
    out_.number("elem_type", t.elem_type);
    if (t.shape) {
      out_.open("shape");
      messages("dim", *t.shape);
      out_.close();
    }
    out_.close();
  }
  void element_type(std::string_view name, const Type& t) {
    out_.open(name);
    if (t.element) message("elem_type", *t.element);
    out_.close();
  }

  Canonical out_;
  bool current_;
};

template <class T>
std::string text_of(const T& message, Schema schema) {
  Writer writer(schema);
  writer.fields(message);
  return writer.take();
}

}  // namespace

bool has_presence(std::string_view field) {
  constexpr std::array<std::string_view, 6> fields{"TensorProto.raw_data", "AttributeProto.f",
                                                   "AttributeProto.i",     "AttributeProto.s",
                                                   "Dimension.dim_value",  "Dimension.dim_param"};
  return std::ranges::find(fields, field) != fields.end();
}

std::string canonical(const onnx::Model& model, Schema schema) { return text_of(model, schema); }
std::string canonical(const onnx::Tensor& tensor, Schema schema) { return text_of(tensor, schema); }
std::string canonical(const onnx::Sequence& sequence, Schema schema) { return text_of(sequence, schema); }
std::string canonical(const onnx::Optional& optional, Schema schema) { return text_of(optional, schema); }

std::string printable(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c >= ' ' && c <= '~')
      out += c;
    else
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string difference(const std::string& ours, const std::string& theirs) {
  if (ours == theirs) return "";
  const auto [a, b] = std::ranges::mismatch(ours, theirs);
  const auto at = static_cast<size_t>(a - ours.begin());
  const size_t from = at < 60 ? 0 : at - 60;
  return "ours: " + printable(std::string_view(ours).substr(from, 120)) +
         "\ntheirs: " + printable(std::string_view(theirs).substr(from, 120));
}

}  // namespace reader_test
