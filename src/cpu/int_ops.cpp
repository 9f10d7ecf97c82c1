#include "cpu/int_ops.hpp"

#include <algorithm>
#include <optional>

#include "cpu/isa.hpp"
#include "ops/qlinear_conv.hpp"
#include "ops/qlinear_matmul.hpp"

namespace spinel::cpu {
namespace {

class TunedIntProduct final : public ops::IntProduct {
 public:
  TunedIntProduct(const char* name, const IntKernels& kernels) : name_(name), kernels_(kernels) {}

  const char* name() const override { return name_; }
  int64_t packed_elements(int64_t columns, int64_t depth) const override {
    return (columns + kernels_.panel_columns - 1) / kernels_.panel_columns * kernels_.panel_columns * depth;
  }
  void pack(const int16_t* from, int64_t columns, int64_t depth, int16_t* to) const override {
    const int64_t panel = kernels_.panel_columns;
    std::fill_n(to, packed_elements(columns, depth), int16_t{0});
    for (int64_t column = 0; column < columns; ++column) {
      int16_t* first = to + column / panel * panel * depth + column % panel * 2;
      for (int64_t k = 0; k < depth; ++k) first[k / 2 * panel * 2 + k % 2] = from[column * depth + k];
    }
  }
  void multiply(const int16_t* a, int64_t rows, int64_t depth, const int16_t* packed, int64_t column,
                int64_t columns, int32_t* c, int64_t c_stride) const override {
    kernels_.multiply({.a = a,
                       .b = packed + column * depth,
                       .c = c,
                       .c_stride = c_stride,
                       .rows = rows,
                       .columns = columns,
                       .depth = depth});
  }

 private:
  const char* name_;
  const IntKernels& kernels_;
};

/// A product, and what the machine needs beside its instruction set.
struct Entry {
  const Kernels* kernels;
  bool (*available)();
  TunedIntProduct product;
};

#if defined(SPINEL_HAS_AVX512_VNNI)
bool has_vnni() { return __builtin_cpu_supports("avx512vnni"); }
#endif
bool always() { return true; }

std::span<const Entry> entries() {
  static const Entry table[] = {
#if defined(__x86_64__)
#if defined(SPINEL_HAS_AVX512_VNNI)
    {&avx512::kernels, has_vnni, {"int16 avx512_vnni", avx512_vnni::int_kernels}},
#endif
    {&avx512::kernels, always, {"int16 avx512", avx512::int_kernels}},
    {&avx2::kernels, always, {"int16 avx2", avx2::int_kernels}},
#endif
    {&portable::kernels, always, {"int16 portable", portable::int_kernels}},
  };
  return table;
}

bool is_known(const Candidate& candidate, size_t input) {
  return !candidate.has_input(input) || candidate.graph.value(candidate.node.inputs[input]).is_constant();
}
Tensor constant_or_none(const Candidate& candidate, size_t input) {
  return candidate.has_input(input) ? candidate.graph.value(candidate.node.inputs[input]).constant : Tensor();
}

class IntConvKernel final : public KernelOp {
 public:
  IntConvKernel(graph::OpPtr reference, const ops::IntConvOp& op, const ops::IntProduct& product,
                std::optional<ops::IntConvWeights> weights)
      : KernelOp(std::move(reference)), op_(op), product_(product), weights_(std::move(weights)) {}
  std::string_view kernel() const override { return product_.name(); }
  graph::Scratch scratch(const graph::ScratchContext& context) const override { return op_.scratch(context); }
  void run(graph::RunContext& context) const override {
    op_.run_with(context, product_, weights_ ? &*weights_ : nullptr);
  }

 private:
  const ops::IntConvOp& op_;  ///< The reference.
  const ops::IntProduct& product_;
  std::optional<ops::IntConvWeights> weights_;
};

class IntMatMulKernel final : public KernelOp {
 public:
  IntMatMulKernel(graph::OpPtr reference, const ops::IntMatMulOp& op, const ops::IntProduct& product,
                  std::optional<ops::IntColumns> columns)
      : KernelOp(std::move(reference)), op_(op), product_(product), columns_(std::move(columns)) {}
  std::string_view kernel() const override { return product_.name(); }
  graph::Scratch scratch(const graph::ScratchContext& context) const override { return op_.scratch(context); }
  void run(graph::RunContext& context) const override {
    op_.run_with(context, product_, columns_ ? &*columns_ : nullptr);
  }

 private:
  const ops::IntMatMulOp& op_;
  const ops::IntProduct& product_;
  std::optional<ops::IntColumns> columns_;
};

}  // namespace

const ops::IntProduct& int_product(const Kernels& kernels) {
  for (const Entry& entry : entries())
    if (entry.kernels == &kernels && entry.available()) return entry.product;
  return ops::reference_int_product();
}

std::vector<const ops::IntProduct*> int_products() {
  std::vector<const ops::IntProduct*> out{&ops::reference_int_product()};
  for (const Entry& entry : entries())
    for (const Isa& isa : isas())
      if (isa.kernels == entry.kernels && isa.available() && entry.available() &&
          std::ranges::find(out, &entry.product) == out.end())
        out.push_back(&entry.product);
  return out;
}

graph::OpPtr make_int_conv_kernel(const Candidate& candidate, std::string& refusal) {
  const auto* op = dynamic_cast<const ops::IntConvOp*>(candidate.node.op.get());
  if (op == nullptr) return nullptr;
  const ops::IntProduct& product = int_product(candidate.kernels);
  std::optional<ops::IntConvWeights> weights;
  if (is_known(candidate, op->weights_input()) && is_known(candidate, op->weights_zero_input())) {
    const Tensor w = constant_or_none(candidate, op->weights_input());
    if (w.rank() < 3 || w.rank() > 5 || w.dim(0) % op->attrs().group != 0) {
      refusal = "W's dims do not fit";
      return nullptr;
    }
    weights.emplace(ops::IntConvShape(op->attrs(), w.dims()), w,
                    ops::conv_zero_points(w, constant_or_none(candidate, op->weights_zero_input())), product);
  }
  return std::make_shared<IntConvKernel>(candidate.node.op, *op, product, std::move(weights));
}

graph::OpPtr make_int_matmul_kernel(const Candidate& candidate, std::string& refusal) {
  const auto* op = dynamic_cast<const ops::IntMatMulOp*>(candidate.node.op.get());
  if (op == nullptr) return nullptr;
  const ops::IntProduct& product = int_product(candidate.kernels);
  std::optional<ops::IntColumns> columns;
  if (is_known(candidate, op->inputs().b) && is_known(candidate, op->inputs().b_zero_point)) {
    const Tensor b = constant_or_none(candidate, op->inputs().b);
    if (b.rank() == 0 || (b.dtype() != DType::int8 && b.dtype() != DType::uint8)) {
      refusal = "B is no matrix of int8 or uint8";
      return nullptr;
    }
    columns.emplace(op->right(b, constant_or_none(candidate, op->inputs().b_zero_point)), product);
  }
  return std::make_shared<IntMatMulKernel>(candidate.node.op, *op, product, std::move(columns));
}

}  // namespace spinel::cpu
