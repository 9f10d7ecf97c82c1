// What the graph passes did to a model.
#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace spinel {

/// One place that a pass changed, or looked at and left alone.
struct PassNote {
  std::string node;      ///< Name of the node.
  std::string text;      ///< What was done, or why not.
  bool refused = false;  ///< A candidate that was left as it is.
};

/// What one pass did, in the order of the pipeline.
struct PassReport {
  std::string pass;
  bool enabled = true;                   ///< Off: the pass configuration switched it off.
  size_t changes = 0;                    ///< Places that it changed.
  std::vector<PassNote> notes;           ///< At most `max_notes`.
  size_t notes_left_out = 0;             ///< Those beyond.
  std::map<std::string, size_t> counts;  ///< What the pass looks for, by operator: nodes after it has run.

  static constexpr size_t max_notes = 256;
};

}  // namespace spinel
