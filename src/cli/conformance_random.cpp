#include "cli/conformance_random.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/text.hpp"
#include "cli/conformance_compare.hpp"
#include "onnx/tensor_data.hpp"

namespace spinel::cli {
namespace {

using Numbers = std::vector<double>;

Numbers numbers_of(const Tensor& tensor) {
  const Tensor doubles = convert(tensor, DType::float64);
  const auto elements = doubles.data<double>();
  return {elements.begin(), elements.end()};
}

const onnx::Attribute* find_attribute(const onnx::Node& node, std::string_view name) {
  const auto found = std::ranges::find(node.attributes, name, &onnx::Attribute::name);
  return found == node.attributes.end() ? nullptr : &*found;
}

double float_attribute(const onnx::Node& node, std::string_view name, float fallback) {
  const onnx::Attribute* found = find_attribute(node, name);
  return static_cast<double>(found == nullptr ? fallback : found->f.value_or(fallback));
}

/// The model's main graph with the values of its inputs.
class Judge {
 public:
  Judge(const onnx::Model& model, std::span<const Value> inputs, double deviations)
      : graph_(model.graph), inputs_(inputs), deviations_(deviations) {}

  bool is_random(const onnx::Node& node) const {
    if (!node.domain.empty() && node.domain != "ai.onnx") return false;
    for (std::string_view name : {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike",
                                  "RandomUniform", "RandomUniformLike"})
      if (node.op_type == name) return true;
    return node.op_type == "Dropout" && is_training(node);
  }
  bool any_random() const {
    return std::ranges::any_of(graph_.nodes, [&](const onnx::Node& node) { return is_random(node); });
  }

  std::string judge(std::string_view name, const Tensor& got) const {
    const onnx::Node* node = producer(name);
    if (node == nullptr) return "no node computes it";
    const Numbers values = numbers_of(got);
    if (node->op_type == "Bernoulli") return judge_bernoulli(values, input_numbers(*node, 0));
    if (node->op_type.starts_with("RandomUniform")) return judge_uniform(*node, values);
    if (node->op_type.starts_with("RandomNormal")) return judge_normal(*node, values);
    if (node->op_type == "Multinomial") return judge_multinomial(*node, got.dims(), values);
    if (node->op_type == "Dropout" && is_training(*node))
      return name == node->outputs[0] ? judge_dropped(*node, values) : judge_mask(*node, values);
    if (const auto probabilities = compared_probabilities(*node))
      return judge_bernoulli(values, *probabilities);
    return fmt::format("'{}' ({}) makes it of random numbers, for which there is no check", node->name,
                       node->op_type);
  }

 private:
  const onnx::Node* producer(std::string_view name) const {
    for (const onnx::Node& node : graph_.nodes)
      if (std::ranges::find(node.outputs, name) != node.outputs.end()) return &node;
    return nullptr;
  }

  /// The value of a graph's input, initializer or Constant; nothing if it is another.
  std::optional<Tensor> known(std::string_view name) const {
    for (size_t i = 0; i < graph_.inputs.size() && i < inputs_.size(); ++i)
      if (graph_.inputs[i].name == name && inputs_[i].is_tensor()) return inputs_[i].tensor();
    for (const onnx::Tensor& tensor : graph_.initializers)
      if (tensor.name == name) return onnx::to_tensor(tensor, {});
    const onnx::Node* node = producer(name);
    if (node == nullptr || node->op_type != "Constant") return std::nullopt;
    const onnx::Attribute* value = find_attribute(*node, "value");
    return value != nullptr && value->t ? std::optional(onnx::to_tensor(*value->t, {})) : std::nullopt;
  }
  std::optional<Tensor> known_input(const onnx::Node& node, size_t index) const {
    return index < node.inputs.size() && !node.inputs[index].empty() ? known(node.inputs[index])
                                                                     : std::nullopt;
  }
  Numbers input_numbers(const onnx::Node& node, size_t index) const {
    const std::optional<Tensor> tensor = known_input(node, index);
    if (!tensor)
      fail(ErrorCode::unsupported, "{}: input {} is computed, so that the result's distribution is not known",
           node.op_type, index);
    return numbers_of(*tensor);
  }

  /// An input of opset 12 and newer, an attribute of opset 6 and older, and never in between.
  bool is_training(const onnx::Node& node) const {
    if (const onnx::Attribute* is_test = find_attribute(node, "is_test")) return is_test->i.value_or(0) == 0;
    const std::optional<Tensor> mode = known_input(node, 2);
    return mode && mode->element_count() == 1 && numbers_of(*mode)[0] != 0;
  }
  double dropped_share(const onnx::Node& node) const {
    if (const std::optional<Tensor> ratio = known_input(node, 1)) return numbers_of(*ratio)[0];
    return float_attribute(node, "ratio", 0.5f);
  }

  std::string outside(const char* what, double found, double mean, double variance) const {
    const double most = deviations_ * std::sqrt(variance);
    // A sum of exact terms still rounds.
    if (std::fabs(found - mean) <= most + 1e-6 * std::fabs(mean)) return {};
    return fmt::format("the {} is {}, expected {} +- {}", what, found, mean, most);
  }

  std::string judge_bernoulli(const Numbers& values, const Numbers& probabilities) const {
    if (values.size() != probabilities.size()) return "as many elements as probabilities were expected";
    double sum = 0, mean = 0, variance = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double p = probabilities[i];
      if ((values[i] != 0 && values[i] != 1) || (p <= 0 && values[i] != 0) || (p >= 1 && values[i] != 1))
        return fmt::format("element {} is {} for a probability of {}", i, values[i], p);
      sum += values[i];
      mean += p;
      variance += p * (1 - p);
    }
    return outside("number of ones", sum, mean, variance);
  }

  /// Mean and variance of equally distributed numbers. `fourth` is the fourth central moment.
  std::string judge_moments(const Numbers& values, double mean, double variance, double fourth) const {
    const auto n = static_cast<double>(values.size());
    if (values.size() < 2) return {};
    double sum = 0, squares = 0;
    for (double value : values) {
      sum += value;
      squares += (value - mean) * (value - mean);
    }
    const std::string wrong = outside("mean", sum / n, mean, variance / n);
    return wrong.empty() ? outside("variance", squares / n, variance, (fourth - variance * variance) / n)
                         : wrong;
  }

  std::string judge_uniform(const onnx::Node& node, const Numbers& values) const {
    const double low = float_attribute(node, "low", 0);
    const double high = float_attribute(node, "high", 1);
    for (size_t i = 0; i < values.size(); ++i)
      if (!(values[i] >= low && values[i] <= high))
        return fmt::format("element {} is {}, outside of {} ... {}", i, values[i], low, high);
    const double width = high - low;
    return judge_moments(values, (low + high) / 2, width * width / 12, std::pow(width, 4) / 80);
  }

  std::string judge_normal(const onnx::Node& node, const Numbers& values) const {
    const double mean = float_attribute(node, "mean", 0);
    const double scale = float_attribute(node, "scale", 1);
    for (size_t i = 0; i < values.size(); ++i)
      if (!std::isfinite(values[i])) return fmt::format("element {} is {}", i, values[i]);
    return judge_moments(values, mean, scale * scale, 3 * std::pow(scale, 4));
  }

  std::string judge_multinomial(const onnx::Node& node, const Dims& dims, const Numbers& values) const {
    const Numbers logits = input_numbers(node, 0);
    const auto rows = static_cast<size_t>(dims.empty() ? 0 : dims[0]);
    if (rows == 0 || dims.size() != 2) return {};
    const size_t classes = logits.size() / rows, samples = values.size() / rows;
    for (size_t row = 0; row < rows; ++row) {
      const std::span<const double> given(logits.data() + row * classes, classes);
      const double greatest = *std::ranges::max_element(given);
      double total = 0;
      for (double each : given) total += std::exp(each - greatest);
      std::vector<double> counts(classes);
      for (size_t i = 0; i < samples; ++i) {
        const double drawn = values[row * samples + i];
        if (!(drawn >= 0 && drawn < static_cast<double>(classes)))
          return fmt::format("row {} has class {} of {}", row, drawn, classes);
        ++counts[static_cast<size_t>(drawn)];
      }
      for (size_t c = 0; c < classes; ++c) {
        const double p = std::exp(given[c] - greatest) / total, n = static_cast<double>(samples);
        if (auto wrong = outside("number of draws of a class", counts[c], n * p, n * p * (1 - p));
            !wrong.empty())
          return wrong;
      }
    }
    return {};
  }

  std::string judge_dropped(const onnx::Node& node, const Numbers& values) const {
    const Numbers given = input_numbers(node, 0);
    const double share = dropped_share(node);
    double dropped = 0, n = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double kept = share < 1 ? given[i] / (1 - share) : 0;
      if (values[i] != 0 && std::fabs(values[i] - kept) > 1e-3 * std::fabs(kept))
        return fmt::format("element {} is {}, expected 0 or {}", i, values[i], kept);
      if (kept == 0) continue;
      n += 1;
      dropped += values[i] == 0 ? 1 : 0;
    }
    return outside("number of dropped elements", dropped, share < 1 ? n * share : dropped,
                   n * share * (1 - share));
  }

  std::string judge_mask(const onnx::Node& node, const Numbers& values) const {
    return judge_bernoulli(values, Numbers(values.size(), 1 - dropped_share(node)));
  }

  /// Of a comparison of uniform numbers within 0 ... 1 with known ones, casts aside: how probable each
  /// element is.
  std::optional<Numbers> compared_probabilities(const onnx::Node& last) const {
    const onnx::Node* node = &last;
    while (node != nullptr && node->op_type == "Cast") node = producer(node->inputs[0]);
    if (node == nullptr || node->inputs.size() != 2) return std::nullopt;
    const bool greater = node->op_type.starts_with("Greater");
    if (!greater && !node->op_type.starts_with("Less")) return std::nullopt;
    for (size_t side : {0u, 1u}) {
      const onnx::Node* random = producer(node->inputs[side]);
      if (random == nullptr || !random->op_type.starts_with("RandomUniform")) continue;
      if (float_attribute(*random, "low", 0) != 0 || float_attribute(*random, "high", 1) != 1)
        return std::nullopt;
      Numbers probabilities = input_numbers(*node, 1 - side);
      // Of a number that is greater than p, or p less than it: 1 - p.
      if (greater == (side == 0))
        for (double& p : probabilities) p = 1 - p;
      return probabilities;
    }
    return std::nullopt;
  }

  const onnx::Graph& graph_;
  std::span<const Value> inputs_;
  double deviations_;
};

}  // namespace

bool draws_random_numbers(const onnx::Model& model, std::span<const Value> inputs) {
  return Judge(model, inputs, 0).any_random();
}

std::string judge_random_output(const onnx::Model& model, std::span<const Value> inputs, size_t output,
                                const Value& got, const Value& expected, double deviations) {
  if (!got.is_tensor() || !expected.is_tensor()) return "a tensor was expected";
  const Tensor& a = got.tensor();
  const Tensor& b = expected.tensor();
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) return describe(a) + ", expected " + describe(b);
  return Judge(model, inputs, deviations).judge(model.graph.outputs[output].name, a);
}

}  // namespace spinel::cli
