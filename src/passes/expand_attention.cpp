// Attention of ai.onnx as products and a softmax, which recognize_attention makes one tuned node of. What has
// no such form (the scores as an output, a softcap, windows, key lengths) stays one node with the reference
// kernel.
#include <cmath>

#include "base/text.hpp"
#include "passes/expand_operators.hpp"

namespace spinel::passes {
namespace {

using graph::Dim;
using graph::no_value;
using graph::ValueId;
using ops::AttentionOp;
using Axes = std::vector<int64_t>;

class AttentionExpansion {
 public:
  AttentionExpansion(Expansion& out, const AttentionOp& op)
      : out_(out), attrs_(op.attrs()), dtype_(out.dtype()) {}

  /// Why it stays one node; empty: nothing is against it.
  std::string refusal() const {
    if (dtype_ != DType::float32 && dtype_ != DType::float16) return "it is neither float32 nor float16";
    if (attrs_.softcap != 0 || attrs_.left_window >= 0 || attrs_.right_window >= 0 ||
        out_.has_input(AttentionOp::key_lengths) || out_.wants_output(3))
      return "it has a softcap, a window, key lengths, or gives out its scores";
    if (attrs_.softmax_dtype != DType::undefined && attrs_.softmax_dtype != DType::float32)
      return "the softmax is not in float32";
    for (const size_t i : {AttentionOp::q, AttentionOp::k, AttentionOp::v}) {
      if (!shape(i)) return "the rank of an operand is not known";
      if (out_.type(input(i)).dtype != dtype_) return "the operands differ in type";
    }
    if (!width(AttentionOp::q).is_constant()) return "the columns of Q are not known";
    if (!heads(AttentionOp::q).is_constant() || !heads(AttentionOp::k).is_constant())
      return "the number of heads is not known";
    if (!out_.has_input(AttentionOp::mask)) return {};
    const auto& mask = out_.type(input(AttentionOp::mask));
    if (mask.dtype != DType::boolean && mask.dtype != dtype_)
      return "the mask is neither bool nor of the operands' type";
    if (!mask.shape || mask.shape->empty()) return "the rank of the mask is not known";
    if (!equal(mask.shape->back(), total()) && !(mask.shape->back().is_constant(1) && !attrs_.pads_mask))
      return "the mask is not known to have one element a key";
    return {};
  }

  void expand() {
    const ValueId q = heads_apart(AttentionOp::q);
    ValueId k = heads_apart(AttentionOp::k);
    ValueId v = heads_apart(AttentionOp::v);
    if (out_.has_input(AttentionOp::past_key)) {
      k = add("Concat", {input(AttentionOp::past_key), k}, {{"axis", int64_t{2}}});
      v = add("Concat", {input(AttentionOp::past_value), v}, {{"axis", int64_t{2}}});
    }
    if (out_.wants_output(1)) out_.replace(1, k);
    if (out_.wants_output(2)) out_.replace(2, v);
    const int64_t group = heads(AttentionOp::q).constant() / heads(AttentionOp::k).constant();
    if (group > 1) {
      k = repeated(k, group);
      v = repeated(v, group);
    }
    const double scale = attrs_.scale ? static_cast<double>(*attrs_.scale)
                                      : 1 / std::sqrt(static_cast<double>(width(AttentionOp::q).constant()));
    ValueId scores = add("MatMul", {q, add("Transpose", {k}, {{"perm", Axes{0, 1, 3, 2}}})});
    scores = add("Mul", {scores, number(static_cast<float>(scale))});
    if (const ValueId mask = additive_mask(q, k); mask != no_value) scores = add("Add", {scores, mask});
    ValueId weights = add("Softmax", {scores}, {{"axis", int64_t{-1}}});
    // A query that sees no key.
    if (out_.has_input(AttentionOp::mask) || attrs_.causal)
      weights = add("Where", {out_.add("IsNaN", {weights}, {}, DType::boolean), number(0), weights});
    ValueId y = add("MatMul", {weights, v});
    if (shape(AttentionOp::q)->size() == 3)
      y = add("Reshape", {add("Transpose", {y}, {{"perm", Axes{0, 2, 1, 3}}}), ints({0, 0, -1})});
    out_.replace(0, y);
  }

 private:
  ValueId input(size_t index) const { return out_.node().inputs[index]; }
  const std::optional<graph::Shape>& shape(size_t index) const { return out_.type(input(index)).shape; }
  bool apart(size_t index) const { return shape(index)->size() == 4; }
  Dim heads(size_t index) const {
    if (apart(index)) return (*shape(index))[1];
    return Dim(index == AttentionOp::q ? attrs_.q_heads : attrs_.kv_heads);
  }
  Dim width(size_t index) const {
    const Dim& last = shape(index)->back();
    if (apart(index) || !last.is_constant() || !heads(index).is_constant()) return last;
    return Dim(last.constant() / heads(index).constant());
  }
  const Dim& rows(size_t index) const { return (*shape(index))[apart(index) ? 2 : 1]; }
  /// How many keys there are, the past included.
  Dim total() const {
    if (!out_.has_input(AttentionOp::past_key)) return rows(AttentionOp::k);
    const auto& past = shape(AttentionOp::past_key);
    return past ? (*past)[2] + rows(AttentionOp::k) : Dim::unknown();
  }

  ValueId add(std::string_view op, std::vector<ValueId> inputs,
              std::map<std::string, ops::Attribute, std::less<>> attributes = {}) {
    return out_.add(op, std::move(inputs), std::move(attributes), dtype_);
  }
  ValueId add_int(std::string_view op, std::vector<ValueId> inputs,
                  std::map<std::string, ops::Attribute, std::less<>> attributes = {}) {
    return out_.add(op, std::move(inputs), std::move(attributes), DType::int64);
  }
  ValueId number(float value) { return out_.constant(convert(Tensor::scalar(value), dtype_)); }
  ValueId ints(const Axes& values) {
    return out_.constant(Tensor::from<int64_t>({std::ssize(values)}, std::span<const int64_t>(values)));
  }

  /// [batch, heads, rows, columns].
  ValueId heads_apart(size_t index) {
    if (apart(index)) return input(index);
    const ValueId cut = add("Reshape", {input(index), ints({0, 0, heads(index).constant(), -1})});
    return add("Transpose", {cut}, {{"perm", Axes{0, 2, 1, 3}}});
  }

  /// Each head `times` times, one after another.
  ValueId repeated(ValueId x, int64_t times) {
    const ValueId wide = add("Expand", {add("Unsqueeze", {x, ints({2})}), ints({1, 1, times, 1, 1})});
    // Axis 1 times axis 2; a 0 keeps axis 0, the rest is told by the heads.
    const ValueId kept = add_int("Shape", {x}, {{"start", int64_t{2}}, {"end", int64_t{4}}});
    const ValueId target =
        add_int("Concat", {ints({0, heads(AttentionOp::q).constant()}), kept}, {{"axis", int64_t{0}}});
    return add("Reshape", {wide, target});
  }

  /// The bool mask that hides later keys: place of the key <= place of the query + keys of the past.
  ValueId causal_mask(ValueId q, ValueId k) {
    const auto rows_of = [&](ValueId x) {
      const ValueId dim = add_int("Shape", {x}, {{"start", int64_t{2}}, {"end", int64_t{3}}});
      return add_int("Reshape", {dim, out_.constant(Tensor(DType::int64, {0}))});
    };
    const auto counted = [&](ValueId size) {
      const auto whole = [&](int64_t value) { return out_.constant(Tensor::scalar(value)); };
      return add_int("Range", {whole(0), size, whole(1)});
    };
    ValueId queries = counted(rows_of(q));
    if (out_.has_input(AttentionOp::past_key))
      queries = add_int("Add", {queries, rows_of(input(AttentionOp::past_key))});
    return out_.add("GreaterOrEqual", {add_int("Unsqueeze", {queries, ints({1})}), counted(rows_of(k))}, {},
                    DType::boolean);
  }

  ValueId additive_mask(ValueId q, ValueId k) {
    ValueId mask = out_.has_input(AttentionOp::mask) ? input(AttentionOp::mask) : no_value;
    const bool chooses = mask != no_value && out_.type(mask).dtype == DType::boolean;
    const ValueId hidden = number(-std::numeric_limits<float>::infinity());
    if (attrs_.causal) {
      const ValueId causal = causal_mask(q, k);
      if (mask == no_value || !chooses)
        return add("Where", {causal, mask == no_value ? number(0) : mask, hidden});
      mask = out_.add("And", {causal, mask}, {}, DType::boolean);
    }
    return chooses ? add("Where", {mask, number(0), hidden}) : mask;
  }

  Expansion& out_;
  const ops::AttentionAttrs& attrs_;
  DType dtype_;
};

}  // namespace

void expand_attention(Expansion& out, const AttentionOp& op) {
  AttentionExpansion expansion(out, op);
  if (std::string reason = expansion.refusal(); !reason.empty()) return out.refuse("attention: " + reason);
  expansion.expand();
}

}  // namespace spinel::passes
