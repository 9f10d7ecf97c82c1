// Networks of 8-bit integers as the passes lower them: equal to the reference operators bit by bit, on every
// instruction set.
#include "passes/test_lowering.hpp"

namespace spinel::passes {
namespace {

using namespace testing;
using ops::testing::Attributes;
using ops::testing::noise;
using ops::testing::same_bits;
using Ints = std::vector<int64_t>;

struct ConvCase {
  Dims x, w;
  Attributes attributes;
};

const std::vector<ConvCase>& conv_cases() {
  static const std::vector<ConvCase> cases = {
      {{1, 3, 19, 17}, {64, 3, 7, 7}, {{"pads", Ints{3, 3, 3, 3}}, {"strides", Ints{2, 2}}}},
      {{2, 16, 9, 11}, {33, 16, 3, 3}, {{"pads", Ints{1, 1, 1, 1}}}},
      {{1, 64, 14, 14}, {96, 64, 1, 1}, {}},
      {{1, 65, 5, 7}, {1, 65, 1, 1}, {{"strides", Ints{2, 1}}}},
      {{1, 512, 3, 3}, {40, 512, 3, 3}, {{"pads", Ints{1, 1, 1, 1}}}},
      {{1, 4096, 3, 5}, {31, 4096, 1, 1}, {}},
      {{3, 12, 10, 8}, {20, 3, 3, 2}, {{"group", int64_t{4}}, {"pads", Ints{0, 1, 2, 0}}}},
      {{1, 8, 12, 12}, {8, 8, 3, 3}, {{"dilations", Ints{2, 3}}, {"pads", Ints{2, 3, 2, 3}}}},
      {{1, 70, 9, 9}, {70, 1, 3, 3}, {{"group", int64_t{70}}, {"pads", Ints{1, 1, 1, 1}}}},
      {{2, 129, 8, 7},
       {129, 1, 5, 3},
       {{"group", int64_t{129}}, {"strides", Ints{2, 2}}, {"auto_pad", std::string("SAME_UPPER")}}},
      {{1, 6, 8, 8}, {12, 1, 3, 3}, {{"group", int64_t{6}}}},
      {{2, 32, 9, 10}, {32, 1, 3, 3}, {{"group", int64_t{32}}, {"pads", Ints{1, 1, 1, 1}}}},
      {{1, 16, 6, 37}, {16, 1, 1, 2}, {{"group", int64_t{16}}}},
      {{1, 8, 5, 40}, {8, 1, 3, 1}, {{"group", int64_t{8}}, {"dilations", Ints{2, 1}}}},
      {{1, 32, 11, 11}, {32, 1, 3, 3}, {{"group", int64_t{32}}, {"strides", Ints{2, 2}}}},
      {{1, 80, 7, 7}, {80, 1, 1, 1}, {{"group", int64_t{80}}}},
  };
  return cases;
}

/// Bytes of which many are the extremes of their type.
Tensor bytes(const Dims& dims, DType dtype, uint32_t seed) {
  const int lowest = dtype == DType::int8 ? -128 : 0;
  Tensor out = noise(dims, seed, lowest, lowest + 256, dtype);
  auto* each = static_cast<uint8_t*>(out.raw());
  for (int64_t i = 0; i < out.element_count(); i += 3) each[i] = static_cast<uint8_t>(lowest + (i % 2) * 255);
  return out;
}

/// How the operands of a convolution are quantised.
struct Format {
  DType x, w, y;
  int32_t x_zero, w_zero, y_zero;
  bool per_channel;
};
constexpr Format formats[] = {
    {DType::uint8, DType::int8, DType::uint8, 128, 0, 0, true},
    {DType::uint8, DType::int8, DType::uint8, 0, 0, 255, false},
    {DType::uint8, DType::uint8, DType::uint8, 255, 117, 3, true},
    {DType::int8, DType::int8, DType::int8, -128, 0, 127, true},
    {DType::int8, DType::uint8, DType::uint8, 5, 128, 100, false},
    {DType::uint8, DType::int8, DType::int8, 77, -128, -128, true},
};

Tensor zero_point(DType dtype, int32_t value) {
  return dtype == DType::int8 ? Tensor::scalar(static_cast<int8_t>(value))
                              : Tensor::scalar(static_cast<uint8_t>(value));
}

KernelCase conv_case(const ConvCase& c) {
  KernelCase out;
  out.op = "QLinearConv";
  out.version = 10;
  out.attributes = c.attributes;
  return out;
}

std::vector<Tensor> conv_inputs(const ConvCase& c, const Format& f) {
  const int64_t channels = c.w[0];
  const int64_t depth = element_count(c.w) / channels;
  Tensor w_scale = noise({f.per_channel ? channels : 1}, 4, 0.5, 2, DType::float32);
  Tensor w_zero(f.w, {f.per_channel ? channels : 1});
  for (int64_t i = 0; i < w_zero.element_count(); ++i)
    static_cast<uint8_t*>(w_zero.raw())[i] = static_cast<uint8_t>(f.w_zero);
  Tensor bias = noise({channels}, 5, -30000, 30000, DType::int32);
  if (f.per_channel) bias.data<int32_t>()[0] = std::numeric_limits<int32_t>::max();
  return {bytes(c.x, f.x, 1),
          Tensor::scalar(0.02F),
          zero_point(f.x, f.x_zero),
          bytes(c.w, f.w, 2),
          w_scale,
          f.per_channel ? w_zero : zero_point(f.w, f.w_zero),
          Tensor::scalar(2.5F * static_cast<float>(std::sqrt(static_cast<double>(depth)))),
          zero_point(f.y, f.y_zero),
          bias};
}

}  // namespace

TEST_CASE("quantised convolutions over channels-last tensors are exact", "[quantized]") {
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const ConvCase& c : conv_cases())
      for (const Format& f : formats) {
        const std::vector<Tensor> inputs = conv_inputs(c, f);
        Model reference(conv_case(c), inputs);
        reference.finish();
        INFO(dims_text(c.x) << " * " << dims_text(c.w) << ", " << dtype_name(f.x) << " * " << dtype_name(f.w)
                            << " on " << isa.name);
        Model tuned(conv_case(c), inputs);
        tuned.finish();
        lower(tuned.graph, isa);
        CHECK(tuned.count("NhwcQuantConv") == 1);
        CHECK(same_bits(tuned.run({inputs[0]}), reference.run({inputs[0]})));
      }
  });
}

TEST_CASE("quantised convolutions over one axis are those over two", "[quantized]") {
  const ConvCase cases[] = {
      {{2, 16, 50}, {33, 16, 5}, {{"pads", Ints{2, 1}}, {"strides", Ints{2}}}},
      {{1, 32, 40}, {32, 1, 3}, {{"group", int64_t{32}}, {"auto_pad", std::string("SAME_UPPER")}}},
  };
  const cpu::Isa& isa = cpu::best_isa();
  for (const ConvCase& c : cases)
    for (const Format& f : formats)
      for (const bool integer : {false, true}) {
        std::vector<Tensor> inputs = conv_inputs(c, f);
        KernelCase conv = conv_case(c);
        if (integer) {
          conv.op = "ConvInteger";
          inputs = {inputs[0], inputs[3], inputs[2], inputs[5]};
        }
        Model reference(conv, inputs);
        reference.finish();
        Model tuned(conv, inputs);
        tuned.finish();
        lower(tuned.graph, isa);
        CHECK(tuned.count("NhwcQuantConv") == 1);
        CHECK(same_bits(tuned.run({inputs[0]}), reference.run({inputs[0]})));
      }
}

TEST_CASE("integer convolutions to floats are exact, with what follows them", "[quantized]") {
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const ConvCase& c : conv_cases())
      for (const Format& f : formats) {
        INFO(dims_text(c.x) << " * " << dims_text(c.w) << ", " << dtype_name(f.x) << " * " << dtype_name(f.w)
                            << " on " << isa.name);
        const std::vector<Tensor> all = conv_inputs(c, f);
        const Tensor x = all[0];
        const int64_t channels = c.w[0];
        Tensor residual;
        const auto build = [&](bool scaled) {
          KernelCase integer;
          integer.op = "ConvInteger";
          integer.version = 10;
          integer.attributes = c.attributes;
          Model model(integer, {x, all[3], all[2], all[5]});
          model.finish();
          if (!scaled) return model;
          const ValueId sums = model.y;
          residual = noise(*graph::constant_dims(*model.graph.value(sums).type.shape), 7, -9, 9);
          const ValueId scale = model.add_value("scale", Tensor::scalar(1.0F));
          const ValueId other = model.add_value("other", residual);
          model.graph.inputs.insert(model.graph.inputs.end(), {scale, other});
          const ValueId w_scale = model.graph.add_constant(
              "w_scale", all[4].element_count() == 1 ? all[4] : all[4].reshaped({1, channels, 1, 1}));
          const ValueId bias = model.graph.add_constant("bias", noise({1, channels, 1, 1}, 6, -5, 5));
          const ValueId by = model.add("Mul", 14, {}, {scale, w_scale});
          const ValueId floats = model.add("Cast", 13, {{"to", int64_t{1}}}, {sums});
          model.y = model.add("Mul", 14, {}, {floats, by});
          model.y = model.add("Add", 14, {}, {model.y, bias});
          model.y = model.add("Add", 14, {}, {other, model.y});
          model.y = model.add("Relu", 14, {}, {model.y});
          model.finish();
          return model;
        };
        for (const bool scaled : {true, false}) {
          Model reference = build(scaled);
          Model tuned = build(scaled);
          std::vector<Tensor> feeds{x};
          if (scaled) feeds.insert(feeds.end(), {Tensor::scalar(0.02F), residual});
          lower(tuned.graph, isa);
          CHECK(tuned.count("NhwcQuantConv") == 1);
          CHECK(tuned.count("Cast") == 0);
          CHECK(tuned.count("Relu") == 0);
          CHECK(same_bits(tuned.run(feeds), reference.run(feeds)));
        }
      }
  });
}

TEST_CASE("what stands between quantised convolutions keeps their layout and their bits", "[quantized]") {
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const Format& f : {formats[0], formats[3]}) {
      const ConvCase c{{2, 24, 13, 11}, {24, 24, 3, 3}, {{"pads", Ints{1, 1, 1, 1}}}};
      const std::vector<Tensor> inputs = conv_inputs(c, f);
      const auto build = [&] {
        Model model(conv_case(c), inputs);
        const auto number = [&](float value) {
          return model.graph.add_constant(fmt::format("n{}", model.graph.values.size()),
                                          Tensor::scalar(value));
        };
        const ValueId zero = model.graph.add_constant("zero", inputs[7]);
        ValueId y = model.y;
        const char* ms = "com.microsoft";
        y = model.add("QLinearAdd", 1, {},
                      {y, number(0.5F), zero, model.x, number(0.25F), zero, number(0.7F), zero}, ms);
        y = model.add("QLinearMul", 1, {},
                      {y, number(0.1F), zero, y, number(0.05F), zero, number(0.6F), zero}, ms);
        y = model.add("MaxPool", 12,
                      {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}},
                      {y});
        y = model.add("QLinearSigmoid", 1, {}, {y, number(0.02F), zero, number(0.004F), zero}, ms);
        model.y = y;
        model.finish();
        return model;
      };
      Model reference = build();
      Model tuned = build();
      lower(tuned.graph, isa);
      CHECK(tuned.count("Transpose") == 2);
      CHECK(same_bits(tuned.run({inputs[0]}), reference.run({inputs[0]})));
    }
  });
}

TEST_CASE("quantising and dequantising by tuned kernels is exact", "[quantized]") {
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const DType dtype : {DType::uint8, DType::int8}) {
      const Tensor zero = zero_point(dtype, dtype == DType::int8 ? -3 : 200);
      Tensor x = noise({3, 7, 71}, 8, -30, 30, DType::float32);
      x.data<float>()[5] = std::numeric_limits<float>::quiet_NaN();
      x.data<float>()[6] = std::numeric_limits<float>::infinity();
      x.data<float>()[7] = -std::numeric_limits<float>::infinity();
      for (int i = 0; i < 40; ++i)
        x.data<float>()[static_cast<size_t>(20 + i)] = 0.0625F * static_cast<float>(i - 20);
      KernelCase c;
      c.op = "QuantizeLinear";
      c.version = 13;
      const std::vector<Tensor> inputs{x, Tensor::scalar(0.125F), zero};
      const auto build = [&] {
        Model model(c, inputs);
        model.finish();
        const ValueId q = model.y;
        model.y = model.add("DequantizeLinear", 13, {}, {q, 1, 2});
        model.finish();
        model.graph.outputs.push_back(q);
        model.graph.output_names.push_back("q");
        return model;
      };
      const auto run = [&](Model& model) {
        return graph::interpret(model.graph, {graph::RuntimeValue(x)}, {}, {});
      };
      Model reference = build();
      const auto expected = run(reference);
      INFO(isa.name);
      Model tuned = build();
      lower(tuned.graph, isa);
      for (const Node& node : tuned.graph.nodes) CHECK(node.op->kernel() == "bytes");
      const auto results = run(tuned);
      CHECK(same_bits(results[0].tensor(), expected[0].tensor()));
      CHECK(same_bits(results[1].tensor(), expected[1].tensor()));
    }
  });
}

TEST_CASE("quantising by a tensor's own range is exact", "[quantized]") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const DType dtype : {DType::float32, DType::float16})
      for (const int64_t count : {1, 3, 16, 67, 1000, 70001})
        for (const auto& [low, high] : {std::pair{-3.0, 5.0}, {1.0, 2.0}, {-7.0, -0.5}, {0.0, 0.0}}) {
          Tensor wide = noise({count}, 3, low, high, DType::float32);
          if (count > 60) wide.data<float>()[7] = std::numeric_limits<float>::quiet_NaN();
          if (count > 60) wide.data<float>()[60] = -0.0F;
          if (count == 1000) wide.data<float>()[999] = infinity;
          KernelCase c;
          c.op = "DynamicQuantizeLinear";
          c.inputs.resize(1);
          c.version = 11;
          const std::vector<Tensor> inputs{convert(wide, dtype)};
          INFO(count << " in [" << low << ", " << high << "] of " << dtype_name(dtype) << " on " << isa.name);
          const graph::OpPtr op = cpu::testing::tuned_op(c, isa, inputs, 3);
          REQUIRE(op != nullptr);
          const auto expected = ops::testing::run_op(c.op, c.version, {}, inputs, 3);
          const auto actual = ops::testing::run(*op, inputs, 3);
          for (size_t i = 0; i < 3; ++i) CHECK(same_bits(actual[i], expected[i]));
        }
  });
}

}  // namespace spinel::passes
