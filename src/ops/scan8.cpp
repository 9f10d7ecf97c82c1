// Scan of opset 8: the batch is axis 0 of every value, axis 1 is scanned, and samples may end early.
#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"
#include "ops/subgraph.hpp"

namespace spinel::ops {
namespace {

using graph::RuntimeValue;
using graph::ValueType;

/// Sample or slice `index` of axis 0, as a tensor of its own.
Tensor part_of(const Tensor& x, int64_t index) {
  Dims dims(x.dims().begin() + 1, x.dims().end());
  Tensor out = Tensor::uninitialized(x.dtype(), dims);
  copy_range(x, index * out.element_count(), out, 0, out.element_count());
  return out;
}

/// Inputs: the number of slices of each sample (may be missing), the carried values, the scanned ones. A
/// scanned output is as long as the scanned inputs; behind a sample's end it is 0.
class Scan8 final : public Op {
 public:
  Scan8(size_t scanned, std::vector<int64_t> backwards)
      : scanned_(scanned), backwards_(std::move(backwards)) {}

  std::string_view name() const override { return "Scan"; }

  void infer(InferContext& context) const override {
    if (scanned_ + 1 > context.input_count())
      fail(ErrorCode::bad_model, "num_scan_inputs is {}, but there are {} inputs", scanned_,
           context.input_count());
    const size_t carried = context.input_count() - 1 - scanned_;
    std::vector<ValueType> types;
    Dim batch = Dim::unknown();
    Dim length = Dim::unknown();
    for (size_t i = 1; i < context.input_count(); ++i) {
      ValueType type = context.input(i);
      const size_t leading = i <= carried ? 1 : 2;
      if (type.shape) {
        if (type.shape->size() < leading)
          fail(ErrorCode::bad_model, "input {} is {}; it needs the axes batch{}", i, type.text(),
               leading == 2 ? " and sequence" : "");
        batch = (*type.shape)[0];
        if (leading == 2) length = (*type.shape)[1];
        type.shape->erase(type.shape->begin(), type.shape->begin() + static_cast<std::ptrdiff_t>(leading));
      }
      types.push_back(std::move(type));
    }
    const std::vector<ValueType> results = context.infer_subgraph(0, types);
    if (results.size() < context.output_count())
      fail(ErrorCode::bad_model, "the body has {} outputs, the node {}", results.size(),
           context.output_count());
    for (size_t i = 0; i < context.output_count(); ++i) {
      ValueType type = i < carried ? common_type(types[i], results[i], "a carried value") : results[i];
      if (type.shape) {
        if (i >= carried) type.shape->insert(type.shape->begin(), length);
        type.shape->insert(type.shape->begin(), batch);
      }
      context.set_output(i, std::move(type));
    }
  }

  void batch(BatchContext& context) const override {
    context.block("control flow may mix the rows of the batch");
  }

  void run(RunContext& context) const override {
    const size_t carried = context.input_count() - 1 - scanned_;
    const Tensor& first = context.input(1 + carried);
    if (first.rank() < 2)
      fail(ErrorCode::invalid_argument, "the scanned input {} has no sequence", describe(first));
    const int64_t batches = first.dim(0);
    const int64_t length = first.dim(1);
    for (size_t i = 1; i < context.input_count(); ++i) {
      const Tensor& x = context.input(i);
      if (x.rank() < 1 || x.dim(0) != batches || (i > carried && (x.rank() < 2 || x.dim(1) != length)))
        fail(ErrorCode::invalid_argument, "input {} {} does not fit {} samples of {} slices", i, describe(x),
             batches, length);
    }
    std::vector<int64_t> lengths(static_cast<size_t>(batches), length);
    if (context.has_input(0)) {
      lengths = to_int64s(context.input(0));
      if (std::ssize(lengths) != batches)
        fail(ErrorCode::invalid_argument, "{} sequence lengths for {} samples", lengths.size(), batches);
    }
    std::vector<Tensor> outputs(context.output_count());
    for (int64_t b = 0; b < batches; ++b) run_sample(context, carried, b, length, lengths, outputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!context.wants_output(i)) continue;
      if (!outputs[i].defined())
        fail(ErrorCode::invalid_argument, "output {} of an empty scan is not known", i);
      pass_on(context, i, outputs[i]);
    }
  }

 private:
  void run_sample(RunContext& context, size_t carried, int64_t b, int64_t length,
                  const std::vector<int64_t>& lengths, std::vector<Tensor>& outputs) const {
    const int64_t mine = lengths[static_cast<size_t>(b)];
    const int64_t batches = std::ssize(lengths);
    if (mine < 0 || mine > length)
      fail(ErrorCode::invalid_argument, "sample {} has {} slices; there are {}", b, mine, length);
    std::vector<RuntimeValue> state;
    for (size_t i = 0; i < carried; ++i) state.emplace_back(part_of(context.input(1 + i), b));
    std::vector<Tensor> samples;
    for (size_t i = 0; i < scanned_; ++i) samples.push_back(part_of(context.input(1 + carried + i), b));
    const auto put = [&](size_t output, const Tensor& part, int64_t place, Dims dims) {
      dims.insert(dims.end(), part.dims().begin(), part.dims().end());
      Tensor& to = outputs[output];
      if (!to.defined()) to = Tensor(part.dtype(), dims);
      if (part.dtype() != to.dtype() || dims != to.dims())
        fail(ErrorCode::invalid_argument, "{} does not fit output {} {}", describe(part), output,
             describe(to));
      copy_range(part, 0, to, place * part.element_count(), part.element_count());
    };
    for (int64_t iteration = 0; iteration < mine; ++iteration) {
      context.check_cancelled();
      std::vector<RuntimeValue> inputs = state;
      for (size_t i = 0; i < scanned_; ++i) {
        const bool backwards = i < backwards_.size() && backwards_[i] != 0;
        inputs.emplace_back(part_of(samples[i], backwards ? mine - 1 - iteration : iteration));
      }
      const std::vector<RuntimeValue> results = context.run_subgraph(0, std::move(inputs));
      for (size_t i = 0; i < carried; ++i) state[i] = results.at(i);
      for (size_t i = carried; i < outputs.size(); ++i)
        put(i, results.at(i).tensor(), b * length + iteration, {batches, length});
    }
    for (size_t i = 0; i < std::min(carried, outputs.size()); ++i) put(i, state[i].tensor(), b, {batches});
  }

  size_t scanned_;
  std::vector<int64_t> backwards_;
};

}  // namespace

OpPtr make_scan8(const OpArgs& args) {
  args.require("body");
  args.require("num_scan_inputs");
  const int64_t scanned = args.get_int("num_scan_inputs", 0);
  if (scanned < 1) fail(ErrorCode::bad_model, "num_scan_inputs is {}; at least one is scanned", scanned);
  return std::make_shared<Scan8>(static_cast<size_t>(scanned), args.get_ints("directions"));
}

}  // namespace spinel::ops
