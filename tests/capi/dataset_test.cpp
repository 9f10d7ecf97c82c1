#include <cstring>
#include <filesystem>
#include <set>

#include "support.hpp"

namespace {

const std::string samples = std::string(SPINEL_SOURCE_DIR) + "/samples/resnet/";

Owned<spinel_dataset> open_dataset(const std::string& root) {
  return make<spinel_dataset>([&](spinel_dataset** made, spinel_error** error) {
    return spinel_dataset_open(root.c_str(), made, error);
  });
}

Owned<spinel_loader> make_loader(const spinel_dataset* dataset, const spinel_loader_options& options,
                                 int64_t size = 16) {
  spinel_preprocess_options preprocess;
  spinel_preprocess_options_init(&preprocess, sizeof preprocess);
  check_succeeds([&](spinel_error** error) {
    return spinel_preprocess_options_input_size(&preprocess, size, size, error);
  });
  return make<spinel_loader>([&](spinel_loader** made, spinel_error** error) {
    return spinel_loader_create(dataset, &preprocess, &options, made, error);
  });
}

spinel_loader_options loader_options(int64_t batch_size) {
  spinel_loader_options options;
  spinel_loader_options_init(&options, sizeof options);
  options.batch_size = batch_size;
  return options;
}

Owned<spinel_batch> next(spinel_loader* loader) {
  return make<spinel_batch>(
      [&](spinel_batch** made, spinel_error** error) { return spinel_loader_next(loader, made, error); });
}

spinel_batch_info describe(const spinel_batch* batch) {
  auto info = sized<spinel_batch_info>();
  check_succeeds([&](spinel_error** error) { return spinel_batch_describe(batch, &info, error); });
  return info;
}

}  // namespace

TEST_CASE("an image folder") {
  const auto dataset = open_dataset(samples + "val");
  CHECK(spinel_dataset_size(dataset.get()) == 500);
  const spinel_strings* classes = spinel_dataset_classes(dataset.get());
  REQUIRE(spinel_strings_count(classes) == 10);
  CHECK(std::string(spinel_strings_get(classes, 9)) == "fm9");
  CHECK(spinel_strings_count(spinel_dataset_notes(dataset.get())) == 0);
  spinel_sample sample{};
  check_succeeds(
      [&](spinel_error** error) { return spinel_dataset_sample(dataset.get(), 499, &sample, error); });
  CHECK(sample.label == 9);
  CHECK_THAT(sample.path, Catch::Contains("/val/fm9/"));
  check_fails(SPINEL_NOT_FOUND, "the dataset has 500", [&](spinel_error** error) {
    return spinel_dataset_sample(dataset.get(), 500, &sample, error);
  });
  spinel_dataset* none = nullptr;
  check_fails(SPINEL_NOT_FOUND, "/none/such",
              [&](spinel_error** error) { return spinel_dataset_open("/none/such", &none, error); });
  CHECK(none == nullptr);
}

TEST_CASE("a folder without classes, and files that the caller names") {
  const auto listed = make<spinel_dataset>([](spinel_dataset** made, spinel_error** error) {
    return spinel_dataset_list((samples + "images").c_str(), made, error);
  });
  CHECK(spinel_dataset_size(listed.get()) == 12);
  CHECK(spinel_strings_count(spinel_dataset_classes(listed.get())) == 0);
  spinel_sample sample{};
  check_succeeds(
      [&](spinel_error** error) { return spinel_dataset_sample(listed.get(), 0, &sample, error); });
  CHECK(sample.label == -1);

  const char* paths[] = {"b.png", "a.png"};
  const int64_t labels[] = {3, 1};
  const auto named = make<spinel_dataset>([&](spinel_dataset** made, spinel_error** error) {
    return spinel_dataset_create(paths, labels, 2, made, error);
  });
  check_succeeds([&](spinel_error** error) { return spinel_dataset_sample(named.get(), 1, &sample, error); });
  CHECK(std::string(sample.path) == "a.png");
  CHECK(sample.label == 1);
  paths[1] = nullptr;
  spinel_dataset* none = nullptr;
  check_fails(SPINEL_INVALID_ARGUMENT, "paths[1] is NULL",
              [&](spinel_error** error) { return spinel_dataset_create(paths, labels, 2, &none, error); });
}

TEST_CASE("batches in order, each row what preprocessing one file gives") {
  const auto dataset = open_dataset(samples + "val");
  auto options = loader_options(64);
  options.workers = 2;
  const auto loader = make_loader(dataset.get(), options);
  CHECK(spinel_loader_batch_count(loader.get()) == 8);
  CHECK(spinel_loader_sample_count(loader.get()) == 500);
  size_t seen = 0;
  Owned<spinel_batch> first;
  while (Owned<spinel_batch> batch = next(loader.get())) {
    const spinel_batch_info info = describe(batch.get());
    CHECK(info.size == std::min<size_t>(64, 500 - seen));
    CHECK(info.rejected_count == 0);
    REQUIRE(info.tensor->rank == 4);
    CHECK(info.tensor->dims[0] == static_cast<int64_t>(info.size));
    CHECK(info.tensor->dims[3] == 16);
    for (size_t i = 0; i < info.size; ++i) {
      CHECK(info.indices[i] == seen + i);
      CHECK(info.labels[i] == static_cast<int64_t>((seen + i) / 50));
    }
    seen += info.size;
    if (!first) first = std::move(batch);
  }
  CHECK(seen == 500);
  auto ledger = sized<spinel_ledger>();
  check_succeeds([&](spinel_error** error) { return spinel_loader_ledger(loader.get(), &ledger, error); });
  CHECK(ledger.attempted == 500);
  CHECK(ledger.done == 500);
  CHECK(ledger.rejected + ledger.dropped == 0);

  const spinel_batch_info info = describe(first.get());
  spinel_preprocess_options preprocess;
  spinel_preprocess_options_init(&preprocess, sizeof preprocess);
  check_succeeds(
      [&](spinel_error** error) { return spinel_preprocess_options_input_size(&preprocess, 16, 16, error); });
  spinel_tensor row = empty_tensor();
  check_succeeds(
      [&](spinel_error** error) { return spinel_preprocess_file(&preprocess, info.paths[5], &row, error); });
  CHECK(std::memcmp(row.data, static_cast<const char*>(info.tensor->data) + 5 * row.size_bytes,
                    row.size_bytes) == 0);
  spinel_tensor_release(&row);

  check_succeeds([&](spinel_error** error) { return spinel_loader_restart(loader.get(), error); });
  const auto again = next(loader.get());
  CHECK(describe(again.get()).indices[0] == 0);
}

TEST_CASE("what is no image is rejected by name, and nothing is lost") {
  const std::string good = samples + "images/00_t_shirt_top.png";
  const std::string text = samples + "synset.txt";
  const char* paths[] = {good.c_str(), text.c_str(), "/none/such.png", good.c_str()};
  auto dataset = make<spinel_dataset>([&](spinel_dataset** made, spinel_error** error) {
    return spinel_dataset_create(paths, nullptr, 4, made, error);
  });
  const auto loader = make_loader(dataset.get(), loader_options(4));
  dataset.reset();
  const auto batch = next(loader.get());
  const spinel_batch_info info = describe(batch.get());
  CHECK(info.size == 2);
  CHECK(info.indices[1] == 3);
  REQUIRE(info.rejected_count == 2);
  CHECK(info.rejected[0].index == 1);
  CHECK(info.rejected[0].code == SPINEL_BAD_DATA);
  CHECK_THAT(info.rejected[0].reason, Catch::Contains("synset.txt"));
  CHECK(std::string(info.rejected[1].path) == "/none/such.png");
  CHECK(info.rejected[1].code == SPINEL_NOT_FOUND);
}

TEST_CASE("shards share the dataset and options are checked") {
  const auto dataset = open_dataset(samples + "val");
  std::set<size_t> seen;
  for (int32_t rank = 0; rank < 3; ++rank) {
    auto options = loader_options(100);
    options.rank = rank;
    options.world = 3;
    options.workers = 0;
    const auto loader = make_loader(dataset.get(), options, 8);
    while (const auto batch = next(loader.get())) {
      const spinel_batch_info info = describe(batch.get());
      for (size_t i = 0; i < info.size; ++i) CHECK(seen.insert(info.indices[i]).second);
    }
  }
  CHECK(seen.size() == 500);

  spinel_loader* none = nullptr;
  auto options = loader_options(0);
  const auto create = [&](spinel_error** error) {
    return spinel_loader_create(dataset.get(), nullptr, &options, &none, error);
  };
  check_fails(SPINEL_INVALID_ARGUMENT, "batch_size", create);
  options = loader_options(1);
  options.drop_last = 2;
  check_fails(SPINEL_INVALID_ARGUMENT, "drop_last is 2", create);
  CHECK(none == nullptr);
}

TEST_CASE("decoding an image") {
  spinel_image image;
  spinel_image_init(&image, sizeof image);
  const std::string path = std::string(SPINEL_SOURCE_DIR) + "/samples/photos/cat.png";
  image.path = path.c_str();
  spinel_tensor pixels = empty_tensor();
  const auto decode = [&](spinel_error** error) {
    return spinel_image_decode(&image, nullptr, &pixels, error);
  };
  check_succeeds(decode);
  REQUIRE(pixels.rank == 3);
  CHECK(pixels.dtype == SPINEL_UINT8);
  CHECK(pixels.dims[2] == 3);
  const std::vector<uint8_t> first(static_cast<uint8_t*>(pixels.data),
                                   static_cast<uint8_t*>(pixels.data) + pixels.size_bytes);
  const std::vector<int64_t> dims(pixels.dims, pixels.dims + 3);
  spinel_tensor_release(&pixels);

  // The same from memory into the caller's buffer, and from pixels.
  const std::vector<char> bytes = read_bytes(path);
  spinel_image_init(&image, sizeof image);
  image.encoded = bytes.data();
  image.size_bytes = bytes.size();
  std::vector<uint8_t> second(first.size());
  pixels = tensor_of(SPINEL_UINT8, dims, second);
  check_succeeds(decode);
  CHECK(first == second);
  const std::vector<int64_t> wrong{dims[1], dims[0] + 1, 3};
  second.resize(second.size() * 2);
  pixels = tensor_of(SPINEL_UINT8, wrong, second);
  check_fails(SPINEL_INVALID_ARGUMENT, "is needed", decode);
}
