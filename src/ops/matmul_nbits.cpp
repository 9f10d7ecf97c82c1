// com.microsoft MatMulNBits: floats times a matrix that is kept in blocks of 2, 4 or 8 bits.
#include <algorithm>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/op_args.hpp"
#include "ops/quant_scale.hpp"
#include "ops/row_product.hpp"

namespace spinel::ops {
namespace {

struct NBitsAttrs {
  int64_t k = 0;
  int64_t n = 0;
  int64_t bits = 4;
  int64_t block_size = 0;
  int64_t blocks() const { return (k + block_size - 1) / block_size; }
  int64_t per_byte() const { return 8 / bits; }
  int64_t column_bytes() const { return blocks() * block_size * bits / 8; }
  int64_t zero_point_bytes() const { return (blocks() * bits + 7) / 8; }  ///< Of one column.
};

/// Element `index` of packed numbers, lowest bits first.
int32_t unpacked(const uint8_t* bytes, int64_t index, const NBitsAttrs& attrs) {
  const int shift = static_cast<int>(index % attrs.per_byte() * attrs.bits);
  return bytes[index / attrs.per_byte()] >> shift & ((1 << attrs.bits) - 1);
}

/// The weights as floats. Blocks lie along K; g_idx, where it is given, names the block of each of K's
/// elements.
class Weights {
 public:
  Weights(const RunContext& context, const NBitsAttrs& attrs) : attrs_(attrs) {
    const Tensor& b = context.input(1);
    require_dtype(b, {DType::uint8}, "input B");
    if (b.element_count() != attrs.n * attrs.column_bytes())
      fail(ErrorCode::invalid_argument, "B {} must hold {} columns of {} bytes", describe(b), attrs.n,
           attrs.column_bytes());
    bytes_ = static_cast<const uint8_t*>(b.raw());
    scales_ = scale_values(context.input(2));
    const auto blocks = static_cast<size_t>(attrs.n * attrs.blocks());
    if (scales_.size() != blocks)
      fail(ErrorCode::invalid_argument, "scales {} must have {} elements", describe(context.input(2)),
           blocks);
    zero_points_.assign(blocks, static_cast<float>(1 << (attrs.bits - 1)));
    if (context.has_input(3)) read_zero_points(context.input(3));
    if (context.has_input(4)) {
      groups_ = to_int64s(context.input(4));
      if (std::ssize(groups_) < attrs.k ||
          std::ranges::any_of(groups_, [&](int64_t group) { return group < 0 || group >= attrs.blocks(); }))
        fail(ErrorCode::invalid_argument, "g_idx {} must name one of {} blocks for each of K's {} elements",
             describe(context.input(4)), attrs.blocks(), attrs.k);
    }
  }

  float at(int64_t k, int64_t column) const {
    const int64_t group = groups_.empty() ? k / attrs_.block_size : groups_[static_cast<size_t>(k)];
    const auto block = static_cast<size_t>(column * attrs_.blocks() + group);
    const int32_t code = unpacked(bytes_ + column * attrs_.column_bytes(), k, attrs_);
    return (static_cast<float>(code) - zero_points_[block]) * scales_[block];
  }

 private:
  void read_zero_points(const Tensor& tensor) {
    if (tensor.dtype() != DType::uint8) {
      const std::vector<float> values = scale_values(tensor);
      if (values.size() != zero_points_.size())
        fail(ErrorCode::invalid_argument, "zero_points {} must have {} elements", describe(tensor),
             zero_points_.size());
      zero_points_ = values;
      return;
    }
    if (tensor.element_count() != attrs_.n * attrs_.zero_point_bytes())
      fail(ErrorCode::invalid_argument, "zero_points {} must have {} bytes", describe(tensor),
           attrs_.n * attrs_.zero_point_bytes());
    const auto* bytes = static_cast<const uint8_t*>(tensor.raw());
    for (int64_t column = 0; column < attrs_.n; ++column)
      for (int64_t block = 0; block < attrs_.blocks(); ++block)
        zero_points_[static_cast<size_t>(column * attrs_.blocks() + block)] =
            static_cast<float>(unpacked(bytes + column * attrs_.zero_point_bytes(), block, attrs_));
  }

  NBitsAttrs attrs_;
  const uint8_t* bytes_;
  std::vector<float> scales_;
  std::vector<float> zero_points_;
  std::vector<int64_t> groups_;
};

/// Inputs A [..., K], B (N columns of K numbers, packed), scales (one a block), optional zero_points (packed
/// like B, or floats; without them the middle of the range), g_idx and bias [N]; Y [..., N] of A's type,
/// summed in float32.
class MatMulNBits final : public Op {
 public:
  explicit MatMulNBits(NBitsAttrs attrs) : attrs_(attrs) {}
  std::string_view name() const override { return "MatMulNBits"; }
  bool keeps_float32(size_t input) const override { return input >= 2; }
  void infer(InferContext& context) const override {
    require_only_tensors(context, 3);
    require_float(context, 0, "A");
    const Shape* a = context.shape(0);
    if (a == nullptr) return context.set_tensor(0, context.dtype(0));
    if (a->empty()) fail(ErrorCode::bad_model, "A is a scalar; it must have axes");
    if (a->back().is_constant() && !a->back().is_constant(attrs_.k))
      fail(ErrorCode::bad_model, "A {} does not fit K = {}", shape_text(*a), attrs_.k);
    Shape y = *a;
    y.back() = Dim(attrs_.n);
    context.set_tensor(0, context.dtype(0), std::move(y));
  }
  void batch(BatchContext& context) const override {
    if (!context.has_rank(0)) return context.block("A's rank is not known");
    batch_keep_axis(context, {context.rank(0) - 1}, "the product sums over axis");
  }
  void run(RunContext& context) const override {
    const Tensor& a = context.input(0);
    require_float(a, "A");
    if (a.rank() == 0 || a.dim(-1) != attrs_.k)
      fail(ErrorCode::invalid_argument, "A {} does not fit K = {}", describe(a), attrs_.k);
    const Weights weights(context, attrs_);
    const ComputeInput<float> from(a);
    Dims dims = a.dims();
    dims.back() = attrs_.n;
    ComputeOutput<float> y(context, 0, a.dtype(), dims);
    const int64_t rows = attrs_.k == 0 ? 0 : a.element_count() / attrs_.k;
    std::vector<float> bias(static_cast<size_t>(attrs_.n), 0.0f);
    if (context.has_input(5)) bias = scale_values(context.input(5));
    if (std::ssize(bias) != attrs_.n)
      fail(ErrorCode::invalid_argument, "bias {} must have {} elements", describe(context.input(5)),
           attrs_.n);
    constexpr int64_t column_block = 64;
    context.parallel_for((attrs_.n + column_block - 1) / column_block, [&](int64_t task) {
      const int64_t column = task * column_block;
      const int64_t columns = std::min(column_block, attrs_.n - column);
      for (int64_t r = 0; r < rows; ++r) std::fill_n(y.data() + r * attrs_.n + column, columns, 0.0f);
      float block[product_depth_block * column_block];
      for (int64_t k = 0; k < attrs_.k; k += product_depth_block) {
        const int64_t depth = std::min(product_depth_block, attrs_.k - k);
        for (int64_t j = 0; j < columns; ++j)
          for (int64_t i = 0; i < depth; ++i) block[i * columns + j] = weights.at(k + i, column + j);
        for (int64_t r = 0; r < rows; ++r)
          add_row_product(columns, depth, from.data() + r * attrs_.k + k, 1, block, columns,
                          y.data() + r * attrs_.n + column);
      }
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t j = 0; j < columns; ++j)
          y.data()[r * attrs_.n + column + j] += bias[static_cast<size_t>(column + j)];
    });
    y.store();
  }

 private:
  NBitsAttrs attrs_;
};

}  // namespace

OpPtr make_matmul_nbits(const OpArgs& args) {
  for (const char* name : {"K", "N", "block_size"}) args.require(name);
  args.ignore("accuracy_level");
  NBitsAttrs attrs;
  attrs.k = args.get_int("K", 0);
  attrs.n = args.get_int("N", 0);
  attrs.bits = args.get_int("bits", 4);
  attrs.block_size = args.get_int("block_size", 0);
  constexpr int64_t most = int64_t{1} << 31;
  if (attrs.k < 0 || attrs.k > most || attrs.n < 0 || attrs.n > most || attrs.block_size < 8 ||
      attrs.block_size > most)
    fail(ErrorCode::bad_model, "MatMulNBits: K = {}, N = {} and block_size = {} make no sense", attrs.k,
         attrs.n, attrs.block_size);
  if (attrs.bits != 2 && attrs.bits != 4 && attrs.bits != 8)
    fail(ErrorCode::unsupported, "MatMulNBits with bits = {} is not supported; 2, 4 and 8 are", attrs.bits);
  if (args.get_flag("weight_prepacked", false))
    fail(ErrorCode::unsupported, "MatMulNBits with weight_prepacked = 1 is for one device of ONNX Runtime");
  return std::make_shared<MatMulNBits>(attrs);
}

}  // namespace spinel::ops
