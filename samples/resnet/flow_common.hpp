// What the three ResNet flows share: flags, environment, loading.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <spinel/engine.hpp>
#include <spinel/postprocess.hpp>
#include <spinel/preprocess.hpp>

namespace resnet {

/// The flags of a flow. `-` and `_` in their names are the same.
struct Flags {
  std::string ckpt;
  std::string data_path;
  int64_t batch_size = 1;
  std::string target = "cpu";
  std::string input_name;
  std::vector<int64_t> input_size;  ///< H; H,W; or N,C,H,W with the batch of one SPA.
  std::string dtype;                ///< Empty: the file's own type.
  std::string pass_path;
  int64_t topk = 1;
  bool skip_postprocess = false;
  bool verbose = false;
  std::string labels;
  int spas = 0;
  bool json = false;
};

/// What the flows take from the environment; this is the only place that reads it.
struct Environment {
  int spas = 0;               ///< MAX_ENGINE_NUMS; 0: not set.
  int64_t max_steps = 0;      ///< TECO_INFER_PIPELINES_MAX_STEPS: batches after which to stop; 0: none.
  int64_t warm_up_steps = 0;  ///< TECO_INFER_PIPELINES_WARMUP_STEPS: first batches that are not timed.
  int rank = 0;               ///< OMPI_COMM_WORLD_RANK
  int world = 1;              ///< OMPI_COMM_WORLD_SIZE
  int local_rank = 0;         ///< OMPI_COMM_WORLD_LOCAL_RANK
  int local_size = 1;         ///< OMPI_COMM_WORLD_LOCAL_SIZE
};
Environment read_environment();

/// Runs `flow` with the command line parsed over `defaults`. Returns the exit status: flow's own, 1 after an
/// error (printed as one line to stderr), 2 where the command line makes no sense.
int run_flow(int argc, char** argv, const std::string& description, const Flags& defaults,
             const std::function<int(const Flags&, const Environment&)>& flow);

/// An engine with the pre- and postprocessing that go with it.
struct Classifier {
  spinel::InferEngine engine;
  spinel::Preprocessor preprocess;
  spinel::Postprocessor postprocess;
};
/// Loads --ckpt and, for the labels, --labels or synset.txt beside it. Without --input_size images get the
/// size of the model's input, or 224 where the model leaves it open.
Classifier load_classifier(const Flags& flags, const Environment& environment);

}  // namespace resnet
