// spinel_cpu_bench FILE [ISA]: times every case of src/cpu/shapes/FILE, or a file elsewhere, on one thread:
// the tuned kernel and the reference, in float32 and float16. A figure in GB/s counts inputs and outputs
// once.
#include <chrono>
#include <cstdio>

#include "cpu/kernel_harness.hpp"

namespace spinel::cpu {
namespace {

class BenchRun final : public graph::RunContext {
 public:
  BenchRun(const std::vector<Tensor>& inputs, const graph::Op& op)
      : op_(op), inputs_(inputs.begin(), inputs.end()) {
    for (size_t i = 0; i < inputs.size(); ++i)
      if (!inputs[i].defined()) inputs_[i] = graph::RuntimeValue();
  }
  size_t input_count() const override { return inputs_.size(); }
  size_t output_count() const override { return 1; }
  const graph::RuntimeValue& value(size_t i) const override { return inputs_[i]; }
  bool wants_output(size_t i) const override { return i == 0; }
  Tensor& output(size_t, DType dtype, const Dims& dims) override {
    if (!y.defined()) y = Tensor(dtype, dims);
    return y;
  }
  Tensor* planned_output(size_t) override { return y.defined() ? &y : nullptr; }
  void set_output(size_t, graph::RuntimeValue) override {}
  std::vector<graph::RuntimeValue> run_subgraph(size_t, std::vector<graph::RuntimeValue>) override {
    return {};
  }
  void parallel_for(int64_t count, FunctionRef<void(int64_t)> fn) override {
    for (int64_t i = 0; i < count; ++i) fn(i);
  }
  std::byte* scratch() override { return block(booked().shared_bytes); }
  void check_cancelled() const override {}
  Tensor y;

 protected:
  ThreadScratch thread_scratch() override {
    const uint64_t bytes = booked().per_thread_bytes;
    return {block(bytes), static_cast<size_t>(bytes), 1};
  }

 private:
  struct Sizes final : graph::ScratchContext {
    explicit Sizes(const BenchRun& owner) : run(owner) {}
    std::span<const int64_t> input_dims(size_t i) const override { return run.inputs_[i].tensor().dims(); }
    std::span<const int64_t> output_dims(size_t) const override { return run.y.dims(); }
    const BenchRun& run;
  };
  graph::Scratch booked() const { return op_.scratch(Sizes(*this)); }
  std::byte* block(uint64_t bytes) {
    if (memory_.size_bytes() < bytes) memory_ = Tensor(DType::uint8, {static_cast<int64_t>(bytes)});
    return static_cast<std::byte*>(memory_.raw());
  }
  const graph::Op& op_;
  std::vector<graph::RuntimeValue> inputs_;
  Tensor memory_;
};

/// The median of several runs, in nanoseconds.
double time_op(const graph::Op& op, const std::vector<Tensor>& inputs, double& bytes) {
  using Clock = std::chrono::steady_clock;
  BenchRun context(inputs, op);
  op.run(context);
  bytes = static_cast<double>(context.y.size_bytes());
  for (const Tensor& input : inputs)
    if (input.defined()) bytes += static_cast<double>(input.size_bytes());
  std::vector<double> times;
  const auto end = Clock::now() + std::chrono::milliseconds(60);
  for (int64_t repeats = 1; times.size() < 5 || Clock::now() < end;) {
    const auto begin = Clock::now();
    for (int64_t i = 0; i < repeats; ++i) op.run(context);
    const double ns = std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
    if (ns < 20000) {
      repeats *= 4;
      continue;
    }
    times.push_back(ns / static_cast<double>(repeats));
    if (times.size() >= 200) break;
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

int bench(const std::string& file, const Isa& isa) {
  for (const testing::KernelCase& c : testing::read_cases(file))
    for (const DType dtype : {DType::float32, DType::float16}) {
      const auto inputs = testing::make_inputs(c, dtype);
      const graph::OpPtr op = testing::tuned_op(c, isa, inputs);
      const auto reference = ops::testing::make(c.op, c.version, c.attributes, inputs.size(), 1);
      double bytes = 0;
      const double slow = time_op(*reference, inputs, bytes);
      if (op == nullptr) {
        std::printf("%-60s %s reference alone %12.0f ns %7.2f GB/s\n", c.line.c_str(),
                    dtype == DType::float32 ? "f32" : "f16", slow, bytes / slow);
        continue;
      }
      const double ns = time_op(*op, inputs, bytes);
      std::printf("%-60s %s %12.0f ns %7.2f GB/s, reference %6.1fx\n", c.line.c_str(),
                  dtype == DType::float32 ? "f32" : "f16", ns, bytes / ns, slow / ns);
    }
  return 0;
}

}  // namespace
}  // namespace spinel::cpu

int main(int count, char** arguments) {
  if (count < 2) return std::fprintf(stderr, "usage: spinel_cpu_bench FILE [ISA]\n"), 2;
  try {
    return spinel::cpu::bench(arguments[1], spinel::cpu::find_isa(count > 2 ? arguments[2] : ""));
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "%s\n", error.what()), 1;
  }
}
