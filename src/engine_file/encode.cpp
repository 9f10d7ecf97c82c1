#include <map>

#include "base/text.hpp"
#include "cpu/op_table.hpp"
#include "engine_file/program.hpp"
#include "engine_file/wire.hpp"

namespace spinel::engine_file {
namespace {

using graph::Dim;
using graph::Graph;
using graph::Value;
using graph::ValueId;
using graph::ValueType;

/// Smaller constants are copied at loading: they would cost a page each.
constexpr size_t min_mapped_bytes = 512;

/// What nobody decides by: a value may change under the reader without more harm than wrong numbers.
bool is_arithmetic(DType dtype) {
  return dtype == DType::float32 || dtype == DType::float16 || dtype == DType::bfloat16 ||
         dtype == DType::float64;
}

class GraphEncoder {
 public:
  GraphEncoder(Encoder& out, EncodedProgram& program) : out_(out), program_(program) {}

  void graph(const Graph& graph) {
    out_.text(graph.name);
    std::vector<bool> captured(graph.values.size(), false);
    for (const graph::Capture& capture : graph.captures) captured[static_cast<size_t>(capture.inner)] = true;
    out_.number(graph.values.size());
    for (size_t i = 0; i < graph.values.size(); ++i) value(graph.values[i], captured[i]);
    out_.list(graph.inputs, [&](ValueId id) {
      out_.number(static_cast<uint64_t>(id));
      type(graph.value(id).type);
    });
    out_.list(graph.captures, [&](const graph::Capture& capture) {
      out_.number(static_cast<uint64_t>(capture.outer));
      out_.number(static_cast<uint64_t>(capture.inner));
    });
    out_.list(graph.nodes, [&](const graph::Node& each) { node(each); });
    out_.number(graph.outputs.size());
    for (size_t i = 0; i < graph.outputs.size(); ++i) {
      out_.number(static_cast<uint64_t>(graph.outputs[i]));
      out_.text(graph.output_names[i]);
    }
  }

 private:
  void value(const Value& value, bool captured) {
    out_.text(value.name);
    out_.text(value.origin);
    out_.number(value.origin_axes.size());
    for (int axis : value.origin_axes) out_.number(static_cast<uint64_t>(axis + 1));
    // What a subgraph captures gets its constant from outside.
    if (captured || !value.is_constant()) return out_.number(0);
    const Tensor& tensor = value.constant;
    const bool mapped = is_arithmetic(tensor.dtype()) && tensor.size_bytes() >= min_mapped_bytes;
    out_.number(mapped ? 2 : 1);
    if (!mapped) return tensor_value(tensor);
    head(tensor);
    out_.number(place(tensor) / weight_alignment);
  }

  /// Offset of the tensor in the weights' section; equal buffers share one.
  uint64_t place(const Tensor& tensor) {
    const auto [found, inserted] =
        places_.try_emplace({tensor.raw(), tensor.size_bytes()}, program_.weight_bytes);
    if (inserted) {
      program_.weights.push_back(tensor);
      const uint64_t end = program_.weight_bytes + tensor.size_bytes();
      program_.weight_bytes = (end + weight_alignment - 1) / weight_alignment * weight_alignment;
    }
    return found->second;
  }

  void head(const Tensor& tensor) {
    out_.number(static_cast<uint64_t>(tensor.dtype()));
    out_.list(tensor.dims(), [&](int64_t dim) { out_.number(static_cast<uint64_t>(dim)); });
  }
  void tensor_value(const Tensor& tensor) {
    head(tensor);
    if (tensor.dtype() == DType::string)
      for (const std::string& each : tensor.data<std::string>()) out_.text(each);
    else
      out_.raw(tensor.raw(), tensor.size_bytes());
  }

  void dim(const Dim& dim) {
    if (dim.is_unknown()) return out_.number(0);
    out_.number(dim.is_constant() ? 1 : 2);
    if (dim.is_constant()) return out_.integer(dim.constant());
    if (!equal(dim, Dim::symbol(dim.text())))
      fail(ErrorCode::internal, "an input has the dim {}, which is no symbol; please report this",
           dim.text());
    out_.text(dim.text());
  }

  void type(const ValueType& type) {
    out_.number(static_cast<uint64_t>(type.kind));
    if (!type.is_tensor()) {
      out_.number(type.element ? 1 : 0);
      if (type.element) this->type(*type.element);
      return;
    }
    out_.number(static_cast<uint64_t>(type.dtype));
    out_.number(type.shape ? 1 : 0);
    if (type.shape) out_.list(*type.shape, [&](const Dim& each) { dim(each); });
  }

  void attribute(const graph::Attribute& attribute) {
    out_.number(attribute.index());
    std::visit([&](const auto& value) { attribute_value(value); }, attribute);
  }
  void attribute_value(float value) { out_.real(value); }
  void attribute_value(int64_t value) { out_.integer(value); }
  void attribute_value(const std::string& value) { out_.text(value); }
  void attribute_value(const Tensor& value) { tensor_value(value); }
  void attribute_value(const ValueType& value) { type(value); }
  void attribute_value(const graph::GraphAttribute&) {}
  template <class T>
  void attribute_value(const std::vector<T>& values) {
    out_.list(values, [&](const T& each) { attribute_value(each); });
  }

  void recipe(const graph::Recipe& recipe) {
    const auto& [domain, op, version, attributes, float_types, kernel] = recipe;
    out_.text(domain);
    out_.text(op);
    out_.integer(version);
    out_.list(attributes, [&](const auto& each) {
      out_.text(each.first);
      attribute(each.second);
    });
    out_.list(float_types, [&](const auto& each) {
      out_.number(static_cast<uint64_t>(each.first));
      out_.number(static_cast<uint64_t>(each.second));
    });
    out_.text(kernel);
  }

  void node(const graph::Node& node) {
    const auto known = cpu::recipe_of(*node.op);
    if (!known)
      fail(ErrorCode::internal, "node '{}' ({}) cannot be written to an engine file; please report this",
           node.name, node.op->name());
    out_.text(node.name);
    out_.text(node.attributes);
    out_.list(node.sources, [&](const std::string& each) { out_.text(each); });
    out_.list(node.inputs, [&](ValueId id) { out_.integer(id); });
    out_.list(node.outputs, [&](ValueId id) { out_.integer(id); });
    recipe(*known);
    out_.list(node.subgraphs, [&](const auto& each) { graph(*each); });
  }

  Encoder& out_;
  EncodedProgram& program_;
  std::map<std::pair<const void*, size_t>, uint64_t> places_;
};

}  // namespace

EncodedProgram encode_program(const Graph& graph, const Stamp& stamp) {
  EncodedProgram program;
  Encoder out;
  const auto& [version, fingerprint, isa, dtype, keep_io_types, tuned, input_size, passes, model_bytes] =
      stamp;
  out.text(version);
  out.number(fingerprint);
  out.text(isa);
  out.number(static_cast<uint64_t>(dtype));
  out.number(keep_io_types ? 1 : 0);
  out.number(tuned ? 1 : 0);
  out.list(input_size, [&](const auto& each) {
    out.text(each.first);
    out.list(each.second, [&](int64_t dim) { out.integer(dim); });
  });
  out.text(passes);
  out.number(model_bytes);
  GraphEncoder(out, program).graph(graph);
  program.program = out.bytes();
  return program;
}

}  // namespace spinel::engine_file
