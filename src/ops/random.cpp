// RandomNormal, RandomUniform, their Like forms, Bernoulli and Multinomial.
//
// A model gives the same numbers at every run: the operators are functions of their seed and the position.
// They are never split, for a part would not know where in the batch it stands.
#include "ops/random.hpp"

#include <algorithm>
#include <bit>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/numeric.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

/// Binary digits of a float type's significand.
int significand_digits(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return 53;
    case DType::float16:
      return 11;
    case DType::bfloat16:
      return 8;
    default:
      return 24;
  }
}

/// The attribute `dtype`; undefined if there is none.
DType read_dtype(const OpArgs& args, DType fallback) {
  const int64_t dtype = args.get_int("dtype", static_cast<int64_t>(fallback));
  if (dtype != static_cast<int32_t>(dtype) || (dtype != 0 && !is_known_dtype(static_cast<int32_t>(dtype))))
    fail(ErrorCode::bad_model, "the attribute dtype={} is no element type", dtype);
  return static_cast<DType>(dtype);
}

struct RandomAttrs {
  uint64_t seed = 0;
  DType dtype = DType::undefined;  ///< undefined: that of the input.
  bool normal = false;
  double a = 0;               ///< Mean, or lower bound.
  double b = 1;               ///< Deviation, or upper bound.
  std::optional<Dims> shape;  ///< None: that of the input.
};

class RandomOp final : public Op {
 public:
  RandomOp(std::string name, RandomAttrs attrs) : name_(std::move(name)), attrs_(std::move(attrs)) {}
  std::string_view name() const override { return name_; }
  bool deterministic() const override { return false; }

  void infer(InferContext& context) const override {
    if (!attrs_.shape) require_tensors(context, 1);
    const DType dtype = attrs_.dtype != DType::undefined ? attrs_.dtype : context.dtype(0);
    if (dtype != DType::undefined && !is_float_dtype(dtype))
      fail(ErrorCode::bad_model, "{} makes floats, not {}; the attribute dtype says which", name_,
           dtype_name(dtype));
    context.set_tensor(0, dtype, attrs_.shape ? graph::to_shape(*attrs_.shape) : context.input(0).shape);
  }
  void batch(BatchContext& context) const override {
    context.block("random numbers depend on the place in the batch");
  }
  void run(RunContext& context) const override {
    const DType dtype = attrs_.dtype != DType::undefined ? attrs_.dtype : context.input(0).dtype();
    const Dims dims = attrs_.shape ? *attrs_.shape : context.input(0).dims();
    const RandomStream stream(attrs_.seed);
    const int digits = significand_digits(dtype);
    compute_in(dtype, [&](auto type) {
      using T = decltype(type);
      ComputeOutput<T> y(context, 0, dtype, dims);
      for (int64_t i = 0; i < y.count(); ++i)
        y.data()[i] =
            static_cast<T>(attrs_.normal ? attrs_.a + attrs_.b * stream.normal(i)
                                         : attrs_.a + (attrs_.b - attrs_.a) * stream.uniform(i, digits));
      y.store();
    });
  }
  std::shared_ptr<const Op> with_float_type(DType from, DType to) const override {
    if (attrs_.dtype != from) return nullptr;
    RandomAttrs attrs = attrs_;
    attrs.dtype = to;
    return std::make_shared<RandomOp>(name_, std::move(attrs));
  }

 private:
  std::string name_;
  RandomAttrs attrs_;
};

/// 1 with the probability that the input says.
class Bernoulli final : public Op {
 public:
  Bernoulli(uint64_t seed, DType dtype) : seed_(seed), dtype_(dtype) {}
  std::string_view name() const override { return "Bernoulli"; }
  bool deterministic() const override { return false; }
  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    require_float(context, 0, "input");
    const DType dtype = dtype_ != DType::undefined ? dtype_ : context.dtype(0);
    if (dtype != DType::undefined && domain_of(dtype) == Domain::none)
      fail(ErrorCode::unsupported, "Bernoulli gives no {}", dtype_name(dtype));
    context.set_tensor(0, dtype, context.input(0).shape);
  }
  void batch(BatchContext& context) const override {
    context.block("random numbers depend on the place in the batch");
  }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Tensor wide = convert(x, DType::float64);
    const auto chances = wide.data<double>();
    const RandomStream stream(seed_);
    Tensor drawn(DType::float32, x.dims());
    for (size_t i = 0; i < chances.size(); ++i)
      drawn.data<float>()[i] = stream.uniform(static_cast<int64_t>(i)) < chances[i] ? 1.0F : 0.0F;
    const DType dtype = dtype_ != DType::undefined ? dtype_ : x.dtype();
    copy_elements(convert(drawn, dtype), context.output(0, dtype, x.dims()));
  }
  std::shared_ptr<const Op> with_float_type(DType from, DType to) const override {
    return dtype_ == from ? std::make_shared<Bernoulli>(seed_, to) : nullptr;
  }

 private:
  uint64_t seed_;
  DType dtype_;
};

/// Draws classes [batch, samples] from log-probabilities [batch, classes], which need not be normalised.
class Multinomial final : public Op {
 public:
  Multinomial(uint64_t seed, DType dtype, int64_t samples) : seed_(seed), dtype_(dtype), samples_(samples) {}
  std::string_view name() const override { return "Multinomial"; }
  bool deterministic() const override { return false; }
  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    require_float(context, 0, "input");
    require_rank(context, 0, "input", 2, 2);
    const Shape* x = context.shape(0);
    context.set_tensor(0, dtype_,
                       x != nullptr ? std::optional<Shape>({(*x)[0], Dim(samples_)}) : std::nullopt);
  }
  void batch(BatchContext& context) const override {
    context.block("random numbers depend on the place in the batch");
  }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    if (x.rank() != 2 || x.dim(1) == 0)
      fail(ErrorCode::invalid_argument, "the input {} is not [batch, classes]", describe(x));
    const Tensor wide = convert(x, DType::float64);
    const int64_t classes = x.dim(1);
    Tensor drawn(DType::int64, {x.dim(0), samples_});
    const RandomStream stream(seed_);
    std::vector<double> sums(static_cast<size_t>(classes));
    for (int64_t row = 0; row < x.dim(0); ++row) {
      const double* logs = wide.data<double>().data() + row * classes;
      const double maximum = *std::max_element(logs, logs + classes);
      double sum = 0;
      for (int64_t i = 0; i < classes; ++i)
        sums[static_cast<size_t>(i)] = sum +=
            std::isinf(maximum) && logs[i] == maximum ? 1 : std::exp(logs[i] - maximum);
      for (int64_t i = 0; i < samples_; ++i) {
        const int64_t at = row * samples_ + i;
        const auto found = std::ranges::upper_bound(sums, stream.uniform(at) * sum);
        drawn.data<int64_t>()[static_cast<size_t>(at)] = std::min<int64_t>(found - sums.begin(), classes - 1);
      }
    }
    copy_elements(convert(drawn, dtype_), context.output(0, dtype_, drawn.dims()));
  }

 private:
  uint64_t seed_;
  DType dtype_;
  int64_t samples_;
};

}  // namespace

bool draws_random_numbers(std::string_view op_type) {
  constexpr std::string_view names[] = {"Bernoulli",        "Dropout",       "Multinomial",
                                        "RandomNormal",     "RandomUniform", "RandomNormalLike",
                                        "RandomUniformLike"};
  return std::ranges::find(names, op_type) != std::end(names);
}

uint64_t read_seed(const OpArgs& args) {
  if (args.op_type() == "Dropout") return static_cast<uint64_t>(args.get_int("seed", 0));
  return std::bit_cast<uint32_t>(args.get_float("seed", 0));
}

Attribute default_seed(std::string_view op_type, std::string_view node_name) {
  uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a
  for (const char c : node_name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  const auto seed = static_cast<int64_t>((hash ^ (hash >> 32)) & 0xFFFFFF);
  if (op_type == "Dropout") return seed;
  return static_cast<float>(seed);
}

OpPtr make_random(const OpArgs& args) {
  const std::string& name = args.op_type();
  const bool like = name.ends_with("Like");
  RandomAttrs attrs;
  attrs.seed = read_seed(args);
  attrs.normal = name.starts_with("RandomNormal");
  attrs.a = static_cast<double>(attrs.normal ? args.get_float("mean", 0) : args.get_float("low", 0));
  attrs.b = static_cast<double>(attrs.normal ? args.get_float("scale", 1) : args.get_float("high", 1));
  attrs.dtype = read_dtype(args, like ? DType::undefined : DType::float32);
  if (!like) {
    args.require("shape");
    attrs.shape = args.get_ints("shape");
    element_count(*attrs.shape);
  }
  return std::make_shared<RandomOp>(name, std::move(attrs));
}

OpPtr make_bernoulli(const OpArgs& args) {
  return std::make_shared<Bernoulli>(read_seed(args), read_dtype(args, DType::undefined));
}

OpPtr make_multinomial(const OpArgs& args) {
  const DType dtype = read_dtype(args, DType::int32);
  if (dtype != DType::int32 && dtype != DType::int64)
    fail(ErrorCode::bad_model, "Multinomial gives int32 or int64, not {}", dtype_name(dtype));
  const int64_t samples = args.get_int("sample_size", 1);
  if (samples < 0) fail(ErrorCode::bad_model, "sample_size is {}", samples);
  return std::make_shared<Multinomial>(read_seed(args), dtype, samples);
}

}  // namespace spinel::ops
