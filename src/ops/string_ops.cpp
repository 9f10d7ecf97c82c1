// StringConcat, StringSplit and StringNormalizer.
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"
#include "ops/utf8.hpp"

namespace spinel::ops {
namespace {

void require_strings(const InferContext& context, size_t inputs) {
  require_only_tensors(context, inputs);
  for (size_t i = 0; i < inputs; ++i)
    if (context.dtype(i) != DType::string && context.dtype(i) != DType::undefined)
      fail(ErrorCode::bad_model, "input {} is {}, not a tensor of strings", i, context.input(i).text());
}

class StringConcat final : public Op {
 public:
  std::string_view name() const override { return "StringConcat"; }
  void infer(InferContext& context) const override {
    require_strings(context, 2);
    infer_broadcast(context, DType::string);
  }
  void batch(BatchContext& context) const override { batch_elementwise(context); }
  void run(RunContext& context) const override {
    const Tensor& a = context.input(0);
    const Tensor& b = context.input(1);
    const auto left = a.data<std::string>();
    const auto right = b.data<std::string>();
    Tensor& y = context.output(0, DType::string, broadcast_dims(a.dims(), b.dims()));
    const auto out = y.data<std::string>();
    const BroadcastWalk walk({a.dims(), b.dims()}, y.dims());
    walk.run(context, [&](int64_t begin, int64_t count, const int64_t* offsets) {
      for (int64_t i = 0; i < count; ++i)
        out[static_cast<size_t>(begin + i)] = left[static_cast<size_t>(offsets[0] + i * walk.step(0))] +
                                              right[static_cast<size_t>(offsets[1] + i * walk.step(1))];
    });
  }
};

/// Outputs the parts [..., most parts], shorter rows filled with empty text, and how many there are [...].
class StringSplit final : public Op {
 public:
  StringSplit(std::string delimiter, int64_t most) : delimiter_(std::move(delimiter)), most_(most) {}
  std::string_view name() const override { return "StringSplit"; }
  void infer(InferContext& context) const override {
    require_strings(context, 1);
    std::optional<Shape> parts = context.input(0).shape;
    if (parts) parts->push_back(Dim::unknown());
    context.set_tensor(0, DType::string, std::move(parts));
    if (context.output_count() > 1) context.set_tensor(1, DType::int64, context.input(0).shape);
  }
  /// How many columns there are depends on every row.
  void batch(BatchContext& context) const override {
    context.block("the longest row of the batch decides how many parts all have");
  }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    std::vector<std::vector<std::string>> rows;
    size_t longest = 0;
    for (const std::string& text : x.data<std::string>()) {
      rows.push_back(split(text));
      longest = std::max(longest, rows.back().size());
    }
    Dims dims = x.dims();
    dims.push_back(static_cast<int64_t>(longest));
    Tensor& parts = context.output(0, DType::string, dims);
    const auto out = parts.data<std::string>();
    for (size_t row = 0; row < rows.size(); ++row)
      for (size_t i = 0; i < longest; ++i)
        out[row * longest + i] = i < rows[row].size() ? std::move(rows[row][i]) : std::string();
    if (context.output_count() < 2 || !context.wants_output(1)) return;
    Tensor& counts = context.output(1, DType::int64, x.dims());
    for (size_t row = 0; row < rows.size(); ++row)
      counts.data<int64_t>()[row] = static_cast<int64_t>(rows[row].size());
  }

 private:
  static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

  std::vector<std::string> split(std::string_view text) const {
    std::vector<std::string> out;
    const auto may_split = [&] { return most_ < 0 || std::ssize(out) < most_; };
    if (!delimiter_.empty()) {
      for (size_t at; may_split() && (at = text.find(delimiter_)) != text.npos;) {
        out.emplace_back(text.substr(0, at));
        text.remove_prefix(at + delimiter_.size());
      }
      out.emplace_back(text);
      return out;
    }
    const auto skip_spaces = [&] {
      while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    };
    for (skip_spaces(); !text.empty(); skip_spaces()) {
      if (!may_split()) {
        while (is_space(text.back())) text.remove_suffix(1);
        out.emplace_back(text);
        return out;
      }
      const size_t end = static_cast<size_t>(std::ranges::find_if(text, is_space) - text.begin());
      out.emplace_back(text.substr(0, end));
      text.remove_prefix(end);
    }
    return out;
  }

  std::string delimiter_;
  int64_t most_;  ///< Splits; negative: any number.
};

enum class CaseChange { none, lower, upper };

/// [C] or [1, C]: stop words removed, then the case changed.
class StringNormalizer final : public Op {
 public:
  StringNormalizer(CaseChange change, bool case_sensitive, const std::vector<std::string>& stop_words)
      : change_(change), case_sensitive_(case_sensitive) {
    for (const std::string& word : stop_words) stop_words_.insert(case_sensitive ? word : lower_case(word));
  }
  std::string_view name() const override { return "StringNormalizer"; }
  void infer(InferContext& context) const override {
    require_strings(context, 1);
    std::optional<Shape> shape = context.input(0).shape;
    if (shape) {
      if (shape->empty() || shape->size() > 2)
        fail(ErrorCode::bad_model, "the input {} is neither [C] nor [1, C]", shape_text(*shape));
      if (!stop_words_.empty() || !shape->back().is_constant() || shape->back().is_constant(0))
        shape->back() = Dim::unknown();
    }
    context.set_tensor(0, DType::string, std::move(shape));
  }
  void batch(BatchContext& context) const override {
    context.block("words are removed, so that rows move to other places");
  }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    if (x.rank() < 1 || x.rank() > 2 || (x.rank() == 2 && x.dim(0) != 1))
      fail(ErrorCode::invalid_argument, "the input {} is neither [C] nor [1, C]", describe(x));
    std::vector<std::string> out;
    for (const std::string& text : x.data<std::string>()) {
      if (stop_words_.contains(case_sensitive_ ? text : lower_case(text))) continue;
      out.push_back(change_ == CaseChange::lower   ? lower_case(text)
                    : change_ == CaseChange::upper ? upper_case(text)
                                                   : text);
    }
    if (out.empty()) out.emplace_back();
    Dims dims = x.dims();
    dims.back() = std::ssize(out);
    std::ranges::move(out, context.output(0, DType::string, dims).data<std::string>().begin());
  }

 private:
  CaseChange change_;
  bool case_sensitive_;
  std::set<std::string, std::less<>> stop_words_;
};

}  // namespace

OpPtr make_string_concat(const OpArgs&) { return std::make_shared<StringConcat>(); }

OpPtr make_string_split(const OpArgs& args) {
  return std::make_shared<StringSplit>(args.get_string("delimiter", ""), args.get_int("maxsplit", -1));
}

OpPtr make_string_normalizer(const OpArgs& args) {
  const std::string change = args.get_string("case_change_action", "NONE");
  if (change != "NONE" && change != "LOWER" && change != "UPPER")
    fail(ErrorCode::bad_model, "case_change_action is '{}'; it is NONE, LOWER or UPPER", change);
  // The mapping is the same in all locales (ops/utf8.hpp).
  args.ignore("locale");
  return std::make_shared<StringNormalizer>(change == "LOWER"   ? CaseChange::lower
                                            : change == "UPPER" ? CaseChange::upper
                                                                : CaseChange::none,
                                            args.get_flag("is_case_sensitive", false),
                                            args.get_strings("stopwords"));
}

}  // namespace spinel::ops
