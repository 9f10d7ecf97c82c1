/* Datasets, loaders, batches. */
#include <string.h>

#include "drive.h"

static void datasets(void) {
  spinel_dataset* dataset = NULL;
  spinel_sample sample;
  const char* const paths[] = {"a.png", "b.png"};
  const int64_t labels[] = {4, -1};
  OK(spinel_dataset_open(resnet_path("val"), &dataset, &error));
  CHECK(USE(spinel_dataset_size(dataset)) == 500);
  CHECK(spinel_strings_count(USE(spinel_dataset_classes(dataset))) == 10);
  CHECK_TEXT(spinel_strings_get(spinel_dataset_classes(dataset), 9), "fm9");
  CHECK(USE(spinel_dataset_notes(dataset)) != NULL);
  OK(spinel_dataset_sample(dataset, 499, &sample, &error));
  CHECK(sample.label == 9 && strstr(sample.path, "/fm9/") != NULL);
  FAILS(SPINEL_NOT_FOUND, "500", spinel_dataset_sample(dataset, 500, &sample, &error));
  USE(spinel_dataset_release(dataset));
  FAILS(SPINEL_NOT_FOUND, "none", spinel_dataset_open(resnet_path("none"), &dataset, &error));

  OK(spinel_dataset_list(resnet_path("images"), &dataset, &error));
  CHECK(spinel_dataset_size(dataset) == 12);
  spinel_dataset_release(dataset);
  FAILS(SPINEL_NOT_FOUND, "none", spinel_dataset_list(resnet_path("none"), &dataset, &error));

  OK(spinel_dataset_create(paths, labels, 2, &dataset, &error));
  OK(spinel_dataset_sample(dataset, 0, &sample, &error));
  CHECK_TEXT(sample.path, "a.png");
  CHECK(sample.label == 4);
  spinel_dataset_release(dataset);
  FAILS(SPINEL_INVALID_ARGUMENT, "paths is NULL", spinel_dataset_create(NULL, NULL, 2, &dataset, &error));
  CHECK(spinel_dataset_size(NULL) == 0 && spinel_dataset_classes(NULL) == NULL &&
        spinel_dataset_notes(NULL) == NULL);
  spinel_dataset_release(NULL);
}

static void pass(spinel_loader* loader, spinel_ledger* ledger) {
  spinel_batch* batch = NULL;
  spinel_batch_info info;
  size_t rows = 0, rejected = 0;
  info.struct_size = sizeof info;
  for (;;) {
    OK(spinel_loader_next(loader, &batch, &error));
    if (batch == NULL) break;
    OK(spinel_batch_describe(batch, &info, &error));
    CHECK(info.size == 0 || (info.tensor->dims[0] == (int64_t)info.size && info.tensor->dims[1] == 3));
    if (info.rejected_count != 0) CHECK(strstr(info.rejected[0].reason, "none.png") != NULL);
    if (info.size != 0)
      CHECK(info.labels[0] == 7 && info.indices[0] == rows + rejected && info.paths[0] != NULL);
    rows += info.size;
    rejected += info.rejected_count;
    USE(spinel_batch_release(batch));
  }
  OK(spinel_loader_ledger(loader, ledger, &error));
  CHECK(ledger->attempted == 3 && ledger->done == rows && ledger->rejected == rejected);
}

static void loaders(void) {
  const char* paths[3];
  const int64_t labels[] = {7, 7, 7};
  spinel_dataset* dataset = NULL;
  spinel_loader* loader = NULL;
  spinel_loader_options options;
  spinel_preprocess_options preprocess;
  spinel_ledger ledger;
  spinel_batch* batch = NULL;
  spinel_batch_info info;
  paths[0] = resnet_path("images/00_t_shirt_top.png");
  paths[1] = resnet_path("images/01_trouser.png");
  paths[2] = "none.png";
  OK(spinel_dataset_create(paths, labels, 3, &dataset, &error));
  USE(spinel_loader_options_init(&options, sizeof options));
  CHECK(options.batch_size == 1 && options.workers == 4 && options.world == 1);
  options.batch_size = 2;
  options.workers = 2;
  spinel_preprocess_options_init(&preprocess, sizeof preprocess);
  OK(spinel_preprocess_options_input_size(&preprocess, 16, 16, &error));
  OK(spinel_loader_create(dataset, &preprocess, &options, &loader, &error));
  spinel_dataset_release(dataset);
  CHECK(USE(spinel_loader_batch_count(loader)) == 2 && USE(spinel_loader_sample_count(loader)) == 3);
  ledger.struct_size = sizeof ledger;
  pass(loader, &ledger);
  CHECK(ledger.done == 2 && ledger.rejected == 1 && ledger.dropped == 0);
  OK(spinel_loader_restart(loader, &error));
  pass(loader, &ledger);

  OK(spinel_loader_restart(loader, &error));
  OK(spinel_loader_next(loader, &batch, &error));
  ledger.struct_size = 1;
  FAILS(SPINEL_INVALID_ARGUMENT, "struct_size", spinel_loader_ledger(loader, &ledger, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "batch is NULL", spinel_loader_next(loader, NULL, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "loader is NULL", spinel_loader_restart(NULL, &error));
  USE(spinel_loader_release(loader));
  info.struct_size = sizeof info;
  OK(spinel_batch_describe(batch, &info, &error)); /* Batches outlive the loader. */
  CHECK(info.size == 2);
  FAILS(SPINEL_INVALID_ARGUMENT, "info is NULL", spinel_batch_describe(batch, NULL, &error));
  spinel_batch_release(batch);
  FAILS(SPINEL_INVALID_ARGUMENT, "dataset is NULL",
        spinel_loader_create(NULL, NULL, &options, &loader, &error));
  CHECK(spinel_loader_batch_count(NULL) == 0 && spinel_loader_sample_count(NULL) == 0);
  spinel_loader_options_init(NULL, sizeof options);
  spinel_loader_release(NULL);
  spinel_batch_release(NULL);
}

void drive_datasets(void) {
  datasets();
  loaders();
}
