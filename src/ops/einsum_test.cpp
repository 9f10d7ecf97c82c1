// Einsum, DepthToSpace and SpaceToDepth.
#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using spinel::ops::BatchState;

namespace {
Tensor einsum(const std::string& equation, const std::vector<Tensor>& inputs) {
  return run_op("Einsum", 12, {{"equation", equation}}, inputs)[0];
}
}  // namespace

TEST_CASE("Einsum of one operand", "[einsum]") {
  const Tensor x = arange({2, 3});
  expect_close(einsum("ij->ji", {x}), floats({3, 2}, {0, 3, 1, 4, 2, 5}));
  expect_close(einsum("ij->i", {x}), floats({2}, {3, 12}));
  expect_close(einsum("ij->", {x}), floats({}, {15}));
  expect_close(einsum("ba", {x}), floats({3, 2}, {0, 3, 1, 4, 2, 5}));
  expect_close(einsum("ii->i", {arange({3, 3})}), floats({3}, {0, 4, 8}));
  expect_close(einsum("ii", {arange({3, 3})}), floats({}, {12}));
  expect_close(einsum("...ii->...i", {arange({2, 2, 2})}), floats({2, 2}, {0, 3, 4, 7}));
}

TEST_CASE("Einsum of several operands", "[einsum]") {
  const Tensor a = noise({3, 4}, 1), b = noise({4, 5}, 2);
  expect_close(einsum("ik, kj -> ij", {a, b}), run_op("MatMul", 13, {}, {a, b})[0]);
  expect_close(einsum("...ik,...kj->...ij", {noise({2, 3, 4}, 3), b}),
               run_op("MatMul", 13, {}, {noise({2, 3, 4}, 3), b})[0]);
  expect_close(einsum("i,j->ij", {floats({2}, {1, 2}), floats({2}, {3, 4})}), floats({2, 2}, {3, 4, 6, 8}));
  expect_close(einsum("i,i,i->", {floats({2}, {1, 2}), floats({2}, {3, 4}), floats({2}, {5, 6})}),
               floats({}, {63}));
  expect_close(einsum("ij,ij->i", {ints({1, 2}, {1, 2}), ints({1, 2}, {3, 4})}), ints({1}, {11}));
  expect_close(einsum("i,->i", {halves({2}, {1, 2}), halves({}, {3})}), halves({2}, {3, 6}));
  CHECK(einsum("ij,jk->ik", {noise({0, 3}), noise({3, 2})}).dims() == Dims{0, 2});
  expect_close(einsum("ij,jk->ik", {noise({1, 0}), noise({0, 2})}), floats({1, 2}, {0, 0}));
}

TEST_CASE("Einsum infers, splits and refuses", "[einsum]") {
  const Dim n = Dim::symbol("n");
  CHECK(infer_op("Einsum", 12, {{"equation", "bhid,bhjd->bhij"}},
                 {{DType::float32, {n, 2, 7, 4}}, {DType::float32, {n, 2, 9, 4}}})
            .text() == "float32[n, 2, 7, 9]");
  expect_batch_split("Einsum", 12, {{"equation", "bid,bjd->ijb"}}, {noise({3, 2, 4}), noise({3, 5, 4})},
                     {0, 0});
  expect_batch_split("Einsum", 12, {{"equation", "...d,de->...e"}}, {noise({3, 2, 4}), noise({4, 5})},
                     {0, -1});
  CHECK(batch_op("Einsum", 12, {{"equation", "bi->i"}}, {noise({3, 2})}, {BatchState::batched(0)}).blocked());
  CHECK(batch_op("Einsum", 12, {{"equation", "bi,bi->bi"}}, {noise({3, 2}), noise({3, 2})},
                 {BatchState::batched(0)})
            .blocked());
  CHECK(batch_op("Einsum", 12, {{"equation", "bi,ib->bi"}}, {noise({3, 3}), noise({3, 3})},
                 {BatchState::batched(0), BatchState::batched(0)})
            .blocked());
  expect_error(ErrorCode::bad_model, "malformed", [] { make("Einsum", 12, {{"equation", "i1->i"}}); });
  expect_error(ErrorCode::bad_model, "in no input", [] { make("Einsum", 12, {{"equation", "i->j"}}); });
  expect_error(ErrorCode::bad_model, "2 terms", [] {
    infer_op("Einsum", 12, {{"equation", "i,i->i"}}, {noise({3})});
  });
  expect_error(ErrorCode::bad_model, "does not fit", [] {
    infer_op("Einsum", 12, {{"equation", "ij->i"}}, {noise({3})});
  });
  const auto op = make("Einsum", 12, {{"equation", "i,i->i"}}, 2);
  expect_error(ErrorCode::invalid_argument, "3 long", [&] { run_values(*op, {noise({3}), noise({4})}); });
}

TEST_CASE("DepthToSpace and SpaceToDepth", "[depth_to_space]") {
  const Tensor x = arange({1, 8, 1, 1});
  const Attributes two{{"blocksize", int64_t{2}}};
  const Tensor dcr = run_op("DepthToSpace", 13, two, {x})[0];
  expect_close(dcr, floats({1, 2, 2, 2}, {0, 2, 4, 6, 1, 3, 5, 7}));
  expect_close(run_op("DepthToSpace", 13, {{"blocksize", int64_t{2}}, {"mode", "CRD"}}, {x})[0],
               arange({1, 2, 2, 2}));
  expect_close(run_op("SpaceToDepth", 13, two, {dcr})[0], x);
  expect_close(
      run_op("SpaceToDepth", 28, {{"blocksize", int64_t{2}}, {"mode", "CRD"}}, {arange({1, 2, 2, 2})})[0], x);
  const Tensor image = noise({2, 3, 4, 6});
  CHECK(same_bits(run_op("DepthToSpace", 13, two, {run_op("SpaceToDepth", 13, two, {image})[0]})[0], image));
  expect_batch_split("DepthToSpace", 13, two, {noise({3, 4, 2, 2})}, {0});
  CHECK(infer_op("SpaceToDepth", 13, two, {{DType::float32, {Dim::symbol("n"), 3, 8, 6}}}).text() ==
        "float32[n, 12, 4, 3]");
  expect_error(ErrorCode::bad_model, "multiple", [&] {
    infer_op("DepthToSpace", 13, two, {noise({1, 3, 2, 2})});
  });
  const auto op = make("SpaceToDepth", 13, two);
  expect_error(ErrorCode::invalid_argument, "blocksize 2", [&] { run_values(*op, {noise({1, 3, 3, 2})}); });
}
