// RNN, GRU and LSTM: attributes, shapes and the batch rule. The kernels are in recurrent_kernel.cpp.
#include "ops/recurrent.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "ops/compute_type.hpp"

namespace spinel::ops {
namespace {

using Cell = RecurrentAttrs::Cell;
using Kind = CellActivation::Kind;

constexpr const char* input_names[] = {"X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"};

struct ActivationInfo {
  std::string_view name;  ///< In lower case.
  Kind kind;
  int parameters;  ///< How many of alpha and beta it takes.
  float alpha, beta;
};
constexpr ActivationInfo activation_table[] = {
    {"relu", Kind::relu, 0, 0, 0},
    {"tanh", Kind::tanh, 0, 0, 0},
    {"sigmoid", Kind::sigmoid, 0, 0, 0},
    {"affine", Kind::affine, 2, 1, 0},
    {"leakyrelu", Kind::leaky_relu, 1, 0.01f, 0},
    {"thresholdedrelu", Kind::thresholded_relu, 1, 1, 0},
    {"scaledtanh", Kind::scaled_tanh, 2, 1, 1},
    {"hardsigmoid", Kind::hard_sigmoid, 2, 0.2f, 0.5f},
    {"elu", Kind::elu, 1, 1, 0},
    {"softsign", Kind::softsign, 0, 0, 0},
    {"softplus", Kind::softplus, 0, 0, 0},
};

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// activation_alpha and activation_beta hold values for those functions alone that take them, in order.
std::vector<CellActivation> read_activations(const OpArgs& args, const RecurrentAttrs& attrs) {
  std::vector<std::string> names = args.get_strings("activations");
  const std::vector<float> alphas = args.get_floats("activation_alpha");
  const std::vector<float> betas = args.get_floats("activation_beta");
  const size_t wanted = attrs.directions() * attrs.activations_per_direction();
  if (names.empty())
    for (size_t i = 0; i < wanted; ++i)
      names.push_back(attrs.cell != Cell::rnn && i % attrs.activations_per_direction() == 0 ? "Sigmoid"
                                                                                            : "Tanh");
  if (names.size() != wanted)
    fail(ErrorCode::bad_model, "{}: there are {} activations, {} are needed", args.op_type(), names.size(),
         wanted);
  std::vector<CellActivation> out;
  size_t next_alpha = 0;
  size_t next_beta = 0;
  for (const std::string& name : names) {
    const auto* info = std::ranges::find(activation_table, lower(name), &ActivationInfo::name);
    if (info == std::end(activation_table))
      fail(ErrorCode::bad_model, "{}: activation '{}' is not known", args.op_type(), name);
    CellActivation activation{info->kind, info->alpha, info->beta};
    if (info->parameters >= 1 && next_alpha < alphas.size()) activation.alpha = alphas[next_alpha++];
    if (info->parameters >= 2 && next_beta < betas.size()) activation.beta = betas[next_beta++];
    out.push_back(activation);
  }
  return out;
}

}  // namespace

void RecurrentOp::infer(InferContext& context) const {
  require_only_tensors(context, 3);
  const size_t ranks[] = {3, 3, 3, 2, 1, 3, 3, 2};
  for (size_t i = 0; i < std::min<size_t>(context.input_count(), 8); ++i) {
    if (i != 4) require_float(context, i, input_names[i]);
    require_rank(context, i, input_names[i], ranks[i], ranks[i]);
  }
  const DType dtype = context.dtype(0);
  const Shape* x = context.shape(0);
  const Shape* r = context.shape(2);
  const Dim hidden = attrs_.hidden_size > 0 ? Dim(attrs_.hidden_size) : r ? (*r)[2] : Dim::unknown();
  const Dim directions(static_cast<int64_t>(attrs_.directions()));
  if (const Shape* w = context.shape(1)) {
    const Dim& rows = (*w)[1];
    if (rows.is_constant() && hidden.is_constant() && rows.constant() != attrs_.gates() * hidden.constant())
      fail(ErrorCode::bad_model, "W {} must have {} rows: {} gates of hidden_size {}", shape_text(*w),
           attrs_.gates() * hidden.constant(), attrs_.gates(), hidden.text());
    if (x != nullptr && (*w)[2].is_constant() && (*x)[2].is_constant() && !equal((*w)[2], (*x)[2]))
      fail(ErrorCode::bad_model, "X {} and W {} disagree about the input size", shape_text(*x),
           shape_text(*w));
  }
  const Dim steps = x ? (*x)[attrs_.batch_first ? 1 : 0] : Dim::unknown();
  const Dim batch = x ? (*x)[attrs_.batch_first ? 0 : 1] : Dim::unknown();
  const Shape state =
      attrs_.batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
  const size_t outputs = attrs_.cell == Cell::lstm ? 3 : 2;
  for (size_t i = 0; i < std::min(context.output_count(), outputs); ++i) {
    if (i > 0)
      context.set_tensor(i, dtype, state);
    else if (attrs_.batch_first)
      context.set_tensor(i, dtype, Shape{batch, steps, directions, hidden});
    else
      context.set_tensor(i, dtype, Shape{steps, directions, batch, hidden});
  }
}

void RecurrentOp::batch(BatchContext& context) const {
  const int axis = attrs_.batch_first ? 0 : 1;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.has_input(i)) continue;
    const BatchState state = context.input(i);
    const bool per_sample = i == 0 || (i >= 4 && i <= 6);
    if (!per_sample) {
      if (!state.is_shared()) return context.block(fmt::format("{} depends on the batch", input_names[i]));
      continue;
    }
    const int wanted = i == 4 ? 0 : axis;
    if (!state.is_batched() || state.axis != wanted)
      return context.block(fmt::format("the batch is not axis {} of {}", wanted, input_names[i]));
  }
  for (size_t i = 0; i < context.output_count(); ++i)
    context.set_output(i, BatchState::batched(attrs_.batch_first ? 0 : i == 0 ? 2 : 1));
}

OpPtr make_recurrent(const OpArgs& args) {
  RecurrentAttrs attrs;
  attrs.cell = args.op_type() == "RNN" ? Cell::rnn : args.op_type() == "GRU" ? Cell::gru : Cell::lstm;
  const std::string direction = lower(args.get_string("direction", "forward"));
  if (direction == "reverse")
    attrs.direction = RecurrentAttrs::Direction::reverse;
  else if (direction == "bidirectional")
    attrs.direction = RecurrentAttrs::Direction::bidirectional;
  else if (direction != "forward")
    fail(ErrorCode::bad_model, "{}: direction '{}' is none of forward, reverse, bidirectional",
         args.op_type(), direction);
  attrs.activations = read_activations(args, attrs);
  attrs.clip = args.get_float("clip", 0);
  attrs.hidden_size = args.get_int("hidden_size", 0);
  if (args.version() >= 14) attrs.batch_first = args.get_flag("layout", false);
  if (attrs.cell == Cell::lstm) attrs.input_forget = args.get_flag("input_forget", false);
  if (attrs.cell == Cell::gru) attrs.linear_before_reset = args.get_flag("linear_before_reset", false);
  if (args.version() < 7) args.ignore("output_sequence");
  if (attrs.clip < 0 || attrs.hidden_size < 0)
    fail(ErrorCode::bad_model, "{}: clip {} and hidden_size {} must not be negative", args.op_type(),
         attrs.clip, attrs.hidden_size);
  return std::make_shared<RecurrentOp>(args.op_type(), std::move(attrs));
}

}  // namespace spinel::ops
