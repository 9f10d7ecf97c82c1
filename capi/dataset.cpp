#include <spinel/dataset.hpp>

#include <limits>
#include <memory>

#include "preprocess.hpp"
#include "strings.hpp"
#include "structs.hpp"
#include "tensors.hpp"

using namespace spinel;
using namespace spinel::capi;

struct spinel_dataset {
  std::vector<Sample> samples;
  spinel_strings classes;
  spinel_strings notes;
};

struct spinel_loader {
  DataLoader loader;
};

struct spinel_batch {
  Batch batch;
  spinel_tensor tensor;
  std::vector<const char*> paths;
  std::vector<spinel_rejected> rejected;
};

namespace {

spinel_loader_options default_loader_options() {
  const DataLoaderOptions from;
  spinel_loader_options out{};
  out.batch_size = from.batch_size;
  out.max_batches = from.max_batches;
  out.workers = from.workers;
  out.prefetch = from.prefetch;
  out.drop_last = from.drop_last ? 1 : 0;
  out.rank = from.rank;
  out.world = from.world;
  return out;
}

DataLoaderOptions read_loader_options(const spinel_loader_options* options) {
  DataLoaderOptions out;
  if (options == nullptr) return out;
  const spinel_loader_options from = read_struct(options, "options", default_loader_options());
  out.batch_size = from.batch_size;
  out.max_batches = from.max_batches;
  out.workers = from.workers;
  out.prefetch = from.prefetch;
  out.drop_last = require_flag(from.drop_last, "options->drop_last");
  out.rank = from.rank;
  out.world = from.world;
  return out;
}

/// The C view of a batch: pointers into itself.
std::unique_ptr<spinel_batch> make_batch(Batch batch) {
  auto out = std::make_unique<spinel_batch>();
  out->batch = std::move(batch);
  for (const auto& path : out->batch.paths) out->paths.push_back(path.c_str());
  for (const Rejected& each : out->batch.rejected) {
    spinel_rejected rejected{};
    rejected.path = each.path.c_str();
    rejected.reason = each.reason.c_str();
    rejected.index = each.index;
    rejected.code = static_cast<int32_t>(each.code);
    out->rejected.push_back(rejected);
  }
  out->tensor = borrowed_view(out->batch.tensor);
  return out;
}

}  // namespace

int32_t spinel_dataset_open(const char* root, spinel_dataset** dataset, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(dataset, "dataset");
    const ImageFolder folder{std::filesystem::path(require_text(root, "root"))};
    *dataset = new spinel_dataset{folder.samples(), {folder.classes()}, {folder.notes()}};
  });
}

int32_t spinel_dataset_list(const char* folder, spinel_dataset** dataset, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(dataset, "dataset");
    auto out = std::make_unique<spinel_dataset>();
    for (auto& path : list_images(require_text(folder, "folder")))
      out->samples.push_back({std::move(path), -1});
    *dataset = out.release();
  });
}

int32_t spinel_dataset_create(const char* const* paths, const int64_t* labels, size_t count,
                              spinel_dataset** dataset, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(dataset, "dataset");
    require_array(paths, count, "paths");
    auto out = std::make_unique<spinel_dataset>();
    for (size_t i = 0; i < count; ++i)
      out->samples.push_back({require_text(paths[i], fmt::format("paths[{}]", i).c_str()),
                              labels == nullptr ? int64_t{-1} : labels[i]});
    *dataset = out.release();
  });
}

size_t spinel_dataset_size(const spinel_dataset* dataset) {
  return dataset == nullptr ? 0 : dataset->samples.size();
}

int32_t spinel_dataset_sample(const spinel_dataset* dataset, size_t index, spinel_sample* sample,
                              spinel_error** error) {
  return guard(__func__, error, [&] {
    require(dataset, "dataset");
    require(sample, "sample");
    if (index >= dataset->samples.size())
      fail(ErrorCode::not_found, "sample {} does not exist; the dataset has {}", index,
           dataset->samples.size());
    const Sample& found = dataset->samples[index];
    *sample = {found.path.c_str(), found.label};
  });
}

const spinel_strings* spinel_dataset_classes(const spinel_dataset* dataset) {
  return dataset == nullptr ? nullptr : &dataset->classes;
}

const spinel_strings* spinel_dataset_notes(const spinel_dataset* dataset) {
  return dataset == nullptr ? nullptr : &dataset->notes;
}

void spinel_dataset_release(spinel_dataset* dataset) { delete dataset; }

void spinel_loader_options_init(spinel_loader_options* options, size_t struct_size) {
  init_struct(options, struct_size, default_loader_options());
}

int32_t spinel_loader_create(const spinel_dataset* dataset, const spinel_preprocess_options* preprocess,
                             const spinel_loader_options* options, spinel_loader** loader,
                             spinel_error** error) {
  return guard(__func__, error, [&] {
    require(dataset, "dataset");
    require(loader, "loader");
    *loader =
        std::make_unique<spinel_loader>(
            spinel_loader{DataLoader(dataset->samples, Preprocessor(read_preprocess_options(preprocess)),
                                     read_loader_options(options))})
            .release();
  });
}

int32_t spinel_loader_next(spinel_loader* loader, spinel_batch** batch, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(loader, "loader");
    require(batch, "batch");
    std::optional<Batch> next = loader->loader.next();
    *batch = next ? make_batch(std::move(*next)).release() : nullptr;
  });
}

int32_t spinel_loader_restart(spinel_loader* loader, spinel_error** error) {
  return guard(__func__, error, [&] { require(loader, "loader").loader.restart(); });
}

size_t spinel_loader_batch_count(const spinel_loader* loader) {
  return loader == nullptr ? 0 : loader->loader.batch_count();
}

size_t spinel_loader_sample_count(const spinel_loader* loader) {
  return loader == nullptr ? 0 : loader->loader.sample_count();
}

int32_t spinel_loader_ledger(const spinel_loader* loader, spinel_ledger* ledger, spinel_error** error) {
  return guard(__func__, error, [&] {
    const Ledger& from = require(loader, "loader").loader.ledger();
    checked_struct_size(ledger, "ledger");
    spinel_ledger out{};
    out.attempted = from.attempted;
    out.done = from.done;
    out.rejected = from.rejected.size();
    out.dropped = from.dropped;
    write_struct(ledger, out);
  });
}

void spinel_loader_release(spinel_loader* loader) { delete loader; }

int32_t spinel_batch_describe(const spinel_batch* batch, spinel_batch_info* info, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(batch, "batch");
    checked_struct_size(info, "info");
    spinel_batch_info out{};
    out.tensor = &batch->tensor;
    out.labels = batch->batch.labels.data();
    out.indices = batch->batch.indices.data();
    out.paths = batch->paths.data();
    out.size = batch->batch.size();
    out.rejected = batch->rejected.data();
    out.rejected_count = batch->rejected.size();
    out.preprocess_seconds = batch->batch.preprocess_seconds;
    out.wait_seconds = batch->batch.wait_seconds;
    write_struct(info, out);
  });
}

void spinel_batch_release(spinel_batch* batch) { delete batch; }
