#include "ops/op_table.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "ops/operator_set.hpp"

// The only list of operators: domain, name, first supported opset, factory. One line an operator, by domain
// and name. A factory may serve several names; it tells them apart by OpArgs::op_type().
#define SPINEL_OPERATORS(X)                                                    \
  X("", "Abs", 1, make_unary)                                                  \
  X("", "Acos", 7, make_unary)                                                 \
  X("", "Acosh", 9, make_unary)                                                \
  X("", "Add", 1, make_binary)                                                 \
  X("", "AffineGrid", 20, make_affine_grid)                                    \
  X("", "And", 1, make_binary)                                                 \
  X("", "ArgMax", 1, make_arg_max)                                             \
  X("", "ArgMin", 1, make_arg_max)                                             \
  X("", "Asin", 7, make_unary)                                                 \
  X("", "Asinh", 9, make_unary)                                                \
  X("", "Atan", 7, make_unary)                                                 \
  X("", "Atanh", 9, make_unary)                                                \
  X("", "Attention", 23, make_attention)                                       \
  X("", "AveragePool", 1, make_average_pool)                                   \
  X("", "BatchNormalization", 1, make_batch_normalization)                     \
  X("", "Bernoulli", 15, make_bernoulli)                                       \
  X("", "BitCast", 26, make_bit_cast)                                          \
  X("", "BitShift", 11, make_binary)                                           \
  X("", "BitwiseAnd", 18, make_binary)                                         \
  X("", "BitwiseNot", 18, make_unary)                                          \
  X("", "BitwiseOr", 18, make_binary)                                          \
  X("", "BitwiseXor", 18, make_binary)                                         \
  X("", "BlackmanWindow", 17, make_signal_window)                              \
  X("", "Cast", 1, make_cast)                                                  \
  X("", "CastLike", 15, make_cast_like)                                        \
  X("", "CausalConvWithState", 27, make_causal_conv_with_state)                \
  X("", "Ceil", 1, make_unary)                                                 \
  X("", "Celu", 12, make_unary)                                                \
  X("", "CenterCropPad", 18, make_center_crop_pad)                             \
  X("", "Clip", 1, make_clip)                                                  \
  X("", "Col2Im", 18, make_col2im)                                             \
  X("", "Compress", 9, make_compress)                                          \
  X("", "Concat", 1, make_concat)                                              \
  X("", "ConcatFromSequence", 11, make_concat_from_sequence)                   \
  X("", "ConstantOfShape", 9, make_constant_of_shape)                          \
  X("", "Conv", 1, make_conv)                                                  \
  X("", "ConvInteger", 10, make_conv_integer)                                  \
  X("", "ConvTranspose", 1, make_conv_transpose)                               \
  X("", "Cos", 7, make_unary)                                                  \
  X("", "Cosh", 9, make_unary)                                                 \
  X("", "CumProd", 26, make_cumulative)                                        \
  X("", "CumSum", 11, make_cumulative)                                         \
  X("", "DFT", 17, make_dft)                                                   \
  X("", "DeformConv", 19, make_deform_conv)                                    \
  X("", "DepthToSpace", 1, make_depth_to_space)                                \
  X("", "DequantizeLinear", 10, make_dequantize_linear)                        \
  X("", "Det", 11, make_det)                                                   \
  X("", "Div", 1, make_binary)                                                 \
  X("", "Dropout", 1, make_dropout)                                            \
  X("", "DynamicQuantizeLinear", 11, make_dynamic_quantize_linear)             \
  X("", "Einsum", 12, make_einsum)                                             \
  X("", "Elu", 1, make_unary)                                                  \
  X("", "Equal", 1, make_binary)                                               \
  X("", "Erf", 9, make_unary)                                                  \
  X("", "Exp", 1, make_unary)                                                  \
  X("", "Expand", 8, make_expand)                                              \
  X("", "EyeLike", 9, make_eye_like)                                           \
  X("", "Flatten", 1, make_flatten)                                            \
  X("", "Floor", 1, make_unary)                                                \
  X("", "GRU", 1, make_recurrent)                                              \
  X("", "Gather", 1, make_gather)                                              \
  X("", "GatherElements", 11, make_gather_elements)                            \
  X("", "GatherND", 11, make_gather_nd)                                        \
  X("", "Gelu", 20, make_unary)                                                \
  X("", "Gemm", 1, make_gemm)                                                  \
  X("", "GlobalAveragePool", 1, make_global_pool)                              \
  X("", "GlobalLpPool", 2, make_global_pool)                                   \
  X("", "GlobalMaxPool", 1, make_global_pool)                                  \
  X("", "Greater", 1, make_binary)                                             \
  X("", "GreaterOrEqual", 12, make_binary)                                     \
  X("", "GridSample", 16, make_grid_sample)                                    \
  X("", "GroupNormalization", 18, make_group_normalization)                    \
  X("", "HammingWindow", 17, make_signal_window)                               \
  X("", "HannWindow", 17, make_signal_window)                                  \
  X("", "HardSigmoid", 1, make_unary)                                          \
  X("", "HardSwish", 14, make_unary)                                           \
  X("", "Hardmax", 1, make_softmax)                                            \
  X("", "Identity", 1, make_identity)                                          \
  X("", "If", 1, make_if)                                                      \
  X("", "ImageDecoder", 20, make_image_decoder)                                \
  X("", "InstanceNormalization", 1, make_group_normalization)                  \
  X("", "IsInf", 10, make_is_inf)                                              \
  X("", "IsNaN", 9, make_is_nan)                                               \
  X("", "LRN", 1, make_lrn)                                                    \
  X("", "LSTM", 1, make_recurrent)                                             \
  X("", "LayerNormalization", 1, make_layer_normalization)                     \
  X("", "LeakyRelu", 1, make_unary)                                            \
  X("", "Less", 1, make_binary)                                                \
  X("", "LessOrEqual", 12, make_binary)                                        \
  X("", "LinearAttention", 27, make_linear_attention)                          \
  X("", "Log", 1, make_unary)                                                  \
  X("", "LogSoftmax", 1, make_softmax)                                         \
  X("", "Loop", 1, make_loop)                                                  \
  X("", "LpNormalization", 1, make_lp_normalization)                           \
  X("", "LpPool", 2, make_lp_pool)                                             \
  X("", "MatMul", 1, make_matmul)                                              \
  X("", "MatMulInteger", 10, make_matmul_integer)                              \
  X("", "Max", 1, make_variadic)                                               \
  X("", "MaxPool", 1, make_max_pool)                                           \
  X("", "MaxRoiPool", 1, make_max_roi_pool)                                    \
  X("", "MaxUnpool", 9, make_max_unpool)                                       \
  X("", "Mean", 1, make_variadic)                                              \
  X("", "MeanVarianceNormalization", 9, make_mean_variance_normalization)      \
  X("", "MelWeightMatrix", 17, make_mel_weight_matrix)                         \
  X("", "Min", 1, make_variadic)                                               \
  X("", "Mish", 18, make_unary)                                                \
  X("", "Mod", 10, make_binary)                                                \
  X("", "Mul", 1, make_binary)                                                 \
  X("", "Multinomial", 7, make_multinomial)                                    \
  X("", "Neg", 1, make_unary)                                                  \
  X("", "NegativeLogLikelihoodLoss", 12, make_loss)                            \
  X("", "NonMaxSuppression", 10, make_non_max_suppression)                     \
  X("", "NonZero", 9, make_non_zero)                                           \
  X("", "Not", 1, make_unary)                                                  \
  X("", "OneHot", 9, make_one_hot)                                             \
  X("", "Optional", 15, make_optional)                                         \
  X("", "OptionalGetElement", 15, make_optional_get_element)                   \
  X("", "OptionalHasElement", 15, make_optional_has_element)                   \
  X("", "Or", 1, make_binary)                                                  \
  X("", "PRelu", 1, make_prelu)                                                \
  X("", "Pad", 1, make_pad)                                                    \
  X("", "Pow", 1, make_binary)                                                 \
  X("", "QLinearConv", 10, make_qlinear_conv)                                  \
  X("", "QLinearMatMul", 10, make_qlinear_matmul)                              \
  X("", "QuantizeLinear", 10, make_quantize_linear)                            \
  X("", "RMSNormalization", 23, make_layer_normalization)                      \
  X("", "RNN", 1, make_recurrent)                                              \
  X("", "RandomNormal", 1, make_random)                                        \
  X("", "RandomNormalLike", 1, make_random)                                    \
  X("", "RandomUniform", 1, make_random)                                       \
  X("", "RandomUniformLike", 1, make_random)                                   \
  X("", "Range", 11, make_range)                                               \
  X("", "Reciprocal", 1, make_unary)                                           \
  X("", "ReduceL1", 1, make_reduce)                                            \
  X("", "ReduceL2", 1, make_reduce)                                            \
  X("", "ReduceLogSum", 1, make_reduce)                                        \
  X("", "ReduceLogSumExp", 1, make_reduce)                                     \
  X("", "ReduceMax", 1, make_reduce)                                           \
  X("", "ReduceMean", 1, make_reduce)                                          \
  X("", "ReduceMin", 1, make_reduce)                                           \
  X("", "ReduceProd", 1, make_reduce)                                          \
  X("", "ReduceSum", 1, make_reduce)                                           \
  X("", "ReduceSumSquare", 1, make_reduce)                                     \
  X("", "RegexFullMatch", 20, make_regex_full_match)                           \
  X("", "Relu", 1, make_unary)                                                 \
  X("", "Reshape", 1, make_reshape)                                            \
  X("", "Resize", 10, make_resize)                                             \
  X("", "ReverseSequence", 10, make_reverse_sequence)                          \
  X("", "RoiAlign", 10, make_roi_align)                                        \
  X("", "RotaryEmbedding", 23, make_rotary_embedding)                          \
  X("", "Round", 11, make_unary)                                               \
  X("", "STFT", 17, make_stft)                                                 \
  X("", "Scan", 8, make_scan)                                                  \
  X("", "Scatter", 9, make_scatter_elements)                                   \
  X("", "ScatterElements", 11, make_scatter_elements)                          \
  X("", "ScatterND", 11, make_scatter_nd)                                      \
  X("", "Selu", 1, make_unary)                                                 \
  X("", "SequenceAt", 11, make_sequence_at)                                    \
  X("", "SequenceConstruct", 11, make_sequence_construct)                      \
  X("", "SequenceEmpty", 11, make_sequence_empty)                              \
  X("", "SequenceErase", 11, make_sequence_erase)                              \
  X("", "SequenceInsert", 11, make_sequence_insert)                            \
  X("", "SequenceLength", 11, make_sequence_length)                            \
  X("", "SequenceMap", 17, make_sequence_map)                                  \
  X("", "Shape", 1, make_shape)                                                \
  X("", "Shrink", 9, make_unary)                                               \
  X("", "Sigmoid", 1, make_unary)                                              \
  X("", "Sign", 9, make_unary)                                                 \
  X("", "Sin", 7, make_unary)                                                  \
  X("", "Sinh", 9, make_unary)                                                 \
  X("", "Size", 1, make_size)                                                  \
  X("", "Slice", 1, make_slice)                                                \
  X("", "Softmax", 1, make_softmax)                                            \
  X("", "SoftmaxCrossEntropyLoss", 12, make_loss)                              \
  X("", "Softplus", 1, make_unary)                                             \
  X("", "Softsign", 1, make_unary)                                             \
  X("", "SpaceToDepth", 1, make_depth_to_space)                                \
  X("", "Split", 1, make_split)                                                \
  X("", "SplitToSequence", 11, make_split_to_sequence)                         \
  X("", "Sqrt", 1, make_unary)                                                 \
  X("", "Squeeze", 1, make_squeeze)                                            \
  X("", "StringConcat", 20, make_string_concat)                                \
  X("", "StringNormalizer", 10, make_string_normalizer)                        \
  X("", "StringSplit", 20, make_string_split)                                  \
  X("", "Sub", 1, make_binary)                                                 \
  X("", "Sum", 1, make_variadic)                                               \
  X("", "SwiGLU", 28, make_swiglu)                                             \
  X("", "Swish", 24, make_unary)                                               \
  X("", "Tan", 7, make_unary)                                                  \
  X("", "Tanh", 1, make_unary)                                                 \
  X("", "TensorScatter", 24, make_tensor_scatter)                              \
  X("", "TfIdfVectorizer", 9, make_tf_idf_vectorizer)                          \
  X("", "ThresholdedRelu", 1, make_unary)                                      \
  X("", "Tile", 1, make_tile)                                                  \
  X("", "TopK", 1, make_top_k)                                                 \
  X("", "Transpose", 1, make_transpose)                                        \
  X("", "Trilu", 14, make_trilu)                                               \
  X("", "Unique", 11, make_unique)                                             \
  X("", "Unsqueeze", 1, make_unsqueeze)                                        \
  X("", "Upsample", 1, make_upsample)                                          \
  X("", "Where", 9, make_where)                                                \
  X("", "Xor", 1, make_binary)                                                 \
  X("ai.onnx.preview", "FlexAttention", 1, make_flex_attention)                \
  X("ai.onnx.preview.training", "Adagrad", 1, make_optimizer)                  \
  X("ai.onnx.preview.training", "Adam", 1, make_optimizer)                     \
  X("ai.onnx.preview.training", "Gradient", 1, make_gradient)                  \
  X("ai.onnx.preview.training", "Momentum", 1, make_optimizer)                 \
  X("com.microsoft", "DequantizeLinear", 1, make_dequantize_linear)            \
  X("com.microsoft", "DynamicQuantizeMatMul", 1, make_dynamic_quantize_matmul) \
  X("com.microsoft", "FusedMatMul", 1, make_fused_matmul)                      \
  X("com.microsoft", "GroupQueryAttention", 1, make_group_query_attention)     \
  X("com.microsoft", "Inverse", 1, make_inverse)                               \
  X("com.microsoft", "MatMulIntegerToFloat", 1, make_matmul_integer_to_float)  \
  X("com.microsoft", "MatMulNBits", 1, make_matmul_nbits)                      \
  X("com.microsoft", "QGemm", 1, make_qgemm)                                   \
  X("com.microsoft", "QLinearAdd", 1, make_qlinear_binary)                     \
  X("com.microsoft", "QLinearAveragePool", 1, make_qlinear_pool)               \
  X("com.microsoft", "QLinearConcat", 1, make_qlinear_concat)                  \
  X("com.microsoft", "QLinearGlobalAveragePool", 1, make_qlinear_pool)         \
  X("com.microsoft", "QLinearLeakyRelu", 1, make_qlinear_unary)                \
  X("com.microsoft", "QLinearMul", 1, make_qlinear_binary)                     \
  X("com.microsoft", "QLinearReduceMean", 1, make_qlinear_reduce_mean)         \
  X("com.microsoft", "QLinearSigmoid", 1, make_qlinear_unary)                  \
  X("com.microsoft", "QLinearSoftmax", 1, make_qlinear_softmax)                \
  X("com.microsoft", "QLinearWhere", 1, make_qlinear_where)                    \
  X("com.microsoft", "QuantizeLinear", 1, make_quantize_linear)                \
  X("com.microsoft", "RotaryEmbedding", 1, make_contrib_rotary_embedding)      \
  X("com.microsoft", "TransposeMatMul", 1, make_fused_matmul)                  \
  X("spinel", "MaskBias", 1, make_mask_bias)

namespace spinel::ops {

#define SPINEL_DECLARE(domain, name, since, make) OpPtr make(const OpArgs& args);
SPINEL_OPERATORS(SPINEL_DECLARE)
#undef SPINEL_DECLARE

namespace {

/// What passes put into graphs by name.
constexpr std::string_view always_in[] = {
    "LayerNormalization", "Add",       "Cast", "Flatten", "Gelu",    "HardSwish",
    "Identity",           "MatMul",    "Mul",  "Reshape", "Squeeze", "Swish",
    "Transpose",          "Unsqueeze", "Where"};

/// Whether `list`, words that are separated by commas, is empty or holds "name", or "domain:name".
constexpr bool holds(std::string_view list, std::string_view domain, std::string_view name) {
  if (list.empty()) return true;
  while (!list.empty()) {
    std::string_view word = list.substr(0, list.find(','));
    list.remove_prefix(std::min(word.size() + 1, list.size()));
    if (!domain.empty()) {
      if (!word.starts_with(domain) || word.size() <= domain.size() || word[domain.size()] != ':') continue;
      word.remove_prefix(domain.size() + 1);
    }
    if (word == name) return true;
  }
  return false;
}

constexpr bool in_build(std::string_view domain, std::string_view name) {
  if (domain.empty())
    for (std::string_view each : always_in)
      if (each == name) return true;
  return holds(operator_set, domain, name);
}

#define SPINEL_ENTRY(domain, name, since, make) \
  OpDef{domain, name, since, in_build(domain, name) ? make : nullptr},
constexpr OpDef whole_table[] = {SPINEL_OPERATORS(SPINEL_ENTRY)};
#undef SPINEL_ENTRY

/// Asked by name: GCC does not compare a function with null in constant expressions under its sanitizers.
constexpr bool is_built_in(const OpDef& def) { return in_build(def.domain, def.name); }
constexpr auto table_size = static_cast<size_t>(std::ranges::count_if(whole_table, is_built_in));
constexpr auto table = [] {
  std::array<OpDef, table_size> out{};
  std::ranges::copy_if(whole_table, out.begin(), is_built_in);
  return out;
}();

constexpr bool list_is_right(std::string_view list) {
  while (!list.empty()) {
    const std::string_view word = list.substr(0, list.find(','));
    list.remove_prefix(std::min(word.size() + 1, list.size()));
    if (std::ranges::none_of(whole_table,
                             [&](const OpDef& def) { return holds(word, def.domain, def.name); }))
      return false;
  }
  return true;
}
static_assert(list_is_right(operator_set), "SPINEL_OPERATORS names an operator that there is not");

}  // namespace

std::span<const OpDef> op_table() { return table; }

const OpDef* find_op(std::string_view domain, std::string_view name) {
  if (domain == "ai.onnx") domain = "";
  for (const OpDef& def : table)
    if (def.domain == domain && def.name == name) return &def;
  return nullptr;
}

const OpDef& need_op(std::string_view domain, std::string_view name) {
  if (const OpDef* def = find_op(domain, name)) return *def;
  if (left_out_of_build(domain, name))
    fail(ErrorCode::unsupported, "{} is needed, which is left out of this build", name);
  fail(ErrorCode::internal, "the operator table has no {}", name);
}

bool left_out_of_build(std::string_view domain, std::string_view name) {
  if (domain == "ai.onnx") domain = "";
  return find_op(domain, name) == nullptr && std::ranges::any_of(whole_table, [&](const OpDef& def) {
           return def.domain == domain && def.name == name;
         });
}

int newest_opset(std::string_view domain) {
  if (domain.empty() || domain == "ai.onnx") return 28;
  for (const OpDef& def : table)
    if (def.domain == domain) return 1;
  return 0;
}

OpPtr make_op(const OpDef& def, const OpArgs& args) {
  if (args.version() < def.since_version)
    fail(ErrorCode::unsupported, "{} of opset {} is not supported; the oldest is {}", def.name,
         args.version(), def.since_version);
  OpPtr op = def.make(args);
  if (const auto unread = args.unread(); !unread.empty())
    fail(ErrorCode::bad_model, "{} of opset {} has no attribute '{}'", def.name, args.version(),
         fmt::join(unread, "', '"));
  op->set_recipe(std::make_shared<const graph::Recipe>(graph::Recipe{
      std::string(def.domain), std::string(def.name), args.version(), args.attributes(), {}, {}}));
  return op;
}

}  // namespace spinel::ops
