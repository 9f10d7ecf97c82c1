#include "cpu/element_program.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cpu/element_grid.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::cpu {
namespace {

constexpr int64_t register_elements = 1024;
constexpr int64_t min_task_elements = int64_t{1} << 16;

struct OperandTensor {
  const char* data;
  int64_t bytes;  ///< Of an element.
};

Dims broadcast_inputs(const graph::RunContext& context, size_t count) {
  Dims dims = context.input(0).dims();
  for (size_t i = 1; i < count; ++i) dims = ops::broadcast_dims(dims, context.input(i).dims());
  return dims;
}

/// A kernel must not read beyond an operand, whatever inference believed.
void require_broadcast(std::span<const int64_t> from, std::span<const int64_t> to) {
  bool fits = from.size() <= to.size() && to.size() <= ElementGrid::max_rank;
  for (size_t back = 1; fits && back <= from.size(); ++back)
    fits = from[from.size() - back] == 1 || from[from.size() - back] == to[to.size() - back];
  if (!fits)
    fail(ErrorCode::invalid_argument, "an operand of dims {} cannot be broadcast to {}", dims_text(from),
         dims_text(to));
}

}  // namespace

ElementProgram::Operand ElementProgram::constant(Tensor tensor) {
  constants_.push_back(std::move(tensor));
  return {Source::constant, static_cast<uint32_t>(constants_.size() - 1)};
}

ElementProgram::Operand ElementProgram::step(Step step) {
  steps_.push_back(step);
  return {Source::step, static_cast<uint32_t>(steps_.size() - 1)};
}

void ElementProgram::finish(size_t input_count) {
  input_count_ = input_count;
  if (steps_.empty() || steps_.size() > max_steps ||
      input_count + constants_.size() > ElementGrid::max_operands)
    fail(ErrorCode::internal, "an elementwise program of {} steps and {} operands", steps_.size(),
         input_count + constants_.size());
  const auto each_result = [&](const Step& step, auto fn) {
    for (int i = 0; i < operand_count(step.function); ++i)
      if (step.operands[i].source == Source::step) fn(step.operands[i].index);
  };
  std::vector<size_t> last_use(steps_.size(), 0);
  for (size_t s = 0; s < steps_.size(); ++s)
    each_result(steps_[s], [&](uint32_t used) { last_use[used] = s; });
  std::vector<bool> busy;
  registers_.assign(steps_.size(), -1);
  for (size_t s = 0; s + 1 < steps_.size(); ++s) {
    // A step may write where it reads, so what it reads last is free for its own result.
    each_result(steps_[s], [&](uint32_t used) {
      if (last_use[used] == s) busy[static_cast<size_t>(registers_[used])] = false;
    });
    size_t free = 0;
    while (free < busy.size() && busy[free]) ++free;
    if (free == busy.size()) busy.push_back(false);
    busy[free] = true;
    registers_[s] = static_cast<int>(free);
  }
  register_count_ = static_cast<int>(busy.size());
}

std::string ElementProgram::text() const {
  std::string out;
  for (const Step& step : steps_) {
    out += fmt::format("{}f{}", out.empty() ? "" : " ", static_cast<int>(step.function));
    if (step.p != 0 || step.q != 0) out += fmt::format("[{},{}]", step.p, step.q);
    for (int i = 0; i < operand_count(step.function); ++i) {
      const char* kind = step.operands[i].source == Source::input      ? "x"
                         : step.operands[i].source == Source::constant ? "c"
                                                                       : "s";
      out += fmt::format("{}{}{}", i == 0 ? "(" : ",", kind, step.operands[i].index);
    }
    out += ")";
  }
  for (size_t i = 0; i < constants_.size(); ++i) {
    out += fmt::format(" c{}={}", i, describe(constants_[i]));
    for (float value : constants_[i].data<float>()) out += fmt::format(",{}", value);
  }
  return out;
}

bool ElementProgram::reads_input(size_t index) const {
  return std::ranges::any_of(steps_, [&](const Step& step) {
    for (int i = 0; i < operand_count(step.function); ++i)
      if (step.operands[i] == input(index)) return true;
    return false;
  });
}

graph::Scratch ElementProgram::scratch() const {
  return {.shared_bytes = 0,
          .per_thread_bytes = static_cast<uint64_t>(register_count_ * register_elements) * sizeof(float)};
}

void ElementProgram::run(const Kernels& kernels, graph::RunContext& context) const {
  const DType dtype = context.input(0).dtype();
  Tensor& y = context.output_or(0, dtype, [&] { return broadcast_inputs(context, input_count_); });
  std::array<std::span<const int64_t>, ElementGrid::max_operands> dims;
  std::array<OperandTensor, ElementGrid::max_operands> tensors;
  const size_t operands = input_count_ + constants_.size();
  for (size_t i = 0; i < operands; ++i) {
    const Tensor& tensor = i < input_count_ ? context.input(i) : constants_[i - input_count_];
    dims[i] = tensor.dims();
    require_broadcast(dims[i], y.dims());
    tensors[i] = {static_cast<const char*>(tensor.raw()), dtype_bits(tensor.dtype()) / 8};
  }
  const ElementGrid grid(y.dims(), std::span(dims).first(operands),
                         steps_.size() > 1 ? register_elements : min_task_elements);
  if (grid.block_count() == 0) return;

  const int64_t y_bytes = dtype_bits(dtype) / 8;
  const auto run_block = [&](int64_t index, float* registers) {
    const ElementGrid::Block block = grid.block(index);
    for (size_t s = 0; s < steps_.size(); ++s) {
      const Step& step = steps_[s];
      ElementStep work;
      work.function = step.function;
      work.p = step.p;
      work.q = step.q;
      work.rows = block.rows;
      work.columns = block.columns;
      for (int i = 0; i < operand_count(step.function); ++i) {
        const Operand from = step.operands[i];
        ElementOperand& to = work.operands[i];
        if (from.source == Source::step) {
          to.data = registers + registers_[from.index] * register_elements;
          to.row_stride = block.columns;
          continue;
        }
        const size_t at = from.index + (from.source == Source::constant ? input_count_ : 0);
        to.data = tensors[at].data + block.operand[at] * tensors[at].bytes;
        to.row_stride = grid.row_stride(at);
        to.repeats = grid.repeats(at);
        to.half = tensors[at].bytes == 2;
      }
      if (s + 1 == steps_.size()) {
        work.to = static_cast<char*>(y.raw()) + block.out * y_bytes;
        work.to_row_stride = grid.out_row_stride();
        work.to_half = y_bytes == 2;
      } else {
        work.to = registers + registers_[s] * register_elements;
        work.to_row_stride = block.columns;
      }
      kernels.vector->elementwise(work);
    }
  };
  const int64_t tasks = std::clamp<int64_t>(grid.elements() / min_task_elements, 1, grid.block_count());
  const auto run_task = [&](int64_t task, float* registers) {
    const int64_t end = grid.block_count() * (task + 1) / tasks;
    for (int64_t i = grid.block_count() * task / tasks; i < end; ++i) run_block(i, registers);
  };
  if (register_count_ == 0) {
    context.parallel_for(tasks, [&](int64_t task) { run_task(task, nullptr); });
  } else {
    context.parallel_for_scratch(
        tasks, [&](int64_t task, std::byte* scratch) { run_task(task, reinterpret_cast<float*>(scratch)); });
  }
}

}  // namespace spinel::cpu
