// DepthToSpace and SpaceToDepth: blocks of pixels to channels and back.
#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/window.hpp"

namespace spinel::ops {
namespace {

class DepthSpaceOp final : public Op {
 public:
  DepthSpaceOp(std::string name, int64_t block, bool column_row_depth)
      : name_(std::move(name)),
        block_(block),
        to_space_(name_ == "DepthToSpace"),
        column_row_depth_(column_row_depth) {}
  std::string_view name() const override { return name_; }
  void batch(BatchContext& context) const override { batch_axis_0(context); }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 1);
    require_movable(context.dtype(0));
    const Shape* x = context.shape(0);
    if (x == nullptr) return context.set_tensor(0, context.dtype(0));
    if (x->size() != 4) fail(ErrorCode::bad_model, "the input must have rank 4, not {}", shape_text(*x));
    const Dim block(block_);
    const auto divide = [&](const Dim& dim, const Dim& by) {
      if (dim.is_constant() && dim.constant() % by.constant() != 0)
        fail(ErrorCode::bad_model, "{} of {} is not a multiple of {} (blocksize {})", dim.text(),
             shape_text(*x), by.text(), block_);
      return floor_div(dim, by);
    };
    if (to_space_)
      context.set_tensor(0, context.dtype(0),
                         Shape{(*x)[0], divide((*x)[1], block * block), (*x)[2] * block, (*x)[3] * block});
    else
      context.set_tensor(
          0, context.dtype(0),
          Shape{(*x)[0], (*x)[1] * block * block, divide((*x)[2], block), divide((*x)[3], block)});
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    if (x.rank() != 4) fail(ErrorCode::invalid_argument, "the input must have rank 4, not {}", describe(x));
    const int64_t n = x.dim(0);
    const bool fits =
        to_space_ ? x.dim(1) % (block_ * block_) == 0 : x.dim(2) % block_ == 0 && x.dim(3) % block_ == 0;
    if (!fits)
      fail(ErrorCode::invalid_argument, "{} cannot be cut into blocks of blocksize {}", describe(x), block_);
    // Depth, height and width of the side with the small planes.
    const int64_t c = to_space_ ? x.dim(1) / (block_ * block_) : x.dim(1);
    const int64_t h = to_space_ ? x.dim(2) : x.dim(2) / block_;
    const int64_t w = to_space_ ? x.dim(3) : x.dim(3) / block_;
    const Dims dims = to_space_ ? Dims{n, c, h * block_, w * block_} : Dims{n, c * block_ * block_, h, w};
    Tensor& y = context.output(0, x.dtype(), dims);
    if (y.element_count() == 0) return;
    // The output is walked in its own order; these are the strides in x along its split axes.
    const int64_t plane = h * w;
    if (to_space_) {
      // y[n, c, h, bh, w, bw] = x[n, (bh, bw, c) or (c, bh, bw), h, w]
      const int64_t c_stride = column_row_depth_ ? block_ * block_ * plane : plane;
      const int64_t bw_stride = column_row_depth_ ? plane : c * plane;
      Tensor split = y.reshaped({n, c, h, block_, w, block_});
      copy_strided(x, 0, {c * block_ * block_ * plane, c_stride, w, block_ * bw_stride, 1, bw_stride}, split);
    } else {
      // y[n, (bh, bw, c) or (c, bh, bw), h, w] = x[n, c, h, bh, w, bw]
      const int64_t row = w * block_;
      const int64_t channel = h * block_ * row;
      if (column_row_depth_) {
        Tensor split = y.reshaped({n, c, block_, block_, h, w});
        copy_strided(x, 0, {c * channel, channel, row, 1, block_ * row, block_}, split);
      } else {
        Tensor split = y.reshaped({n, block_, block_, c, h, w});
        copy_strided(x, 0, {c * channel, row, 1, channel, block_ * row, block_}, split);
      }
    }
  }

 private:
  std::string name_;
  int64_t block_;
  bool to_space_;
  bool column_row_depth_;
};

}  // namespace

OpPtr make_depth_to_space(const OpArgs& args) {
  args.require("blocksize");
  const int64_t block = args.get_int("blocksize", 1);
  if (block < 1 || block > 65536)
    fail(ErrorCode::bad_model, "{}: blocksize is {}, it must be 1 or more", args.op_type(), block);
  std::string mode = "DCR";
  if (args.op_type() == "DepthToSpace" || args.version() >= 28) mode = args.get_string("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    fail(ErrorCode::bad_model, "{}: mode '{}' is neither DCR nor CRD", args.op_type(), mode);
  return std::make_shared<DepthSpaceOp>(args.op_type(), block, mode == "CRD");
}

}  // namespace spinel::ops
