// What the kernels of operators that only passes make trust, checked where passes have not seen to it: in
// what an engine file says.
#pragma once
#include "graph/op.hpp"

namespace spinel::cpu {

struct Isa;

// Each throws Error(bad_model); `op` is of the type that the name says.
void check_nhwc_conv(const graph::Op& op, const graph::InferContext& context, const Isa& isa);
void check_nhwc_conv_pair(const graph::Op& op, const graph::InferContext& context, const Isa& isa);
void check_nhwc_quant_conv(const graph::Op& op, const graph::InferContext& context, const Isa& isa);
void check_nhwc_conv_transpose(const graph::Op& op, const graph::InferContext& context, const Isa& isa);
void check_planar_conv(const graph::Op& op, const graph::InferContext& context, const Isa& isa);
void check_linear(const graph::Op& op, const graph::InferContext& context, const Isa& isa);
void check_quant_linear(const graph::Op& op, const graph::InferContext& context, const Isa& isa);
void check_nhwc_pool(const graph::Op& op, const graph::InferContext& context, const Isa& isa);
/// NhwcGlobalAveragePool.
void check_nhwc_image(const graph::Op& op, const graph::InferContext& context, const Isa& isa);
void check_attention(const graph::Op& op, const graph::InferContext& context, const Isa& isa);
void check_chain(const graph::Op& op, const graph::InferContext& context, const Isa& isa);
void check_regroup(const graph::Op& op, const graph::InferContext& context, const Isa& isa);

}  // namespace spinel::cpu
