// Convolutions, pools and linear layers as the passes lower them, against the reference operators in float64.
#include "cpu/kernel_harness.hpp"
#include "graph/infer.hpp"
#include "graph/interpret.hpp"
#include "passes/pipeline.hpp"

#if defined(SPINEL_HAS_FP16_EMULATION)
namespace spinel::cpu::avx512_fp16_emulated {
extern const HalfKernels half_kernels;
}
#endif

namespace spinel::passes {
namespace {

using cpu::testing::KernelCase;
using graph::Graph;
using graph::Node;
using graph::ValueId;
using graph::ValueType;

/// X (inputs[0]) -> operator -> the nodes that `follow` adds.
struct Model {
  Graph graph;
  ValueId x, y;

  Model(const KernelCase& c, const std::vector<Tensor>& inputs) {
    x = add_value("x", inputs[0]);
    graph.inputs.push_back(x);
    std::vector<ValueId> ids{x};
    for (size_t i = 1; i < inputs.size(); ++i)
      ids.push_back(graph.add_constant(fmt::format("c{}", i), inputs[i]));
    y = add(c.op, c.version, c.attributes, ids);
  }
  ValueId add_value(const std::string& name, const Tensor& like) {
    graph::Value value;
    value.name = name;
    value.type = ValueType::tensor(like.dtype(), graph::to_shape(like.dims()));
    return graph.add_value(std::move(value));
  }
  ValueId add(const std::string& op, int version, ops::testing::Attributes attributes,
              std::vector<ValueId> inputs) {
    graph::Value value;
    value.name = fmt::format("v{}", graph.values.size());
    const ValueId out = graph.add_value(std::move(value));
    Node node;
    node.name = fmt::format("{}_{}", op, graph.nodes.size());
    node.op = ops::testing::make(op, version, std::move(attributes), inputs.size(), 1);
    node.inputs = std::move(inputs);
    node.outputs = {out};
    node.sources = {node.name};
    graph.add_node(std::move(node));
    return out;
  }
  Tensor run(const std::vector<Tensor>& feeds) {
    std::vector<graph::RuntimeValue> values(feeds.begin(), feeds.end());
    return graph::interpret(graph, std::move(values), {}, {})[0].tensor();
  }
  size_t count(std::string_view op) const {
    return static_cast<size_t>(
        std::ranges::count_if(graph.nodes, [&](const Node& n) { return n.op->name() == op; }));
  }
  Model& plain() {
    finish();
    return *this;
  }
  void finish() {
    graph.outputs = {y};
    graph.output_names = {"y"};
    graph::infer(graph);
  }
};

std::vector<Tensor> widened(const std::vector<Tensor>& inputs) {
  std::vector<Tensor> out;
  for (const Tensor& input : inputs) out.push_back(convert(input, DType::float64));
  return out;
}

void lower(Graph& graph, const cpu::Isa& isa) {
  Settings settings;
  settings.isa = &isa;
  run_pipeline(graph, settings);
}

double greatest(const Tensor& tensor) {
  double most = 0;
  const Tensor wide = convert(tensor, DType::float64);
  for (double v : wide.data<double>()) most = std::max(most, std::abs(v));
  return most;
}

void check(const KernelCase& c, const cpu::Isa& isa, DType dtype, bool residual, const char* activation) {
  INFO(c.line << ", " << dtype_name(dtype) << " on " << isa.name << (residual ? ", residual" : "") << ", "
              << activation);
  std::vector<Tensor> inputs = cpu::testing::make_inputs(c, dtype, -1, 1);
  auto build = [&](const std::vector<Tensor>& tensors, std::vector<Tensor>& feeds) {
    Model model(c, tensors);
    feeds = {tensors[0]};
    model.finish();
    if (residual) {
      const Tensor other = convert(
          ops::testing::noise(*graph::constant_dims(*model.graph.value(model.y).type.shape), 9, -1, 1, dtype),
          tensors[0].dtype());
      const ValueId r = model.add_value("r", other);
      model.graph.inputs.push_back(r);
      feeds.push_back(other);
      model.y = model.add("Add", 14, {}, {model.y, r});
    }
    if (*activation != '\0') model.y = model.add(activation, 22, {}, {model.y});
    model.finish();
    return model;
  };
  std::vector<Tensor> feeds, wide_feeds;
  Model tuned = build(inputs, feeds);
  Model reference = build(widened(inputs), wide_feeds);
  const Tensor expected = reference.run(wide_feeds);
  const double scale = greatest(Model(c, widened(inputs)).plain().run({wide_feeds[0]}));
  lower(tuned.graph, isa);
  CHECK(tuned.count(c.op) == 0);
  CHECK(tuned.count("Add") == 0);
  if (*activation != '\0') CHECK(tuned.count(activation) == 0);
  // Winograd's transforms lose about two digits more than the plain sum.
  cpu::testing::expect_near(tuned.run(feeds), expected, 3e-5, std::max(scale, 1.0));
}

TEST_CASE("convolutions") {
  const auto cases = cpu::testing::read_cases("conv.txt");
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const KernelCase& c : cases)
      for (const DType dtype : {DType::float32, DType::float16}) check(c, isa, dtype, false, "");
  });
}

TEST_CASE("convolutions with what follows them") {
  const auto cases = cpu::testing::read_cases("conv.txt");
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    int i = 0;
    for (const KernelCase& c : cases) {
      static constexpr const char* activations[] = {"Relu", "Sigmoid", "HardSwish", "Gelu", "Tanh"};
      const bool planes = c.inputs[1].dims[1] <= 4 && c.attributes.find("group") == c.attributes.end();
      check(c, isa, i % 3 == 0 ? DType::float16 : DType::float32, !planes, activations[i % 5]);
      ++i;
    }
  });
}

TEST_CASE("transposed convolutions") {
  const auto cases = cpu::testing::read_cases("conv_transpose.txt");
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const KernelCase& c : cases)
      for (const DType dtype : {DType::float32, DType::float16})
        for (const char* activation : {"", "Relu", "Sigmoid"}) check(c, isa, dtype, false, activation);
  });
}

TEST_CASE("a BatchNormalization behind a transposed convolution becomes part of it") {
  for (const int64_t group : {1, 3}) {
    KernelCase c;
    c.op = "ConvTranspose";
    c.attributes = {{"strides", std::vector<int64_t>{2, 2}}, {"group", group}};
    c.inputs.resize(3);
    c.inputs[0].dims = {2, 6, 5, 4};
    c.inputs[1].dims = {6, 4, 3, 2};
    c.inputs[2].dims = {4 * group};
    const auto build = [&](const std::vector<Tensor>& inputs) {
      Model model(c, inputs);
      std::vector<ValueId> ids{model.y};
      for (uint32_t i = 0; i < 4; ++i)
        ids.push_back(model.graph.add_constant(
            fmt::format("bn{}", i),
            convert(ops::testing::noise({4 * group}, i, 0.5, 2, DType::float32), inputs[0].dtype())));
      model.y = model.add("BatchNormalization", 15, {}, ids);
      model.finish();
      return model;
    };
    const std::vector<Tensor> inputs = cpu::testing::make_inputs(c, DType::float32, -1, 1);
    Model tuned = build(inputs);
    lower(tuned.graph, cpu::best_isa());
    CHECK(tuned.count("NhwcConvTranspose") == 1);
    CHECK(tuned.count("BatchNormalization") + tuned.count("ElementwiseChain") + tuned.count("Mul") == 0);
    const Tensor expected = build(widened(inputs)).run({widened(inputs)[0]});
    cpu::testing::expect_near(tuned.run({inputs[0]}), expected, 1e-5, greatest(expected));
  }
}

TEST_CASE("a transposed convolution hands on NaN and Inf") {
  KernelCase c;
  c.op = "ConvTranspose";
  c.attributes = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}, {"strides", std::vector<int64_t>{2, 2}}};
  c.inputs.resize(2);
  c.inputs[0].dims = {1, 16, 9, 9};
  c.inputs[1].dims = {16, 12, 4, 4};
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    std::vector<Tensor> inputs = cpu::testing::make_inputs(c, DType::float32);
    inputs[0].data<float>()[40] = std::numeric_limits<float>::quiet_NaN();
    inputs[0].data<float>()[200] = std::numeric_limits<float>::infinity();
    Model model(c, inputs);
    model.finish();
    const Tensor expected = model.run({inputs[0]});
    lower(model.graph, isa);
    CHECK(model.count("NhwcConvTranspose") == 1);
    cpu::testing::expect_near(model.run({inputs[0]}), expected, 1e-5, 20);
  });
}

/// docs/accuracy.md states it.
constexpr double winograd_bound = 16;

TEST_CASE("Winograd's rounding error is bounded by the sum of the absolute products") {
  KernelCase c;
  c.op = "Conv";
  c.attributes = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}};
  c.inputs.resize(2);
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const int64_t channels : {16, 64, 256})
      for (const double low : {-1.0, 0.0}) {  // Of both signs, and as after a ReLU.
        c.inputs[0].dims = {1, channels, 14, 14};
        c.inputs[1].dims = {32, channels, 3, 3};
        const std::vector<Tensor> inputs = {ops::testing::noise(c.inputs[0].dims, 5, low, 1),
                                            ops::testing::noise(c.inputs[1].dims, 6, -1, 1)};
        Model tuned(c, inputs);
        tuned.finish();
        lower(tuned.graph, isa);
        REQUIRE(tuned.graph.nodes.size() == 3);  // With a transpose on either side.
        CHECK(tuned.graph.nodes[1].op->kernel() == "winograd");
        Model reference(c, widened(inputs));
        reference.finish();
        std::vector<Tensor> magnitudes = widened(inputs);
        for (Tensor& each : magnitudes)
          for (double& v : each.data<double>()) v = std::abs(v);
        Model absolute(c, magnitudes);
        absolute.finish();
        const Tensor got = convert(tuned.run({inputs[0]}), DType::float64);
        const Tensor expected = reference.run({widened(inputs)[0]});
        const Tensor sums = absolute.run({magnitudes[0]});
        double worst = 0;
        for (size_t i = 0; i < sums.data<double>().size(); ++i)
          worst = std::max(worst, std::abs(got.data<double>()[i] - expected.data<double>()[i]) /
                                      (sums.data<double>()[i] * 0x1p-24));
        INFO(channels << " channels on " << isa.name);
        CHECK(worst < winograd_bound);
        CHECK(worst > 0);
      }
  });
}

TEST_CASE("a convolution hands on NaN and Inf") {
  KernelCase c;
  c.op = "Conv";
  c.attributes = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}, {"strides", std::vector<int64_t>{2, 2}}};
  c.inputs.resize(2);
  c.inputs[0].dims = {1, 16, 9, 9};
  c.inputs[1].dims = {16, 16, 3, 3};
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    std::vector<Tensor> inputs = cpu::testing::make_inputs(c, DType::float32);
    inputs[0].data<float>()[40] = std::numeric_limits<float>::quiet_NaN();
    inputs[0].data<float>()[200] = std::numeric_limits<float>::infinity();
    Model model(c, inputs);
    model.y = model.add("Relu", 14, {}, {model.y});
    model.finish();
    const Tensor expected = model.run({inputs[0]});
    lower(model.graph, isa);
    cpu::testing::expect_near(model.run({inputs[0]}), expected, 1e-5, 20);
  });
}

TEST_CASE("pools of channels-last tensors") {
  const auto cases = cpu::testing::read_cases("pool.txt");
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const KernelCase& c : cases)
      for (const DType dtype : {DType::float32, DType::float16}) {
        INFO(c.line << ", " << dtype_name(dtype) << " on " << isa.name);
        const std::vector<Tensor> inputs = cpu::testing::make_inputs(c, dtype);
        Model tuned(c, inputs);
        tuned.finish();
        Model reference(c, widened(inputs));
        reference.finish();
        lower(tuned.graph, isa);
        CHECK(tuned.count(c.op) == 0);
        cpu::testing::expect_near(tuned.run(inputs), reference.run(widened(inputs)), 1e-6, 1);
      }
  });
}

TEST_CASE("linear layers") {
  const auto cases = cpu::testing::read_cases("linear.txt");
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const KernelCase& c : cases)
      for (const DType dtype : {DType::float32, DType::float16}) {
        INFO(c.line << ", " << dtype_name(dtype) << " on " << isa.name);
        const std::vector<Tensor> inputs = cpu::testing::make_inputs(c, dtype, -1, 1);
        Model tuned(c, inputs);
        tuned.y = tuned.add("Gelu", 20, {}, {tuned.y});
        tuned.finish();
        Model reference(c, widened(inputs));
        reference.y = reference.add("Gelu", 20, {}, {reference.y});
        reference.finish();
        lower(tuned.graph, isa);
        CHECK(tuned.count("Linear") == 1);
        CHECK(tuned.count("Gelu") == 0);
        const Tensor expected = reference.run({widened(inputs)[0]});
        cpu::testing::expect_near(tuned.run({inputs[0]}), expected, 1e-6, greatest(expected));
      }
  });
}

#if defined(SPINEL_HAS_FP16_EMULATION)

/// The float16 kernels of machines that have the arithmetic, compiled for those that have not.
const cpu::Isa& emulated_isa() {
  static const cpu::Isa isa{"avx512_fp16 emulated", nullptr, cpu::find_isa("avx512").kernels,
                            &cpu::avx512_fp16_emulated::half_kernels};
  return isa;
}

/// L2 error of float16 results against float64, relative.
void check_half(const KernelCase& c, int64_t chunk, double most, bool residual) {
  INFO(c.line << ", chunk " << chunk);
  std::vector<Tensor> inputs = cpu::testing::make_inputs(c, DType::float16, -1, 1);
  Model tuned(c, inputs);
  tuned.finish();
  Model reference(c, widened(inputs));
  reference.finish();
  std::vector<Tensor> feeds{inputs[0]};
  if (residual) {
    feeds.push_back(ops::testing::noise(*graph::constant_dims(*tuned.graph.value(tuned.y).type.shape), 9, -1,
                                        1, DType::float16));
    for (Model* model : {&tuned, &reference}) {
      const ValueId r = model->add_value("r", model == &tuned ? feeds[1] : convert(feeds[1], DType::float64));
      model->graph.inputs.push_back(r);
      model->y = model->add("Add", 14, {}, {model->y, r});
      model->finish();
    }
  }
  Settings settings;
  settings.isa = &emulated_isa();
  settings.half_chunk = chunk;
  run_pipeline(tuned.graph, settings);
  const Tensor got = convert(tuned.run(feeds), DType::float64);
  const Tensor expected = reference.run(widened(feeds));
  double error = 0, sum = 0;
  for (size_t i = 0; i < got.data<double>().size(); ++i) {
    error += std::pow(got.data<double>()[i] - expected.data<double>()[i], 2);
    sum += std::pow(expected.data<double>()[i], 2);
  }
  CHECK(std::sqrt(error / sum) < most);
}

TEST_CASE("products in float16 arithmetic") {
  if (!cpu::has_isa("avx512")) return;
  // Random signs cancel, which makes the relative errors larger than those of a network's layers.
  for (const char* file : {"conv.txt", "conv_transpose.txt", "linear.txt"})
    for (const KernelCase& c : cpu::testing::read_cases(file)) {
      check_half(c, 64, 3e-3, false);
      check_half(c, 128, 4e-3, false);
      check_half(c, 256, 6e-3, c.op == "Conv" && c.inputs[1].dims[1] > 4);
    }
}

TEST_CASE("products in float16 arithmetic overflow to infinity") {
  if (!cpu::has_isa("avx512")) return;
  KernelCase c;
  c.op = "MatMul";
  c.inputs.resize(2);
  Tensor a = convert(Tensor::from<float>({1, 2}, {300.0F, 1.0F}), DType::float16);
  Tensor b = convert(Tensor::from<float>({2, 2}, {300.0F, 1.0F, 0.0F, 2.0F}), DType::float16);
  Model model(c, {a, b});
  model.finish();
  Settings settings;
  settings.isa = &emulated_isa();
  run_pipeline(model.graph, settings);
  const Tensor y = convert(model.run({a}), DType::float32);
  CHECK(std::isinf(y.data<float>()[0]));
  CHECK(y.data<float>()[1] == 302.0F);
}

#endif

}  // namespace
}  // namespace spinel::passes
