#include "cpu/kernel_harness.hpp"

namespace spinel::cpu {

using namespace ops::testing;

TEST_CASE("resizing agrees with the reference", "[resize]") {
  testing::check_cases("resize.txt", 1e-6, -3, 3, 3);
}

TEST_CASE("resizing does not spread infinities beyond their weights", "[resize]") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  testing::for_each_isa([](const Isa& isa) {
    for (const char* line : {"1x1x3x3", "1x3x3x2"}) {
      testing::KernelCase c{.line = line, .op = "Resize", .attributes = {}, .inputs = {}};
      c.attributes = {{"mode", std::string("linear")},
                      {"coordinate_transformation_mode", std::string("align_corners")}};
      const bool planes = c.line == "1x1x3x3";
      for (const char* input : {line, "none", planes ? "@s[1,1,1.7,1.7]" : "@s[1,1.7,1.7,1]"})
        c.inputs.push_back(testing::parse_input(input));
      auto inputs = testing::make_inputs(c, DType::float32);
      inputs[0].data<float>()[planes ? 8 : 17] = infinity;
      const auto op = testing::tuned_op(c, isa, inputs);
      REQUIRE(op != nullptr);
      expect_close(run(*op, inputs)[0], run_op(c.op, c.version, c.attributes, inputs)[0], 1e-6, 1e-6);
    }
  });
}

TEST_CASE("resizing scattered axes is refused", "[resize]") {
  testing::KernelCase c{.line = "", .op = "Resize", .attributes = {}, .inputs = {}};
  for (const char* input : {"2x3x4x5", "none", "@s[1,2,1,2]"})
    c.inputs.push_back(testing::parse_input(input));
  CHECK(testing::tuned_op(c, best_isa(), testing::make_inputs(c, DType::float32)) == nullptr);
}

}  // namespace spinel::cpu
