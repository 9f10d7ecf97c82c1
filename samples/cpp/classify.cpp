// What is in the images? Spinel through its C++ API: classify_cpp MODEL.onnx LABELS.txt IMAGE...
// prints the three best classes of every image. Images that cannot be used are named; then the exit code
// is 1.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <spinel/engine.hpp>
#include <spinel/labels.hpp>
#include <spinel/postprocess.hpp>
#include <spinel/preprocess.hpp>

namespace {

/// The engine's input says which size and type images need; -1 is a dim that the model leaves open.
spinel::Preprocessor preprocessor_for(const spinel::TensorInfo& input) {
  if (input.dims.size() != 4 || input.dims[1] != 3)
    throw spinel::Error(spinel::ErrorCode::invalid_argument,
                        "the model's input is " + spinel::describe(input) + ", not [N, 3, H, W]");
  spinel::PreprocessOptions options;
  if (input.dims[2] > 0 && input.dims[3] > 0) options = options.with_input_size(input.dims[2], input.dims[3]);
  options.dtype = input.dtype;
  return spinel::Preprocessor(options);
}

int classify(const std::string& model, const std::string& labels, const std::vector<std::string>& images) {
  spinel::EngineOptions options;
  options.ckpt = model;
  const spinel::InferEngine engine(options);
  const spinel::Preprocessor preprocess = preprocessor_for(engine.inputs().at(0));
  const spinel::Postprocessor answers({spinel::load_labels(labels), 3});

  int exit_code = 0;
  for (const std::string& path : images) {
    try {
      const std::vector<spinel::Tensor> results = engine.run({preprocess(std::filesystem::path(path))});
      const std::vector<spinel::Classification> best = answers(results.at(0)).at(0);
      std::printf("%s\n", path.c_str());
      for (const spinel::Classification& answer : best)
        std::printf("  %.3f %s\n", static_cast<double>(answer.score), answer.label.c_str());
    } catch (const spinel::Error& error) {
      std::fprintf(stderr, "%s: %s (%s)\n", path.c_str(), error.what(), error_code_name(error.code()));
      exit_code = 1;
    }
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s MODEL.onnx LABELS.txt IMAGE...\n", argv[0]);
    return 2;
  }
  try {
    return classify(argv[1], argv[2], {argv + 3, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
