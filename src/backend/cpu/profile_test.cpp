// How many operations a profile counts for a layer.
#include "backend/cpu/profile.hpp"

#include <catch2/catch.hpp>

#include "cpu/attention.hpp"
#include "cpu/conv.hpp"
#include "cpu/conv_transpose.hpp"
#include "cpu/linear.hpp"
#include "cpu/planar_conv.hpp"

using namespace spinel;
using backend::count_flops;

namespace {

struct NamedOp final : graph::Op {
  explicit NamedOp(std::string_view given) : name_(given) {}
  std::string_view name() const override { return name_; }
  void infer(graph::InferContext&) const override {}
  void run(graph::RunContext&) const override {}

 private:
  std::string_view name_;
};

double flops(std::string_view op, std::vector<Dims> inputs, Dims output) {
  return count_flops(NamedOp(op), inputs, std::vector<Dims>{std::move(output)});
}

}  // namespace

TEST_CASE("operations of ONNX's operators are counted from their dims") {
  // 2 images, 8 filters over 6 of 12 channels, 3x3, at 5x7 places.
  CHECK(flops("Conv", {{2, 12, 7, 9}, {8, 6, 3, 3}, {8}}, {2, 8, 5, 7}) == 2.0 * 2 * 8 * 5 * 7 * 6 * 9);
  // Each of 4 channels at 3x3 places goes to 5 channels over 2x2 places.
  CHECK(flops("ConvTranspose", {{1, 4, 3, 3}, {4, 5, 2, 2}}, {1, 5, 4, 4}) == 2.0 * 4 * 9 * 5 * 4);
  CHECK(flops("MatMul", {{3, 2, 5, 7}, {7, 6}}, {3, 2, 5, 6}) == 2.0 * 3 * 2 * 5 * 6 * 7);
  CHECK(flops("Gemm", {{5, 7}, {7, 6}}, {5, 6}) == 2.0 * 5 * 7 * 6);
  CHECK(flops("Gemm", {{7, 5}, {7, 6}}, {5, 6}) == 2.0 * 5 * 7 * 6);
  CHECK(flops("Relu", {{5, 7}}, {5, 7}) == 0);
}

TEST_CASE("operations are not counted where dims are unknown or nothing is computed") {
  CHECK(flops("MatMul", {{}, {7, 6}}, {5, 6}) == 0);
  CHECK(flops("MatMul", {{5, 7}, {7, 6}}, {}) == 0);
  CHECK(flops("Gemm", {{0, 7}, {7, 6}}, {0, 6}) == 0);
  CHECK(count_flops(NamedOp("MatMul"), {}, {}) == 0);
}

TEST_CASE("operations of lowered layers are those of the layers that they stand for") {
  cpu::ConvLayer layer;
  layer.kernel_h = layer.kernel_w = 3;
  layer.in_channels = 12;
  layer.out_channels = 8;
  layer.group = 2;
  const std::vector<Dims> inputs = {{2, 7, 9, 12}, {1000}};
  const std::vector<Dims> outputs = {{2, 5, 7, 8}};
  const double expected = 2.0 * 2 * 8 * 5 * 7 * 6 * 9;
  CHECK(count_flops(cpu::NhwcConv(cpu::best_isa(), layer), inputs, outputs) == expected);
  layer.algorithm = cpu::ConvAlgorithm::winograd;
  CHECK(count_flops(cpu::NhwcConv(cpu::best_isa(), layer), inputs, outputs) == expected);
  CHECK(count_flops(cpu::PlanarConv(cpu::best_isa(), layer), inputs, outputs) == expected);

  cpu::ConvTransposeLayer transposed;
  transposed.attrs.group = 2;
  transposed.kernel_h = transposed.kernel_w = 2;
  transposed.in_channels = 4;
  transposed.out_channels = 10;
  CHECK(count_flops(cpu::NhwcConvTranspose(cpu::best_isa(), transposed),
                    std::vector<Dims>{{1, 3, 3, 4}, {64}},
                    std::vector<Dims>{{1, 4, 4, 10}}) == 2.0 * 4 * 9 * 5 * 4);

  cpu::LinearLayer linear;
  linear.depth = 7;
  linear.columns = 6;
  CHECK(count_flops(cpu::Linear(cpu::best_isa(), linear), std::vector<Dims>{{3, 5, 7}, {64}},
                    std::vector<Dims>{{3, 5, 6}}) == 2.0 * 3 * 5 * 7 * 6);

  // 2 sentences of 5 words, 3 heads of 4 columns, 9 keys.
  cpu::AttentionLayer attention;
  attention.k.row.axis = 1;
  const cpu::Attention op(cpu::best_isa(), attention);
  CHECK(count_flops(op, std::vector<Dims>{{2, 5, 12}, {2, 9, 12}, {2, 9, 12}},
                    std::vector<Dims>{{2, 5, 12}}) == 4.0 * 2 * 3 * 5 * 9 * 4);
}
