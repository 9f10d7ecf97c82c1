#include "backend/onnxruntime/inspect.hpp"

#include <algorithm>
#include <set>

#include "backend/model_info.hpp"
#include "backend/value_groups.hpp"
#include "base/text.hpp"
#include "graph/infer.hpp"

namespace spinel::backend::ort {
namespace {

void add_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

/// A length-delimited field.
void add_field(std::string& out, uint32_t field, std::string_view bytes) {
  add_varint(out, field << 3 | 2);
  add_varint(out, bytes.size());
  out += bytes;
}

/// Operators whose results are sequences or optionals; of others the importer's types tell.
bool may_be_no_tensor(std::string_view op) {
  return op.starts_with("Sequence") || op == "SplitToSequence" || op.starts_with("Optional") || op == "If" ||
         op == "Loop" || op == "Identity";
}

std::string node_name(const onnx::Node& node, size_t index) {
  return node.name.empty() ? fmt::format("{}_{}", node.op_type, index) : std::string(node.name);
}

}  // namespace

std::vector<std::byte> with_outputs(std::span<const std::byte> model, std::span<const std::string> names) {
  constexpr uint32_t model_graph = 7;
  constexpr uint32_t graph_output = 12;
  constexpr uint32_t value_name = 1;
  std::string graph;
  for (const std::string& name : names) {
    std::string info;
    add_field(info, value_name, name);
    add_field(graph, graph_output, info);
  }
  std::string added;
  add_field(added, model_graph, graph);
  std::vector<std::byte> out;
  out.reserve(model.size() + added.size());
  out.assign(model.begin(), model.end());
  const auto bytes = std::as_bytes(std::span(added));
  out.insert(out.end(), bytes.begin(), bytes.end());
  return out;
}

Inspector::Inspector(onnx::ModelSource source, const CompileOptions& options)
    : source_(std::move(source)),
      file_(onnx::parse_model(source_.bytes.data, options.limits)),
      options_(options) {
  options_.spas = 1;
  try {
    graph::Graph graph = onnx::import_model(source_, options.limits, nullptr);
    apply_input_size(graph, options.input_size);
    graph::infer(graph);
    for (const graph::Value& value : graph.values) types_.emplace(value.name, value.type);
  } catch (const Error&) {
    types_.clear();  // ONNX Runtime knows more operators; dims are then not known.
  }
}

bool Inspector::is_readable(const onnx::Node& node, const std::string& name) const {
  if (name.empty()) return false;
  const auto type = types_.find(name);
  return type == types_.end() ? !may_be_no_tensor(node.op_type) : type->second.is_tensor();
}

std::vector<LayerValue> Inspector::values(const graph::Bindings& symbols) const {
  std::set<std::string_view> constants;
  for (const onnx::Tensor& tensor : file_.graph.initializers) constants.insert(tensor.name);
  std::vector<LayerValue> values;
  for (size_t n = 0; n < file_.graph.nodes.size(); ++n) {
    const onnx::Node& node = file_.graph.nodes[n];
    for (std::string_view output : node.outputs) {
      const std::string name(output);
      if (!is_readable(node, name)) continue;
      LayerValue& value = values.emplace_back();
      value.name = name;
      value.layer = n;
      value.node = node_name(node, n);
      value.op = node.op_type;
      value.sources = {value.node};
      for (std::string_view input : node.inputs)
        if (!input.empty() && !constants.contains(input)) value.inputs.emplace_back(input);
      value.has_rank = false;
      const auto type = types_.find(name);
      if (type == types_.end()) continue;
      value.dtype = type->second.dtype;
      value.has_rank = type->second.shape.has_value();
      if (!value.has_rank) continue;
      for (const graph::Dim& dim : *type->second.shape)
        value.dims.push_back(dim.evaluate(symbols).value_or(-1));
    }
  }
  return values;
}

std::vector<graph::RuntimeValue> Inspector::run(const Shared& shared, const graph::Bindings& symbols,
                                                std::span<const graph::RuntimeValue> inputs,
                                                const Inspection& inspection,
                                                const graph::RunServices& services) const {
  if (inspection.replace)
    fail(ErrorCode::unsupported, "target 'onnx' cannot replace values between its nodes; use target 'cpu'");
  std::vector<LayerValue> wanted = values(symbols);
  if (!inspection.names.empty()) {
    std::vector<std::string> known;
    for (const LayerValue& value : wanted) known.push_back(value.name);
    require_values(inspection.names, known);
    const std::set<std::string> names(inspection.names.begin(), inspection.names.end());
    std::erase_if(wanted, [&](const LayerValue& value) { return !names.contains(value.name); });
  }
  const std::set<std::string> results(shared.output_names.begin(), shared.output_names.end());
  for (const auto& group : group_values(wanted)) {
    std::vector<std::string> fetched;
    std::vector<std::string> added;
    for (const LayerValue& value : group) {
      fetched.push_back(value.name);
      if (!results.contains(value.name)) added.push_back(value.name);
    }
    onnx::ModelSource source = source_;
    const auto bytes = std::make_shared<std::vector<std::byte>>(with_outputs(source_.bytes.data, added));
    source.bytes = {*bytes, bytes};
    auto tensors = run_session(shared, source, std::move(fetched), inputs, services);
    for (size_t i = 0; i < group.size(); ++i) {
      LayerValue value = group[i];
      value.dtype = tensors[i].tensor().dtype();
      value.has_rank = true;
      value.dims = tensors[i].tensor().dims();
      if (inspection.value) inspection.value(value, tensors[i].tensor());
      tensors[i] = {};
    }
  }
  return run_session(shared, source_, shared.output_names, inputs, services);
}

std::vector<graph::RuntimeValue> Inspector::run_session(const Shared& shared, const onnx::ModelSource& source,
                                                        std::vector<std::string> outputs,
                                                        std::span<const graph::RuntimeValue> inputs,
                                                        const graph::RunServices& services) const {
  const auto own = std::make_shared<Shared>(shared.environment, options_.log);
  own->input_names = shared.input_names;
  own->output_names = std::move(outputs);
  std::vector<Handle<Session>> sessions = make_sessions(*own, source, file_, options_);
  SessionReplica replica(own, std::move(sessions.front()));
  std::vector<graph::RuntimeValue> tensors(own->output_names.size());
  replica.run(inputs, tensors, services);
  return tensors;
}

}  // namespace spinel::backend::ort
