// Models that the tests of engine files compile. Not part of the library.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "onnx/test_model.hpp"
#include "passes/pipeline.hpp"

namespace spinel::test {

struct EngineModel {
  std::string name;
  std::vector<std::byte> onnx;
  std::vector<Tensor> inputs;
  std::vector<std::string> operators;  ///< That the compiled graph must hold, or the model tests nothing.
  DType dtype = DType::undefined;
};

/// A stem of three planes, then 3x3, grouped, depthwise and pointwise convolutions, a sum, pools, a Gemm.
inline EngineModel convolutions(DType dtype) {
  ModelGraph g("convolutions");
  const std::string batch = "batch";
  const auto conv = [&](const std::string& x, int64_t in, int64_t out, int64_t kernel, int64_t group,
                        bool bias, const std::string& y, const std::vector<int64_t>& strides) {
    g.constant(y + ".w",
               random_floats({out, in / group, kernel, kernel}, static_cast<uint32_t>(in + kernel)));
    std::vector<std::string> inputs{x, y + ".w"};
    if (bias) {
      g.constant(y + ".b", random_floats({out}, 5));
      inputs.push_back(y + ".b");
    }
    const int64_t pad = kernel / 2;
    g.node("Conv", inputs, {y},
           {{"kernel_shape", std::vector<int64_t>{kernel, kernel}},
            {"strides", strides},
            {"pads", std::vector<int64_t>{pad, pad, pad, pad}},
            {"group", group}});
  };
  g.input("x", DType::float32, {batch, 3, 20, 18});
  conv("x", 3, 16, 3, 1, true, "stem", {2, 2});
  g.node("Relu", {"stem"}, {"stem.relu"});
  g.node("MaxPool", {"stem.relu"}, {"pooled"},
         {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"pads", std::vector<int64_t>{0, 0, 1, 1}}});
  conv("pooled", 16, 16, 3, 1, true, "square", {1, 1});
  g.node("Add", {"square", "pooled"}, {"sum"});
  conv("sum", 16, 16, 3, 4, false, "grouped", {1, 1});
  g.node("HardSwish", {"grouped"}, {"grouped.act"});
  conv("grouped.act", 16, 16, 3, 16, true, "depthwise", {1, 1});
  conv("depthwise", 16, 24, 1, 1, false, "pointwise", {1, 1});
  g.node("Sigmoid", {"pointwise"}, {"gate"});
  g.node("Mul", {"pointwise", "gate"}, {"gated"});
  g.node("GlobalAveragePool", {"gated"}, {"mean"});
  g.node("Flatten", {"mean"}, {"flat"});
  g.constant("fc.w", random_floats({10, 24}, 9)).constant("fc.b", random_floats({10}, 10));
  g.node("Gemm", {"flat", "fc.w", "fc.b"}, {"scores"}, {{"transB", int64_t{1}}});
  g.node("Softmax", {"scores"}, {"y"}).output("y", DType::float32);
  Tensor x = random_floats({3, 3, 20, 18}, 1);
  if (dtype == DType::float16) x = convert(x, dtype);
  return {dtype == DType::float16 ? "convolutions_fp16" : "convolutions",
          g.model(),
          {x},
          {"NhwcConv", "PlanarConv", "NhwcPool", "NhwcGlobalAveragePool", "Linear"},
          dtype};
}

/// Transposed convolutions: phases that overlap, depthwise, in groups with padding of the output, and to a
/// given size.
inline EngineModel transposed(DType dtype) {
  ModelGraph g("transposed");
  g.input("x", DType::float32, {std::string("n"), 16, 5, 7});
  g.constant("w", random_floats({16, 24, 4, 4}, 2)).constant("b", random_floats({24}, 3));
  g.constant("w2", random_floats({24, 5, 3, 3}, 4)).constant("w3", random_floats({10, 9, 2, 2}, 5));
  const std::vector<int64_t> two{2, 2}, ones{1, 1, 1, 1};
  g.node("ConvTranspose", {"x", "w", "b"}, {"a"}, {{"strides", two}, {"pads", ones}});
  g.constant("w4", random_floats({24, 1, 3, 3}, 6));
  g.node("ConvTranspose", {"a", "w4"}, {"each"}, {{"pads", ones}, {"group", int64_t{24}}});
  g.node("HardSwish", {"each"}, {"c"});
  g.node("ConvTranspose", {"c", "w2"}, {"d"},
         {{"strides", two},
          {"pads", ones},
          {"group", int64_t{2}},
          {"output_padding", std::vector<int64_t>{1, 0}}});
  g.node("ConvTranspose", {"d", "w3"}, {"y"},
         {{"strides", two}, {"output_shape", std::vector<int64_t>{39, 54}}});
  g.output("y", DType::float32);
  Tensor x = random_floats({2, 16, 5, 7}, 1);
  if (dtype == DType::float16) x = convert(x, dtype);
  return {dtype == DType::float16 ? "transposed_fp16" : "transposed",
          g.model(),
          {x},
          {"NhwcConvTranspose"},
          dtype};
}

/// A pointwise convolution and the depthwise one that reads it, over an image that is worth making them one.
inline EngineModel pair() {
  ModelGraph g("pair");
  g.input("x", DType::float32, {std::string("n"), 8, 64, 64});
  g.constant("w", random_floats({64, 8, 1, 1}, 2)).constant("b", random_floats({64}, 3));
  g.constant("d", random_floats({64, 1, 3, 3}, 4)).constant("e", random_floats({64}, 5));
  const std::vector<int64_t> two{2, 2}, ones{1, 1, 1, 1};
  g.node("Conv", {"x", "w", "b"}, {"middle"}).node("Relu", {"middle"}, {"relu"});
  g.node("Conv", {"relu", "d", "e"}, {"each"}, {{"strides", two}, {"pads", ones}, {"group", int64_t{64}}});
  g.node("HardSwish", {"each"}, {"y"}).output("y", DType::float32);
  return {"pair", g.model(), {random_floats({1, 8, 64, 64}, 1)}, {"NhwcConvPair"}};
}

/// Quantised: a convolution in one group with asymmetric weights, a depthwise one, a pool, a sum; one whose
/// input is quantised while it runs.
inline EngineModel quantized() {
  ModelGraph g("quantized");
  g.input("x", DType::float32, {std::string("n"), 3, 12, 10});
  g.constant("s", Tensor::scalar(0.05F)).constant("z", Tensor::scalar(uint8_t{120}));
  g.constant("ws", Tensor::scalar(0.02F)).constant("wz", Tensor::scalar(uint8_t{90}));
  g.constant("w", convert(random_floats({16, 3, 3, 3}, 2), DType::uint8));
  g.constant("dz", Tensor::scalar(int8_t{0}))
      .constant("d", convert(random_floats({16, 1, 3, 3}, 3), DType::int8));
  const std::vector<int64_t> ones{1, 1, 1, 1};
  g.node("QuantizeLinear", {"x", "s", "z"}, {"q"});
  g.node("QLinearConv", {"q", "s", "z", "w", "ws", "wz", "s", "z"}, {"a"}, {{"pads", ones}});
  g.node("QLinearConv", {"a", "s", "z", "d", "ws", "dz", "s", "z"}, {"b"},
         {{"pads", ones}, {"group", int64_t{16}}});
  g.node("MaxPool", {"b"}, {"c"}, {{"kernel_shape", std::vector<int64_t>{2, 2}}});
  g.node("DequantizeLinear", {"c", "s", "z"}, {"y"}).output("y", DType::float32);
  g.node("DynamicQuantizeLinear", {"x"}, {"r", "rs", "rz"}).node("Mul", {"rs", "ws"}, {"scale"});
  g.node("ConvInteger", {"r", "w", "rz", "wz"}, {"sums"}).node("Cast", {"sums"}, {"f"}, {{"to", int64_t{1}}});
  g.node("Mul", {"f", "scale"}, {"m"}).node("HardSwish", {"m"}, {"h"}).output("h", DType::float32);
  return {"quantized", g.model(), {random_floats({2, 3, 12, 10}, 1)}, {"NhwcQuantConv", "NhwcPool"}};
}

/// Quantised while it runs: products of one operand, with a bias, an activation and a sum behind them, one of
/// them of asymmetric weights, one whose sums are read.
inline EngineModel quantized_linear() {
  ModelGraph g("quantized_linear");
  g.input("x", DType::float32, {std::string("n"), 40});
  g.constant("w", convert(random_floats({40, 33}, 2), DType::int8)).constant("ws", random_floats({33}, 3));
  g.constant("v", convert(random_floats({40, 40}, 4), DType::uint8)).constant("b", random_floats({33}, 5));
  g.constant("vs", Tensor::scalar(0.02F)).constant("vz", Tensor::scalar(uint8_t{90}));
  g.node("DynamicQuantizeLinear", {"x"}, {"q", "s", "z"});
  g.node("MatMulInteger", {"q", "w", "z"}, {"i"}).node("Cast", {"i"}, {"f"}, {{"to", int64_t{1}}});
  g.node("Mul", {"s", "ws"}, {"t"}).node("Mul", {"f", "t"}, {"m"}).node("Add", {"m", "b"}, {"a"});
  g.node("Relu", {"a"}, {"y"}).output("y", DType::float32);
  g.node("MatMulInteger", {"q", "v", "z", "vz"}, {"j"}).node("Cast", {"j"}, {"g"}, {{"to", int64_t{1}}});
  g.node("Mul", {"s", "vs"}, {"u"}).node("Mul", {"g", "u"}, {"h"}).node("Add", {"h", "x"}, {"k"});
  g.output("k", DType::float32);
  g.node("MatMulInteger", {"q", "w"}, {"sums"}).output("sums", DType::int32);
  return {"quantized_linear",
          g.model(),
          {random_floats({3, 40}, 1)},
          {"QuantLinear", "DynamicQuantizeLinear", "MatMulInteger"}};
}

/// Over three axes: convolutions that reach along the depth and that do not, and pools.
inline EngineModel volumes() {
  ModelGraph g("volumes");
  g.input("x", DType::float32, {std::string("n"), 3, 6, 12, 10});
  g.constant("w", random_floats({16, 3, 3, 3, 3}, 2)).constant("f", random_floats({16, 16, 1, 3, 3}, 3));
  g.constant("d", random_floats({16, 16, 3, 1, 1}, 4));
  g.node("Conv", {"x", "w"}, {"a"}, {{"pads", std::vector<int64_t>{1, 1, 1, 1, 1, 1}}})
      .node("Relu", {"a"}, {"b"});
  g.node("MaxPool", {"b"}, {"c"},
         {{"kernel_shape", std::vector<int64_t>{2, 2, 1}}, {"strides", std::vector<int64_t>{2, 1, 1}}});
  g.node("Conv", {"c", "f"}, {"e"}, {{"pads", std::vector<int64_t>{0, 1, 1, 0, 1, 1}}});
  g.node("Conv", {"e", "d"}, {"h"}, {{"strides", std::vector<int64_t>{1, 2, 2}}});
  g.node("GlobalAveragePool", {"h"}, {"y"}).output("y", DType::float32);
  return {"volumes",
          g.model(),
          {random_floats({2, 3, 6, 12, 10}, 1)},
          {"NhwcConv", "NhwcPool", "NhwcGlobalAveragePool"}};
}

/// A layer of an encoder: heads, a mask, layer norm, Gelu; the length is dynamic.
inline EngineModel encoder() {
  ModelGraph g("encoder");
  g.input("x", DType::float32, {std::string("batch"), std::string("length"), 32});
  g.input("mask", DType::float32, {std::string("batch"), 1, 1, std::string("length")});
  g.constant("split", int64s({0, 0, 4, 8})).constant("merge", int64s({0, 0, 32}));
  g.constant("scale", Tensor::scalar(0.35355339F));
  const auto linear = [&](const std::string& x, int64_t in, int64_t out, const std::string& y) {
    g.constant(y + ".w", random_floats({in, out}, static_cast<uint32_t>(y.size())));
    g.constant(y + ".b", random_floats({out}, 3));
    g.node("MatMul", {x, y + ".w"}, {y + ".p"}).node("Add", {y + ".p", y + ".b"}, {y});
  };
  for (const std::string name : {"q", "kk", "vvv"}) {
    linear("x", 32, 32, name);
    g.node("Reshape", {name, "split"}, {name + ".s"});
    g.node("Transpose", {name + ".s"}, {name + ".t"},
           {{"perm", name == "kk" ? std::vector<int64_t>{0, 2, 3, 1} : std::vector<int64_t>{0, 2, 1, 3}}});
  }
  g.node("MatMul", {"q.t", "kk.t"}, {"products"}).node("Mul", {"products", "scale"}, {"scaled"});
  g.node("Add", {"scaled", "mask"}, {"masked"}).node("Softmax", {"masked"}, {"p"}, {{"axis", int64_t{-1}}});
  g.node("MatMul", {"p", "vvv.t"}, {"context"});
  g.node("Transpose", {"context"}, {"back"}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
  g.node("Reshape", {"back", "merge"}, {"merged"});
  linear("merged", 32, 32, "outer");
  g.node("Add", {"outer", "x"}, {"residual"});
  g.constant("ln.s", random_floats({32}, 20)).constant("ln.b", random_floats({32}, 21));
  g.node("LayerNormalization", {"residual", "ln.s", "ln.b"}, {"normal"});
  linear("normal", 32, 64, "hidden");
  g.constant("root", Tensor::scalar(1.41421356F)).constant("one", Tensor::scalar(1.0F));
  g.constant("half", Tensor::scalar(0.5F));
  g.node("Div", {"hidden", "root"}, {"e"}).node("Erf", {"e"}, {"f"}).node("Add", {"f", "one"}, {"h"});
  g.node("Mul", {"hidden", "h"}, {"i"}).node("Mul", {"i", "half"}, {"y"}).output("y", DType::float32);
  Tensor mask(DType::float32, {2, 1, 1, 7});
  mask.data<float>()[3] = -10000;
  return {"encoder", g.model(), {random_floats({2, 7, 32}, 1), mask}, {"Attention", "Linear"}};
}

/// Elementwise chains, a Clip, products with broadcasting, a BatchNormalization of its own.
inline EngineModel chains() {
  ModelGraph g("chains");
  g.input("x", DType::float32, {std::string("n"), 8, 5});
  g.input("z", DType::float32, {std::string("n"), 8, 5});
  g.constant("c", random_floats({8, 1}, 2)).constant("low", Tensor::scalar(-0.5F));
  g.constant("high", Tensor::scalar(0.75F));
  for (const char* name : {"s", "b", "m"})
    g.constant(name, random_floats({8}, static_cast<uint32_t>(name[0])));
  g.constant("v", Tensor::from<float>({8}, {1, 2, 3, 4, 5, 6, 7, 8}));
  g.node("Mul", {"x", "c"}, {"a"}).node("Add", {"a", "z"}, {"d"}).node("Clip", {"d", "low", "high"}, {"e"});
  g.node("Tanh", {"e"}, {"f"}).node("Sub", {"f", "z"}, {"g"});
  g.node("BatchNormalization", {"g", "s", "b", "m", "v"}, {"h"});
  g.node("ReduceMean", {"h"}, {"y"}, {{"axes", std::vector<int64_t>{1}}, {"keepdims", int64_t{0}}});
  g.node("Clip", {"z", "low", "high"}, {"w"}).output("y", DType::float32).output("w", DType::float32);
  return {"chains",
          g.model(),
          {random_floats({3, 8, 5}, 4), random_floats({3, 8, 5}, 6)},
          {"ElementwiseChain", "ReduceMean"}};
}

/// If with captures, Loop that collects, a sequence, texts, a table of integers, a boolean constant.
inline EngineModel control_flow() {
  static ModelGraph then_branch("then"), else_branch("else"), body("body");
  static bool made = false;
  if (!made) {
    then_branch.node("MatMul", {"x", "w"}, {"then_y"}).output("then_y", DType::float32);
    else_branch.node("Mul", {"x", "factor"}, {"else_y"}).output("else_y", DType::float32);
    body.input("i", DType::int64, {}).input("go", DType::boolean, {}).input("state", DType::float32, {4, 4});
    body.node("Add", {"state", "branch"}, {"next"}).node("Identity", {"go"}, {"still"});
    body.node("ReduceSum", {"next"}, {"each"}, {{"keepdims", int64_t{0}}});
    body.output("still", DType::boolean).output("next", DType::float32).output("each", DType::float32);
    made = true;
  }
  ModelGraph g("control_flow");
  g.input("x", DType::float32, {4, 4}).input("flag", DType::boolean, {}).input("count", DType::int64, {});
  g.constant("w", random_floats({4, 4}, 3)).constant("factor", Tensor::scalar(3.0F));
  g.constant("true", Tensor::from<bool>({}, {true}));
  g.constant("table", int64s({3, 1, 0, 2}))
      .constant("names", Tensor::from<std::string>({2}, {"one", "two\n"}));
  g.constant("pick", Tensor::scalar<int64_t>(1));
  g.node("If", {"flag"}, {"branch"}, {{"then_branch", &then_branch}, {"else_branch", &else_branch}},
         "choice");
  g.node("Loop", {"count", "true", "x"}, {"state", "sums"}, {{"body", &body}}, "loop");
  g.node("Gather", {"state", "table"}, {"turned"});
  g.node("SequenceConstruct", {"turned", "x", "branch"}, {"list"});
  g.node("SequenceAt", {"list", "pick"}, {"y"}).node("Gather", {"names", "count"}, {"name"});
  g.output("y", DType::float32).output("sums", DType::float32).output("name", DType::string);
  g.output("turned", DType::float32);
  return {"control_flow",
          g.model(),
          {random_floats({4, 4}, 8), Tensor::from<bool>({}, {true}), Tensor::scalar<int64_t>(1)},
          {"If", "Loop", "SequenceAt"}};
}

/// A branch with packed weights, and a recurrent layer that is asked for its last state alone.
inline EngineModel branches() {
  static ModelGraph then_branch("then"), else_branch("else");
  static const bool made = [] {
    then_branch.constant("w", random_floats({16, 8, 3}, 2)).constant("b", random_floats({16}, 3));
    then_branch.node("Conv", {"x", "w", "b"}, {"c"}, {{"pads", std::vector<int64_t>{1, 1}}}, "conv");
    then_branch.node("Relu", {"c"}, {"r"});
    then_branch.node("Transpose", {"r"}, {"steps"}, {{"perm", std::vector<int64_t>{2, 0, 1}}});
    then_branch.constant("wx", random_floats({1, 16, 16}, 4)).constant("wh", random_floats({1, 16, 4}, 5));
    then_branch.node("LSTM", {"steps", "wx", "wh"}, {"", "h"}, {{"hidden_size", int64_t{4}}}, "lstm");
    then_branch.output("h", DType::float32);
    else_branch.node("Identity", {"x"}, {"same"}).output("same", DType::float32);
    return true;
  }();
  ModelGraph g("branches");
  g.input("x", DType::float32, {std::string("n"), 8, std::string("length")})
      .input("flag", DType::boolean, {});
  g.node("If", {"flag"}, {"y"}, {{"then_branch", &then_branch}, {"else_branch", &else_branch}}, "choice");
  g.output("y", DType::float32);
  return {"branches",
          g.model(),
          {random_floats({2, 8, 12}, 1), Tensor::scalar(made)},
          {"If", "NhwcConv", "LSTM"}};
}

/// Operators with a float type of their own, converted: Cast, ConstantOfShape, Resize.
inline EngineModel converted() {
  ModelGraph g("converted");
  g.input("x", DType::float32, {1, 2, 4, 4}).input("k", DType::int64, {2});
  g.constant("scales", Tensor::from<float>({4}, {1, 1, 2, 2}));
  g.node("Cast", {"k"}, {"kf"}, {{"to", int64_t{1}}});
  g.node("ConstantOfShape", {"k"}, {"ones"}, {{"value", Tensor::from<float>({1}, {1.5F})}});
  g.node("Resize", {"x", "", "scales"}, {"big"}, {{"mode", std::string("linear")}});
  g.node("ReduceSum", {"ones"}, {"total"}, {{"keepdims", int64_t{0}}});
  g.node("Mul", {"big", "total"}, {"scaled"})
      .node("ReduceSum", {"kf"}, {"shift"}, {{"keepdims", int64_t{0}}});
  g.node("Add", {"scaled", "shift"}, {"y"}).output("y", DType::float32);
  return {"converted",
          g.model(),
          {convert(random_floats({1, 2, 4, 4}, 2), DType::float16), int64s({2, 3})},
          {"Cast", "ConstantOfShape", "Resize"},
          DType::float16};
}

inline std::vector<EngineModel> engine_models() {
  return {convolutions(DType::undefined),
          convolutions(DType::float16),
          pair(),
          transposed(DType::undefined),
          transposed(DType::float16),
          quantized(),
          quantized_linear(),
          volumes(),
          encoder(),
          chains(),
          control_flow(),
          branches(),
          converted()};
}

}  // namespace spinel::test
