// What commands feed a model: the dims of each input, and seeded random numbers or files.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <spinel/engine.hpp>

namespace spinel::cli {

/// One batch to measure.
struct BenchBatch {
  int64_t size = 1;  ///< Samples; 1 where the model has no batch.
  std::vector<Tensor> inputs;
  std::vector<Dims> part_dims;  ///< Dims of the inputs for the largest part that one SPA gets.
  int64_t parts = 1;            ///< SPAs that get a part.
};

class BenchInputs {
 public:
  /// `shapes` are arguments "NAME:8x3x224x224", `files` "NAME:FILE.npy". Throws Error and UsageError.
  BenchInputs(const InferEngine& engine, const std::vector<std::string>& shapes,
              const std::vector<std::string>& files, unsigned seed = 1);

  /// Inputs of `batch` samples; nothing: as many as the shapes, files or the model say, else 1. Floats are
  /// normally distributed, integers and bools 0 or 1, from the seed. Throws Error where the model has no
  /// such batch or leaves dims open that no shape gives.
  BenchBatch make(std::optional<int64_t> batch) const;

 private:
  Dims dims_of(size_t input, std::optional<int64_t> batch) const;
  void plan_parts(BenchBatch& batch) const;
  void require_batch(int64_t batch) const;

  const InferEngine& engine_;
  unsigned seed_;
  std::vector<std::optional<Dims>> shapes_;
  std::vector<Tensor> files_;    ///< Undefined where no file was given.
  std::vector<int> batch_axes_;  ///< -1: none.
};

}  // namespace spinel::cli
