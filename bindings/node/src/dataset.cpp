#include "dataset.hpp"

#include <mutex>
#include <utility>

#include "background.hpp"
#include "images.hpp"
#include "tensors.hpp"

namespace spinel_node {

namespace {

using Dataset = Owned<spinel_dataset>;

napi_value of_label(napi_env env, int64_t label) {
  if (label >= 0) return of_number(env, static_cast<double>(label));
  napi_value null;
  check(env, napi_get_null(env, &null));
  return null;
}

/// [path, whether it has a folder for each class]: {samples, classes, notes}
class List : public Background {
 public:
  explicit List(const Call& call)
      : path_(to_text(call.env, call[0], "the folder")),
        has_classes_(to_bool(call.env, call[1], "has classes")) {}

 private:
  void work() override {
    spinel_dataset* made = nullptr;
    spinel_error* error = nullptr;
    check((has_classes_ ? spinel_dataset_open : spinel_dataset_list)(path_.c_str(), &made, &error), error);
    dataset_.reset(made);
  }

  napi_value finish(napi_env env) override {
    const size_t count = spinel_dataset_size(dataset_.get());
    const napi_value out = make_object(env), samples = make_array(env, count);
    for (size_t i = 0; i < count; ++i) {
      spinel_sample sample{};
      spinel_error* error = nullptr;
      check(spinel_dataset_sample(dataset_.get(), i, &sample, &error), error);
      const napi_value each = make_object(env);
      set(env, each, "path", of_text(env, sample.path));
      set(env, each, "label", of_label(env, sample.label));
      set(env, samples, i, each);
    }
    set(env, out, "samples", samples);
    set(env, out, "classes", of_strings(env, spinel_dataset_classes(dataset_.get())));
    set(env, out, "notes", of_strings(env, spinel_dataset_notes(dataset_.get())));
    return out;
  }

  const std::string path_;
  const bool has_classes_;
  Dataset dataset_{nullptr, spinel_dataset_release};
};

Dataset make_dataset(napi_env env, napi_value paths, napi_value labels) {
  const size_t count = length(env, paths, "the paths of the samples");
  std::deque<std::string> texts;
  std::vector<const char*> pointers;
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < count; ++i) {
    pointers.push_back(texts.emplace_back(to_text(env, get(env, paths, i), "the path of a sample")).c_str());
    const napi_value label = get(env, labels, i);
    numbers.push_back(is_missing(env, label) ? -1 : to_integer(env, label, "the label of a sample"));
  }
  spinel_dataset* made = nullptr;
  spinel_error* error = nullptr;
  check(spinel_dataset_create(pointers.data(), numbers.data(), count, &made, &error), error);
  return Dataset(made, spinel_dataset_release);
}

spinel_loader_options read_options(napi_env env, napi_value object) {
  spinel_loader_options options;
  spinel_loader_options_init(&options, sizeof options);
  const auto given = [&](const char* name, auto* field, auto read) {
    const napi_value value = get(env, object, name);
    if (!is_missing(env, value)) *field = read(env, value, name);
  };
  given("batchSize", &options.batch_size, to_integer);
  given("maxBatches", &options.max_batches, to_integer);
  given("workers", &options.workers, to_int32);
  given("prefetch", &options.prefetch, to_int32);
  given("dropLast", &options.drop_last, to_bool);
  given("rank", &options.rank, to_int32);
  given("world", &options.world, to_int32);
  return options;
}

/// One call at a time may use it.
struct Loader {
  ~Loader() { spinel_loader_release(handle); }

  std::mutex mutex;
  spinel_loader* handle = nullptr;
};

/// JavaScript's handle. Empty once released.
using LoaderBox = std::shared_ptr<Loader>;

const LoaderBox& loader_of(const Call& call) {
  const LoaderBox& loader = of_external<LoaderBox>(call.env, call[0]);
  if (loader == nullptr) throw Failure{SPINEL_RELEASED, "the loader was released", ""};
  return loader;
}

/// [loader, whether to begin again]: a batch, or undefined after the last.
class Next : public Background {
 public:
  explicit Next(const Call& call)
      : loader_(loader_of(call)), restart_(to_bool(call.env, call[1], "begin again")) {}

 private:
  void work() override {
    const std::lock_guard lock(loader_->mutex);
    spinel_batch* made = nullptr;
    spinel_error* error = nullptr;
    if (restart_) check(spinel_loader_restart(loader_->handle, &error), error);
    check(spinel_loader_next(loader_->handle, &made, &error), error);
    batch_.reset(made, spinel_batch_release);
  }

  napi_value finish(napi_env env) override {
    if (batch_ == nullptr) return undefined(env);
    auto info = sized<spinel_batch_info>();
    spinel_error* error = nullptr;
    check(spinel_batch_describe(batch_.get(), &info, &error), error);
    const napi_value out = make_object(env), labels = make_array(env, info.size),
                     indices = make_array(env, info.size), rejected = make_array(env, info.rejected_count);
    for (size_t i = 0; i < info.size; ++i) {
      set(env, labels, i, of_label(env, info.labels[i]));
      set(env, indices, i, of_number(env, static_cast<double>(info.indices[i])));
    }
    for (size_t i = 0; i < info.rejected_count; ++i) {
      const spinel_rejected& each = info.rejected[i];
      const napi_value sample = make_object(env);
      set_number(env, sample, "index", each.index);
      set(env, sample, "path", of_text(env, each.path));
      set(env, sample, "error", Environment::of(env).make_error({each.code, each.reason, ""}));
      set(env, rejected, i, sample);
    }
    set(env, out, "tensor", lend_tensor(env, *info.tensor, batch_));
    set(env, out, "labels", labels);
    set(env, out, "indices", indices);
    set(env, out, "paths", of_texts(env, info.paths, info.size));
    set(env, out, "rejected", rejected);
    set_number(env, out, "preprocessSeconds", info.preprocess_seconds);
    set_number(env, out, "waitSeconds", info.wait_seconds);
    return out;
  }

  const LoaderBox loader_;
  const bool restart_;
  std::shared_ptr<spinel_batch> batch_;
};

}  // namespace

napi_value list_dataset(const Call& call) {
  return Environment::of(call.env).start(std::make_unique<List>(call));
}

/// [paths, labels, preprocess or undefined, options]
napi_value make_loader(const Call& call) {
  const Dataset dataset = make_dataset(call.env, call[0], call[1]);
  const spinel_preprocess_options* preprocess = nullptr;
  if (!is_missing(call.env, call[2])) preprocess = &of_external<Preprocess>(call.env, call[2]).options;
  const spinel_loader_options options = read_options(call.env, call[3]);
  auto box = std::make_unique<LoaderBox>(std::make_shared<Loader>());
  spinel_error* error = nullptr;
  check(spinel_loader_create(dataset.get(), preprocess, &options, &(*box)->handle, &error), error);
  return make_external(call.env, std::move(box));
}

napi_value release_loader(const Call& call) {
  of_external<LoaderBox>(call.env, call[0]).reset();
  return undefined(call.env);
}

napi_value next_batch(const Call& call) {
  return Environment::of(call.env).start(std::make_unique<Next>(call));
}

/// [loader]: {batchCount, sampleCount, ledger}
napi_value describe_loader(const Call& call) {
  const napi_env env = call.env;
  const LoaderBox& loader = loader_of(call);
  const std::lock_guard lock(loader->mutex);
  auto counts = sized<spinel_ledger>();
  spinel_error* error = nullptr;
  check(spinel_loader_ledger(loader->handle, &counts, &error), error);
  const napi_value out = make_object(env), ledger = make_object(env);
  set_number(env, out, "batchCount", spinel_loader_batch_count(loader->handle));
  set_number(env, out, "sampleCount", spinel_loader_sample_count(loader->handle));
  set_number(env, ledger, "attempted", counts.attempted);
  set_number(env, ledger, "done", counts.done);
  set_number(env, ledger, "rejected", counts.rejected);
  set_number(env, ledger, "dropped", counts.dropped);
  set(env, out, "ledger", ledger);
  return out;
}

}  // namespace spinel_node
