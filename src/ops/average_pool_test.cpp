#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using Ints = std::vector<int64_t>;

TEST_CASE("AveragePool counts padding only if told to", "[average_pool]") {
  const Tensor x = floats({1, 1, 4}, {1, 2, 3, 4});
  const Attributes base{{"kernel_shape", Ints{3}}, {"pads", Ints{1, 1}}};
  expect_close(run_op("AveragePool", 11, base, {x})[0], floats({1, 1, 4}, {1.5f, 2, 3, 3.5f}));
  Attributes counted = base;
  counted["count_include_pad"] = int64_t{1};
  expect_close(run_op("AveragePool", 11, counted, {x})[0], floats({1, 1, 4}, {1, 2, 3, 7.0f / 3}));
}

TEST_CASE("AveragePool with ceil_mode never counts beyond the padding", "[average_pool]") {
  // Windows begin at -1, 1 and 3; the last one covers 3, the padding at 4, and 5, which is beyond it.
  const Tensor x = floats({1, 1, 4}, {1, 2, 3, 4});
  const Attributes attributes{{"kernel_shape", Ints{3}},
                              {"strides", Ints{2}},
                              {"pads", Ints{1, 1}},
                              {"ceil_mode", int64_t{1}},
                              {"count_include_pad", int64_t{1}}};
  expect_close(run_op("AveragePool", 11, attributes, {x})[0], floats({1, 1, 3}, {1, 3, 2}));
}

TEST_CASE("AveragePool in two dimensions, with dilations, in float16", "[average_pool]") {
  const Tensor x = arange({1, 2, 3, 3});
  const Tensor expected = floats({1, 2, 2, 2}, {2, 3, 5, 6, 11, 12, 14, 15});
  expect_close(run_op("AveragePool", 11, {{"kernel_shape", Ints{2, 2}}}, {x})[0], expected);
  expect_close(run_op("AveragePool", 11, {{"kernel_shape", Ints{2, 2}}}, {convert(x, DType::float16)})[0],
               convert(expected, DType::float16));
  expect_close(run_op("AveragePool", 19, {{"kernel_shape", Ints{2, 2}}, {"dilations", Ints{2, 2}}}, {x})[0],
               floats({1, 2, 1, 1}, {4, 13}));
  expect_close(
      run_op("AveragePool", 11,
             {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"auto_pad", "SAME_UPPER"}}, {x})[0],
      floats({1, 2, 2, 2}, {2, 3.5f, 6.5f, 8, 11, 12.5f, 15.5f, 17}));
  expect_batch_split("AveragePool", 11, {{"kernel_shape", Ints{2, 2}}}, {noise({3, 2, 4, 5})}, {0});
}

TEST_CASE("LpPool takes the norm of a window", "[average_pool]") {
  const Tensor x = floats({1, 1, 3}, {3, -4, 12});
  expect_close(run_op("LpPool", 11, {{"kernel_shape", Ints{2}}}, {x})[0],
               floats({1, 1, 2}, {5, std::sqrt(160.0f)}));
  expect_close(run_op("LpPool", 11, {{"kernel_shape", Ints{2}}, {"p", int64_t{1}}}, {x})[0],
               floats({1, 1, 2}, {7, 16}));
}

TEST_CASE("Global pools", "[global_pool]") {
  const Tensor x = floats({1, 2, 1, 2}, {3, -4, 1, 1});
  expect_close(run_op("GlobalAveragePool", 1, {}, {x})[0], floats({1, 2, 1, 1}, {-0.5f, 1}));
  expect_close(run_op("GlobalMaxPool", 1, {}, {x})[0], floats({1, 2, 1, 1}, {3, 1}));
  expect_close(run_op("GlobalLpPool", 2, {}, {x})[0], floats({1, 2, 1, 1}, {5, std::sqrt(2.0f)}));
  // 1e8 and many ones: a sum in float32 would lose them.
  Tensor large = arange({1, 1, 4097}, 1, 0);
  large.data<float>()[0] = 1e8f;
  expect_close(run_op("GlobalAveragePool", 1, {}, {large})[0], floats({1, 1, 1}, {100004096.0f / 4097}), 1e-7,
               0);
  expect_close(run_op("GlobalAveragePool", 1, {}, {halves({1, 1, 3}, {1, 2, 4})})[0],
               halves({1, 1, 1}, {7.0f / 3}));
  expect_batch_split("GlobalAveragePool", 1, {}, {noise({3, 2, 4, 5})}, {0});
  CHECK(infer_op("GlobalMaxPool", 1, {},
                 {{DType::float32, {graph::Dim::symbol("n"), 5, graph::Dim::symbol("h"), 7}}})
            .text() == "float32[n, 5, 1, 1]");
}
