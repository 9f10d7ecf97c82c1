#include <catch2/catch.hpp>
#include <cstring>

#include "passes/test_passes.hpp"
#include "passes/test_transformer.hpp"

using namespace spinel;
using test::Encoder;
using test::ModelGraph;

namespace {

size_t count_of(const std::vector<PassReport>& reports, const std::string& pass, const std::string& op) {
  for (const PassReport& report : reports)
    if (report.pass == pass) return report.counts.at(op);
  return 0;
}

std::vector<Tensor> inputs(int64_t batch) {
  Tensor mask(DType::float32, {batch, 1, 1, Encoder::rows});
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = Encoder::rows - b; i < Encoder::rows; ++i)
      mask.data<float>()[static_cast<size_t>(b * Encoder::rows + i)] = -10000.0F;
  return {test::random_floats({batch, Encoder::rows, Encoder::width}, 5), mask};
}

void check_encoder(const ModelGraph& model, int64_t opset, int layers) {
  const graph::Graph before = test::import_graph(model, opset);
  graph::Graph after = test::import_graph(model, opset);
  const auto reports = passes::run_pipeline(after, {});
  const auto n = static_cast<size_t>(layers);
  CHECK(count_of(reports, "recognize_attention", "Attention") == n);
  CHECK(count_of(reports, "recognize_layer_norm", "LayerNormalization") == 2 * n + 1);
  CHECK(count_of(reports, "recognize_activations", "Gelu") == n);
  CHECK(test::count_op(after, "Attention") == n);
  for (const char* gone : {"Transpose", "Reshape", "Regroup", "Softmax", "Shape", "Gather"}) {
    INFO(gone);
    CHECK(test::count_op(after, gone) == 0);
  }
  for (const int64_t batch : {1, 3})
    CHECK(test::relative_error(test::interpret_one(after, inputs(batch)),
                               test::interpret_one(before, inputs(batch))) < 1e-5);
}

/// softmax(Q K') V of three inputs; `edit` may change what is between.
ModelGraph core(const std::function<std::string(ModelGraph&, std::string scores)>& edit) {
  ModelGraph g;
  g.input("q", DType::float32, {std::string("b"), int64_t{2}, int64_t{5}, int64_t{8}});
  g.input("k", DType::float32, {std::string("b"), int64_t{2}, int64_t{8}, int64_t{7}});
  g.input("v", DType::float32, {std::string("b"), int64_t{2}, int64_t{7}, int64_t{4}});
  g.constant("scale", Tensor::scalar(0.25F)).constant("bias", test::random_floats({5, 7}, 9));
  g.node("MatMul", {"q", "k"}, {"scores"});
  g.node("Softmax", {edit(g, "scores")}, {"p"}, {{"axis", int64_t{-1}}}, "softmax");
  g.node("MatMul", {"p", "v"}, {"y"}).output("y", DType::float32);
  return g;
}

std::vector<Tensor> core_inputs() {
  return {test::random_floats({3, 2, 5, 8}, 1), test::random_floats({3, 2, 8, 7}, 2),
          test::random_floats({3, 2, 7, 4}, 3)};
}

void check_core(const ModelGraph& model) {
  const graph::Graph before = test::import_graph(model);
  graph::Graph after = test::import_graph(model);
  const PassReport report = test::run_pass(after, passes::recognize_attention);
  CHECK(report.changes == 1);
  CHECK(test::count_op(after, "Attention") == 1);
  CHECK(test::count_op(after, "Softmax") == 0);
  CHECK(test::relative_error(test::interpret_one(after, core_inputs()),
                             test::interpret_one(before, core_inputs())) < 1e-5);
}

void check_refused(const ModelGraph& model, const std::string& reason) {
  graph::Graph graph = test::import_graph(model);
  const PassReport report = test::run_pass(graph, passes::recognize_attention);
  CHECK(report.changes == 0);
  CHECK(test::count_op(graph, "Attention") == 0);
  REQUIRE(report.notes.size() == 1);
  CHECK(report.notes[0].refused);
  CHECK(report.notes[0].node == "softmax");
  INFO(report.notes[0].text);
  CHECK(report.notes[0].text.find(reason) != std::string::npos);
}

}  // namespace

TEST_CASE("recognize_attention: an encoder by torch.onnx.export", "[passes]") {
  check_encoder(Encoder::torchscript(2, false), 17, 2);
  check_encoder(Encoder::torchscript(2, true), 14, 2);
}

TEST_CASE("recognize_attention: an encoder by torch.onnx.export with dynamo", "[passes]") {
  check_encoder(Encoder::dynamo(2, false), 20, 2);
  check_encoder(Encoder::dynamo(2, true), 18, 2);
}

TEST_CASE("recognize_attention: nn.MultiheadAttention, whose batch comes to be an axis of its own",
          "[passes]") {
  const ModelGraph model = Encoder::multihead();
  const graph::Graph before = test::import_graph(model);
  graph::Graph after = test::import_graph(model);
  passes::run_pipeline(after, {});
  // The packed projection, attention, the projection behind.
  CHECK(test::count_op(after, "Attention") == 1);
  CHECK(test::count_op(after, "Linear") == 2);
  CHECK(after.nodes.size() == 3);
  CHECK(test::relative_error(test::interpret_one(after, inputs(3)), test::interpret_one(before, inputs(3))) <
        1e-5);
}

TEST_CASE("recognize_attention: scales and masks", "[passes]") {
  check_core(core([](ModelGraph&, const std::string& s) { return s; }));
  check_core(core([](ModelGraph& g, const std::string& s) {
    g.node("Mul", {"scale", s}, {"t"});
    return std::string("t");
  }));
  check_core(core([](ModelGraph& g, const std::string& s) {
    g.node("Div", {s, "scale"}, {"t"}).node("Add", {"bias", "t"}, {"u"});
    return std::string("u");
  }));
  check_core(core([](ModelGraph& g, const std::string& s) {
    Tensor keep(DType::boolean, {5, 7});
    for (int64_t i = 0; i < 35; ++i) static_cast<bool*>(keep.raw())[i] = i % 7 <= i / 7;
    g.constant("keep", keep).constant("lowest", Tensor::scalar(std::numeric_limits<float>::lowest()));
    g.node("Where", {"keep", s, "lowest"}, {"t"});
    return std::string("t");
  }));
}

TEST_CASE("recognize_attention: what does not fit stays, with a reason", "[passes]") {
  check_refused(core([](ModelGraph& g, const std::string& s) {
                  g.node("Add", {s, "bias"}, {"t"}).node("Mul", {"t", "scale"}, {"u"});
                  return std::string("u");
                }),
                "masked scores are scaled");
  check_refused(core([](ModelGraph& g, const std::string& s) {
                  g.node("Neg", {s}, {"z"}).output("z", DType::float32);
                  return s;
                }),
                "read elsewhere");
  ModelGraph weights = core([](ModelGraph&, const std::string& s) { return s; });
  weights.node("Neg", {"p"}, {"z"}).output("z", DType::float32);
  check_refused(weights, "read elsewhere");
}

TEST_CASE("recognize_attention: float16 on both sides of the conversion", "[passes]") {
  const ModelGraph model = Encoder::torchscript(2, true);
  const graph::Graph before = test::import_graph(model, 14);
  graph::Graph after = test::import_graph(model, 14);
  passes::Settings settings;
  settings.dtype = DType::float16;
  passes::run_pipeline(after, settings);
  CHECK(test::count_op(after, "Attention") == 2);
  std::vector<Tensor> half;
  for (const Tensor& each : inputs(2)) half.push_back(convert(each, DType::float16));
  const Tensor y = test::interpret_one(after, half);
  CHECK(y.dtype() == DType::float16);
  CHECK(test::relative_error(y, test::interpret_one(before, inputs(2))) < 5e-3);
}
