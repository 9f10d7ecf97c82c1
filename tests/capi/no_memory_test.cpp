// Every allocation of a call fails, alone and with all that follow: the call answers out_of_memory, or does
// without, and nothing leaks.
#include <filesystem>

#include "failing_new.hpp"
#include "support.hpp"

namespace {

/// Fails the first, then the second ... allocation of `call` in the calling thread until it needs no more,
/// and returns how many there are. `undo` frees what a success gave.
template <class Call, class Undo>
int64_t fail_every_allocation(Call&& call, Undo&& undo) {
  int64_t n = 0;
  for (bool once : {false, true}) {
    for (n = 0;; ++n) {
      spinel_error* error = nullptr;
      fail_allocation(n, once);
      const int32_t code = call(&error);
      const bool has_failed = stop_failing();
      if (code == SPINEL_OK) {
        if (error != nullptr) FAIL("an error beside SPINEL_OK");
        undo();
        if (!has_failed) break;
        continue;  // The call did without what it could not have.
      }
      const int32_t told = spinel_error_code(error);
      const std::string message = spinel_error_message(error);
      spinel_error_release(error);
      INFO("allocation " << n << (once ? " alone: " : ": ") << message);
      if (code != SPINEL_OUT_OF_MEMORY || told != SPINEL_OUT_OF_MEMORY || message.empty())
        FAIL("not out_of_memory");
    }
  }
  return n;
}

}  // namespace

TEST_CASE("loading without memory") {
  const std::string path = model_path("image");
  spinel_engine_options options = engine_options();
  options.spas = 1;
  spinel_engine* engine = nullptr;
  CHECK(
      fail_every_allocation(
          [&](spinel_error** error) { return spinel_engine_create(path.c_str(), &options, &engine, error); },
          [&] { spinel_engine_release(engine); }) > 10);
}

TEST_CASE("preprocessing without memory") {
  const std::string path = std::string(SPINEL_SOURCE_DIR) + "/samples/resnet/images/00_t_shirt_top.png";
  spinel_tensor row = empty_tensor();
  CHECK(fail_every_allocation(
            [&](spinel_error** error) { return spinel_preprocess_file(nullptr, path.c_str(), &row, error); },
            [&] { spinel_tensor_release(&row); }) > 3);
  spinel_image images[2];
  for (auto& image : images) {
    spinel_image_init(&image, sizeof image);
    image.path = path.c_str();
  }
  spinel_error* errors[2];
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              return spinel_preprocess_batch(nullptr, images, 2, &row, errors, error);
            },
            [&] { spinel_tensor_release(&row); }) > 3);
}

TEST_CASE("running without memory") {
  spinel_engine_options options = engine_options();
  options.spas = 1;
  const auto engine = load("two", &options);
  std::vector<float> data(6, 1);
  const std::vector<int64_t> dims{2, 3};
  const spinel_tensor inputs[] = {tensor_of(SPINEL_FLOAT32, dims, data),
                                  tensor_of(SPINEL_FLOAT32, dims, data)};
  spinel_tensor outputs[] = {empty_tensor(), empty_tensor()};
  const auto release_outputs = [&] {
    for (auto& output : outputs) spinel_tensor_release(&output);
  };
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              return spinel_engine_run(engine.get(), inputs, 2, outputs, 2, nullptr, error);
            },
            release_outputs) > 3);
  spinel_request* request = nullptr;
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              const int32_t code =
                  spinel_engine_run_async(engine.get(), inputs, 2, outputs, 2, &request, error);
              if (code != SPINEL_OK) return code;
              const int32_t waited = spinel_request_wait(request, -1, nullptr, error);
              spinel_request_release(request);
              return waited;
            },
            release_outputs) > 3);
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_run(engine.get(), inputs, 2, outputs, 2, nullptr, error);
  });
  CHECK(static_cast<const float*>(outputs[0].data)[5] == 2);
  release_outputs();
}

TEST_CASE("labels, answers and lists without memory") {
  const std::string path = std::string(SPINEL_SOURCE_DIR) + "/samples/resnet/synset.txt";
  spinel_strings* strings = nullptr;
  const auto release = [&] { spinel_strings_release(strings); };
  CHECK(fail_every_allocation(
            [&](spinel_error** error) { return spinel_labels_load(path.c_str(), 10, &strings, error); },
            release) > 3);
  CHECK(fail_every_allocation([&](spinel_error** error) { return spinel_available_targets(&strings, error); },
                              release) > 1);
  std::vector<float> logits{1, 2, 3};
  const std::vector<int64_t> dims{1, 3};
  const spinel_tensor scores = tensor_of(SPINEL_FLOAT32, dims, logits);
  int64_t best = 0;
  size_t per_row = 0;
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              return spinel_top_k(&scores, 1, 1, &best, nullptr, 1, &per_row, error);
            },
            [] {}) > 3);
}

TEST_CASE("datasets and batches without memory") {
  // Few files: each allocation takes an opening of its own.
  const std::string image = std::string(SPINEL_SOURCE_DIR) + "/samples/resnet/images/00_t_shirt_top.png";
  const std::filesystem::path root = std::string(SPINEL_BINARY_DIR) + "/tests/capi/no_memory_images";
  std::filesystem::remove_all(root);
  for (int i = 0; i < 24; ++i) {
    const std::filesystem::path folder = root / ("class_" + std::to_string(i % 3));
    std::filesystem::create_directories(folder);
    std::filesystem::copy_file(image, folder / (std::to_string(i) + ".png"));
  }
  spinel_dataset* raw = nullptr;
  CHECK(fail_every_allocation(
            [&](spinel_error** error) { return spinel_dataset_open(root.c_str(), &raw, error); },
            [&] { spinel_dataset_release(raw); }) > 100);
  const std::string path = root / "none.png";
  const char* paths[] = {path.c_str()};
  const auto dataset = make<spinel_dataset>([&](spinel_dataset** made, spinel_error** error) {
    return spinel_dataset_create(paths, nullptr, 1, made, error);
  });
  spinel_loader_options options;
  spinel_loader_options_init(&options, sizeof options);
  options.workers = 0;
  spinel_batch* batch = nullptr;
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              spinel_loader* loader = nullptr;
              int32_t code = spinel_loader_create(dataset.get(), nullptr, &options, &loader, error);
              if (code == SPINEL_OK) code = spinel_loader_next(loader, &batch, error);
              spinel_loader_release(loader);
              return code;
            },
            [&] { spinel_batch_release(batch); }) > 10);
}

TEST_CASE("metrics and reports without memory") {
  std::vector<float> data{1, 2, 3};
  const std::vector<int64_t> dims{1, 3};
  const spinel_tensor scores = tensor_of(SPINEL_FLOAT32, dims, data);
  const int64_t label = 2;
  spinel_accuracy* accuracy = nullptr;
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              spinel_accuracy* made = nullptr;
              const int32_t code = spinel_accuracy_create(5, &made, error);
              if (code != SPINEL_OK) return code;
              accuracy = made;
              const int32_t added = spinel_accuracy_add(made, &scores, &label, 1, error);
              if (added != SPINEL_OK) spinel_accuracy_release(made);
              return added;
            },
            [&] { spinel_accuracy_release(accuracy); }) > 1);
  auto difference = sized<spinel_difference>();
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              return spinel_tensor_difference(&scores, &scores, -1, &difference, error);
            },
            [] {}) > 1);
  spinel_tensor out = empty_tensor();
  CHECK(fail_every_allocation([&](spinel_error** error) { return spinel_softmax(&scores, &out, error); },
                              [&] { spinel_tensor_release(&out); }) > 2);
  spinel_engine_options options = engine_options();
  options.spas = 1;
  const auto engine = load("two", &options);
  const spinel_tensor inputs[] = {scores, scores};
  spinel_profile* profile = nullptr;
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              return spinel_engine_profile(engine.get(), inputs, 2, nullptr, &profile, error);
            },
            [&] { spinel_profile_release(profile); }) > 10);
}

TEST_CASE("values between layers without memory") {
  spinel_engine_options options = engine_options();
  options.spas = 1;
  const auto engine = load("reshape", &options);
  const std::vector<int64_t> six{6}, two{2};
  std::vector<float> data{1, 2, 3, 4, 5, 6};
  std::vector<int64_t> shape{3, 2};
  const spinel_tensor inputs[] = {tensor_of(SPINEL_FLOAT32, six, data), tensor_of(SPINEL_INT64, two, shape)};
  const spinel_shape shapes[] = {{six.data(), 1}, {two.data(), 1}};
  spinel_layer_values* values = nullptr;
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              return spinel_engine_layer_values(engine.get(), shapes, 2, &values, error);
            },
            [&] { spinel_layer_values_release(values); }) > 10);
  const auto see = [](void*, const spinel_layer_value*, const spinel_tensor*) -> int32_t {
    return SPINEL_OK;
  };
  const auto replace = [](void* user, const spinel_layer_value*, spinel_tensor* replacement) -> int32_t {
    static const int64_t dims[] = {3, 2};
    replacement->dtype = SPINEL_FLOAT32;
    replacement->dims = dims;
    replacement->rank = 2;
    replacement->data = user;
    replacement->size_bytes = 6 * sizeof(float);
    return SPINEL_OK;
  };
  const char* const names[] = {"power"};
  spinel_tensor out = empty_tensor();
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              return spinel_engine_inspect(engine.get(), inputs, 2, nullptr, 0, see, nullptr, &out, 1,
                                           nullptr, error);
            },
            [&] { spinel_tensor_release(&out); }) > 10);
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              return spinel_engine_replace(engine.get(), inputs, 2, names, 1, see, replace, data.data(), &out,
                                           1, nullptr, error);
            },
            [&] { spinel_tensor_release(&out); }) > 10);
}

TEST_CASE("sequences and optionals without memory") {
  spinel_engine_options options = engine_options();
  options.spas = 1;
  const auto engine = load("values", &options);
  const std::vector<int64_t> dims{2};
  std::vector<float> data{1, 2};
  const spinel_tensor tensor = tensor_of(SPINEL_FLOAT32, dims, data);
  spinel_value* outputs[4];
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              spinel_value *element = nullptr, *sequence = nullptr, *empty = nullptr;
              int32_t code = spinel_value_create_tensor(&tensor, &element, error);
              if (code == SPINEL_OK) code = spinel_value_create_sequence(&element, 1, &sequence, error);
              if (code == SPINEL_OK) code = spinel_value_create_empty(&empty, error);
              const spinel_value* inputs[] = {sequence, element, empty};
              if (code == SPINEL_OK)
                code = spinel_engine_run_values(engine.get(), inputs, 3, outputs, 4, nullptr, error);
              for (auto* each : {element, sequence, empty}) spinel_value_release(each);
              return code;
            },
            [&] {
              for (auto* each : outputs) spinel_value_release(each);
            }) > 10);
  const auto value = make<spinel_value>([&](spinel_value** made, spinel_error** error) {
    return spinel_value_create_tensor(&tensor, made, error);
  });
  const spinel_value* elements[] = {value.get()};
  const auto sequence = make<spinel_value>([&](spinel_value** made, spinel_error** error) {
    return spinel_value_create_sequence(elements, 1, made, error);
  });
  spinel_value* element = nullptr;
  CHECK(
      fail_every_allocation(
          [&](spinel_error** error) { return spinel_value_get_element(sequence.get(), 0, &element, error); },
          [&] { spinel_value_release(element); }) > 0);
  spinel_tensor out = empty_tensor();
  CHECK(fail_every_allocation(
            [&](spinel_error** error) { return spinel_value_get_tensor(value.get(), &out, error); },
            [&] { spinel_tensor_release(&out); }) > 1);
}

TEST_CASE("tools without memory") {
  const std::string model = model_path("tools");
  const std::filesystem::path folder = std::string(SPINEL_BINARY_DIR) + "/tests/capi/no_memory";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  const std::string out = folder / "out.onnx";
  spinel_check_options check;
  spinel_check_options_init(&check, sizeof check);
  check.runs = 0;
  spinel_tool_report* report = nullptr;
  const auto release = [&] { spinel_tool_report_release(report); };
  spinel_simplify_options simplify;
  spinel_simplify_options_init(&simplify, sizeof simplify);
  simplify.check = &check;
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              return spinel_simplify_model(model.c_str(), out.c_str(), &simplify, &report, error);
            },
            release) > 100);
  spinel_convert_options convert;
  spinel_convert_options_init(&convert, sizeof convert);
  convert.check = &check;
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              return spinel_convert_model(model.c_str(), out.c_str(), &convert, &report, error);
            },
            release) > 100);
  const std::filesystem::directory_iterator files(folder);
  CHECK(std::distance(begin(files), end(files)) == 1);  // Failures leave nothing behind.
}

TEST_CASE("custom operators without memory") {
  const std::string model = std::string(SPINEL_SOURCE_DIR) + "/samples/custom_op/add.onnx";
  spinel_engine_options options = engine_options();
  options.spas = 1;
  spinel_op_set* set = nullptr;
  spinel_engine* engine = nullptr;
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              spinel_op_set* made = nullptr;
              int32_t code = spinel_op_set_create(&made, error);
              if (code == SPINEL_OK) code = spinel_op_set_load(made, CUSTOM_ADD, error);
              options.custom_ops = made;
              if (code == SPINEL_OK) code = spinel_engine_create(model.c_str(), &options, &engine, error);
              if (code == SPINEL_OK) set = made;
              if (code != SPINEL_OK) spinel_op_set_release(made);
              return code;
            },
            [&] {
              spinel_engine_release(engine);
              spinel_op_set_release(set);
            }) > 100);
  check_succeeds([&](spinel_error** error) { return spinel_op_set_create(&set, error); });
  check_succeeds([&](spinel_error** error) { return spinel_op_set_load(set, CUSTOM_ADD, error); });
  options.custom_ops = set;
  check_succeeds(
      [&](spinel_error** error) { return spinel_engine_create(model.c_str(), &options, &engine, error); });
  std::vector<float> data{1, 2, 3};
  const std::vector<int64_t> dims{1, 3};
  const spinel_tensor inputs[] = {tensor_of(SPINEL_FLOAT32, dims, data),
                                  tensor_of(SPINEL_FLOAT32, dims, data)};
  spinel_tensor outputs[] = {empty_tensor(), empty_tensor()};
  CHECK(fail_every_allocation(
            [&](spinel_error** error) {
              return spinel_engine_run(engine, inputs, 2, outputs, 2, nullptr, error);
            },
            [&] {
              for (auto& output : outputs) spinel_tensor_release(&output);
            }) > 3);
  spinel_engine_release(engine);
  spinel_op_set_release(set);
}
