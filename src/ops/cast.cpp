// Cast and CastLike: every element as another type.
#include <charconv>
#include <cmath>

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/narrow.hpp"
#include "ops/numeric.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

bool is_narrow(DType dtype) { return is_small_float(dtype) || is_small_int(dtype); }
bool is_castable(DType dtype) {
  return dtype == DType::string || is_narrow(dtype) || domain_of(dtype) != Domain::none;
}
bool has_fractions(DType dtype) { return is_float(dtype) || is_small_float(dtype); }

std::string text_of(double value, DType type) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "INF" : "-INF";
  if (type == DType::float64) return fmt::format("{}", value);
  return fmt::format("{}", static_cast<float>(value));
}

/// Float literals in the C locale's form, INF and NaN in any case, with a sign or without; nothing may
/// follow.
template <class T>
T parse(const std::string& text) {
  const char* begin = text.data();
  const char* end = begin + text.size();
  if (begin != end && *begin == '+') ++begin;
  T value{};
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (begin == end || stop != end || error != std::errc())
    fail(ErrorCode::invalid_argument, "the string '{}' is not a number of the wanted type", text);
  return value;
}

void strings_from_numbers(const Tensor& x, Tensor& y) {
  auto to = y.data<std::string>();
  for (int64_t i = 0; i < x.element_count(); ++i) {
    std::string& text = to[static_cast<size_t>(i)];
    if (has_fractions(x.dtype())) {
      double buffer;
      text = text_of(*load_any(x, i, 1, &buffer), x.dtype());
    } else if (domain_of(x.dtype()) == Domain::uint64) {
      uint64_t buffer;
      text = fmt::format("{}", *load(x, i, 1, &buffer));
    } else {
      int64_t buffer;
      text = fmt::format("{}", *load_any(x, i, 1, &buffer));
    }
  }
}

template <class C>
void parse_all(const Tensor& x, Tensor& y, NarrowRules rules) {
  const auto from = x.data<std::string>();
  C buffer[chunk_elements];
  for (int64_t begin = 0; begin < x.element_count(); begin += chunk_elements) {
    const int64_t count = std::min(chunk_elements, x.element_count() - begin);
    for (int64_t i = 0; i < count; ++i) buffer[i] = parse<C>(from[static_cast<size_t>(begin + i)]);
    store_any(buffer, y, begin, count, rules);
  }
}

template <class C>
void cast_through(RunContext& context, const Tensor& x, Tensor& y, NarrowRules rules) {
  for_each_block(context, x.element_count(), [&](int64_t begin, int64_t count) {
    C buffer[chunk_elements];
    for (const int64_t end = begin + count; begin < end; begin += chunk_elements) {
      const int64_t length = std::min(chunk_elements, end - begin);
      store_any(load_any(x, begin, length, buffer), y, begin, length, rules);
    }
  });
}

/// Floats that become integers are truncated and saturate (those of 4 and 2 bits wrap, as all integers that
/// become smaller do); each value is rounded once.
void cast(RunContext& context, const Tensor& x, Tensor& y, NarrowRules rules) {
  const DType from = x.dtype();
  const DType to = y.dtype();
  if (from == to) return copy_elements(x, y);
  if (to == DType::string) return strings_from_numbers(x, y);
  if (from == DType::string) {
    if (has_fractions(to)) return parse_all<double>(x, y, rules);
    if (to == DType::uint64) return parse_all<uint64_t>(x, y, rules);
    return parse_all<int64_t>(x, y, rules);
  }
  if (to == DType::float64 || is_small_float(to) || (has_fractions(from) && !has_fractions(to)))
    return cast_through<double>(context, x, y, rules);
  if (is_float(to)) return cast_through<float>(context, x, y, rules);
  if (domain_of(from) == Domain::uint64) return cast_through<uint64_t>(context, x, y, rules);
  cast_through<int64_t>(context, x, y, rules);
}

NarrowRules read_rules(const OpArgs& args) {
  NarrowRules rules;
  rules.saturate = args.get_flag("saturate", true);
  const std::string mode = args.get_string("round_mode", "up");
  if (mode == "down")
    rules.power = PowerRounding::down;
  else if (mode == "nearest")
    rules.power = PowerRounding::nearest;
  else if (mode != "up")
    fail(ErrorCode::bad_model, "{}: round_mode '{}' is none of up, down, nearest", args.op_type(), mode);
  return rules;
}

class Cast final : public Op {
 public:
  Cast(DType to, NarrowRules rules) : to_(to), rules_(rules) {}

  std::string_view name() const override { return "Cast"; }
  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    const DType from = context.dtype(0);
    if (from != DType::undefined && (!is_castable(from) || !is_castable(to_)))
      fail(ErrorCode::unsupported, "no conversion from {} to {}", dtype_name(from), dtype_name(to_));
    const auto type = graph::ValueType::tensor(to_, context.input(0).shape);
    context.set_output(0, type);
    auto ints = known_ints(context, 0);
    if (!ints) return;
    for (Dim& each : *ints) {
      if (to_ == DType::boolean) {
        const bool yes = proven_different(each, Dim(0));
        each = each.is_constant() ? Dim(each.constant() != 0) : yes ? Dim(1) : Dim::unknown();
      } else if (to_ == DType::int32 && each.is_constant() &&
                 each.constant() != static_cast<int32_t>(each.constant())) {
        each = Dim::unknown();
      }
    }
    publish_ints(context, 0, type, std::move(*ints));
  }
  void batch(BatchContext& context) const override { batch_elementwise(context); }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    cast(context, x, context.output(0, to_, x.dims()), rules_);
  }
  std::shared_ptr<const Op> with_float_type(DType from, DType to) const override {
    return to_ == from ? std::make_shared<Cast>(to, rules_) : nullptr;
  }

 private:
  DType to_;
  NarrowRules rules_;
};

class CastLike final : public Op {
 public:
  explicit CastLike(NarrowRules rules) : rules_(rules) {}

  std::string_view name() const override { return "CastLike"; }
  void infer(InferContext& context) const override {
    require_tensors(context, 2);
    const DType from = context.dtype(0);
    const DType to = context.dtype(1);
    if (from != DType::undefined && to != DType::undefined && (!is_castable(from) || !is_castable(to)))
      fail(ErrorCode::unsupported, "no conversion from {} to {}", dtype_name(from), dtype_name(to));
    context.set_tensor(0, to, context.input(0).shape);
  }
  void batch(BatchContext& context) const override {
    const BatchState state = context.input(0);
    if (state.is_size()) return context.block("a value computed from the batch size is used as data");
    context.set_output(0, state);
  }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    cast(context, x, context.output(0, context.input(1).dtype(), x.dims()), rules_);
  }

 private:
  NarrowRules rules_;
};

/// Opset 1 names types as text: "FLOAT", "INT64" ...
DType parse_onnx_type(std::string text) {
  constexpr std::pair<std::string_view, DType> names[] = {
      {"FLOAT", DType::float32}, {"DOUBLE", DType::float64}, {"FLOAT16", DType::float16},
      {"UINT8", DType::uint8},   {"INT8", DType::int8},      {"UINT16", DType::uint16},
      {"INT16", DType::int16},   {"UINT32", DType::uint32},  {"INT32", DType::int32},
      {"UINT64", DType::uint64}, {"INT64", DType::int64},    {"BOOL", DType::boolean},
      {"STRING", DType::string}};
  for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  for (const auto& [name, dtype] : names)
    if (name == text) return dtype;
  fail(ErrorCode::bad_model, "the attribute to='{}' is no element type", text);
}

}  // namespace

OpPtr make_cast(const OpArgs& args) {
  args.require("to");
  if (args.version() < 6)
    return std::make_shared<Cast>(parse_onnx_type(args.get_string("to", "")), NarrowRules());
  const int64_t to = args.get_int("to", 0);
  if (to != static_cast<int32_t>(to) || !is_known_dtype(static_cast<int32_t>(to)))
    fail(ErrorCode::bad_model, "the attribute to={} is no element type", to);
  return std::make_shared<Cast>(static_cast<DType>(to), read_rules(args));
}

OpPtr make_cast_like(const OpArgs& args) { return std::make_shared<CastLike>(read_rules(args)); }

}  // namespace spinel::ops
