// custom::Add registered by a C++ program: custom_add add.onnx
#include <cstdio>

#include <spinel/engine.hpp>

namespace {

/// One node of custom::Add: sum = x + alpha * y and difference = x - alpha * y, elementwise.
class Add final : public spinel::CustomKernel {
 public:
  explicit Add(float alpha) : alpha_(alpha) {}

  void compute(spinel::CustomRun& run) const override {
    const auto x = run.input(0).data<float>();
    const auto y = run.input(1).data<float>();
    const spinel::Dims& dims = run.input(0).dims();
    if (run.input(1).dims() != dims)
      throw spinel::Error(spinel::ErrorCode::invalid_argument, "x and y have different dims");
    for (size_t k = 0; k < run.output_count(); ++k) {
      if (!run.wants_output(k)) continue;
      const float factor = k == 0 ? alpha_ : -alpha_;
      const auto out = run.output(k, dims).data<float>();
      for (size_t i = 0; i < out.size(); ++i) out[i] = x[i] + factor * y[i];
    }
  }

 private:
  float alpha_;
};

spinel::CustomOp add_operator() {
  spinel::CustomOp op;
  op.domain = "custom";
  op.name = "Add";
  op.inputs = {{"x", {spinel::DType::float32}}, {"y", {spinel::DType::float32}}};
  op.outputs.resize(2);  // Of the type of input 0.
  op.outputs[1].optional = true;
  op.attributes = {{"alpha", spinel::AttributeType::real}};
  op.rows_independent = true;
  op.shapes = [](spinel::CustomShapes& shapes) {
    if (const auto dims = shapes.shape(0))
      for (size_t i = 0; i < shapes.output_count(); ++i) shapes.set_output(i, *dims);
  };
  op.create = [](const spinel::CustomAttributes& attributes) {
    return std::make_shared<const Add>(attributes.get_float("alpha", 1));
  };
  return op;
}

void print(const char* name, const spinel::Tensor& tensor) {
  std::printf("%s %s:", name, spinel::dims_text(tensor.dims()).c_str());
  for (float value : tensor.data<float>()) std::printf(" %g", static_cast<double>(value));
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s add.onnx\n", argv[0]);
    return 2;
  }
  try {
    spinel::EngineOptions options;
    options.ckpt = argv[1];
    options.custom_ops = {add_operator()};
    const spinel::InferEngine engine(options);
    const auto x = spinel::Tensor::from<float>({2, 3}, {-1, 0, 1, 2, 3, 4});
    const auto y = spinel::Tensor::from<float>({2, 3}, {2, 2, 2, 4, 4, 10});
    const auto results = engine.run({x, y});
    print("sum", results[0]);
    print("difference", results[1]);
  } catch (const spinel::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
