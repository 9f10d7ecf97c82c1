// Judging results that are random by definition.
#pragma once
#include <span>
#include <string>
#include <vector>

#include <spinel/engine.hpp>

#include "onnx/model.hpp"

namespace spinel::cli {

/// Whether the main graph draws random numbers: Bernoulli, Multinomial, RandomNormal, RandomUniform and their
/// -Like forms, or a Dropout that trains (judged by `inputs`, the values of the main graph's inputs).
bool draws_random_numbers(const onnx::Model& model, std::span<const Value> inputs);

/// Judges one output of such a model by what its operator promises: every element must be a possible one (of
/// 0 and 1, within the range, the input scaled or dropped ...), and sums must lie within `deviations`
/// standard deviations of what is to be expected for that many elements: the mean of each kind, the variance
/// of the continuous ones, how often Dropout drops, and how often Multinomial draws each class. A comparison
/// of such a number with an input (what a Bernoulli is expanded to) is judged as a Bernoulli.
///
/// `expected` gives dtype and dims, which must agree, and nothing else. Returns what is wrong in words; empty
/// if nothing. Outputs that are made in another way are not judged, which is said in the same way.
std::string judge_random_output(const onnx::Model& model, std::span<const Value> inputs, size_t output,
                                const Value& got, const Value& expected, double deviations = 5);

}  // namespace spinel::cli
