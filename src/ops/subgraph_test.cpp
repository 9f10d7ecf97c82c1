// If, Loop, Scan, and the values that only they and their like carry: sequences and optionals.
#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops;
using namespace spinel::ops::testing;
using graph::Sequence;

namespace {

const Dim batch = Dim::symbol("batch");
using Values = std::vector<RuntimeValue>;
using Types = std::vector<ValueType>;

ValueType float_type(Shape shape) { return ValueType::tensor(DType::float32, std::move(shape)); }

OpPtr make_body_op(const char* name, Attributes attributes = {}) {
  attributes["body"] = GraphAttribute{};
  return make(name, 16, attributes, 1, 1);
}

}  // namespace

TEST_CASE("If runs the branch that the condition chooses", "[if]") {
  const OpPtr op = make("If", 16, {{"then_branch", GraphAttribute{}}, {"else_branch", GraphAttribute{}}});
  const std::vector<Subgraph> branches{[](Values) { return Values{floats({1}, {1})}; },
                                       [](Values) {
                                         return Values{floats({2}, {2, 2})};
                                       }};
  expect_close(run_values(*op, {Tensor::scalar(true)}, 1, branches)[0].tensor(), floats({1}, {1}));
  expect_close(run_values(*op, {bools({1}, {false})}, 1, branches)[0].tensor(), floats({2}, {2, 2}));
  expect_error(ErrorCode::invalid_argument, "not a bool",
               [&] { run_values(*op, {floats({1}, {1})}, 1, branches); });

  const auto types = [](Shape then_shape, Shape else_shape) {
    return std::vector<SubgraphTypes>{[=](const Types&) { return Types{float_type(then_shape)}; },
                                      [=](const Types&) { return Types{float_type(else_shape)}; }};
  };
  const InferInput condition(DType::boolean, {});
  CHECK(infer(*op, {condition}, 1, types({batch, 3}, {batch, 4})).text() == "float32[batch, ?]");
  CHECK(infer(*op, {condition}, 1, types({batch}, {batch, 4})).text() ==
        ValueType::tensor(DType::float32).text());
  expect_error(ErrorCode::bad_model, "branches have", [&] { infer(*op, {condition}, 2, types({1}, {1})); });
  expect_error(ErrorCode::bad_model, "'else_branch' is missing", [] {
    make("If", 16, {{"then_branch", GraphAttribute{}}});
  });
}

TEST_CASE("Loop repeats, carries and stacks", "[loop]") {
  const OpPtr op = make_body_op("Loop");
  // Body: total += iteration, go on while total < 5, give total.
  const Subgraph body = [](Values in) {
    const float total =
        in[2].tensor().data<float>()[0] + static_cast<float>(in[0].tensor().data<int64_t>()[0]);
    return Values{Tensor::scalar(total < 5), floats({1}, {total}), floats({1}, {total})};
  };
  auto out = run_values(*op, {Tensor::scalar(int64_t{3}), RuntimeValue(), floats({1}, {0})}, 2, {body});
  expect_close(out[0].tensor(), floats({1}, {3}));
  expect_close(out[1].tensor(), floats({3, 1}, {0, 1, 3}));
  out = run_values(*op, {Tensor::scalar(int64_t{100}), Tensor::scalar(true), floats({1}, {0})}, 2, {body});
  expect_close(out[1].tensor(), floats({4, 1}, {0, 1, 3, 6}));
  out = run_values(*op, {RuntimeValue(), Tensor::scalar(true), floats({1}, {0})}, 1, {body});
  expect_close(out[0].tensor(), floats({1}, {6}));
  out = run_values(*op, {Tensor::scalar(int64_t{9}), Tensor::scalar(false), floats({1}, {7})}, 1, {body});
  expect_close(out[0].tensor(), floats({1}, {7}));
}

TEST_CASE("Loop without iterations gives empty results of the inferred shape", "[loop]") {
  const Values inputs{Tensor::scalar(int64_t{0}), RuntimeValue(), floats({1}, {7})};
  const std::vector<Subgraph> subgraphs{[](Values) { return Values{}; }};
  HarnessRun context(inputs, 2, subgraphs, false);
  context.output_types = {float_type({1}), float_type({Dim::unknown(), 3, batch})};
  make_body_op("Loop")->run(context);
  expect_close(context.outputs[0].tensor(), floats({1}, {7}));
  CHECK(describe(context.outputs[1].tensor()) == "float32[0, 3, 0]");
  expect_error(ErrorCode::unsupported, "rank of output 1 is not known",
               [&] { run_values(*make_body_op("Loop"), inputs, 2, subgraphs); });
}

TEST_CASE("Loop infers carried values that change their shape", "[loop]") {
  const OpPtr op = make_body_op("Loop");
  const InferInput trips(DType::int64, {});
  const InferInput condition(DType::boolean, {});
  const auto body = [](Dim growth) {
    return SubgraphTypes([growth](const Types& in) {
      Shape grown = *in[2].shape;
      grown[0] = grown[0] + growth;
      return Types{in[1], float_type(grown), float_type({batch, 2})};
    });
  };
  CHECK(infer(*op, {trips, condition, InferInput(DType::float32, {1, batch})}, 2, {body(1)}).text() ==
        "float32[?, batch]");
  const InferResult kept =
      infer(*op, {trips, condition, InferInput(DType::float32, {1, batch})}, 2, {body(0)});
  CHECK(kept.text(0) == "float32[1, batch]");
  CHECK(kept.text(1) == "float32[?, batch, 2]");
  // The second value takes the shape that the first had an iteration before: one pass does not see it grow.
  const SubgraphTypes chained = [](const Types& in) {
    return Types{in[1], float_type({(*in[2].shape)[0] + Dim(1)}), in[2]};
  };
  const InferInput one(DType::float32, {1});
  CHECK(infer(*op, {trips, condition, one, one}, 2, {chained}).text(1) == "float32[?]");
  expect_error(ErrorCode::bad_model, "body has 3 outputs", [&] {
    const InferInput x(DType::float32, {1, batch});
    infer(*op, {trips, condition, x, x, x}, 3, {body(0)});
  });
}

TEST_CASE("Scan walks over slices", "[scan]") {
  const Subgraph body = [](Values in) {
    const float sum = in[0].tensor().data<float>()[0] + in[1].tensor().data<float>()[0];
    return Values{floats({1}, {sum}), floats({1}, {sum})};
  };
  const OpPtr forwards = make_body_op("Scan", {{"num_scan_inputs", int64_t{1}}});
  auto out = run_values(*forwards, {floats({1}, {10}), floats({3, 1}, {1, 2, 3})}, 2, {body});
  expect_close(out[0].tensor(), floats({1}, {16}));
  expect_close(out[1].tensor(), floats({3, 1}, {11, 13, 16}));
  const OpPtr backwards = make_body_op("Scan", {{"num_scan_inputs", int64_t{1}},
                                                {"scan_input_axes", std::vector<int64_t>{1}},
                                                {"scan_input_directions", std::vector<int64_t>{1}},
                                                {"scan_output_axes", std::vector<int64_t>{-1}},
                                                {"scan_output_directions", std::vector<int64_t>{1}}});
  out = run_values(*backwards, {floats({1}, {10}), floats({1, 3}, {1, 2, 3})}, 2, {body});
  expect_close(out[1].tensor(), floats({1, 3}, {16, 15, 13}));
  const SubgraphTypes types = [](const Types& in) { return Types{in[0], in[1]}; };
  CHECK(
      infer(*backwards, {InferInput(DType::float32, {1}), InferInput(DType::float32, {1, batch})}, 2, {types})
          .text(1) == "float32[1, batch]");
}

TEST_CASE("Scan of opset 8 runs each sample up to its own end", "[scan]") {
  const Subgraph body = [](Values in) {
    const float sum = in[0].tensor().data<float>()[0] + in[1].tensor().data<float>()[0];
    return Values{floats({1}, {sum}), floats({1}, {sum})};
  };
  const Attributes attributes{{"body", GraphAttribute{}}, {"num_scan_inputs", int64_t{1}}};
  const OpPtr op = make("Scan", 8, attributes, 3, 2);
  const Values inputs{ints({2}, {3, 1}), floats({2, 1}, {10, 20}), floats({2, 3, 1}, {1, 2, 3, 4, 5, 6})};
  auto out = run_values(*op, inputs, 2, {body});
  expect_close(out[0].tensor(), floats({2, 1}, {16, 24}));
  expect_close(out[1].tensor(), floats({2, 3, 1}, {11, 13, 16, 24, 0, 0}));
  Attributes backwards = attributes;
  backwards["directions"] = std::vector<int64_t>{1};
  out = run_values(*make("Scan", 8, backwards, 3, 2), {RuntimeValue(), inputs[1], inputs[2]}, 2, {body});
  expect_close(out[1].tensor(), floats({2, 3, 1}, {13, 15, 16, 26, 31, 35}));
  const SubgraphTypes types = [](const Types& in) { return Types{in[0], in[1]}; };
  const InferResult inferred =
      infer(*op,
            {InferInput(DType::int64, {batch}), InferInput(DType::float32, {batch, 1}),
             InferInput(DType::float32, {batch, 7, 1})},
            2, {types});
  CHECK(inferred.text(0) == "float32[batch, 1]");
  CHECK(inferred.text(1) == "float32[batch, 7, 1]");
  expect_error(ErrorCode::invalid_argument, "there are 3", [&] {
    run_values(*op, {ints({2}, {4, 1}), inputs[1], inputs[2]}, 2, {body});
  });
}

TEST_CASE("SequenceMap calls its body for each element", "[sequence]") {
  const Subgraph body = [](Values in) {
    const float sum = in[0].tensor().data<float>()[0] + in[1].tensor().data<float>()[0];
    return Values{floats({1}, {sum})};
  };
  const OpPtr op = make("SequenceMap", 17, {{"body", GraphAttribute{}}}, 2);
  const Sequence three{floats({1}, {1}), floats({1}, {2}), floats({1}, {3})};
  const Sequence out = run_values(*op, {three, floats({1}, {10})}, 1, {body})[0].sequence();
  REQUIRE(out.size() == 3);
  expect_close(out[2].tensor(), floats({1}, {13}));
  expect_close(run_values(*op, {three, three}, 1, {body})[0].sequence()[1].tensor(), floats({1}, {4}));
  CHECK(run_values(*op, {Sequence{}, floats({1}, {1})}, 1, {body})[0].sequence().empty());
  expect_error(ErrorCode::invalid_argument, "3 and 1 elements", [&] {
    run_values(*op, {three, Sequence{floats({1}, {1})}}, 1, {body});
  });
  const SubgraphTypes types = [](const Types& in) { return Types{in[0]}; };
  CHECK(infer(*op, {InferInput(ValueType::sequence(float_type({batch})))}, 1, {types}).text() ==
        "sequence(float32[batch])");
}

TEST_CASE("sequences are made, changed and joined", "[sequence]") {
  const Tensor a = floats({1, 2}, {1, 2});
  const Tensor b = floats({1, 2}, {3, 4});
  const auto op = [](const char* name, Attributes attributes = {}) { return make(name, 11, attributes, 1); };
  const RuntimeValue two = run_values(*op("SequenceConstruct"), {a, b})[0];
  REQUIRE(two.is_sequence());
  expect_close(run_values(*op("SequenceLength"), {two})[0].tensor(), Tensor::scalar(int64_t{2}));
  expect_close(run_values(*op("SequenceAt"), {two, Tensor::scalar(int64_t{-1})})[0].tensor(), b);
  expect_error(ErrorCode::invalid_argument, "place [2] is outside a sequence of 2", [&] {
    run_values(*op("SequenceAt"), {two, Tensor::scalar(int64_t{2})});
  });
  const RuntimeValue three = run_values(*op("SequenceInsert"), {two, b, Tensor::scalar(int64_t{0})})[0];
  expect_close(run_values(*op("ConcatFromSequence", {{"axis", int64_t{0}}}), {three})[0].tensor(),
               floats({3, 2}, {3, 4, 1, 2, 3, 4}));
  expect_close(
      run_values(*op("ConcatFromSequence", {{"axis", int64_t{-1}}, {"new_axis", int64_t{1}}}), {two})[0]
          .tensor(),
      floats({1, 2, 2}, {1, 3, 2, 4}));
  const RuntimeValue one = run_values(*op("SequenceErase"), {two, Tensor::scalar(int64_t{0})})[0];
  expect_close(one.sequence().at(0).tensor(), b);
  CHECK(run_values(*op("SequenceEmpty"), {})[0].sequence().empty());
  CHECK(infer(*op("SequenceConstruct"), {a, floats({2, 2}, {1, 2, 3, 4})}).text() ==
        "sequence(float32[?, 2])");

  const Tensor x = arange({5, 1});
  const RuntimeValue chunks = run_values(*op("SplitToSequence"), {x, Tensor::scalar(int64_t{2})})[0];
  REQUIRE(chunks.sequence().size() == 3);
  expect_close(chunks.sequence()[2].tensor(), floats({1, 1}, {4}));
  const RuntimeValue rows = run_values(*op("SplitToSequence", {{"keepdims", int64_t{0}}}), {x})[0];
  REQUIRE(rows.sequence().size() == 5);
  expect_close(rows.sequence()[4].tensor(), floats({1}, {4}));
  expect_error(ErrorCode::invalid_argument, "parts of [2, 2]", [&] {
    run_values(*op("SplitToSequence"), {x, ints({2}, {2, 2})});
  });
}

TEST_CASE("a sequence keeps its elements when the memory they came from changes", "[sequence]") {
  Tensor x = floats({1}, {1});
  const RuntimeValue held = run_values(*make("SequenceConstruct", 11, {}, 1), {x})[0];
  x.data<float>()[0] = 2;
  CHECK(held.sequence()[0].tensor().data<float>()[0] == 1);
}

TEST_CASE("optionals are filled or empty", "[optional]") {
  const OpPtr has = make("OptionalHasElement", 15);
  const OpPtr get = make("OptionalGetElement", 15);
  const RuntimeValue filled = run_values(*make("Optional", 15), {floats({1}, {3})})[0];
  expect_close(run_values(*has, {filled})[0].tensor(), Tensor::scalar(true));
  expect_close(run_values(*has, {RuntimeValue()})[0].tensor(), Tensor::scalar(false));
  expect_close(run_values(*get, {filled})[0].tensor(), floats({1}, {3}));
  expect_error(ErrorCode::invalid_argument, "empty", [&] { run_values(*get, {RuntimeValue()}); });
  const InferInput type(ValueType::optional_of(float_type({batch})));
  CHECK(infer(*get, {type}).text() == "float32[batch]");
}
