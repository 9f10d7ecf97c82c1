// Elementwise operators of two inputs with broadcasting: Add, Mul, Pow, And, BitShift, Less and kin.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

/// How B is laid over A before opset 7; from 7 on it is numpy's way.
struct LegacyBroadcast {
  bool exact = false;           ///< Attribute broadcast=0: the shapes must be equal.
  std::optional<int64_t> axis;  ///< B's first dim stands at this axis of A; else B is aligned at the end.

  bool is_numpy() const noexcept { return !exact && !axis; }
  static LegacyBroadcast from(const OpArgs& args);
};

struct BinaryAttrs {
  bool fmod = false;         ///< Mod: the result has the dividend's sign, as C's fmod; else the divisor's.
  bool shift_right = false;  ///< BitShift.
  LegacyBroadcast legacy;
};

template <class C>
using BinaryLoop = void (*)(const C* a, const C* b, C* y, int64_t count, const BinaryAttrs& attrs);

/// Which types an operator is defined for, beyond having a loop.
enum class BinaryTypes {
  numbers,   ///< Floats and integers.
  logical,   ///< bool alone.
  integers,  ///< Integers alone.
  any,       ///< Numbers and bool.
};

/// One operator: a loop for each wide type (see numeric.hpp), nullptr where it is not defined. Comparisons
/// give 0 or 1, stored as bool.
struct BinaryKernels {
  std::string_view name;
  BinaryTypes types;
  bool compares;
  BinaryLoop<float> float32;
  BinaryLoop<double> float64;
  BinaryLoop<int64_t> int64;
  BinaryLoop<uint64_t> uint64;
};

/// y = f(a, b). Both inputs have one type (Pow's exponent may have another), which is the output's unless the
/// operator compares. Integers wrap; dividing one by zero is an error.
class Binary final : public Op {
 public:
  Binary(const BinaryKernels& kernels, BinaryAttrs attrs) : kernels_(kernels), attrs_(attrs) {}

  std::string_view name() const override { return kernels_.name; }
  const BinaryAttrs& attrs() const noexcept { return attrs_; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;
  bool may_overwrite(size_t input) const override { return input < 2; }

 private:
  void infer_ints(InferContext& context, const graph::ValueType& type) const;

  const BinaryKernels& kernels_;
  BinaryAttrs attrs_;
};

/// The kernels of Add, Max ... for operators that fold them over several inputs. Throws Error(internal).
const BinaryKernels& binary_kernels(std::string_view name);
/// y = f(a, b) with numpy's broadcasting; `y` has the broadcast dims. The wide type is that of `a`, or double
/// if just one of the two is of a float type.
void run_binary(const BinaryKernels& kernels, const BinaryAttrs& attrs, RunContext& context, const Tensor& a,
                const Tensor& b, Tensor& y);
/// Throws Error(unsupported) if the operator is not defined for the type; undefined passes.
void require_binary_type(const BinaryKernels& kernels, DType dtype);

}  // namespace spinel::ops
