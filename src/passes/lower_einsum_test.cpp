#include <catch2/catch.hpp>

#include "passes/test_passes.hpp"

using namespace spinel;
using test::ModelGraph;

namespace {

Tensor floats(const Dims& dims, uint32_t seed) { return test::random_floats(dims, seed); }

/// Runs the equation before and after the pass; how many MatMul it has made.
size_t lowered(const std::string& equation, const Dims& a, const Dims& b) {
  ModelGraph model;
  model.input("a", DType::float32, {a.begin(), a.end()});
  model.input("b", DType::float32, {b.begin(), b.end()});
  model.node("Einsum", {"a", "b"}, {"y"}, {{"equation", equation}}).output("y", DType::float32);
  const graph::Graph before = test::import_graph(model);
  graph::Graph after = test::import_graph(model);
  test::run_pass(after, passes::lower_einsum);
  const std::vector<Tensor> inputs{floats(a, 1), floats(b, 2)};
  CHECK(test::relative_error(test::interpret_one(after, inputs), test::interpret_one(before, inputs)) < 1e-6);
  return test::count_op(after, "MatMul");
}

}  // namespace

TEST_CASE("an Einsum that is a stack of products becomes MatMul", "[lower_einsum]") {
  CHECK(lowered("B H I D, B H J D -> B H I J", {2, 3, 4, 5}, {2, 3, 6, 5}) == 1);
  CHECK(lowered("bhij,bhjd->bhid", {2, 3, 4, 6}, {2, 3, 6, 5}) == 1);
  CHECK(lowered("ij,jk->ki", {3, 4}, {4, 5}) == 1);
  CHECK(lowered("bnqd,bmqd->qbmn", {2, 3, 4, 5}, {2, 6, 4, 5}) == 1);
  CHECK(lowered("kxb,bky->xby", {5, 3, 2}, {2, 5, 4}) == 1);
}

TEST_CASE("an Einsum that is something else stays", "[lower_einsum]") {
  CHECK(lowered("ij,ij->ij", {3, 4}, {3, 4}) == 0);
  CHECK(lowered("ij,jk", {3, 4}, {4, 5}) == 0);
  CHECK(lowered("bijk,bjkd->bid", {2, 3, 4, 5}, {2, 4, 5, 6}) == 0);
  CHECK(lowered("i,j->ij", {3}, {4}) == 0);
  CHECK(lowered("...ij,...jk->...ik", {2, 3, 4}, {2, 4, 5}) == 0);
  CHECK(lowered("ii,ij->ij", {3, 3}, {3, 4}) == 0);
  CHECK(lowered("ijx,jk->ik", {3, 4, 2}, {4, 5}) == 0);
}
