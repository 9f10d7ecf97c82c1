#include "ops/op_table.hpp"

#include "base/text.hpp"

// The only list of operators: domain, name, first supported opset, factory. One line an operator, by domain
// and name. A factory may serve several names; it tells them apart by OpArgs::op_type().
#define SPINEL_OPERATORS(X) X("", "Relu", 1, make_unary)

namespace spinel::ops {

#define SPINEL_DECLARE(domain, name, since, make) OpPtr make(const OpArgs& args);
SPINEL_OPERATORS(SPINEL_DECLARE)
#undef SPINEL_DECLARE

namespace {

#define SPINEL_ENTRY(domain, name, since, make) OpDef{domain, name, since, make},
constexpr OpDef table[] = {SPINEL_OPERATORS(SPINEL_ENTRY)};
#undef SPINEL_ENTRY

}  // namespace

std::span<const OpDef> op_table() { return table; }

const OpDef* find_op(std::string_view domain, std::string_view name) {
  if (domain == "ai.onnx") domain = "";
  for (const OpDef& def : table)
    if (def.domain == domain && def.name == name) return &def;
  return nullptr;
}

OpPtr make_op(const OpDef& def, const OpArgs& args) {
  if (args.version() < def.since_version)
    fail(ErrorCode::unsupported, "{} of opset {} is not supported; the oldest is {}", def.name,
         args.version(), def.since_version);
  OpPtr op = def.make(args);
  if (const auto unread = args.unread(); !unread.empty())
    fail(ErrorCode::bad_model, "{} of opset {} has no attribute '{}'", def.name, args.version(),
         fmt::join(unread, "', '"));
  return op;
}

}  // namespace spinel::ops
