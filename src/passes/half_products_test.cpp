// Products of float16 matrices in 16-bit arithmetic, as convolutions and linear layers use them.
#include "cpu/half_kernels.hpp"
#include "passes/test_lowering.hpp"

#if defined(SPINEL_HAS_FP16_EMULATION)
namespace spinel::cpu::avx512_fp16_emulated {
extern const HalfKernels half_kernels;
}
#endif

namespace spinel::passes {
namespace {

using namespace testing;

/// Runs fn(isa) for the kernels of this machine, and for those of float16 arithmetic compiled without its
/// instructions.
template <class Fn>
void for_each_arithmetic(Fn fn) {
  for (const cpu::Isa& isa : cpu::isas())
    if (isa.half_kernels != nullptr && isa.available()) DYNAMIC_SECTION(isa.name) {
        fn(isa);
      }
#if defined(SPINEL_HAS_FP16_EMULATION)
  if (!cpu::has_isa("avx512")) return;
  const cpu::Isa emulated{"avx512_fp16 emulated", nullptr, cpu::find_isa("avx512").kernels,
                          &cpu::avx512_fp16_emulated::half_kernels, cpu::find_isa("avx512").byte_kernels};
  SECTION("float16 emulated") { fn(emulated); }
#endif
}

bool is_fixed_point(const cpu::Isa& isa) { return isa.half_kernels->prepare_rows != nullptr; }

/// L2 error of float16 results against float64, relative.
void check_half(const KernelCase& c, const cpu::Isa& isa, int64_t chunk, double most, bool residual,
                const char* activation) {
  INFO(c.line << ", chunk " << chunk << " " << activation);
  std::vector<Tensor> inputs = cpu::testing::make_inputs(c, DType::float16, -1, 1);
  Model tuned(c, inputs);
  tuned.finish();
  Model reference(c, widened(inputs));
  reference.finish();
  std::vector<Tensor> feeds{inputs[0]};
  if (residual)
    feeds.push_back(ops::testing::noise(*graph::constant_dims(*tuned.graph.value(tuned.y).type.shape), 9, -1,
                                        1, DType::float16));
  for (Model* model : {&tuned, &reference}) {
    if (residual) {
      const ValueId r = model->add_value("r", model == &tuned ? feeds[1] : convert(feeds[1], DType::float64));
      model->graph.inputs.push_back(r);
      model->y = model->add("Add", 14, {}, {model->y, r});
    }
    if (*activation != 0) model->y = model->add(activation, 20, {}, {model->y});
    model->finish();
  }
  Settings settings;
  settings.isa = &isa;
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

TEST_CASE("products in 16-bit arithmetic") {
  // Random signs cancel, which makes the relative errors larger than those of a network's layers.
  for_each_arithmetic([](const cpu::Isa& isa) {
    const bool fixed = is_fixed_point(isa);
    for (const char* file : {"conv.txt", "conv_transpose.txt", "linear.txt"})
      for (const KernelCase& c : cpu::testing::read_cases(file)) {
        const bool summand = c.op == "Conv" && c.inputs[1].dims[1] > 4;
        check_half(c, isa, 64, fixed ? 4e-4 : 3e-3, false, "Relu");
        check_half(c, isa, 128, fixed ? 4e-4 : 4e-3, false, "");
        check_half(c, isa, 256, fixed ? 1e-3 : 6e-3, summand, "");
        check_half(c, isa, 0, 6e-3, summand, "Sigmoid");
      }
  });
}

/// A MatMul's result.
Tensor multiply(const cpu::Isa* isa, const Tensor& a, const Tensor& b) {
  KernelCase c;
  c.op = "MatMul";
  c.inputs.resize(2);
  Model model(c, {a, b});
  model.finish();
  if (isa != nullptr) {
    Settings settings;
    settings.isa = isa;
    run_pipeline(model.graph, settings);
  }
  return convert(model.run({a}), DType::float32);
}

TEST_CASE("products in 16-bit arithmetic overflow to infinity") {
  for_each_arithmetic([](const cpu::Isa& isa) {
    const Tensor a = convert(Tensor::from<float>({1, 2}, {300.0F, 1.0F}), DType::float16);
    const Tensor b = convert(Tensor::from<float>({2, 2}, {300.0F, 1.0F, 0.0F, 2.0F}), DType::float16);
    const Tensor y = multiply(&isa, a, b);
    CHECK(std::isinf(y.data<float>()[0]));
    CHECK(std::abs(y.data<float>()[1] - 302.0F) <= 0.25F);
  });
}

TEST_CASE("products in 16-bit arithmetic hand on NaN and Inf") {
  for_each_arithmetic([](const cpu::Isa& isa) {
    constexpr int64_t rows = 31, depth = 301, columns = 37;
    Tensor a = ops::testing::noise({rows, depth}, 1, -1, 1, DType::float32);
    const Tensor b = ops::testing::noise({depth, columns}, 2, -1, 1, DType::float16);
    const float inf = std::numeric_limits<float>::infinity();
    a.data<float>()[5 * depth + 7] = inf;
    a.data<float>()[9 * depth + 300] = -inf;
    a.data<float>()[20 * depth + 1] = inf;
    a.data<float>()[20 * depth + 299] = inf;
    a.data<float>()[30 * depth + 150] = std::numeric_limits<float>::quiet_NaN();
    a = convert(a, DType::float16);
    const Tensor got = multiply(&isa, a, b);
    const Tensor expected = multiply(nullptr, convert(a, DType::float64), convert(b, DType::float64));
    for (size_t i = 0; i < got.data<float>().size(); ++i) {
      const float x = got.data<float>()[i];
      const float y = expected.data<float>()[i];
      INFO("row " << i / columns << ", column " << i % columns << ": " << x << ", expected " << y);
      if (std::isfinite(y))
        CHECK(std::abs(x - y) < 0.05F);
      else
        CHECK((x == y || (std::isnan(x) && std::isnan(y))));
    }
  });
}

TEST_CASE("a bank of filters keeps the small elements of a spectrum") {
  for_each_arithmetic([](const cpu::Isa& isa) {
    constexpr int64_t depth = 128, columns = 32;
    Tensor a(DType::float32, {1, depth}), b(DType::float32, {depth, columns});
    for (int64_t k = 0; k < depth; ++k) {
      a.data<float>()[k] = std::ldexp(1.0F, -static_cast<int>(k / 8));
      b.data<float>()[k * columns + k / 4] = 0.25F;
    }
    const Tensor y = multiply(&isa, convert(a, DType::float16), convert(b, DType::float16));
    for (int64_t n = 0; n < columns; ++n)
      CHECK(y.data<float>()[n] == Approx(std::ldexp(1.0F, -static_cast<int>(n / 2))).epsilon(1e-3));
  });
}

TEST_CASE("fixed-point products keep rows of very different sizes apart") {
  for_each_arithmetic([](const cpu::Isa& isa) {
    if (!is_fixed_point(isa)) return;
    // Rows from float16's smallest numbers to its greatest; a row of zeros; the rest of the last chunk.
    constexpr int64_t rows = 40, depth = 289, columns = 19;
    Tensor a = ops::testing::noise({rows, depth}, 3, -1, 1, DType::float32);
    for (int64_t m = 0; m < rows; ++m)
      for (int64_t k = 0; k < depth; ++k)
        a.data<float>()[m * depth + k] *= m == 0 ? 0.0F : std::ldexp(1.0F, static_cast<int>(m) - 28);
    a = convert(a, DType::float16);
    const Tensor b = ops::testing::noise({depth, columns}, 4, -1, 1, DType::float16);
    const Tensor got = multiply(&isa, a, b);
    const Tensor expected = multiply(nullptr, convert(a, DType::float64), convert(b, DType::float64));
    const Tensor wide = convert(a, DType::float32);
    for (int64_t m = 0; m < rows; ++m) {
      double size = 0;
      for (int64_t k = 0; k < depth; ++k) size += std::pow(wide.data<float>()[m * depth + k], 2);
      for (int64_t n = 0; n < columns; ++n) {
        const float x = got.data<float>()[m * columns + n];
        const float y = expected.data<float>()[m * columns + n];
        INFO("row " << m << ", column " << n << ": " << x << ", expected " << y);
        // B's columns have a norm of 10. Float16 rounds the result, and below 2^-14 to multiples of 2^-24.
        CHECK(std::abs(x - y) <= 1e-3 * std::abs(y) + 6e-4 * std::sqrt(size) * 10 + 0x1p-24);
      }
    }
  });
}

}  // namespace
}  // namespace spinel::passes
