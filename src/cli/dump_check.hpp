// Values of a model against folders of reference and golden tensors.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <spinel/inspect.hpp>

#include "cli/compare_engines.hpp"
#include "cli/tensor_folder.hpp"

namespace spinel::cli {

/// What is compared with what.
struct DumpCheck {
  std::optional<TensorFolder> reference;
  /// Tensors that are taken to be exact, of values that the reference has, too.
  std::optional<TensorFolder> golden;
  /// Ours pass if their diff2 from the golden ones is at most this often the reference's, or at most th1.
  double times = 10;
  /// Where |b| exceeds it, diff3 is relative. 0: 1e-6, and 1e-4 for float16.
  double th1 = 0;
  /// Without a golden tensor: the greatest diff2 from the reference that passes.
  double th2 = 1e-3;
};

/// One value's comparison.
struct Verdict {
  LayerValue layer;
  Compared with_reference;
  std::optional<Compared> with_golden;
  std::optional<Compared> reference_with_golden;
  bool passed = true;
};

/// Nothing if there is no reference, or none of this value. Throws Error for files that cannot be read.
std::optional<Verdict> check_value(const DumpCheck& check, const LayerValue& value, const Tensor& tensor);

/// The first that does not pass; nullptr: all do.
const Verdict* first_bad(const std::vector<Verdict>& verdicts);

Json to_json(const Verdict& verdict);
void print(const std::vector<Verdict>& verdicts);

}  // namespace spinel::cli
