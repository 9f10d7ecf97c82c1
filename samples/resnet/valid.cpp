// Accuracy and speed on an image folder (root/<class>/<image>): prints eval_metric (top-1) and a summary.
//   resnet_valid --ckpt resnet.onnx --data_path val --batch_size 16
// The metric weighs every image the same. Figures of the summary leave the warm-up batches out.
#include <chrono>
#include <cstdio>
#include <optional>

#include <spinel/dataset.hpp>
#include <spinel/metrics.hpp>

#include "flow_common.hpp"
#include "flow_output.hpp"

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Sums over the timed batches, in seconds.
struct Timing {
  Clock::time_point start = Clock::now();
  size_t batches = 0;
  size_t images = 0;
  double wall = 0;
  double preprocess = 0;
  double inference = 0;
  double postprocess = 0;

  double per_batch(double sum) const { return batches == 0 ? 0 : sum / static_cast<double>(batches); }
  double images_per_second() const { return wall > 0 ? static_cast<double>(images) / wall : 0; }
};

struct Evaluation {
  spinel::Accuracy accuracy;
  spinel::Ledger ledger;
  Timing timing;
  bool interrupted = false;
};

/// Runs one batch and counts its right answers; returns the seconds of postprocessing.
double evaluate_batch(const resnet::Flags& flags, const resnet::Classifier& classifier,
                      const spinel::Batch& batch, const spinel::CancelToken& cancel,
                      resnet::Progress& progress, spinel::Accuracy& accuracy) {
  const spinel::Tensor scores = classifier.engine.run(std::vector{batch.tensor}, &cancel).at(0);
  const auto start = Clock::now();
  accuracy.add(scores, batch.labels);
  if (flags.skip_postprocess) return seconds_since(start);
  const std::vector<std::vector<spinel::Classification>> answers = classifier.postprocess(scores);
  const double seconds = seconds_since(start);
  if (flags.verbose) {
    progress.clear();
    for (size_t row = 0; row < batch.size(); ++row)
      std::fprintf(stderr, "%zu %s : %s\n", batch.indices[row], batch.paths[row].c_str(),
                   spinel::describe(answers[row]).c_str());
  }
  return seconds;
}

Evaluation evaluate(const resnet::Flags& flags, const resnet::Environment& environment,
                    const resnet::Classifier& classifier, spinel::DataLoader& loader) {
  const spinel::CancelToken& cancel = resnet::cancel_on_interrupt();
  Evaluation result{spinel::Accuracy(flags.topk), {}, {}, false};
  Timing& timing = result.timing;
  resnet::Progress progress(loader.sample_count());
  for (int64_t step = 0; !cancel.cancelled(); ++step) {
    if (step == environment.warm_up_steps) timing.start = Clock::now();
    const std::optional<spinel::Batch> batch = loader.next();
    if (!batch) break;
    double postprocess = 0;
    if (batch->size() > 0) {
      try {
        postprocess = evaluate_batch(flags, classifier, *batch, cancel, progress, result.accuracy);
      } catch (const spinel::Error& error) {
        if (error.code() != spinel::ErrorCode::cancelled) throw;
        break;
      }
    }
    result.ledger.add({batch->size() + batch->rejected.size(), batch->size(), batch->rejected, 0});
    progress.update(result.ledger.attempted);
    if (step < environment.warm_up_steps) continue;
    timing.wall = seconds_since(timing.start);
    timing.batches += 1;
    timing.images += batch->size();
    timing.preprocess += batch->preprocess_seconds;
    timing.postprocess += postprocess;
    if (batch->size() > 0) timing.inference += classifier.engine.run_time();
  }
  result.interrupted = cancel.cancelled();
  return result;
}

void print_text(const Evaluation& result) {
  const Timing& timing = result.timing;
  const auto text = [](double value) { return resnet::number_text(value); };
  std::printf("eval_metric %s\n", text(result.accuracy.top1()).c_str());
  std::printf(
      "summary: avg_sps: %s, e2e_time: %s, avg_inference_time: %s, avg_preprocess_time: %s, "
      "avg_postprocess: %s\n",
      text(timing.images_per_second()).c_str(), text(timing.wall).c_str(),
      text(timing.per_batch(timing.inference)).c_str(), text(timing.per_batch(timing.preprocess)).c_str(),
      text(timing.per_batch(timing.postprocess)).c_str());
}

void print_json(const resnet::Environment& environment, const Evaluation& result) {
  const Timing& timing = result.timing;
  const auto text = [](double value) { return resnet::number_text(value); };
  std::string rejected;
  for (const spinel::Rejected& sample : result.ledger.rejected)
    rejected += (rejected.empty() ? "" : ", ") + ("{\"path\": " + resnet::json_string(sample.path)) +
                ", \"reason\": " + resnet::json_string(sample.reason) + "}";
  std::printf(
      "{\"eval_metric\": %s, \"top%lld\": %s, \"avg_sps\": %s, \"e2e_time\": %s, "
      "\"avg_inference_time\": %s, \"avg_preprocess_time\": %s, \"avg_postprocess\": %s, "
      "\"top1_hits\": %lld, \"attempted\": %zu, \"done\": %zu, \"rank\": %d, \"world\": %d, "
      "\"interrupted\": %s, \"rejected\": [%s]}\n",
      text(result.accuracy.top1()).c_str(), static_cast<long long>(result.accuracy.k()),
      text(result.accuracy.topk()).c_str(), text(timing.images_per_second()).c_str(),
      text(timing.wall).c_str(), text(timing.per_batch(timing.inference)).c_str(),
      text(timing.per_batch(timing.preprocess)).c_str(), text(timing.per_batch(timing.postprocess)).c_str(),
      static_cast<long long>(result.accuracy.top1_hits()), result.ledger.attempted, result.ledger.done,
      environment.rank, environment.world, result.interrupted ? "true" : "false", rejected.c_str());
}

int valid(const resnet::Flags& flags, const resnet::Environment& environment) {
  const spinel::ImageFolder dataset(flags.data_path);
  for (const std::string& note : dataset.notes()) std::fprintf(stderr, "note: %s\n", note.c_str());
  const resnet::Classifier classifier = resnet::load_classifier(flags, environment);
  spinel::DataLoader loader(dataset, classifier.preprocess,
                            {.batch_size = flags.batch_size,
                             .rank = environment.rank,
                             .world = environment.world,
                             .max_batches = environment.max_steps});
  const Evaluation result = evaluate(flags, environment, classifier, loader);
  if (flags.json)
    print_json(environment, result);
  else
    print_text(result);
  resnet::report_counts(result.ledger, loader.sample_count());
  if (environment.world > 1)
    std::fprintf(stderr, "rank %d of %d: %lld of %lld right\n", environment.rank, environment.world,
                 static_cast<long long>(result.accuracy.top1_hits()),
                 static_cast<long long>(result.accuracy.count()));
  if (result.interrupted) return 130;
  return result.ledger.done == 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  resnet::Flags defaults;
  defaults.batch_size = 16;
  defaults.skip_postprocess = true;
  return resnet::run_flow(argc, argv, "Measures a classifier on an image folder", defaults, valid);
}
