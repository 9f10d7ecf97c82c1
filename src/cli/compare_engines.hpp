// Two engines on the same inputs: how far their results, and the values between their layers, are apart.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <spinel/engine.hpp>
#include <spinel/metrics.hpp>

#include "cli/output.hpp"

namespace spinel::cli {

/// diff2 up to which a result is taken to be right: 3e-3 where one side computes in float16, the limit at
/// which float16 networks are accepted, else 1e-3: a deep
/// network amplifies float32's rounding to more than 1e-4, and what is wrong is off by far more.
double default_limit(DType a, DType b);

/// Two tensors of one name.
struct Compared {
  std::string name;
  DType dtype = DType::undefined;  ///< Of the actual one.
  DType reference_dtype = DType::undefined;
  Difference difference;
  /// diff2 of the reference rounded to the actual float16 from itself: no engine that gives float16 out does
  /// better. 0 where both are of one type.
  double rounding = 0;
  std::string mismatch;  ///< Why the two cannot be compared, as other dims; empty: they can.

  /// diff2; infinite if the two cannot be compared.
  double error() const;
  bool passes(double limit) const { return error() <= limit; }
};

/// A layer's value. The layer is that of the compiled actual model.
struct ComparedLayer {
  LayerValue layer;
  Compared compared;
  /// The error of the layer alone, when it is fed with the reference's values; none where the actual target
  /// cannot be.
  std::optional<Compared> own;
};

/// diff2 of the layer alone where that is known, else of what it has accumulated.
double error_of_layer(const ComparedLayer& layer);

/// What cannot be compared says so. `threshold` is difference()'s.
Compared compare_tensors(const std::string& name, const Tensor& actual, const Tensor& reference,
                         double threshold = -1);

Json to_json(const Compared& compared);
/// As spinel::describe, or why the tensors cannot be compared.
std::string text_of(const Compared& compared);

/// An engine and its inputs in order.
struct FedEngine {
  const InferEngine* engine;
  std::vector<Tensor> inputs;
};

/// Gives `reference` the actual engine's inputs, by name, and both the same numbers: where one side takes
/// float16, the other's are rounded to it. Throws Error if the models' inputs differ.
void share_inputs(FedEngine& actual, FedEngine& reference);

/// The results of two runs by the outputs' names. Throws Error if they have no name in common.
std::vector<Compared> compare_outputs(const InferEngine& actual, const std::vector<Tensor>& actual_results,
                                      const InferEngine& reference,
                                      const std::vector<Tensor>& reference_results);

/// Compares every value that both sides compute under one name, in the order in which the actual side does.
/// Holds at most 256 MiB of the reference's values at once; more are compared in several runs. `own_errors`
/// asks for ComparedLayer::own, for which the actual side must be target `cpu`. Throws Error.
std::vector<ComparedLayer> compare_layers(const FedEngine& actual, const FedEngine& reference,
                                          bool own_errors);

}  // namespace spinel::cli
