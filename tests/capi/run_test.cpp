#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "support.hpp"

namespace {

/// Inputs and outputs of two.onnx in the caller's memory: x = 0, 1, 2 ..., y = 2.
struct Two {
  explicit Two(int64_t batch)
      : dims{batch, 3},
        x(static_cast<size_t>(batch) * 3),
        y(x.size(), 2),
        sum(x.size(), -1),
        product(x.size(), -1) {
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
    inputs = {tensor_of(SPINEL_FLOAT32, dims, x), tensor_of(SPINEL_FLOAT32, dims, y)};
    outputs = {tensor_of(SPINEL_FLOAT32, dims, sum), tensor_of(SPINEL_FLOAT32, dims, product)};
  }
  Two(const Two&) = delete;
  Two& operator=(const Two&) = delete;

  int32_t run(const spinel_engine* engine, spinel_error** error) {
    return spinel_engine_run(engine, inputs.data(), inputs.size(), outputs.data(), outputs.size(), nullptr,
                             error);
  }
  bool right() const {
    for (size_t i = 0; i < x.size(); ++i)
      if (sum[i] != x[i] + 2 || product[i] != x[i] * 2) return false;
    return true;
  }
  bool untouched() const {
    for (size_t i = 0; i < x.size(); ++i)
      if (sum[i] != -1 || product[i] != -1) return false;
    return true;
  }

  std::vector<int64_t> dims;
  std::vector<float> x, y, sum, product;
  std::vector<spinel_tensor> inputs, outputs;
};

struct Slow {
  std::vector<int64_t> dims{512, 384};
  std::vector<float> data = std::vector<float>(512 * 384, 1);
  spinel_tensor input = tensor_of(SPINEL_FLOAT32, dims, data);
  spinel_tensor output = empty_tensor();
};

}  // namespace

TEST_CASE("the host's loop runs the tasks") {
  struct Host {
    int64_t tasks = 0;
    static void run(void* user, int64_t count, spinel_task task, void* data) {
      for (int64_t i = count; i-- > 0;) task(data, i);
      static_cast<Host*>(user)->tasks += count;
    }
  } host;
  spinel_engine_options options = engine_options();
  options.spas = 2;
  options.spin_us = -1;
  options.parallel_for = Host::run;
  options.parallel_for_user = &host;
  const auto engine = load("two", &options);
  Two two(5);
  check_succeeds([&](spinel_error** error) { return two.run(engine.get(), error); });
  CHECK(two.right());
  CHECK(host.tasks == 2);
}

TEST_CASE("an output may lie on an input if the options say so") {
  spinel_engine_options options = engine_options();
  Two two(5);
  two.outputs[0].data = two.x.data();
  check_fails(SPINEL_INVALID_ARGUMENT, "overlaps",
              [&](spinel_error** error) { return two.run(load("two", &options).get(), error); });
  const spinel_alias aliases[] = {{"x", "sum"}};
  options.aliases = aliases;
  options.alias_count = 1;
  const auto engine = load("two", &options);
  check_succeeds([&](spinel_error** error) { return two.run(engine.get(), error); });
  for (size_t i = 0; i < two.x.size(); ++i) {
    CHECK(two.x[i] == static_cast<float>(i) + 2);
    CHECK(two.product[i] == static_cast<float>(i) * 2);
  }
}

TEST_CASE("results are written to the caller's buffers") {
  spinel_engine_options options = engine_options();
  options.spas = 2;
  const auto engine = load("two", &options);
  CHECK(spinel_engine_run_time(engine.get()) == 0);
  CHECK(spinel_engine_run_time(nullptr) == 0);
  for (int64_t batch : {1, 5}) {
    Two two(batch);
    const std::vector<spinel_tensor> before = two.outputs;
    check_succeeds([&](spinel_error** error) { return two.run(engine.get(), error); });
    CHECK(two.right());
    CHECK(std::memcmp(before.data(), two.outputs.data(), 2 * sizeof before[0]) == 0);
  }
  CHECK(spinel_engine_run_time(engine.get()) > 0);
}

TEST_CASE("outputs without data are allocated, and room to spare is fine") {
  const auto engine = load("two");
  Two two(2);
  two.product.resize(20, -1);
  two.outputs = {empty_tensor(), tensor_of(SPINEL_FLOAT32, two.dims, two.product)};
  check_succeeds([&](spinel_error** error) { return two.run(engine.get(), error); });
  spinel_tensor& made = two.outputs[0];
  CHECK(made.struct_size == sizeof made);
  CHECK(made.dtype == SPINEL_FLOAT32);
  REQUIRE(made.rank == 2);
  CHECK((made.dims[0] == 2 && made.dims[1] == 3));
  REQUIRE(made.size_bytes == 6 * sizeof(float));
  for (size_t i = 0; i < 6; ++i) {
    CHECK(static_cast<const float*>(made.data)[i] == two.x[i] + 2);
    CHECK(two.product[i] == two.x[i] * 2);
  }
  CHECK(two.product[6] == -1);

  // It may be an input in its turn, and outlives its engine.
  two.inputs[0] = made;
  two.outputs = {tensor_of(SPINEL_FLOAT32, two.dims, two.sum), empty_tensor()};
  check_succeeds([&](spinel_error** error) { return two.run(engine.get(), error); });
  CHECK(two.sum[5] == two.x[5] + 4);
  spinel_tensor_release(&two.outputs[1]);
  spinel_tensor_release(&two.inputs[0]);
}

TEST_CASE("arguments that do not fit are refused, and outputs are untouched") {
  const auto engine = load("two");
  const auto fails = [&](const char* part, auto&& change) {
    Two two(2);
    change(two);
    const std::vector<spinel_tensor> before = two.outputs;
    check_fails(SPINEL_INVALID_ARGUMENT, part,
                [&](spinel_error** error) { return two.run(engine.get(), error); });
    CHECK(two.untouched());
    CHECK(std::memcmp(before.data(), two.outputs.data(), before.size() * sizeof before[0]) == 0);
  };
  const std::vector<int64_t> wide{2, 4}, flat{6}, negative{-2, -3};
  std::vector<float> eight(8, -1);
  std::vector<uint16_t> halves(6);
  fails("x", [&](Two& two) { two.inputs[0] = tensor_of(SPINEL_FLOAT32, wide, eight); });
  fails("x", [&](Two& two) { two.inputs[0].dims = flat.data(), two.inputs[0].rank = 1; });
  fails("float16", [&](Two& two) { two.inputs[1] = tensor_of(SPINEL_FLOAT16, two.dims, halves); });
  fails("inputs[1].dtype is 77", [&](Two& two) { two.inputs[1].dtype = 77; });
  fails("inputs[1].size_bytes is 20", [&](Two& two) { two.inputs[1].size_bytes = 20; });
  fails("inputs[1].data is NULL", [&](Two& two) { two.inputs[1].data = nullptr; });
  fails("inputs[0].dims is NULL", [&](Two& two) { two.inputs[0].dims = nullptr; });
  fails("negative", [&](Two& two) { two.inputs[0].dims = negative.data(); });
  fails("inputs->struct_size is 0", [&](Two& two) { two.inputs[0].struct_size = 0; });
  fails("inputs[1].struct_size is 0", [&](Two& two) { two.inputs[1].struct_size = 0; });
  fails("1", [&](Two& two) { two.inputs.pop_back(); });
  fails("1", [&](Two& two) { two.outputs.pop_back(); });
  fails("float16", [&](Two& two) { two.outputs[0] = tensor_of(SPINEL_FLOAT16, two.dims, halves); });
  fails("sum", [&](Two& two) { two.outputs[0] = tensor_of(SPINEL_FLOAT32, wide, eight); });
  fails("outputs[1].size_bytes is 23", [&](Two& two) { two.outputs[1].size_bytes = 23; });
  fails("output 'sum' overlaps input 'y'", [&](Two& two) { two.outputs[0].data = two.y.data(); });
  fails("outputs 'sum' and 'product' overlap", [&](Two& two) { two.outputs[1].data = two.sum.data(); });
  fails("not aligned", [&](Two& two) { two.inputs[0].data = reinterpret_cast<char*>(two.x.data()) + 2; });

  Two two(2);
  check_fails(SPINEL_INVALID_ARGUMENT, "engine is NULL",
              [&](spinel_error** error) { return two.run(nullptr, error); });
  check_fails(SPINEL_INVALID_ARGUMENT, "inputs is NULL", [&](spinel_error** error) {
    return spinel_engine_run(engine.get(), nullptr, 2, two.outputs.data(), 2, nullptr, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "outputs is NULL", [&](spinel_error** error) {
    return spinel_engine_run(engine.get(), two.inputs.data(), 2, nullptr, 2, nullptr, error);
  });
  CHECK(two.untouched());
}

TEST_CASE("a caller whose tensors have grown") {
  struct Newer {
    spinel_tensor tensor;
    uint64_t added[2];
  };
  const auto engine = load("two");
  Two two(2);
  Newer inputs[2] = {{two.inputs[0], {}}, {two.inputs[1], {}}};
  Newer outputs[2] = {{empty_tensor(), {}}, {empty_tensor(), {}}};
  for (int i = 0; i < 2; ++i) inputs[i].tensor.struct_size = outputs[i].tensor.struct_size = sizeof(Newer);
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_run(engine.get(), &inputs[0].tensor, 2, &outputs[0].tensor, 2, nullptr, error);
  });
  CHECK(static_cast<const float*>(outputs[1].tensor.data)[5] == two.x[5] * 2);
  for (auto& output : outputs) spinel_tensor_release(&output.tensor);
}

TEST_CASE("a node that fails is named") {
  const auto engine = load("reshape");
  std::vector<float> data(6);
  std::vector<int64_t> shape{4, 2};
  const std::vector<int64_t> six{6}, two{2};
  const spinel_tensor inputs[] = {tensor_of(SPINEL_FLOAT32, six, data), tensor_of(SPINEL_INT64, two, shape)};
  spinel_tensor output = empty_tensor();
  spinel_error* raw = nullptr;
  CHECK(spinel_engine_run(engine.get(), inputs, 2, &output, 1, nullptr, &raw) == SPINEL_INVALID_ARGUMENT);
  const Owned<spinel_error> error(raw);
  CHECK(std::strcmp(spinel_error_node(raw), "the_reshape") == 0);
  CHECK(output.data == nullptr);

  shape = {2, 3};
  check_succeeds(
      [&](spinel_error** e) { return spinel_engine_run(engine.get(), inputs, 2, &output, 1, nullptr, e); });
  REQUIRE(output.rank == 2);
  CHECK((output.dims[0] == 2 && output.dims[1] == 3));
  spinel_tensor_release(&output);
}

TEST_CASE("strings go in and out") {
  const auto engine = load("strings");
  std::vector<spinel_string> texts{{"one", 3}, {"with\0NUL", 8}, {nullptr, 0}};
  const std::vector<int64_t> dims{3};
  spinel_tensor input = tensor_of(SPINEL_STRING, dims, texts);
  spinel_tensor output = empty_tensor();
  const auto run = [&](spinel_error** error) {
    return spinel_engine_run(engine.get(), &input, 1, &output, 1, nullptr, error);
  };
  check_succeeds(run);
  REQUIRE(output.size_bytes == 3 * sizeof(spinel_string));
  const auto* out = static_cast<const spinel_string*>(output.data);
  CHECK(std::string(out[0].data, out[0].size_bytes) == "one");
  CHECK(out[0].data[3] == '\0');
  CHECK(std::string(out[1].data, out[1].size_bytes) == std::string("with\0NUL", 8));
  CHECK(out[2].size_bytes == 0);
  spinel_tensor_release(&output);

  texts[2].size_bytes = 4;
  check_fails(SPINEL_INVALID_ARGUMENT, "string 2 has no data", run);
  texts[2].size_bytes = 0;
  std::vector<spinel_string> room(3);
  output = tensor_of(SPINEL_STRING, dims, room);
  check_fails(SPINEL_INVALID_ARGUMENT, "leave its data NULL", run);
}

TEST_CASE("one engine serves many threads") {
  spinel_engine_options options = engine_options();
  options.spas = 2;
  const auto engine = load("two", &options);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int64_t t = 1; t <= 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        Two two(t);
        if (two.run(engine.get(), nullptr) != SPINEL_OK || !two.right()) ++wrong;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("a run is cancelled by its token") {
  const auto engine = load("slow");
  spinel_cancel_token* raw = nullptr;
  check_succeeds([&](spinel_error** error) { return spinel_cancel_token_create(&raw, error); });
  Owned<spinel_cancel_token> token(raw);
  Slow slow;
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    spinel_cancel_token_cancel(raw);
  });
  check_fails(SPINEL_CANCELLED, "", [&](spinel_error** error) {
    return spinel_engine_run(engine.get(), &slow.input, 1, &slow.output, 1, raw, error);
  });
  CHECK(slow.output.data == nullptr);
  spinel_cancel_token_cancel(nullptr);
  spinel_cancel_token_release(nullptr);
  check_fails(SPINEL_INVALID_ARGUMENT, "token is NULL",
              [](spinel_error** error) { return spinel_cancel_token_create(nullptr, error); });
}

TEST_CASE("a run in the background") {
  const auto engine = load("two");
  Two two(3);
  two.outputs[1] = empty_tensor();
  spinel_request* raw = nullptr;
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_run_async(engine.get(), two.inputs.data(), 2, two.outputs.data(), 2, &raw, error);
  });
  const Owned<spinel_request> request(raw);
  check_fails(SPINEL_INVALID_ARGUMENT, "finished is NULL",
              [&](spinel_error** error) { return spinel_request_wait(raw, 0, nullptr, error); });
  int32_t finished = -7;
  check_fails(SPINEL_INVALID_ARGUMENT, "timeout_ms is -2",
              [&](spinel_error** error) { return spinel_request_wait(raw, -2, &finished, error); });
  CHECK(finished == -7);
  check_succeeds([&](spinel_error** error) { return spinel_request_wait(raw, -1, nullptr, error); });
  CHECK(two.sum[8] == two.x[8] + 2);
  REQUIRE(two.outputs[1].size_bytes == 9 * sizeof(float));
  const void* const data = two.outputs[1].data;
  CHECK(static_cast<const float*>(data)[8] == two.x[8] * 2);
  // Once more: the same answer, and nothing is delivered twice.
  check_succeeds([&](spinel_error** error) { return spinel_request_wait(raw, 0, &finished, error); });
  CHECK(finished == 1);
  CHECK(two.outputs[1].data == data);
  spinel_request_cancel(raw);
  check_succeeds([&](spinel_error** error) { return spinel_request_wait(raw, INT64_MAX, &finished, error); });
  spinel_tensor_release(&two.outputs[1]);
  check_succeeds([&](spinel_error** error) { return spinel_request_wait(raw, -1, nullptr, error); });
  CHECK(two.outputs[1].data == nullptr);
}

TEST_CASE("results belong to the caller alone, be they constants or inputs") {
  const auto engine = load("pass");
  std::vector<float> data{1, 2, 3};
  const std::vector<int64_t> dims{3};
  const spinel_tensor input = tensor_of(SPINEL_FLOAT32, dims, data);
  for (int i = 0; i < 2; ++i) {
    spinel_tensor outputs[] = {empty_tensor(), empty_tensor(), empty_tensor()};
    check_succeeds([&](spinel_error** error) {
      return spinel_engine_run(engine.get(), &input, 1, outputs, 3, nullptr, error);
    });
    const float expected[] = {1, 7, 1};
    for (int k = 0; k < 3; ++k) {
      auto* values = static_cast<float*>(outputs[k].data);
      CHECK(values != data.data());
      CHECK(values[0] == expected[k]);
      values[0] = -1;  // Neither the engine, the input nor another output may see this.
    }
    CHECK(data[0] == 1);
    for (auto& output : outputs) spinel_tensor_release(&output);
  }
  // The same in the caller's buffers.
  std::vector<float> copy(3), constant(2), again(3);
  const std::vector<int64_t> two{2};
  spinel_tensor outputs[] = {tensor_of(SPINEL_FLOAT32, dims, copy), tensor_of(SPINEL_FLOAT32, two, constant),
                             tensor_of(SPINEL_FLOAT32, dims, again)};
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_run(engine.get(), &input, 1, outputs, 3, nullptr, error);
  });
  CHECK(copy == data);
  CHECK(constant == std::vector<float>{7, 8});
  CHECK(again == data);
}

TEST_CASE("requests that are refused") {
  const auto engine = load("two");
  Two two(3);
  spinel_request* request = nullptr;
  check_fails(SPINEL_INVALID_ARGUMENT, "request is NULL", [&](spinel_error** error) {
    return spinel_engine_run_async(engine.get(), two.inputs.data(), 2, two.outputs.data(), 2, nullptr, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "engine is NULL", [&](spinel_error** error) {
    return spinel_engine_run_async(nullptr, two.inputs.data(), 2, two.outputs.data(), 2, &request, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "request is NULL",
              [](spinel_error** error) { return spinel_request_wait(nullptr, -1, nullptr, error); });
  CHECK(request == nullptr);
  spinel_request_cancel(nullptr);
  spinel_request_release(nullptr);
}

TEST_CASE("the failure of a run in the background comes with its wait") {
  const auto engine = load("reshape");
  std::vector<float> data(6);
  std::vector<int64_t> shape{4, 2};
  const std::vector<int64_t> six{6}, two{2};
  const spinel_tensor inputs[] = {tensor_of(SPINEL_FLOAT32, six, data), tensor_of(SPINEL_INT64, two, shape)};
  spinel_tensor output = empty_tensor();
  spinel_request* raw = nullptr;
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_run_async(engine.get(), inputs, 2, &output, 1, &raw, error);
  });
  const Owned<spinel_request> request(raw);
  int32_t finished = 0;
  check_fails(SPINEL_INVALID_ARGUMENT, "the_reshape",
              [&](spinel_error** error) { return spinel_request_wait(raw, -1, &finished, error); });
  CHECK(finished == 1);
  CHECK(output.data == nullptr);
}

TEST_CASE("requests time out, are cancelled, and released before they are done") {
  auto engine = load("slow");
  Slow slow, dropped;
  spinel_request* raw = nullptr;
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_run_async(engine.get(), &slow.input, 1, &slow.output, 1, &raw, error);
  });
  Owned<spinel_request> request(raw);
  int32_t finished = -7;
  check_succeeds([&](spinel_error** error) { return spinel_request_wait(raw, 5, &finished, error); });
  CHECK(finished == 0);
  spinel_request_cancel(raw);
  check_fails(SPINEL_CANCELLED, "",
              [&](spinel_error** error) { return spinel_request_wait(raw, -1, nullptr, error); });
  CHECK(slow.output.data == nullptr);

  check_succeeds([&](spinel_error** error) {
    return spinel_engine_run_async(engine.get(), &dropped.input, 1, &dropped.output, 1, &raw, error);
  });
  spinel_request_release(raw);
  CHECK(dropped.output.data == nullptr);
  // A request outlives its engine.
  engine.reset();
  check_fails(SPINEL_CANCELLED, "",
              [&](spinel_error** error) { return spinel_request_wait(request.get(), 0, &finished, error); });
}
