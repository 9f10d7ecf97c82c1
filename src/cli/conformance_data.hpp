// One folder in the layout of the ONNX project's tests: model.onnx, test_data_set_N/input_K.pb and
// output_K.pb.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <spinel/value.hpp>

#include "base/file.hpp"
#include "onnx/model.hpp"

namespace spinel::cli {

/// How far a float may be from the expected one: atol + rtol * |expected|.
struct Tolerance {
  double rtol = 1e-3;
  double atol = 1e-7;
};

struct DataSet {
  std::string name;
  std::vector<Value> inputs;
  std::vector<Value> outputs;
};

/// A case: its model, and the data that it is checked with. Throws Error where files are missing or damaged.
class TestCase {
 public:
  explicit TestCase(const std::filesystem::path& folder);

  const onnx::Model& model() const noexcept { return model_; }
  /// The project's, or what the case's data.json says instead.
  Tolerance tolerance() const noexcept { return tolerance_; }
  /// The folders test_data_set_N in the order of N; at least one.
  size_t set_count() const noexcept { return sets_.size(); }
  /// Each value is read as the kind of value that the model declares at its place. Values of bfloat16 are
  /// uint16 in data from before numpy knew the type; they are what the model says.
  DataSet read_set(size_t index) const;

 private:
  std::vector<Value> read_values(const std::filesystem::path& set, const std::string& side,
                                 const std::vector<onnx::ValueInfo>& declared) const;

  Bytes bytes_;
  onnx::Model model_;  ///< Points into bytes_.
  Tolerance tolerance_;
  std::vector<std::filesystem::path> sets_;
};

}  // namespace spinel::cli
