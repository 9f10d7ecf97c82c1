#include <catch2/catch.hpp>

#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;

TEST_CASE("Det: one matrix, a batch, the empty matrix", "[ops]") {
  const Tensor one = Tensor::from<float>({2, 2}, {1, 2, 3, 4});
  CHECK(run_op("Det", 11, {}, {one})[0].data<float>()[0] == Approx(-2.0f));
  const Tensor two = Tensor::from<float>({2, 2, 2}, {1, 2, 3, 4, 0, 1, 1, 0});
  const Tensor y = run_op("Det", 11, {}, {two})[0];
  CHECK(y.dims() == Dims{2});
  CHECK(y.data<float>()[1] == Approx(-1.0f));
  CHECK(run_op("Det", 11, {}, {Tensor(DType::float32, {0, 0})})[0].data<float>()[0] == 1.0f);
  CHECK_THROWS(run_op("Det", 11, {}, {Tensor(DType::float32, {2, 3})}));
}
