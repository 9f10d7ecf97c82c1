// A folder of images through a classifier, in name order: prints INDEX FILE : [{'score': ..., 'label': ...}].
//   resnet_folder --ckpt resnet.onnx --data_path images --batch_size 4
// What cannot be read is named on stderr and skipped; the index is the file's place in the folder.
#include <cstdio>
#include <optional>

#include <spinel/dataset.hpp>

#include "flow_common.hpp"
#include "flow_output.hpp"

namespace {

void print_row(const resnet::Flags& flags, const spinel::Batch& batch, const spinel::Tensor& scores,
               size_t row, const std::vector<spinel::Classification>* answers) {
  const size_t index = batch.indices[row];
  const auto at = static_cast<int64_t>(row);
  const std::string path = flags.json ? batch.paths[row].string() : batch.paths[row].filename().string();
  std::string line;
  if (flags.json)
    line = answers != nullptr ? resnet::answers_json(index, path, *answers)
                              : resnet::scores_json(index, path, scores, at);
  else
    line = std::to_string(index) + " " + path + " : " +
           (answers != nullptr ? spinel::describe(*answers) : resnet::scores_text(scores, at));
  std::printf("%s\n", line.c_str());
}

int folder(const resnet::Flags& flags, const resnet::Environment& environment) {
  std::vector<spinel::Sample> samples;
  for (const auto& path : spinel::list_images(flags.data_path)) samples.push_back({path, -1});
  const resnet::Classifier classifier = resnet::load_classifier(flags, environment);
  spinel::DataLoader loader(std::move(samples), classifier.preprocess,
                            {.batch_size = flags.batch_size,
                             .rank = environment.rank,
                             .world = environment.world,
                             .max_batches = environment.max_steps});

  const spinel::CancelToken& cancel = resnet::cancel_on_interrupt();
  spinel::Ledger ledger;
  while (!cancel.cancelled()) {
    const std::optional<spinel::Batch> batch = loader.next();
    if (!batch) break;
    if (batch->size() > 0) {
      spinel::Tensor scores;
      try {
        scores = classifier.engine.run(std::vector{batch->tensor}, &cancel).at(0);
      } catch (const spinel::Error& error) {
        if (error.code() != spinel::ErrorCode::cancelled) throw;
        break;
      }
      std::vector<std::vector<spinel::Classification>> answers;
      if (!flags.skip_postprocess) answers = classifier.postprocess(scores);
      for (size_t row = 0; row < batch->size(); ++row)
        print_row(flags, *batch, scores, row, flags.skip_postprocess ? nullptr : &answers[row]);
      if (flags.verbose)
        std::fprintf(stderr, "batch of %zu: inference %.6f s\n", batch->size(), classifier.engine.run_time());
    }
    ledger.add({batch->size() + batch->rejected.size(), batch->size(), batch->rejected, 0});
  }
  resnet::report_counts(ledger, loader.sample_count());
  if (cancel.cancelled()) return 130;
  return ledger.done == 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  return resnet::run_flow(argc, argv, "Classifies the images of a folder", {}, folder);
}
