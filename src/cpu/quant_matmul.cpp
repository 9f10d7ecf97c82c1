#include "cpu/quant_matmul.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "cpu/quant_product.hpp"
#include "graph/recipe.hpp"
#include "ops/matmul.hpp"
#include "ops/requantize.hpp"

namespace spinel::cpu {
namespace {

constexpr size_t none = ~size_t{0};

/// Which inputs of an operator are what; A is input 0.
struct Inputs {
  size_t b, a_zero, b_zero;
  size_t a_scale = none, b_scale = none;
  size_t addend = none;  ///< int32, in sums.
  size_t bias = none;    ///< float32, in results.
  size_t y_scale = none, y_zero = none;
};

std::optional<Inputs> inputs_of(std::string_view op) {
  if (op == "MatMulInteger") return Inputs{.b = 1, .a_zero = 2, .b_zero = 3};
  if (op == "MatMulIntegerToFloat")
    return Inputs{.b = 1, .a_zero = 4, .b_zero = 5, .a_scale = 2, .b_scale = 3, .bias = 6};
  if (op == "QLinearMatMul")
    return Inputs{.b = 3, .a_zero = 2, .b_zero = 5, .a_scale = 1, .b_scale = 4, .y_scale = 6, .y_zero = 7};
  if (op == "QGemm")
    return Inputs{
        .b = 3, .a_zero = 2, .b_zero = 5, .a_scale = 1, .b_scale = 4, .addend = 6, .y_scale = 7, .y_zero = 8};
  return std::nullopt;
}

struct Layer {
  Inputs inputs;
  float alpha = 1;
  bool transpose_b = false;
};

/// A's and B's matrices, and how B lies in memory.
struct Sizes {
  ops::MatMulLayout layout;
  int64_t products, b_matrices;
  int64_t b_row_stride, b_column_stride;

  Sizes(bool transpose_b, std::span<const int64_t> a, std::span<const int64_t> b) {
    Dims b_dims(b.begin(), b.end());
    if (transpose_b && b_dims.size() == 2) std::swap(b_dims[0], b_dims[1]);
    layout = ops::make_matmul_layout(Dims(a.begin(), a.end()), b_dims);
    products = element_count(layout.stack);
    b_matrices = element_count(Dims(b.begin(), b.end() - std::min<std::ptrdiff_t>(2, std::ssize(b))));
    b_row_stride = transpose_b ? 1 : layout.n;
    b_column_stride = transpose_b ? layout.k : 1;
    // One B for all: the matrices of A are one tall matrix.
    const Dims a_stack(a.begin(), a.end() - std::min<std::ptrdiff_t>(2, std::ssize(a)));
    if (b_matrices == 1 && element_count(a_stack) == products) {
      layout.m *= products;
      products = 1;
      layout.stack.clear();
    }
  }
};

/// Parts of one block of memory, each aligned for vectors.
class Carve {
 public:
  explicit Carve(std::byte* memory) : memory_(memory) {}
  template <class T>
  T* take(int64_t count) {
    auto* const at = reinterpret_cast<T*>(memory_ + used_);
    constexpr uint64_t line = 64;
    used_ += (static_cast<uint64_t>(count) * sizeof(T) + line - 1) / line * line;
    return memory_ == nullptr ? nullptr : at;
  }
  uint64_t used() const { return used_; }

 private:
  std::byte* memory_;
  uint64_t used_ = 0;
};

/// All matrices of a B, packed.
struct PackedB {
  std::byte* packed;
  QuantColumns columns;
  uint8_t* any_zero_point;  ///< One a matrix.

  PackedB(const ByteKernels& kernels, const Sizes& s, Carve& memory)
      : packed(memory.take<std::byte>(s.b_matrices * kernels.packed_bytes(s.layout.k, s.layout.n))),
        columns{memory.take<int32_t>(s.b_matrices * kernels.whole_columns(s.layout.n)),
                memory.take<int32_t>(s.b_matrices * kernels.whole_columns(s.layout.n))},
        any_zero_point(memory.take<uint8_t>(s.b_matrices)) {}

  /// `context` may be nullptr.
  void pack(const ByteKernels& kernels, const Sizes& s, const Tensor& b, std::span<const int32_t> zero_points,
            graph::RunContext* context) const {
    const int64_t depth = s.layout.k;
    const int64_t whole = kernels.whole_columns(s.layout.n);
    constexpr int64_t min_task_bytes = int64_t{1} << 15;
    const int64_t panels = whole / kernels.panel_columns;
    const int64_t group =
        std::clamp<int64_t>(min_task_bytes / std::max<int64_t>(depth * kernels.panel_columns, 1), 1,
                            std::max<int64_t>(panels, 1)) *
        kernels.panel_columns;
    const int64_t groups = (s.layout.n + group - 1) / group;
    std::fill_n(any_zero_point, s.b_matrices, uint8_t{0});
    const auto task = [&](int64_t index) {
      const int64_t matrix = index / groups;
      const int64_t column = index % groups * group;
      const bool any = pack_quant_columns(
          kernels, static_cast<const uint8_t*>(b.raw()) + matrix * depth * s.layout.n,
          b.dtype() == DType::int8, zero_points, s.b_row_stride, s.b_column_stride, depth, column,
          std::min(group, s.layout.n - column), packed + matrix * kernels.packed_bytes(depth, s.layout.n),
          {columns.sums + matrix * whole, columns.zero_points + matrix * whole});
      if (any) __atomic_store_n(any_zero_point + matrix, uint8_t{1}, __ATOMIC_RELAXED);
    };
    if (context != nullptr)
      context->parallel_for(s.b_matrices * groups, task);
    else
      for (int64_t index = 0; index < s.b_matrices * groups; ++index) task(index);
  }
};

std::vector<int32_t> integers(const Tensor& tensor) {
  const Tensor wide = convert(tensor, DType::int32);
  return {wide.data<int32_t>().begin(), wide.data<int32_t>().end()};
}

class QuantMatMul final : public KernelOp {
 public:
  QuantMatMul(graph::OpPtr reference, const ByteKernels& kernels, Layer layer)
      : KernelOp(std::move(reference)), kernels_(kernels), layer_(layer) {}

  void pack(const Tensor& b, const Tensor& zero_point) {
    const Dims row{1, layer_.transpose_b ? b.dim(1) : b.rank() > 1 ? b.dim(-2) : b.dim(0)};
    const Sizes s(layer_.transpose_b, row, b.dims());
    Carve sizes(nullptr);
    const PackedB measured(kernels_, s, sizes);
    memory_ = Tensor::uninitialized(DType::uint8, {static_cast<int64_t>(sizes.used())});
    Carve memory(static_cast<std::byte*>(memory_.raw()));
    constant_.emplace(kernels_, s, memory);
    constant_->pack(kernels_, s, b, zero_points(zero_point, s), nullptr);
  }

  std::string_view kernel() const override { return kernels_.name; }

  graph::Scratch scratch(const graph::ScratchContext& context) const override {
    const Sizes s(layer_.transpose_b, context.input_dims(0), context.input_dims(layer_.inputs.b));
    Carve memory(nullptr);
    const Shared measured(*this, s, memory);
    return {.shared_bytes = memory.used(),
            .per_thread_bytes = quant_product_scratch_bytes(kernels_, s.layout.k, s.layout.n)};
  }

  void run(graph::RunContext& context) const override {
    const Inputs& in = layer_.inputs;
    const Tensor& a = context.input(0);
    const Tensor& b = context.input(in.b);
    if (!is_byte(a.dtype()) || !is_byte(b.dtype()))
      fail(ErrorCode::invalid_argument, "A {} and B {} must be int8 or uint8", describe(a), describe(b));
    const Sizes s(layer_.transpose_b, a.dims(), b.dims());
    const bool to_bytes = in.y_scale != none && context.has_input(in.y_scale);
    const DType dtype = to_bytes ? byte_type(context, a) : in.a_scale == none ? DType::int32 : DType::float32;
    Tensor& y = context.output_or(0, dtype, [&] { return s.layout.output; });
    if (y.element_count() == 0) return;

    QuantProduct all;
    all.a = {a.dtype() == DType::int8, zero_point(context, in.a_zero)};
    all.is_matrix = true;
    all.rows = s.layout.m;
    all.depth = s.layout.k;
    all.columns = s.layout.n;
    all.c_stride = s.layout.n;
    Carve memory(context.scratch());
    const Shared shared(*this, s, memory);
    set_result(context, shared, dtype, all);
    const PackedB& packed = constant_ ? *constant_ : *shared.packed;
    if (!constant_)
      packed.pack(kernels_, s, b,
                  zero_points(context.has_input(in.b_zero) ? context.input(in.b_zero) : Tensor(), s),
                  &context);
    const int64_t whole = kernels_.whole_columns(all.columns);
    const auto* from = static_cast<const std::byte*>(a.raw());
    auto* to = static_cast<std::byte*>(y.raw());
    const int64_t element = dtype_bits(dtype) / 8;
    run_quant_products(context, kernels_, s.products, [&](int64_t i) {
      QuantProduct p = all;
      const int64_t matrix = s.layout.b_matrix(i);
      p.patches = matrix_patches(from + s.layout.a_matrix(i) * all.rows * all.depth, all.rows, all.depth);
      p.b = packed.packed + matrix * kernels_.packed_bytes(all.depth, all.columns);
      if (kernels_.multiplies_bytes) p.column_sums = packed.columns.sums + matrix * whole;
      if (packed.any_zero_point[matrix] != 0) p.b_zero_points = packed.columns.zero_points + matrix * whole;
      p.c = to + i * all.rows * all.columns * element;
      return p;
    });
  }

 private:
  /// What a run keeps beside the tasks' own memory.
  struct Shared {
    float* scales;
    float* bias;
    int32_t* start;
    std::optional<PackedB> packed;

    Shared(const QuantMatMul& op, const Sizes& s, Carve& memory)
        : scales(memory.take<float>(op.kernels_.whole_columns(s.layout.n))),
          bias(memory.take<float>(op.kernels_.whole_columns(s.layout.n))),
          start(memory.take<int32_t>(op.kernels_.whole_columns(s.layout.n))) {
      if (!op.constant_) packed.emplace(op.kernels_, s, memory);
    }
  };

  static int32_t zero_point(const graph::RunContext& context, size_t input) {
    if (input == none || !context.has_input(input)) return 0;
    const Tensor& zero = context.input(input);
    if (zero.element_count() != 1 || !is_byte(zero.dtype()))
      fail(ErrorCode::invalid_argument, "input {} ({}) must be one zero point, int8 or uint8", input,
           describe(zero));
    return integers(zero)[0];
  }
  DType byte_type(const graph::RunContext& context, const Tensor& a) const {
    const size_t zero = layer_.inputs.y_zero;
    return context.has_input(zero) ? ops::quantized_type(context.input(zero), "y_zero_point") : a.dtype();
  }
  std::vector<int32_t> zero_points(const Tensor& zero_point, const Sizes& s) const {
    if (!zero_point.defined()) return {0};
    std::vector<int32_t> out = integers(zero_point);
    if (out.size() != 1 && !std::cmp_equal(out.size(), s.layout.n))
      fail(ErrorCode::invalid_argument,
           "b_zero_point {} must have one element, or one for each of {} columns", describe(zero_point),
           s.layout.n);
    return out;
  }
  static void check_columns(size_t count, int64_t columns, const char* name) {
    if (count != 1 && !std::cmp_equal(count, columns))
      fail(ErrorCode::invalid_argument,
           "{} has {} elements; there must be one, or one for each of the {} columns", name, count, columns);
  }

  /// Repeats one element for all columns, and ends with zeros.
  template <class T>
  static void by_column(std::span<const T> values, int64_t columns, int64_t whole, const char* name, T* to) {
    check_columns(values.size(), columns, name);
    for (int64_t n = 0; n < columns; ++n) to[n] = values[values.size() == 1 ? 0 : static_cast<size_t>(n)];
    std::fill(to + columns, to + whole, T{});
  }

  /// Scales, bias and zero point of the result.
  void set_result(const graph::RunContext& context, const Shared& shared, DType dtype,
                  QuantProduct& p) const {
    const Inputs& in = layer_.inputs;
    const int64_t whole = kernels_.whole_columns(p.columns);
    if (in.addend != none && context.has_input(in.addend)) {
      by_column<int32_t>(context.input(in.addend).data<int32_t>(), p.columns, whole, "C", shared.start);
      p.start = shared.start;
    }
    if (in.a_scale == none) return;
    const float a_scale = layer_.alpha * ops::scalar_scale(context.input(in.a_scale), "a_scale");
    const std::vector<float> b_scale = ops::scale_values(context.input(in.b_scale));
    if (dtype == DType::float32) {
      by_column<float>(b_scale, p.columns, whole, "b_scale", shared.scales);
      p.result = QuantProduct::Result::floats;
      p.floats.scales = shared.scales;
      p.floats.factor = a_scale;
      if (in.bias != none && context.has_input(in.bias)) {
        by_column<float>(context.input(in.bias).data<float>(), p.columns, whole, "bias", shared.bias);
        p.floats.epilogue.bias = shared.bias;
      }
      return;
    }
    by_column<float>(ops::requantize_multipliers(a_scale, b_scale,
                                                 ops::scalar_scale(context.input(in.y_scale), "y_scale")),
                     p.columns, whole, "b_scale", shared.scales);
    p.result = QuantProduct::Result::bytes;
    p.bytes = byte_epilogue(dtype, zero_point(context, in.y_zero), shared.scales);
  }

  const ByteKernels& kernels_;
  Layer layer_;
  Tensor memory_;  ///< Of `constant_`.
  std::optional<PackedB> constant_;
};

bool is_single(const graph::Shape& shape, size_t last) {
  return std::all_of(shape.begin(), shape.end() - static_cast<std::ptrdiff_t>(std::min(last, shape.size())),
                     [](const graph::Dim& dim) { return dim.is_constant(1); });
}

/// Whether an input, if there is one, has one element (one row of them: last = 1), as far as is known.
bool fits(const Candidate& candidate, size_t input, size_t last, DType dtype = DType::undefined) {
  if (input == none || !candidate.has_input(input)) return true;
  const graph::ValueType& type = candidate.input_type(input);
  return type.shape && is_single(*type.shape, last) && (dtype == DType::undefined || type.dtype == dtype);
}

bool is_known(const Candidate& candidate, size_t input) {
  return !candidate.has_input(input) || candidate.graph.value(candidate.node.inputs[input]).is_constant();
}
Tensor constant_or_none(const Candidate& candidate, size_t input) {
  return candidate.has_input(input) ? candidate.graph.value(candidate.node.inputs[input]).constant : Tensor();
}

}  // namespace

graph::OpPtr make_quant_matmul(const Candidate& candidate, std::string& refusal) {
  const auto inputs = inputs_of(candidate.node.op->name());
  const auto& recipe = candidate.node.op->recipe();
  if (!inputs || recipe == nullptr || !candidate.has_input(0) || !candidate.has_input(inputs->b))
    return nullptr;
  Layer layer{.inputs = *inputs};
  const auto whole_number = [&](const char* name) {
    const auto found = recipe->attributes.find(name);
    return found == recipe->attributes.end() ? int64_t{0} : std::get<int64_t>(found->second);
  };
  if (const auto alpha = recipe->attributes.find("alpha"); alpha != recipe->attributes.end())
    layer.alpha = std::get<float>(alpha->second);
  layer.transpose_b = whole_number("transB") != 0;
  const graph::ValueType& a = candidate.input_type(0);
  const graph::ValueType& b = candidate.input_type(inputs->b);
  if (whole_number("transA") != 0 || !is_byte(a.dtype) || !is_byte(b.dtype) || !a.shape || !b.shape ||
      a.shape->empty() || b.shape->empty()) {
    refusal = "A or B is not a matrix of int8 or uint8, or A is transposed";
    return nullptr;
  }
  if (!fits(candidate, inputs->a_zero, 0) || !fits(candidate, inputs->a_scale, 0, DType::float32) ||
      !fits(candidate, inputs->b_zero, 1) || !fits(candidate, inputs->b_scale, 1) ||
      !fits(candidate, inputs->addend, 1, DType::int32) ||
      !fits(candidate, inputs->bias, 1, DType::float32) || !fits(candidate, inputs->y_scale, 0) ||
      !fits(candidate, inputs->y_zero, 0)) {
    refusal = "a scale or zero point is not known to be one for all rows, of float32";
    return nullptr;
  }
  auto op = std::make_shared<QuantMatMul>(candidate.node.op, candidate.bytes, layer);
  if (is_known(candidate, inputs->b) && is_known(candidate, inputs->b_zero))
    op->pack(constant_or_none(candidate, inputs->b), constant_or_none(candidate, inputs->b_zero));
  return op;
}

}  // namespace spinel::cpu
