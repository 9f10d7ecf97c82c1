#include "cpu/int_ops.hpp"

#include "ops/op_harness.hpp"
#include "ops/qlinear_conv.hpp"
#include "ops/qlinear_matmul.hpp"

using namespace spinel;
using namespace spinel::ops::testing;

namespace {

/// Elements in [-255, 255], the extremes among them.
std::vector<int16_t> operand(int64_t count, uint32_t seed) {
  const Tensor values = noise({count}, seed, -255, 256, DType::int16);
  std::vector<int16_t> out(values.data<int16_t>().begin(), values.data<int16_t>().end());
  for (size_t i = 0; i < out.size(); i += 7) out[i] = i % 2 != 0 ? 255 : -255;
  return out;
}

class RunBy final : public ops::Op {
 public:
  RunBy(ops::OpPtr op, const ops::IntProduct& product) : op_(std::move(op)), product_(product) {}
  std::string_view name() const override { return op_->name(); }
  void infer(graph::InferContext& context) const override { op_->infer(context); }
  graph::Scratch scratch(const graph::ScratchContext& context) const override {
    return op_->scratch(context);
  }
  void run(graph::RunContext& context) const override {
    if (const auto* conv = dynamic_cast<const ops::IntConvOp*>(op_.get()))
      return conv->run_with(context, product_, nullptr);
    dynamic_cast<const ops::IntMatMulOp&>(*op_).run_with(context, product_, nullptr);
  }

 private:
  ops::OpPtr op_;
  const ops::IntProduct& product_;
};

}  // namespace

TEST_CASE("integer products of every instruction set are exact", "[int_ops]") {
  for (const ops::IntProduct* product : cpu::int_products())
    for (const int64_t columns : {1, 7, 8, 31, 32, 33, 64, 100})
      for (const int64_t rows : {1, 2, 13, 14, 15, 56})
        for (const int64_t depth : {2, 6, 64, 150}) {
          INFO(product->name() << ": " << rows << " x " << depth << " x " << columns);
          const auto a = operand(rows * depth, 1);
          const auto b = operand(columns * depth, 2);
          std::vector<int16_t> packed(static_cast<size_t>(product->packed_elements(columns, depth)), 77);
          product->pack(b.data(), columns, depth, packed.data());
          const int64_t first = columns > ops::IntProduct::column_block ? ops::IntProduct::column_block : 0;
          const int64_t width = columns - first;
          std::vector<int32_t> c(static_cast<size_t>(rows * (width + 1)), -1);
          product->multiply(a.data(), rows, depth, packed.data(), first, width, c.data(), width + 1);
          for (int64_t r = 0; r < rows; ++r) {
            for (int64_t j = 0; j < width; ++j) {
              int64_t sum = 0;
              for (int64_t k = 0; k < depth; ++k)
                sum +=
                    a[static_cast<size_t>(r * depth + k)] * b[static_cast<size_t>((first + j) * depth + k)];
              REQUIRE(c[static_cast<size_t>(r * (width + 1) + j)] == sum);
            }
            REQUIRE(c[static_cast<size_t>(r * (width + 1) + width)] == -1);
          }
        }
}

TEST_CASE("operators on integer products do not depend on the instruction set", "[int_ops]") {
  const Tensor image = noise({2, 6, 13, 11}, 1, 0, 256, DType::uint8);
  const Tensor weights = noise({68, 3, 3, 3}, 2, -128, 128, DType::int8);
  const ops::OpPtr conv =
      make("ConvInteger", 10, {{"group", int64_t{2}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}}, 3);
  const Tensor a = noise({5, 60, 70}, 3, 0, 256, DType::uint8);
  const Tensor b = noise({70, 90}, 4, -128, 128, DType::int8);
  const ops::OpPtr product_op = make("MatMulInteger", 10, {}, 2);
  const Tensor conv_wanted = ops::testing::run(*conv, {image, weights, Tensor::scalar(uint8_t{99})})[0];
  const Tensor wanted = ops::testing::run(*product_op, {a, b})[0];
  for (const ops::IntProduct* product : cpu::int_products()) {
    INFO(product->name());
    CHECK(
        same_bits(ops::testing::run(RunBy(conv, *product), {image, weights, Tensor::scalar(uint8_t{99})})[0],
                  conv_wanted));
    CHECK(same_bits(ops::testing::run(RunBy(product_op, *product), {a, b})[0], wanted));
  }
}
