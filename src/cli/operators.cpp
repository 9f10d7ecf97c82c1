// spinel operators
#include <algorithm>
#include <map>
#include <memory>
#include <string_view>

#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/operator_probe.hpp"
#include "cli/output.hpp"
#include "onnx/lowering.hpp"
#include "ops/op_table.hpp"

namespace spinel::cli {
namespace {

struct OperatorRow {
  std::string domain;
  std::string name;
  int oldest = 1;
  int newest = 1;
  bool by_body = false;  ///< Takes what its body does.
  std::vector<OperatorTypes> types;
  std::vector<std::string> kernels;
};

std::string full_name(const OperatorRow& row) {
  return row.domain == "ai.onnx" ? row.name : fmt::format("{}::{}", row.domain, row.name);
}

std::vector<OperatorRow> list_operators() {
  std::vector<OperatorRow> rows;
  const auto add = [&](std::string_view domain, std::string_view name, int oldest) {
    OperatorRow row;
    row.domain = domain.empty() ? "ai.onnx" : std::string(domain);
    row.name = name;
    row.oldest = oldest;
    row.newest = ops::newest_opset(domain);
    rows.push_back(std::move(row));
  };
  for (const ops::OpDef& def : ops::op_table()) {
    // "spinel": parts of others, which no model names.
    if (def.domain != "spinel") add(def.domain, def.name, def.since_version);
  }
  for (const onnx::LoweringEntry& entry : onnx::lowering_table())
    add(entry.domain, entry.name, entry.since_version);
  // The importer makes these itself.
  rows.push_back({"ai.onnx", "Constant", 1, ops::newest_opset(""), false, {}, {}});
  std::ranges::sort(
      rows, {}, [](const OperatorRow& row) { return std::pair(row.domain != "ai.onnx", full_name(row)); });
  return rows;
}

void try_operators(std::vector<OperatorRow>& rows) {
  for (OperatorRow& row : rows) {
    const std::string name = full_name(row);
    bool found = false;
    for (const OperatorSample& sample : operator_samples()) {
      if (name != sample.name) continue;
      found = true;
      row.by_body = std::string_view(sample.inputs) == "body";
      if (!row.by_body) row.types.push_back(try_operator(sample, row.kernels));
    }
    if (!found)
      fail(ErrorCode::internal, "operator {} has no sample to try; add one to src/cli/operator_samples.cpp",
           name);
  }
}

/// Types that are named together where all of them are there.
struct TypeGroup {
  const char* name;
  std::vector<DType> members;
};
const std::vector<TypeGroup>& type_groups() {
  static const std::vector<TypeGroup> groups = {
      {"floats", {DType::float16, DType::bfloat16, DType::float32, DType::float64}},
      {"integers",
       {DType::int8, DType::int16, DType::int32, DType::int64, DType::uint8, DType::uint16, DType::uint32,
        DType::uint64}},
      {"complex", {DType::complex64, DType::complex128}},
      {"float8", {DType::float8e4m3fn, DType::float8e4m3fnuz, DType::float8e5m2, DType::float8e5m2fnuz}},
      {"packed", {DType::float4e2m1, DType::int4, DType::uint4, DType::int2, DType::uint2}},
  };
  return groups;
}

std::string types_text(std::vector<DType> dtypes) {
  if (dtypes.size() == all_dtypes().size()) return "all";
  std::vector<std::string> words;
  for (const TypeGroup& group : type_groups()) {
    const auto has = [&](DType dtype) { return std::ranges::find(dtypes, dtype) != dtypes.end(); };
    const bool whole = std::ranges::all_of(group.members, has);
    if (whole) words.emplace_back(group.name);
    for (DType member : group.members)
      if (!whole && has(member)) words.emplace_back(dtype_name(member));
    std::erase_if(
        dtypes, [&](DType dtype) { return std::ranges::find(group.members, dtype) != group.members.end(); });
  }
  for (DType dtype : dtypes) words.emplace_back(dtype_name(dtype));
  return words.empty() ? "none" : fmt::format("{}", fmt::join(words, ", "));
}

std::string types_text(const OperatorRow& row) {
  if (row.by_body) return "what its body takes";
  std::string text;
  for (const OperatorTypes& types : row.types)
    text += fmt::format("{}{}{}{}", text.empty() ? "" : "; ", types.label, types.label.empty() ? "" : ": ",
                        types_text(types.dtypes));
  return text;
}

std::string opsets_text(const OperatorRow& row) {
  return row.oldest == row.newest ? fmt::format("{}", row.oldest)
                                  : fmt::format("{} to {}", row.oldest, row.newest);
}

void print_markdown(const std::vector<OperatorRow>& rows) {
  fmt::print(
      "# Operators\n\n"
      "Printed by `build/bin/spinel operators --markdown`, which tries each operator with each element type; "
      "the\n"
      "test `cli_operators` compares this page with what it prints.\n\n"
      "- **Opsets**: the versions of the domain's operator set that a model may import. A model that imports "
      "a\n"
      "  newer one for an operator that it uses is refused, for the operator may mean something else there;\n"
      "  export it for an opset of this page.\n"
      "- **Element types**: what the operator computes with on target `cpu`, of its main input where "
      "nothing\n"
      "  else is said; the others are refused.");
  for (const TypeGroup& group : type_groups()) {
    std::vector<std::string_view> names;
    for (DType member : group.members) names.push_back(dtype_name(member));
    fmt::print("\n  - {}: {}", group.name, fmt::join(names, ", "));
  }
  fmt::print(
      "\n- **Tuned**: the kernels besides the reference that target `cpu` has for it, in float32 where it "
      "takes\n"
      "  that. Passes may fuse it into more (docs/passes.md).\n\n"
      "Any other operator is a custom operator, which the host registers.\n");
  std::string domain;
  for (const OperatorRow& row : rows) {
    if (row.domain != domain) {
      domain = row.domain;
      fmt::print("\n## {}\n\n| operator | opsets | element types | tuned |\n| --- | --- | --- | --- |\n",
                 domain);
    }
    fmt::print("| {} | {} | {} | {} |\n", row.name, opsets_text(row), types_text(row),
               fmt::join(row.kernels, ", "));
  }
}

void print_as_json(const std::vector<OperatorRow>& rows) {
  Json list = Json::array();
  for (const OperatorRow& row : rows) {
    Json types = Json::object();
    for (const OperatorTypes& each : row.types) {
      Json names = Json::array();
      for (DType dtype : each.dtypes) names.push_back(dtype_name(dtype));
      types[each.label.empty() ? "T" : each.label] = std::move(names);
    }
    list.push_back({{"domain", row.domain},
                    {"name", row.name},
                    {"oldest_opset", row.oldest},
                    {"newest_opset", row.newest},
                    {"element_types", row.by_body ? Json("body") : std::move(types)},
                    {"kernels", row.kernels}});
  }
  print_json({{"operators", std::move(list)}});
}

}  // namespace

Action set_up_operators(CLI::App& app) {
  struct Flags {
    bool markdown = false;
    bool json = false;
    std::string why;
  };
  auto flags = std::make_shared<Flags>();
  auto* markdown = app.add_flag("--markdown", flags->markdown, "As the page docs/operators.md");
  app.add_flag("--json", flags->json, "Machine-readable")->excludes(markdown);
  app.add_option("--why", flags->why, "One operator, with what each element type that it refuses comes to");
  app.footer("Every operator is tried with every element type: what is listed was loaded and run just now.");
  return [flags] {
    std::vector<OperatorRow> rows = list_operators();
    if (!flags->why.empty()) {
      std::erase_if(rows, [&](const OperatorRow& row) { return full_name(row) != flags->why; });
      if (rows.empty()) fail(ErrorCode::not_found, "there is no operator {}", flags->why);
    }
    try_operators(rows);
    if (flags->json)
      print_as_json(rows);
    else if (flags->markdown)
      print_markdown(rows);
    else
      for (const OperatorRow& row : rows)
        fmt::print("{} ({}): {}{}\n", full_name(row), opsets_text(row), types_text(row),
                   row.kernels.empty() ? "" : fmt::format(" [{}]", fmt::join(row.kernels, ", ")));
    for (const OperatorRow& row : rows)
      for (const OperatorTypes& types : row.types)
        for (const auto& [dtype, reason] : types.refusals)
          if (!flags->why.empty())
            fmt::print("{}{}{}: {}\n", types.label, types.label.empty() ? "" : " ", dtype_name(dtype),
                       reason);
    return exit_ok;
  };
}

}  // namespace spinel::cli
