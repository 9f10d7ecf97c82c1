// Scan (opset 9 on; opset 8 is scan8.cpp): a subgraph applied to the slices of tensors, one after another,
// with carried values.
#include <algorithm>

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"
#include "ops/subgraph.hpp"

namespace spinel::ops {
namespace {

using graph::RuntimeValue;
using graph::ValueType;

/// Axes and directions, one for each scanned input or output; where fewer are given the rest is 0.
struct ScanAttrs {
  size_t scanned = 0;  ///< How many of the last inputs are scanned.
  std::vector<int64_t> input_axes;
  std::vector<int64_t> input_backwards;
  std::vector<int64_t> output_axes;
  std::vector<int64_t> output_backwards;
};

int64_t entry(const std::vector<int64_t>& list, size_t at) { return at < list.size() ? list[at] : 0; }

Tensor slice_of(const Tensor& x, int axis, int64_t index) {
  std::vector<int64_t> strides = row_major_strides(x.dims());
  Dims dims = x.dims();
  const int64_t offset = index * strides[static_cast<size_t>(axis)];
  dims.erase(dims.begin() + axis);
  strides.erase(strides.begin() + axis);
  Tensor out = Tensor::uninitialized(x.dtype(), dims);
  copy_strided(x, offset, strides, out);
  return out;
}

class Scan final : public Op {
 public:
  explicit Scan(ScanAttrs attrs) : attrs_(std::move(attrs)) {}

  std::string_view name() const override { return "Scan"; }

  void infer(InferContext& context) const override {
    if (attrs_.scanned > context.input_count())
      fail(ErrorCode::bad_model, "num_scan_inputs is {}, but there are {} inputs", attrs_.scanned,
           context.input_count());
    const size_t carried = context.input_count() - attrs_.scanned;
    std::vector<ValueType> types;
    for (size_t i = 0; i < carried; ++i) types.push_back(context.input(i));
    Dim length = Dim::unknown();
    for (size_t i = 0; i < attrs_.scanned; ++i) {
      ValueType type = context.input(carried + i);
      if (type.shape) {
        const int axis = normalize_axis(entry(attrs_.input_axes, i), static_cast<int>(type.shape->size()));
        if (length.is_unknown()) length = (*type.shape)[static_cast<size_t>(axis)];
        type.shape->erase(type.shape->begin() + axis);
      }
      types.push_back(std::move(type));
    }
    std::vector<ValueType> results;
    for (bool settled = false; !settled;) {
      results = context.infer_subgraph(0, types);
      if (results.size() < carried || results.size() < context.output_count())
        fail(ErrorCode::bad_model,
             "the body has {} outputs; {} values are carried and the node has {} outputs", results.size(),
             carried, context.output_count());
      settled = true;
      for (size_t i = 0; i < carried; ++i) {
        ValueType common = common_type(types[i], results[i], "a carried value");
        settled &= same_type(common, types[i]);
        types[i] = std::move(common);
      }
    }
    for (size_t i = 0; i < context.output_count(); ++i) {
      ValueType type = i < carried ? types[i] : results[i];
      if (i >= carried && type.shape) {
        const int rank = static_cast<int>(type.shape->size()) + 1;
        const int axis = normalize_axis(entry(attrs_.output_axes, i - carried), rank);
        type.shape->insert(type.shape->begin() + axis, length);
      }
      context.set_output(i, std::move(type));
    }
  }

  void batch(BatchContext& context) const override {
    context.block("control flow may mix the rows of the batch");
  }

  void run(RunContext& context) const override {
    const size_t carried = context.input_count() - attrs_.scanned;
    std::vector<RuntimeValue> state;
    for (size_t i = 0; i < carried; ++i) state.push_back(context.value(i));
    int64_t length = -1;
    std::vector<int> axes;
    for (size_t i = 0; i < attrs_.scanned; ++i) {
      const Tensor& x = context.input(carried + i);
      axes.push_back(normalize_axis(entry(attrs_.input_axes, i), x.rank()));
      const int64_t here = x.dim(axes.back());
      if (length >= 0 && here != length)
        fail(ErrorCode::invalid_argument, "scanned inputs have {} and {} slices", length, here);
      length = here;
    }
    std::vector<std::vector<RuntimeValue>> slices(
        context.output_count() > carried ? context.output_count() - carried : 0);
    for (int64_t iteration = 0; iteration < length; ++iteration) {
      context.check_cancelled();
      std::vector<RuntimeValue> inputs = state;
      for (size_t i = 0; i < attrs_.scanned; ++i) {
        const bool backwards = entry(attrs_.input_backwards, i) != 0;
        inputs.emplace_back(
            slice_of(context.input(carried + i), axes[i], backwards ? length - 1 - iteration : iteration));
      }
      const std::vector<RuntimeValue> results = context.run_subgraph(0, std::move(inputs));
      for (size_t i = 0; i < carried; ++i) state[i] = results.at(i);
      for (size_t i = 0; i < slices.size(); ++i)
        if (context.wants_output(carried + i)) slices[i].push_back(results.at(carried + i));
    }
    for (size_t i = 0; i < std::min(carried, context.output_count()); ++i)
      if (context.wants_output(i)) pass_on(context, i, state[i]);
    for (size_t i = 0; i < slices.size(); ++i)
      if (context.wants_output(carried + i))
        stack(context, carried + i, slices[i], entry(attrs_.output_axes, i),
              entry(attrs_.output_backwards, i) != 0);
  }

 private:
  ScanAttrs attrs_;
};

}  // namespace

OpPtr make_scan8(const OpArgs& args);

OpPtr make_scan(const OpArgs& args) {
  if (args.version() < 9) return make_scan8(args);
  args.require("body");
  args.require("num_scan_inputs");
  ScanAttrs attrs;
  const int64_t scanned = args.get_int("num_scan_inputs", 0);
  if (scanned < 1) fail(ErrorCode::bad_model, "num_scan_inputs is {}; at least one is scanned", scanned);
  attrs.scanned = static_cast<size_t>(scanned);
  attrs.input_axes = args.get_ints("scan_input_axes");
  attrs.input_backwards = args.get_ints("scan_input_directions");
  attrs.output_axes = args.get_ints("scan_output_axes");
  attrs.output_backwards = args.get_ints("scan_output_directions");
  return std::make_shared<Scan>(std::move(attrs));
}

}  // namespace spinel::ops
