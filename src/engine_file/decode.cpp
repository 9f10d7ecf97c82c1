#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "cpu/op_table.hpp"
#include "engine_file/program.hpp"
#include "engine_file/wire.hpp"
#include "graph/infer.hpp"

namespace spinel::engine_file {
namespace {

using graph::Attribute;
using graph::Dim;
using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::Value;
using graph::ValueId;
using graph::ValueType;

/// Of subgraphs and types, where Limits::max_nesting does not say less.
constexpr size_t most_nesting = 256;

DType read_dtype(Decoder& in) {
  const uint64_t number = in.number();
  if (number == 0 || number > 1000 || !is_known_dtype(static_cast<int32_t>(number)))
    in.damaged(fmt::format("there is no element type {}", number));
  return static_cast<DType>(number);
}
DType read_optional_dtype(Decoder& in) {
  const uint64_t number = in.below(1000, "an element type");
  if (number != 0 && !is_known_dtype(static_cast<int32_t>(number)))
    in.damaged(fmt::format("there is no element type {}", number));
  return static_cast<DType>(number);
}

Stamp read_stamp(Decoder& in) {
  Stamp stamp;
  stamp.version = in.text();
  stamp.fingerprint = in.number();
  stamp.isa = in.text();
  stamp.dtype = read_optional_dtype(in);
  stamp.keep_io_types = in.flag();
  stamp.tuned = in.flag();
  in.list([&] {
    Dims& dims = stamp.input_size[in.text()];
    in.list([&] { dims.push_back(in.integer()); });
  });
  stamp.passes = in.text();
  stamp.model_bytes = in.number();
  return stamp;
}

class GraphDecoder {
 public:
  GraphDecoder(Decoder& in, const Bytes& weights, const cpu::Isa& isa, const Limits& limits,
               const ops::CustomOpTable& custom_ops)
      : in_(in), weights_(weights), isa_(isa), limits_(limits), custom_ops_(custom_ops) {}

  /// `outer` is the number of values of the enclosing graph.
  void read(Graph& graph, size_t outer, size_t depth) {
    check_depth(depth);
    graph.name = in_.text();
    in_.list([&] { graph.values.push_back(value()); });
    const size_t count = graph.values.size();
    const auto id = [&] { return static_cast<ValueId>(in_.below(count, "a value")); };
    in_.list([&] {
      graph.inputs.push_back(id());
      graph.value(graph.inputs.back()).type = type(depth);
    });
    in_.list([&] {
      const auto from = static_cast<ValueId>(in_.below(outer, "a captured value"));
      graph.captures.push_back({from, id()});
    });
    in_.list([&] { node(graph, depth); });
    in_.list([&] {
      graph.outputs.push_back(id());
      graph.output_names.push_back(in_.text());
    });
  }

 private:
  void check_depth(size_t depth) const {
    const size_t most = limits_.max_nesting == 0 ? most_nesting : std::min(limits_.max_nesting, most_nesting);
    if (depth > most)
      fail(ErrorCode::limit_exceeded, "subgraphs or types are nested deeper than the limit max_nesting, {}",
           most);
  }

  Value value() {
    Value value;
    value.name = in_.text();
    value.origin = in_.text();
    in_.list([&] { value.origin_axes.push_back(static_cast<int>(in_.below(65, "an axis")) - 1); });
    const uint64_t kind = in_.below(3, "a kind of value");
    if (kind == 0) return value;
    value.constant = kind == 1 ? tensor() : mapped_tensor();
    value.type = ValueType::tensor(value.constant.dtype(), graph::to_shape(value.constant.dims()));
    return value;
  }

  Dims dims() {
    Dims dims;
    in_.list([&] { dims.push_back(static_cast<int64_t>(in_.below(uint64_t{1} << 62, "a dim"))); });
    if (dims.size() > 64) in_.damaged("a tensor has more than 64 axes");
    return dims;
  }

  /// A copy of a tensor that lies in the program.
  Tensor tensor() {
    const DType dtype = read_dtype(in_);
    Dims of = dims();
    if (dtype == DType::string) {
      if (static_cast<uint64_t>(element_count(of)) > in_.left()) in_.damaged("texts are missing");
      Tensor out(dtype, std::move(of));
      for (std::string& each : out.data<std::string>()) each = in_.text();
      return out;
    }
    const auto bytes = in_.take(tensor_bytes(dtype, of));
    Tensor out = Tensor::uninitialized(dtype, std::move(of));
    if (!bytes.empty()) std::memcpy(out.raw(), bytes.data(), bytes.size());
    // Any other number is no value of type bool.
    if (dtype == DType::boolean)
      for (std::byte& each : std::span(static_cast<std::byte*>(out.raw()), bytes.size()))
        each = std::byte{each != std::byte{0}};
    return out;
  }

  /// A view into the weights.
  Tensor mapped_tensor() {
    const DType dtype = read_dtype(in_);
    if (dtype != DType::float32 && dtype != DType::float16 && dtype != DType::bfloat16 &&
        dtype != DType::float64)
      in_.damaged(fmt::format("constants of {} are not kept among the weights", dtype_name(dtype)));
    Dims of = dims();
    const uint64_t bytes = tensor_bytes(dtype, of);
    const uint64_t size = weights_.data.size();
    const uint64_t offset =
        in_.below(size / weight_alignment + 1, "a place among the weights") * weight_alignment;
    if (bytes > size - offset)
      in_.damaged(fmt::format("{} bytes at {} reach beyond the {} bytes of weights", bytes, offset, size));
    return Tensor::view(dtype, std::move(of), const_cast<std::byte*>(weights_.data.data() + offset),
                        weights_.owner);
  }

  Dim dim() {
    switch (in_.below(3, "a kind of dim")) {
      case 1: {
        const int64_t size = in_.integer();
        if (size < 0) in_.damaged(fmt::format("an input has the dim {}", size));
        return Dim(size);
      }
      case 2: {
        std::string name = in_.text();
        if (name.empty()) in_.damaged("a dim has an empty name");
        return Dim::symbol(std::move(name));
      }
      default:
        return Dim::unknown();
    }
  }

  ValueType type(size_t depth) {
    check_depth(depth);
    const uint64_t kind = in_.below(3, "a kind of type");
    if (kind != static_cast<uint64_t>(ValueType::Kind::tensor)) {
      ValueType out;
      out.kind = static_cast<ValueType::Kind>(kind);
      if (in_.flag()) out.element = std::make_shared<const ValueType>(type(depth + 1));
      return out;
    }
    const DType dtype = read_optional_dtype(in_);
    if (!in_.flag()) return ValueType::tensor(dtype);
    graph::Shape shape;
    in_.list([&] { shape.push_back(dim()); });
    return ValueType::tensor(dtype, std::move(shape));
  }

  template <class T>
  std::vector<T> elements(T (GraphDecoder::*element)()) {
    std::vector<T> out;
    in_.list([&] { out.push_back((this->*element)()); });
    return out;
  }
  float real() { return in_.real(); }
  int64_t integer() { return in_.integer(); }
  std::string text() { return in_.text(); }

  Attribute attribute() {
    switch (in_.below(std::variant_size_v<Attribute>, "a kind of attribute")) {
      case 0:
        return real();
      case 1:
        return integer();
      case 2:
        return text();
      case 3:
        return tensor();
      case 4:
        return type(0);
      case 5:
        return elements(&GraphDecoder::real);
      case 6:
        return elements(&GraphDecoder::integer);
      case 7:
        return elements(&GraphDecoder::text);
      case 8:
        return elements(&GraphDecoder::tensor);
      default:
        return graph::GraphAttribute{};
    }
  }

  graph::Recipe recipe() {
    graph::Recipe recipe;
    recipe.domain = in_.text();
    recipe.op = in_.text();
    const int64_t version = in_.integer();
    if (version < 0 || version > 1'000'000) in_.damaged(fmt::format("there is no opset {}", version));
    recipe.version = static_cast<int>(version);
    in_.list([&] {
      std::string name = in_.text();
      if (!recipe.attributes.emplace(std::move(name), attribute()).second)
        in_.damaged("an attribute is there twice");
    });
    in_.list([&] {
      const DType from = read_dtype(in_);
      recipe.float_types.emplace_back(from, read_dtype(in_));
    });
    recipe.kernel = in_.text();
    return recipe;
  }

  void node(Graph& graph, size_t depth) {
    if (limits_.max_nodes != 0 && ++nodes_ > limits_.max_nodes)
      fail(ErrorCode::limit_exceeded, "the program has more nodes than the limit max_nodes, {}",
           limits_.max_nodes);
    Node node;
    node.name = in_.text();
    node.attributes = in_.text();
    in_.list([&] { node.sources.push_back(in_.text()); });
    const auto ids = [&](std::vector<ValueId>& out) {
      in_.list([&] {
        const int64_t id = in_.integer();
        if (id != no_value && (id < 0 || id >= std::ssize(graph.values)))
          in_.damaged(fmt::format("node '{}' refers to value {} of {}", node.name, id, graph.values.size()));
        out.push_back(static_cast<ValueId>(id));
      });
    };
    ids(node.inputs);
    ids(node.outputs);
    const graph::Recipe made_of = recipe();
    // Of what has no result passes leave nothing, and kernels write output 0 unasked, but for recurrent ones.
    const bool asks = made_of.op == "LSTM" || made_of.op == "GRU" || made_of.op == "RNN";
    if (std::ranges::all_of(node.outputs, [](ValueId id) { return id == no_value; }) ||
        ((made_of.domain == cpu::native_domain || !made_of.kernel.empty()) && !asks &&
         node.outputs[0] == no_value))
      in_.damaged(fmt::format("node '{}' has no result", node.name));
    try {
      node.op = cpu::make_op(made_of, node.inputs.size(), node.outputs.size(), isa_, custom_ops_);
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("node '{}': {}", node.name, error.what()), node.name);
    }
    in_.list([&] {
      node.subgraphs.push_back(std::make_shared<Graph>());
      read(*node.subgraphs.back(), graph.values.size(), depth + 1);
    });
    graph.add_node(std::move(node));
  }

  Decoder& in_;
  const Bytes& weights_;
  const cpu::Isa& isa_;
  const Limits& limits_;
  const ops::CustomOpTable& custom_ops_;
  size_t nodes_ = 0;
};

void put_kernels(Graph& graph, const cpu::Isa& isa) {
  for (Node& node : graph.nodes) {
    for (const auto& subgraph : node.subgraphs) put_kernels(*subgraph, isa);
    if (const std::string kernel = node.op->recipe()->kernel; !kernel.empty())
      cpu::put_kernel(graph, node, kernel, isa);
  }
}

}  // namespace

Stamp decode_stamp(std::span<const std::byte> program) {
  Decoder in(program);
  return read_stamp(in);
}

Graph decode_program(std::span<const std::byte> program, const Bytes& weights, const cpu::Isa& isa,
                     const Limits& limits, const ops::CustomOpTable& custom_ops) {
  Decoder in(program);
  read_stamp(in);
  Graph graph;
  try {
    GraphDecoder(in, weights, isa, limits, custom_ops).read(graph, 0, 0);
    if (!in.at_end()) in.damaged("something follows");
    graph::verify(graph, "loading");
    graph::infer(graph, [&](const Node& node, const graph::InferContext& context) {
      cpu::check_node(node, context, isa);
    });
    put_kernels(graph, isa);
  } catch (const Error& error) {
    // Nothing here is a fault of Spinel itself but what the file says.
    if (error.code() != ErrorCode::internal && error.code() != ErrorCode::invalid_argument) throw;
    throw Error(ErrorCode::bad_model, error.what(), error.node());
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    fail(ErrorCode::bad_model, "the program contradicts itself: {}", error.what());
  }
  return graph;
}

}  // namespace spinel::engine_file
