#include <omp.h>

#include <atomic>

#include "other_onnx.pb.h"
#include "run_model.hpp"

TEST_CASE("a host with a protobuf, and ONNX's names, of its own") {
  onnx::ModelProto model;
  model.mutable_graph()->set_title("the host's");
  model.add_weights(0.5);
  const Copy copy;
  spinel_engine* engine = create_two(copy);
  CHECK(run_two(copy, engine));
  onnx::ModelProto again;
  REQUIRE(again.ParseFromString(model.SerializeAsString()));
  CHECK(again.graph().title() == "the host's");
  CHECK(again.weights(0) == 0.5);
  CHECK(google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName("onnx.TensorProto") ==
        nullptr);
  copy.release(engine);
}

TEST_CASE("a host that runs the engine inside its OpenMP loops") {
  const Copy copy;
  spinel_engine* engine = create_two(copy);
  const int threads = omp_get_max_threads();
  std::atomic<int> right{0};
#pragma omp parallel for num_threads(4)
  for (int i = 0; i < 32; ++i) right += run_two(copy, engine) ? 1 : 0;
  CHECK(right == 32);
  CHECK(omp_get_max_threads() == threads);
  copy.release(engine);
}
