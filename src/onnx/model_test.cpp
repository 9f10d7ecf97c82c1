#include "onnx/model.hpp"

#include <catch2/catch.hpp>
#include <string>

#include <protozero/pbf_writer.hpp>

#include "onnx/test_tensor.hpp"

namespace spinel::onnx::testing {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using protozero::pbf_writer;
using namespace std::string_literals;

Model parse(const std::string& bytes, const Limits& limits = {}) {
  return parse_model(std::as_bytes(std::span(bytes)), limits);
}
std::string parse_error(const std::string& bytes, const Limits& limits = {}) {
  return error_of([&] { parse(bytes, limits); });
}

/// A model of this IR version whose graph is `graph`.
std::string model_of(const std::string& graph, int64_t ir_version = 8) {
  std::string bytes;
  pbf_writer model(bytes);
  model.add_int64(1, ir_version);
  model.add_message(7, graph);
  return bytes;
}

/// A graph with `count` empty nodes.
std::string nodes(int count) {
  std::string bytes;
  pbf_writer graph(bytes);
  for (int i = 0; i < count; ++i) graph.add_message(1, ""s);
  return bytes;
}

std::string wrapped(uint32_t number, const std::string& body) {
  std::string bytes;
  pbf_writer(bytes).add_message(number, body);
  return bytes;
}

}  // namespace

TEST_CASE("IR versions") {
  CHECK_THAT(parse_error(model_of("", 0)), StartsWith("bad_model"));
  CHECK_THAT(parse_error(model_of("", 1)), StartsWith("unsupported") && Contains("version 1;"));
  CHECK_THAT(parse_error(model_of("", 2)), StartsWith("unsupported"));
  CHECK_THAT(parse_error(model_of("", -1)), StartsWith("unsupported"));
  for (int64_t version : {int64_t{3}, int64_t{8}, newest_known_ir_version, int64_t{1} << 40})
    CHECK(parse(model_of("", version)).ir_version == version);
}

TEST_CASE("files that are no model") {
  CHECK_THAT(parse_error(""), StartsWith("bad_model") && Contains("empty"));
  CHECK_THAT(parse_error("This is a text, not a model."), StartsWith("bad_model"));
  CHECK_THAT(parse_error("\x08\x08"), StartsWith("bad_model") && Contains("no graph"));
}

TEST_CASE("strings and payloads are views into the file") {
  std::string graph;
  pbf_writer writer(graph);
  writer.add_string(2, "main");
  writer.add_message(5, TensorBytes(DType::uint8, {4}).raw("abcd").bytes());
  const std::string bytes = model_of(graph);
  const Model model = parse(bytes);
  const auto inside = [&](const void* data) {
    return data >= static_cast<const void*>(bytes.data()) &&
           data < static_cast<const void*>(bytes.data() + bytes.size());
  };
  CHECK(inside(model.graph.name.data()));
  CHECK(inside(model.graph.initializers.at(0).raw_data->data()));
}

TEST_CASE("fields newer than ONNX 1.12") {
  std::string function;
  pbf_writer writer(function);
  writer.add_string(13, "variant");
  writer.add_message(11, wrapped(1, "alpha"));
  writer.add_message(12, wrapped(1, "y"));
  writer.add_message(14, "any"s);  // metadata_props
  std::string node;
  pbf_writer node_writer(node);
  node_writer.add_string(8, "variant");
  node_writer.add_message(10, "any"s);  // device_configurations
  writer.add_message(7, node);
  std::string bytes = model_of("");
  pbf_writer(bytes).add_message(25, function);
  const Model model = parse(bytes);
  const Function& read = model.functions.at(0);
  CHECK(read.overload == "variant");
  CHECK(read.attribute_protos.at(0).name == "alpha");
  CHECK(read.value_infos.at(0).name == "y");
  CHECK(read.nodes.at(0).overload == "variant");
}

TEST_CASE("damage is reported with the path of the message and the offset") {
  const std::string attribute = wrapped(5, std::string("\x0a\x09", 2));  // dims that claim 9 bytes
  std::string node;
  pbf_writer node_writer(node);
  node_writer.add_message(5, ""s);
  node_writer.add_message(5, attribute);
  std::string graph = nodes(12);
  pbf_writer(graph).add_message(1, node);
  const std::string bytes = model_of(graph);
  const std::string error = parse_error(bytes);
  CHECK_THAT(error, StartsWith("bad_model") && Contains("graph.node[12].attribute[1].t,"));
  CHECK_THAT(error,
             Contains("at byte " + std::to_string(bytes.size())) && Contains("needs 9 bytes, 0 are left"));
}

TEST_CASE("max_nodes counts the nodes of subgraphs, functions and training graphs") {
  std::string graph = nodes(2);
  std::string node;
  pbf_writer(node).add_message(5, wrapped(6, nodes(3)));
  pbf_writer(graph).add_message(1, node);
  std::string bytes = model_of(graph);
  pbf_writer model(bytes);
  model.add_message(25, wrapped(7, ""));        // a function's node
  model.add_message(20, wrapped(2, nodes(1)));  // training_info.algorithm
  Limits limits;
  limits.max_nodes = 8;
  CHECK(parse(bytes, limits).graph.nodes.size() == 3);
  limits.max_nodes = 7;
  CHECK_THAT(parse_error(bytes, limits), StartsWith("limit_exceeded") && Contains("max_nodes"));
  limits.max_nodes = 0;
  CHECK(parse(bytes, limits).graph.nodes.size() == 3);
}

TEST_CASE("max_nesting") {
  std::string graph =
      wrapped(1, wrapped(5, wrapped(6, "")));  // graph.node.attribute.g: four levels with the graph
  Limits limits;
  limits.max_nesting = 4;
  CHECK(parse(model_of(graph), limits).graph.nodes.size() == 1);
  limits.max_nesting = 3;
  CHECK_THAT(parse_error(model_of(graph), limits), StartsWith("limit_exceeded") && Contains("max_nesting"));
}

TEST_CASE("max_model_bytes bounds the file and what it unfolds to") {
  const std::string bytes = model_of(nodes(10'000));
  Limits limits;
  limits.max_model_bytes = bytes.size() - 1;
  CHECK_THAT(parse_error(bytes, limits), StartsWith("limit_exceeded") && Contains("max_model_bytes"));
  limits.max_model_bytes = bytes.size();  // two bytes of file a node, but over a hundred in memory
  CHECK_THAT(parse_error(bytes, limits), StartsWith("limit_exceeded") && Contains("max_model_bytes"));
  limits.max_model_bytes = 10'000 * sizeof(Node) + bytes.size();
  CHECK(parse(bytes, limits).graph.nodes.size() == 10'000);
}

}  // namespace spinel::onnx::testing
