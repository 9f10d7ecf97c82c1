#include "cli/command.hpp"

namespace spinel::cli {

Action set_up_info(CLI::App& app);
Action set_up_run(CLI::App& app);
Action set_up_preprocess(CLI::App& app);
Action set_up_classify(CLI::App& app);
Action set_up_bench(CLI::App& app);
Action set_up_build(CLI::App& app);
Action set_up_conformance(CLI::App& app);
Action set_up_compare(CLI::App& app);
Action set_up_dump(CLI::App& app);
Action set_up_simplify(CLI::App& app);
Action set_up_convert(CLI::App& app);
Action set_up_operators(CLI::App& app);
Action set_up_version(CLI::App& app);

std::span<const Command> commands() {
  static constexpr Command all[] = {
      {"info", "Inputs, outputs, batch analysis, memory and operators of a model", set_up_info},
      {"run", "Run a model on .npy files", set_up_run},
      {"preprocess", "Turn images into .npy files as a classifier takes them", set_up_preprocess},
      {"classify", "Name what images show", set_up_classify},
      {"build", "Compile a model once and write it as an engine file", set_up_build},
      {"bench", "Latency, throughput and memory of a model", set_up_bench},
      {"conformance", "Run cases in the layout of the ONNX project's tests", set_up_conformance},
      {"compare", "How far two engines' results are apart, and from which layer on", set_up_compare},
      {"dump", "Write the values between a model's layers, and compare them with others'", set_up_dump},
      {"simplify", "Write an ONNX file that computes the same with fewer nodes", set_up_simplify},
      {"convert", "Write an ONNX file whose float32 values are float16", set_up_convert},
      {"operators", "Every operator: opsets, element types, tuned kernels", set_up_operators},
      {"version", "Version and targets of this build", set_up_version},
  };
  return all;
}

}  // namespace spinel::cli
