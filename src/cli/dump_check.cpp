#include "cli/dump_check.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spinel::cli {

std::optional<Verdict> check_value(const DumpCheck& check, const LayerValue& value, const Tensor& tensor) {
  const auto expected = check.reference ? check.reference->read(value.name) : std::nullopt;
  if (!expected) return std::nullopt;
  const double threshold = check.th1 > 0 ? check.th1 : default_difference_threshold(tensor.dtype());
  Verdict verdict;
  verdict.layer = value;
  verdict.with_reference = compare_tensors(value.name, tensor, *expected, threshold);
  const auto exact = check.golden ? check.golden->read(value.name) : std::nullopt;
  if (!exact) {
    verdict.passed = verdict.with_reference.passes(check.th2);
    return verdict;
  }
  verdict.with_golden = compare_tensors(value.name, tensor, *exact, threshold);
  verdict.reference_with_golden = compare_tensors(value.name, *expected, *exact, threshold);
  verdict.passed =
      verdict.with_golden->passes(std::max(check.times * verdict.reference_with_golden->error(), threshold));
  return verdict;
}

const Verdict* first_bad(const std::vector<Verdict>& verdicts) {
  const auto bad = std::ranges::find(verdicts, false, &Verdict::passed);
  return bad == verdicts.end() ? nullptr : &*bad;
}

Json to_json(const Verdict& verdict) {
  Json json = {{"index", verdict.layer.layer}, {"node", verdict.layer.node},
               {"op", verdict.layer.op},       {"sources", verdict.layer.sources},
               {"passed", verdict.passed},     {"reference", to_json(verdict.with_reference)}};
  if (verdict.with_golden) {
    json["golden"] = to_json(*verdict.with_golden);
    json["reference_with_golden"] = to_json(*verdict.reference_with_golden);
  }
  return json;
}

void print(const std::vector<Verdict>& verdicts) {
  for (const Verdict& verdict : verdicts) {
    std::string golden;
    if (verdict.with_golden)
      golden = fmt::format("; from golden: diff2 {:.3g}, the reference's {:.3g}",
                           verdict.with_golden->error(), verdict.reference_with_golden->error());
    fmt::print("layer {:>4} {} {} '{}': {}{}\n", verdict.layer.layer, verdict.passed ? "ok " : "BAD",
               verdict.layer.op, verdict.layer.name, text_of(verdict.with_reference), golden);
  }
  if (const Verdict* bad = first_bad(verdicts))
    fmt::print("FAIL: first bad layer: {} '{}', value '{}' (nodes {})\n", bad->layer.op, bad->layer.node,
               bad->layer.name, fmt::join(bad->layer.sources, ", "));
  else
    fmt::print("pass: {} values compared\n", verdicts.size());
}

}  // namespace spinel::cli
