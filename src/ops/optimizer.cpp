// The steps of optimisers (ai.onnx.preview.training): Adagrad, Adam, Momentum.
#include <array>
#include <cmath>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/elements.hpp"
#include "ops/op_args.hpp"
#include "ops/scalar_input.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

struct Settings {
  double alpha;
  double beta;
  double epsilon;
  double decay_factor;
  double norm_coefficient;
  double norm_coefficient_post;
  bool nesterov;
};

/// One element: its value and up to two states, which the step replaces.
struct Element {
  double x;
  double gradient;
  std::array<double, 2> state;
};

using Step = void (*)(const Settings&, double rate, int64_t count, Element&);

// The formulas are those of the operators' specification. `count` is T, the steps taken before.

void adagrad_step(const Settings& settings, double rate, int64_t count, Element& e) {
  const double gradient = settings.norm_coefficient * e.x + e.gradient;
  e.state[0] += gradient * gradient;
  const double decayed = rate / (1 + static_cast<double>(count) * settings.decay_factor);
  e.x -= decayed * gradient / (std::sqrt(e.state[0]) + settings.epsilon);
}

void adam_step(const Settings& settings, double rate, int64_t count, Element& e) {
  const double gradient = settings.norm_coefficient * e.x + e.gradient;
  e.state[0] = settings.alpha * e.state[0] + (1 - settings.alpha) * gradient;
  e.state[1] = settings.beta * e.state[1] + (1 - settings.beta) * gradient * gradient;
  const auto steps = static_cast<double>(count);
  const double adjusted =
      count > 0 ? rate * std::sqrt(1 - std::pow(settings.beta, steps)) / (1 - std::pow(settings.alpha, steps))
                : rate;
  e.x -= adjusted * e.state[0] / (std::sqrt(e.state[1]) + settings.epsilon);
  e.x *= 1 - settings.norm_coefficient_post;
}

void momentum_step(const Settings& settings, double rate, int64_t count, Element& e) {
  const double gradient = settings.norm_coefficient * e.x + e.gradient;
  e.state[0] = settings.alpha * e.state[0] + (count > 0 ? settings.beta : 1) * gradient;
  e.x -= rate * (settings.nesterov ? gradient + settings.alpha * e.state[0] : e.state[0]);
}

/// Inputs: R (the learning rate), T (steps before), then n tensors each of values, gradients and every state.
/// Outputs: n tensors each of new values and every new state.
class Optimizer final : public Op {
 public:
  Optimizer(std::string name, Step step, size_t states, size_t tensors, const Settings& settings)
      : name_(std::move(name)), step_(step), states_(states), tensors_(tensors), settings_(settings) {}

  std::string_view name() const override { return name_; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, context.input_count());
    for (size_t k = 0; k <= states_; ++k)
      for (size_t i = 0; i < tensors_; ++i)
        context.set_output(k * tensors_ + i, context.input(input_of(k, i)));
  }

  void run(RunContext& context) const override {
    const double rate = float_scalar(context, 0, "R");
    const int64_t count = int_scalar(context, 1, "T");
    for (size_t i = 0; i < tensors_; ++i) {
      const Tensor& x = context.input(input_of(0, i));
      for (size_t k = 0; k < states_ + 2; ++k)
        if (context.input(2 + k * tensors_ + i).dims() != x.dims())
          fail(ErrorCode::invalid_argument, "input {} is {}, but the values that it belongs to are {}",
               2 + k * tensors_ + i, describe(context.input(2 + k * tensors_ + i)), describe(x));
      const ComputeInput<double> values(x);
      const ComputeInput<double> gradients(context.input(2 + tensors_ + i));
      std::array<ComputeInput<double>, 2> states;
      for (size_t k = 0; k < states_; ++k)
        states[k] = ComputeInput<double>(context.input(input_of(k + 1, i)));
      std::vector<ComputeOutput<double>> out;
      for (size_t k = 0; k <= states_; ++k)
        out.emplace_back(context, k * tensors_ + i, context.input(input_of(k, i)).dtype(), x.dims());
      for (int64_t at = 0; at < x.element_count(); ++at) {
        Element element{values[at], gradients[at], {}};
        for (size_t k = 0; k < states_; ++k) element.state[k] = states[k][at];
        step_(settings_, rate, count, element);
        out[0].data()[at] = element.x;
        for (size_t k = 0; k < states_; ++k) out[k + 1].data()[at] = element.state[k];
      }
      for (auto& each : out) each.store();
    }
  }

 private:
  /// The input that output group `k` replaces: 0 the values, then the states. The gradients stand between.
  size_t input_of(size_t k, size_t i) const { return 2 + (k == 0 ? 0 : k + 1) * tensors_ + i; }

  std::string name_;
  Step step_;
  size_t states_;
  size_t tensors_;
  Settings settings_;
};

}  // namespace

OpPtr make_optimizer(const OpArgs& args) {
  const std::string& name = args.op_type();
  const size_t states = name == "Adam" ? 2 : 1;
  const size_t groups = states + 2;
  if (args.input_count() < 2 + groups || (args.input_count() - 2) % groups != 0)
    fail(ErrorCode::bad_model, "{} has {} inputs; it takes 2 and {} for each tensor", name,
         args.input_count(), groups);
  const size_t tensors = (args.input_count() - 2) / groups;
  Settings settings{};
  settings.norm_coefficient = static_cast<double>(args.get_float("norm_coefficient", 0));
  if (name == "Momentum") {
    settings.alpha = static_cast<double>(args.get_float("alpha", 0));
    settings.beta = static_cast<double>(args.get_float("beta", 0));
    const std::string mode = args.get_string("mode", "");
    if (mode != "nesterov" && mode != "standard")
      fail(ErrorCode::bad_model, "Momentum's mode is '{}'; there are nesterov and standard", mode);
    settings.nesterov = mode == "nesterov";
    return std::make_shared<Optimizer>(name, momentum_step, states, tensors, settings);
  }
  settings.epsilon = static_cast<double>(args.get_float("epsilon", 1e-6F));
  if (name == "Adagrad") {
    settings.decay_factor = static_cast<double>(args.get_float("decay_factor", 0));
    return std::make_shared<Optimizer>(name, adagrad_step, states, tensors, settings);
  }
  settings.alpha = static_cast<double>(args.get_float("alpha", 0.9F));
  settings.beta = static_cast<double>(args.get_float("beta", 0.999F));
  settings.norm_coefficient_post = static_cast<double>(args.get_float("norm_coefficient_post", 0));
  return std::make_shared<Optimizer>(name, adam_step, states, tensors, settings);
}

}  // namespace spinel::ops
