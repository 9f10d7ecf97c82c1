// FusedMatMul and TransposeMatMul of com.microsoft.
#include "ops/fused_matmul.hpp"

#include <algorithm>
#include <numeric>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/elements.hpp"
#include "ops/matmul.hpp"

namespace spinel::ops {
namespace {

std::optional<Shape> turned(const Shape* shape, const FusedOperand& operand) {
  if (shape == nullptr) return std::nullopt;
  const auto perm = permutation(operand, static_cast<int>(shape->size()));
  if (perm.empty()) return *shape;
  Shape out;
  for (const int64_t axis : perm) out.push_back((*shape)[static_cast<size_t>(axis)]);
  return out;
}

Tensor turned(const Tensor& x, const FusedOperand& operand) {
  const auto perm = permutation(operand, x.rank());
  if (perm.empty()) return x;
  const std::vector<int64_t> from = row_major_strides(x.dims());
  Dims dims;
  std::vector<int64_t> strides;
  for (const int64_t axis : perm) {
    dims.push_back(x.dim(static_cast<int>(axis)));
    strides.push_back(from[static_cast<size_t>(axis)]);
  }
  Tensor out = Tensor::uninitialized(x.dtype(), dims);
  copy_strided(x, 0, strides, out);
  return out;
}

}  // namespace

std::vector<int64_t> permutation(const FusedOperand& operand, int rank) {
  if (rank < 2 || (!operand.transposed && !operand.batch_inside)) return {};
  std::vector<int64_t> perm(static_cast<size_t>(rank));
  std::iota(perm.begin(), perm.end(), 0);
  if (operand.batch_inside) std::rotate(perm.begin(), perm.begin() + 1, perm.end() - 1);
  if (operand.transposed) std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return perm;
}

void FusedMatMulOp::infer(InferContext& context) const {
  require_only_tensors(context, 2);
  require_float(context, 0, "A");
  const auto a = turned(context.shape(0), attrs_.a);
  const auto b = turned(context.shape(1), attrs_.b);
  context.set_tensor(0, context.dtype(0), a && b ? std::optional<Shape>(matmul_shape(*a, *b)) : std::nullopt);
}

void FusedMatMulOp::run(RunContext& context) const {
  multiply_matrices(context, turned(context.input(0), attrs_.a), turned(context.input(1), attrs_.b),
                    attrs_.alpha);
}

OpPtr make_fused_matmul(const OpArgs& args) {
  FusedMatMulAttrs attrs;
  attrs.a = {args.get_flag("transA", false), args.get_flag("transBatchA", false)};
  attrs.b = {args.get_flag("transB", false), args.get_flag("transBatchB", false)};
  attrs.alpha = args.get_float("alpha", 1);
  return std::make_shared<FusedMatMulOp>(attrs);
}

}  // namespace spinel::ops
