// Small transformers as PyTorch's two exporters write them, for tests. Not part of the library.
#pragma once
#include <cmath>
#include <string>

#include "onnx/test_model.hpp"

namespace spinel::test {

/// An encoder of BERT's structure: embeddings are the input, a padding mask is added to the scores.
class Encoder {
 public:
  static constexpr int64_t width = 32, heads = 4, columns = 8, inner = 64, rows = 6;

  /// torch.onnx.export of modules as Hugging Face writes them: shapes are computed, the scores divided, Gelu
  /// spelled out, LayerNormalization too before opset 17.
  static ModelGraph torchscript(int layers, bool decomposed_norm) {
    Encoder e;
    e.start();
    e.g_.constant("root", Tensor::scalar(std::sqrt(static_cast<float>(columns))))
        .constant("sqrt2", Tensor::scalar(std::sqrt(2.0F)));
    e.g_.constant("zero_index", Tensor::scalar<int64_t>(0)).constant("one_index", Tensor::scalar<int64_t>(1));
    e.g_.constant("axis0", int64s({0}))
        .constant("heads", int64s({heads}))
        .constant("columns", int64s({columns}));
    e.g_.constant("width", int64s({width}));
    std::string x = e.norm("x", "embedding", decomposed_norm, false);
    for (int i = 0; i < layers; ++i) {
      const std::string p = numbered("layer", i) + ".";
      const auto heads_of = [&](const std::string& name, std::vector<int64_t> perm) {
        const std::string from = e.linear(x, p + name, width, width);
        return e.op("Transpose", {e.split_heads(from)}, {{"perm", std::move(perm)}});
      };
      const std::string k = heads_of("key", {0, 2, 3, 1});
      const std::string v = heads_of("value", {0, 2, 1, 3});
      const std::string q = heads_of("query", {0, 2, 1, 3});
      const std::string scores = e.op("Div", {e.op("MatMul", {q, k}), "root"});
      const std::string weights = e.op("Softmax", {e.op("Add", {scores, "mask"})}, {{"axis", int64_t{-1}}});
      const std::string turned =
          e.op("Transpose", {e.op("MatMul", {weights, v})}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
      const std::string joined = e.op("Reshape", {turned, e.shape_of(turned, {"width"})});
      const std::string attended = e.linear(joined, p + "output", width, width);
      x = e.norm(e.op("Add", {attended, x}), p + "norm1", decomposed_norm, false);
      const std::string h = e.linear(x, p + "up", width, inner);
      const std::string erf = e.op("Add", {e.op("Erf", {e.op("Div", {h, "sqrt2"})}), "one"});
      const std::string gelu = e.op("Mul", {e.op("Mul", {h, erf}), "half"});
      x = e.norm(e.op("Add", {e.linear(gelu, p + "down", inner, width), x}), p + "norm2", decomposed_norm,
                 false);
    }
    return e.finish(x);
  }

  /// torch.onnx.export(dynamo=True): shapes are constants, the scale is split over Q and K, keys are turned
  /// over in three dims, rows without a key give zeros; Gelu and LayerNormalization are operators or their
  /// decompositions.
  static ModelGraph dynamo(int layers, bool decomposed) {
    Encoder e;
    e.start();
    const float root = std::sqrt(std::sqrt(1.0F / static_cast<float>(columns)));
    e.g_.constant("root", Tensor::scalar(root)).constant("root_half", Tensor::scalar(0.70710678F));
    e.g_.constant("zero", Tensor::scalar(0.0F));
    e.g_.constant("split", int64s({-1, rows, heads, columns})).constant("join", int64s({-1, rows, width}));
    e.g_.constant("flat", int64s({-1, rows, columns})).constant("unflat", int64s({-1, heads, columns, rows}));
    std::string x = e.norm("x", "embedding", decomposed, true);
    for (int i = 0; i < layers; ++i) {
      const std::string p = numbered("layer", i) + ".";
      const auto heads_of = [&](const std::string& name) {
        const std::string from = e.op("Reshape", {e.linear(x, p + name, width, width), "split"});
        return e.op("Transpose", {from}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
      };
      const std::string q = heads_of("query");
      const std::string k = heads_of("key");
      const std::string v = heads_of("value");
      const std::string flat =
          e.op("Transpose", {e.op("Reshape", {k, "flat"})}, {{"perm", std::vector<int64_t>{0, 2, 1}}});
      const std::string turned = e.op("Mul", {e.op("Reshape", {flat, "unflat"}), "root"});
      const std::string scores = e.op("MatMul", {e.op("Mul", {q, "root"}), turned});
      const std::string weights = e.op("Softmax", {e.op("Add", {scores, "mask"})}, {{"axis", int64_t{-1}}});
      const std::string guarded = e.op("Where", {e.op("IsNaN", {weights}), "zero", weights});
      const std::string back =
          e.op("Transpose", {e.op("MatMul", {guarded, v})}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
      const std::string attended = e.linear(e.op("Reshape", {back, "join"}), p + "output", width, width);
      x = e.norm(e.op("Add", {attended, x}), p + "norm1", decomposed, true);
      const std::string h = e.linear(x, p + "up", width, inner);
      std::string gelu;
      if (decomposed) {
        const std::string erf = e.op("Add", {e.op("Erf", {e.op("Mul", {h, "root_half"})}), "one"});
        gelu = e.op("Mul", {"half", e.op("Mul", {h, erf})});
      } else {
        gelu = e.op("Gelu", {h});
      }
      x = e.norm(e.op("Add", {e.linear(gelu, p + "down", inner, width), x}), p + "norm2", decomposed, true);
    }
    return e.finish(x);
  }

  /// One nn.MultiheadAttention as torchvision's ViT has it: batch second, a packed projection that is sliced,
  /// batch and heads in one axis, a Gemm behind.
  static ModelGraph multihead() {
    Encoder e;
    e.start();
    for (int64_t i = 0; i < 4; ++i) e.g_.constant(numbered("at", i), int64s({i * width}));
    e.g_.constant("last", int64s({2})).constant("heads_shape", int64s({rows, -1, columns}));
    e.g_.constant("flat", int64s({-1, width})).constant("unflat", int64s({rows, -1, width}));
    e.g_.constant("root", Tensor::scalar(std::sqrt(static_cast<float>(columns))));
    const std::string x = e.op("Transpose", {"x"}, {{"perm", std::vector<int64_t>{1, 0, 2}}});
    const std::string packed = e.linear(x, "packed", width, 3 * width);
    const auto part = [&](int i, std::vector<int64_t> perm) {
      const std::string cut = e.op("Slice", {packed, numbered("at", i), numbered("at", i + 1), "last"});
      return e.op("Transpose", {e.op("Reshape", {cut, "heads_shape"})}, {{"perm", std::move(perm)}});
    };
    const std::string q = e.op("Div", {part(0, {1, 0, 2}), "root"});
    const std::string weights =
        e.op("Softmax", {e.op("MatMul", {q, part(1, {1, 2, 0})})}, {{"axis", int64_t{-1}}});
    const std::string back = e.op("Transpose", {e.op("MatMul", {weights, part(2, {1, 0, 2})})},
                                  {{"perm", std::vector<int64_t>{1, 0, 2}}});
    e.g_.constant("out.w", e.numbers({width, width})).constant("out.b", e.numbers({width}));
    const std::string product =
        e.op("Gemm", {e.op("Reshape", {back, "flat"}), "out.w", "out.b"}, {{"transB", int64_t{1}}});
    return e.finish(
        e.op("Transpose", {e.op("Reshape", {product, "unflat"})}, {{"perm", std::vector<int64_t>{1, 0, 2}}}));
  }

 private:
  using Attributes = std::vector<std::pair<std::string, ModelAttribute>>;

  static std::string numbered(std::string name, int64_t number) {
    name += std::to_string(number);
    return name;
  }

  void start() {
    g_.input("x", DType::float32, {std::string("batch"), rows, width});
    g_.input("mask", DType::float32, {std::string("batch"), int64_t{1}, int64_t{1}, rows});
    g_.constant("one", Tensor::scalar(1.0F)).constant("half", Tensor::scalar(0.5F));
    g_.constant("two", Tensor::scalar(2.0F))
        .constant("eps", Tensor::scalar(1e-6F))
        .constant("last_axis", int64s({-1}));
  }

  ModelGraph finish(const std::string& y) {
    g_.node("Identity", {y}, {"y"}).output("y", DType::float32);
    return std::move(g_);
  }

  Tensor numbers(Dims dims) {
    Tensor tensor = random_floats(std::move(dims), ++seed_);
    for (float& v : tensor.data<float>()) v *= 0.3F;
    return tensor;
  }

  std::string op(const std::string& type, const std::vector<std::string>& inputs,
                 const Attributes& attributes = {}) {
    const std::string name = numbered(type, ++nodes_);
    g_.node(type, inputs, {name + ".out"}, attributes, name);
    return name + ".out";
  }

  std::string linear(const std::string& x, const std::string& name, int64_t from, int64_t to) {
    g_.constant(name + ".w", numbers({from, to})).constant(name + ".b", numbers({to}));
    return op("Add", {name + ".b", op("MatMul", {x, name + ".w"})});
  }

  std::string norm(const std::string& x, const std::string& name, bool decomposed, bool axes_input) {
    g_.constant(name + ".w", numbers({width})).constant(name + ".b", numbers({width}));
    if (!decomposed)
      return op("LayerNormalization", {x, name + ".w", name + ".b"},
                {{"axis", int64_t{-1}}, {"epsilon", 1e-6F}});
    const auto mean = [&](const std::string& from) {
      return axes_input ? op("ReduceMean", {from, "last_axis"})
                        : op("ReduceMean", {from}, {{"axes", std::vector<int64_t>{-1}}});
    };
    const std::string d = op("Sub", {x, mean(x)});
    const std::string square = axes_input ? op("Mul", {d, d}) : op("Pow", {d, "two"});
    const std::string deviation = op("Sqrt", {op("Add", {mean(square), "eps"})});
    const std::string normal =
        axes_input ? op("Mul", {d, op("Reciprocal", {deviation})}) : op("Div", {d, deviation});
    return op("Add", {op("Mul", {normal, name + ".w"}), name + ".b"});
  }

  /// [batch, rows, ...] with dims that are taken from the value.
  std::string shape_of(const std::string& from, const std::vector<std::string>& rest) {
    std::vector<std::string> parts;
    for (const char* index : {"zero_index", "one_index"})
      parts.push_back(
          op("Unsqueeze", {op("Gather", {op("Shape", {from}), index}, {{"axis", int64_t{0}}}), "axis0"}));
    parts.insert(parts.end(), rest.begin(), rest.end());
    return op("Concat", parts, {{"axis", int64_t{0}}});
  }
  std::string split_heads(const std::string& from) {
    return op("Reshape", {from, shape_of(from, {"heads", "columns"})});
  }

  ModelGraph g_;
  int nodes_ = 0;
  uint32_t seed_ = 0;
};

}  // namespace spinel::test
