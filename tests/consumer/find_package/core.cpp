// The C++ API from an installed prefix: the class and the score of one image.
#include <cstdio>

#include <spinel/engine.hpp>
#include <spinel/postprocess.hpp>
#include <spinel/preprocess.hpp>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    spinel::EngineOptions options;
    options.ckpt = argv[1];
    const spinel::InferEngine engine(options);
    const spinel::TensorInfo& input = engine.inputs().front();
    const spinel::Preprocessor preprocessor(
        spinel::PreprocessOptions::for_input_size(input.dims.at(2), input.dims.at(3)));
    const auto scores = engine.run({preprocessor(std::filesystem::path(argv[2]))});
    const auto answers = spinel::Postprocessor()(scores.front());
    std::printf("class %d, probability %.3f\n", static_cast<int>(answers[0][0].index),
                static_cast<double>(answers[0][0].score));
  } catch (const spinel::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
