// One image through a classifier: prints PATH: [{'score': 0.496, 'label': 'tiger cat'}].
//   resnet_single --ckpt resnet.onnx --data_path cat.png
#include <cstdio>
#include <filesystem>

#include "flow_common.hpp"
#include "flow_output.hpp"

namespace {

int single(const resnet::Flags& flags, const resnet::Environment& environment) {
  if (std::filesystem::is_directory(flags.data_path))
    throw spinel::Error(spinel::ErrorCode::invalid_argument,
                        "--data_path " + flags.data_path + " is a folder; resnet_folder takes folders");
  const resnet::Classifier classifier = resnet::load_classifier(flags, environment);
  const spinel::Tensor input = classifier.preprocess(std::filesystem::path(flags.data_path));
  const spinel::Tensor scores = classifier.engine.run({input}).at(0);
  if (flags.verbose) std::fprintf(stderr, "inference: %.6f s\n", classifier.engine.run_time());

  if (flags.skip_postprocess) {
    std::printf("%s\n", flags.json ? resnet::scores_json(0, flags.data_path, scores, 0).c_str()
                                   : (flags.data_path + ": " + resnet::scores_text(scores, 0)).c_str());
    return 0;
  }
  const std::vector<spinel::Classification> answers = classifier.postprocess(scores).at(0);
  std::printf("%s\n", flags.json ? resnet::answers_json(0, flags.data_path, answers).c_str()
                                 : (flags.data_path + ": " + spinel::describe(answers)).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return resnet::run_flow(argc, argv, "Classifies one image", {}, single); }
