#include "cli/suggest.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace spinel::cli {
namespace {

/// A layer that may stay in float32, and the error that it introduces.
struct Candidate {
  std::vector<std::string> nodes;
  double error = 0;
};

/// The worst first; layers that stand for no ONNX node cannot be named.
std::vector<Candidate> ranked(const std::vector<ComparedLayer>& layers) {
  std::map<size_t, Candidate> by_layer;
  for (const ComparedLayer& layer : layers) {
    if (layer.layer.sources.empty()) continue;
    Candidate& candidate = by_layer[layer.layer.layer];
    candidate.nodes = layer.layer.sources;
    candidate.error = std::max(candidate.error, error_of_layer(layer));
  }
  std::vector<Candidate> candidates;
  for (auto& [index, candidate] : by_layer) candidates.push_back(std::move(candidate));
  std::ranges::stable_sort(candidates, std::greater{}, &Candidate::error);
  return candidates;
}

class Search {
 public:
  Search(std::vector<Candidate> candidates, double limit, int max_trials, const Measure& measure)
      : candidates_(std::move(candidates)), limit_(limit), max_trials_(max_trials), measure_(measure) {}

  Suggestion run() {
    Suggestion out;
    out.diff2_before = out.diff2 = try_with({});
    std::vector<size_t> kept;
    if (out.diff2 <= limit_) {
      out.met = out.minimal = true;
    } else {
      for (size_t i = 0; i < candidates_.size(); ++i) kept.push_back(i);
      out.diff2 = try_with(kept);
      out.met = out.diff2 <= limit_;
      if (out.met) {
        shorten(kept);
        out.minimal = prune(kept);
        out.diff2 = measured_.at(kept);
      }
    }
    out.nodes = nodes_of(kept);
    out.trials = static_cast<int>(measured_.size());
    return out;
  }

 private:
  /// Keeps the shortest prefix of the ranking that is good, as far as bisection tells.
  void shorten(std::vector<size_t>& kept) {
    size_t bad = 0;
    size_t good = kept.size();
    for (size_t step = 1; bad + step < good && may_go_on(); step *= 2) {
      if (is_good(prefix(bad + step))) {
        good = bad + step;
        break;
      }
      bad += step;
    }
    while (bad + 1 < good && may_go_on()) {
      const size_t middle = bad + (good - bad) / 2;
      (is_good(prefix(middle)) ? good : bad) = middle;
    }
    kept = prefix(good);
  }

  /// Leaves parts out, halves first, single layers last; the least harmful first. Whether it came to its end.
  bool prune(std::vector<size_t>& kept) {
    for (size_t part = std::max<size_t>(kept.size() / 2, 1);; part = part / 2) {
      bool removed = false;
      for (size_t end = kept.size(); end > 0;) {
        if (!may_go_on()) return false;
        const size_t begin = end > part ? end - part : 0;
        std::vector<size_t> without = kept;
        without.erase(without.begin() + static_cast<std::ptrdiff_t>(begin),
                      without.begin() + static_cast<std::ptrdiff_t>(end));
        if (is_good(without)) {
          kept = std::move(without);
          removed = true;
        }
        end = begin;
      }
      if (part == 1 && !removed) return true;
      part = part == 1 ? 2 : part;  // Once more over the single layers: one may have become superfluous.
    }
  }

  static std::vector<size_t> prefix(size_t count) {
    std::vector<size_t> out;
    for (size_t i = 0; i < count; ++i) out.push_back(i);
    return out;
  }
  bool may_go_on() const { return static_cast<int>(measured_.size()) < max_trials_; }
  bool is_good(const std::vector<size_t>& kept) { return try_with(kept) <= limit_; }
  double try_with(const std::vector<size_t>& kept) {
    const auto [found, inserted] = measured_.try_emplace(kept, 0.0);
    if (inserted) found->second = measure_(nodes_of(kept));
    return found->second;
  }
  std::vector<std::string> nodes_of(const std::vector<size_t>& kept) const {
    std::set<std::string> nodes;
    for (size_t i : kept) nodes.insert(candidates_[i].nodes.begin(), candidates_[i].nodes.end());
    return {nodes.begin(), nodes.end()};
  }

  std::vector<Candidate> candidates_;
  double limit_;
  int max_trials_;
  const Measure& measure_;
  std::map<std::vector<size_t>, double> measured_;
};

}  // namespace

Suggestion suggest_float32(const std::vector<ComparedLayer>& layers, double limit, int max_trials,
                           const Measure& measure) {
  return Search(ranked(layers), limit, max_trials, measure).run();
}

}  // namespace spinel::cli
