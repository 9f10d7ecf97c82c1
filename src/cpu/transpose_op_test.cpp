#include "cpu/kernel_harness.hpp"

namespace spinel::cpu {

using namespace ops::testing;

TEST_CASE("transposing moves every element as the reference does", "[transpose]") {
  const auto cases = testing::read_cases("transpose.txt");
  testing::for_each_isa([&](const Isa& isa) {
    for (const testing::KernelCase& c : cases)
      for (const DType dtype :
           {DType::float32, DType::float16, DType::int32, DType::bfloat16, DType::uint8}) {
        INFO(c.line << ", " << dtype_name(dtype) << " on " << isa.name);
        // Elements tell where they come from, in all their bits.
        Tensor x(dtype, c.inputs[0].dims);
        for (size_t i = 0; i < x.size_bytes(); ++i)
          static_cast<uint8_t*>(x.raw())[i] = static_cast<uint8_t>(i % 4 == 0   ? i / 4
                                                                   : i % 4 == 2 ? i / 1024 + i / 4
                                                                                : i * 37);
        const graph::OpPtr op = testing::tuned_op(c, isa, {x});
        REQUIRE(op != nullptr);
        CHECK(same_bits(run(*op, {x})[0], run_op(c.op, c.version, c.attributes, {x})[0]));
      }
  });
}

TEST_CASE("transposing 64-bit elements is left to the reference", "[transpose]") {
  const testing::KernelCase c{
      .line = "", .op = "Transpose", .attributes = {}, .inputs = {testing::parse_input("2x3")}};
  CHECK(testing::tuned_op(c, best_isa(), {Tensor(DType::int64, {2, 3})}) == nullptr);
}

}  // namespace spinel::cpu
