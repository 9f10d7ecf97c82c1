#include <catch2/catch.hpp>

#include "passes/test_passes.hpp"

using namespace spinel;
using test::int64s;
using test::ModelGraph;

namespace {

using Perm = std::vector<int64_t>;

struct Merged {
  graph::Graph before;
  graph::Graph after;
  PassReport report;

  explicit Merged(const ModelGraph& model)
      : before(test::import_graph(model)), after(test::import_graph(model)) {
    report = test::run_pass(after, passes::merge_transposes);
  }
  bool same(const Tensor& x) const {
    const Tensor a = test::interpret_one(after, {x});
    const Tensor b = test::interpret_one(before, {x});
    return a.dims() == b.dims() && std::ranges::equal(a.data<float>(), b.data<float>());
  }
};

ModelGraph with_input(std::vector<test::ModelDim> dims) {
  ModelGraph model;
  model.input("x", DType::float32, dims);
  model.node("Neg", {"x"}, {"a"});
  return model;
}

void finish(ModelGraph& model, const std::string& from) {
  model.node("Abs", {from}, {"y"}).output("y", DType::float32);
}

}  // namespace

TEST_CASE("merge_transposes: transposes that cancel go, others become one", "[passes]") {
  ModelGraph model = with_input({std::string("n"), int64_t{3}, int64_t{1}, int64_t{5}});
  model.node("Transpose", {"a"}, {"b"}, {{"perm", Perm{0, 2, 3, 1}}});
  model.node("Transpose", {"b"}, {"c"}, {{"perm", Perm{0, 3, 1, 2}}});
  finish(model, "c");
  const Merged gone(model);
  CHECK(gone.after.nodes.size() == 2);
  CHECK(gone.same(test::random_floats({2, 3, 1, 5}, 1)));

  ModelGraph two = with_input({std::string("n"), int64_t{3}, int64_t{4}});
  two.node("Transpose", {"a"}, {"b"}, {{"perm", Perm{2, 0, 1}}});
  two.node("Transpose", {"b"}, {"c"}, {{"perm", Perm{0, 2, 1}}});
  finish(two, "c");
  const Merged one(two);
  CHECK(test::count_op(one.after, "Transpose") == 1);
  CHECK(one.same(test::random_floats({2, 3, 4}, 1)));
}

TEST_CASE("merge_transposes: reshapes that meet", "[passes]") {
  ModelGraph model = with_input({std::string("n"), int64_t{6}, int64_t{8}});
  model.constant("split", int64s({-1, 6, 2, 4})).constant("join", int64s({-1, 6, 8}));
  model.node("Reshape", {"a", "split"}, {"b"}).node("Reshape", {"b", "join"}, {"c"});
  finish(model, "c");
  const Merged gone(model);
  CHECK(gone.after.nodes.size() == 2);
  CHECK(gone.same(test::random_floats({3, 6, 8}, 1)));
}

TEST_CASE("merge_transposes: moves across a reshape become one transpose", "[passes]") {
  // [n, 6, 8] -> [n, 6, 2, 4] -> [n, 2, 6, 4] -> [6, n, 2, 4] -> [6, n, 8]
  ModelGraph model = with_input({std::string("n"), int64_t{6}, int64_t{8}});
  model.constant("split", int64s({-1, 6, 2, 4})).constant("join", int64s({6, -1, 8}));
  model.node("Reshape", {"a", "split"}, {"b"}).node("Transpose", {"b"}, {"c"}, {{"perm", Perm{0, 2, 1, 3}}});
  model.node("Transpose", {"c"}, {"d"}, {{"perm", Perm{2, 0, 1, 3}}}).node("Reshape", {"d", "join"}, {"e"});
  finish(model, "e");
  const Merged merged(model);
  CHECK(merged.after.nodes.size() == 3);
  CHECK(test::count_op(merged.after, "Transpose") == 1);
  CHECK(merged.same(test::random_floats({3, 6, 8}, 1)));
}

TEST_CASE("merge_transposes: dims that are computed are no longer needed", "[passes]") {
  ModelGraph model = with_input({std::string("n"), int64_t{3}, int64_t{2}, int64_t{4}});
  model.constant("zero", Tensor::scalar<int64_t>(0))
      .constant("axis", int64s({0}))
      .constant("rest", int64s({-1}));
  model.node("Shape", {"a"}, {"s"})
      .node("Gather", {"s", "zero"}, {"b"})
      .node("Unsqueeze", {"b", "axis"}, {"c"});
  model.node("Concat", {"c", "rest"}, {"to"}, {{"axis", int64_t{0}}}).node("Reshape", {"a", "to"}, {"d"});
  finish(model, "d");
  const Merged merged(model);
  CHECK(merged.after.nodes.size() == 3);
  CHECK(test::count_op(merged.after, "Shape") == 0);
  CHECK(merged.same(test::random_floats({5, 3, 2, 4}, 1)));
}

TEST_CASE("merge_transposes: what mixes axes that no transpose could stays right", "[passes]") {
  // The reshape after the transpose cuts across it.
  ModelGraph model = with_input({int64_t{4}, int64_t{6}});
  model.constant("to", int64s({8, 3}));
  model.node("Transpose", {"a"}, {"b"}, {{"perm", Perm{1, 0}}}).node("Reshape", {"b", "to"}, {"c"});
  model.node("Transpose", {"c"}, {"d"}, {{"perm", Perm{1, 0}}});
  finish(model, "d");
  CHECK(Merged(model).same(test::random_floats({4, 6}, 1)));
}

TEST_CASE("remove_casts: only casts that lose nothing go", "[passes]") {
  ModelGraph model;
  model.input("x", DType::float16, {std::string("n")});
  model.node("Cast", {"x"}, {"wide"}, {{"to", int64_t{1}}})
      .node("Cast", {"wide"}, {"back"}, {{"to", int64_t{10}}});
  model.node("Neg", {"back"}, {"y"}).output("y", DType::float16);
  model.input("z", DType::float32, {std::string("n")});
  model.node("Cast", {"z"}, {"narrow"}, {{"to", int64_t{10}}})
      .node("Cast", {"narrow"}, {"again"}, {{"to", int64_t{1}}});
  model.node("Neg", {"again"}, {"w"}).output("w", DType::float32);
  graph::Graph graph = test::import_graph(model);
  CHECK(test::run_pass(graph, passes::remove_casts).changes == 1);
  CHECK(test::count_op(graph, "Cast") == 2);
}
