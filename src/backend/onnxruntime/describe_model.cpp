#include "backend/onnxruntime/describe_model.hpp"

#include "backend/model_info.hpp"
#include "backend/onnxruntime/tensors.hpp"
#include "base/text.hpp"
#include "graph/batch.hpp"
#include "graph/infer.hpp"
#include "onnx/import_attributes.hpp"

namespace spinel::backend::ort {
namespace {

using graph::Dim;
using graph::Shape;
using graph::ValueType;

/// One side of a session: which functions tell of it.
struct Side {
  const char* what;
  Fallible<const Session*, size_t*> count;
  Fallible<const Session*, size_t, Allocator*, char**> name;
  Fallible<const Session*, size_t, TypeInfo**> type;
};
constexpr Side input_side{"input", get_input_count, get_input_name, get_input_type};
constexpr Side output_side{"output", get_output_count, get_output_name, get_output_type};

std::string name_of(const Api& api, const Session* session, const Side& side, size_t index) {
  Allocator* allocator = nullptr;
  api(Stage::load, get_default_allocator, &allocator);
  char* text = nullptr;
  api(Stage::load, side.name, session, index, allocator, &text);
  const std::string name = text;
  api(Stage::load, allocator_free, allocator, text);
  return name;
}

/// What the file says of a value's type; nullptr if nothing.
const onnx::Type* find_declared(const std::vector<onnx::ValueInfo>& declared, const std::string& name) {
  for (const onnx::ValueInfo& info : declared)
    if (info.name == name && info.type) return &*info.type;
  return nullptr;
}

/// The type, with Spinel's symbols for dynamic dims: the file's name of it, else "<value>.<axis>". Of what is
/// no tensor the file tells, and so it does whether there is a rank, for ONNX Runtime reports none as 0.
ValueType type_of(const Api& api, const Session* session, const Side& side, size_t index,
                  const std::string& name, const onnx::Type* declared) {
  Handle<TypeInfo> type(api, release_type_info);
  api(Stage::load, side.type, session, index, type.receive());
  const TensorShape* tensor = nullptr;
  api(Stage::load, cast_to_tensor_info, type.get(), &tensor);
  if (tensor == nullptr && declared == nullptr)
    fail(ErrorCode::unsupported, "{} '{}' is no tensor, and the file does not say what it is", side.what,
         name);
  if (tensor == nullptr) return onnx::import_type(*declared, name);
  int number = 0;
  size_t rank = 0;
  api(Stage::load, get_element_type, tensor, &number);
  api(Stage::load, get_rank, tensor, &rank);
  if (rank == 0 && (declared == nullptr || !declared->shape))
    return ValueType::tensor(dtype_of_number(number));
  std::vector<int64_t> dims(rank);
  std::vector<const char*> names(rank);
  api(Stage::load, get_dims, tensor, dims.data(), rank);
  api(Stage::load, get_dim_names, tensor, names.data(), rank);
  Shape shape;
  for (size_t axis = 0; axis < rank; ++axis) {
    if (dims[axis] >= 0)
      shape.push_back(dims[axis]);
    else
      shape.push_back(onnx::declared_dim(name, names[axis] != nullptr ? names[axis] : "", shape));
  }
  return ValueType::tensor(dtype_of_number(number), std::move(shape));
}

/// The values of one side as a graph's.
std::vector<graph::ValueId> add_values(const Api& api, const Session* session, const Side& side,
                                       const std::vector<onnx::ValueInfo>& declared, graph::Graph& graph) {
  size_t count = 0;
  api(Stage::load, side.count, session, &count);
  std::vector<graph::ValueId> ids;
  for (size_t i = 0; i < count; ++i) {
    graph::Value value;
    value.name = name_of(api, session, side, i);
    value.type = type_of(api, session, side, i, value.name, find_declared(declared, value.name));
    ids.push_back(graph.add_value(std::move(value)));
  }
  return ids;
}

Description describe_graph(const graph::Graph& graph, BatchInfo batch) {
  Description out;
  out.inputs = input_infos(graph, batch);
  out.outputs = output_infos(graph, batch);
  for (graph::ValueId id : graph.inputs) out.input_types.push_back(graph.value(id).type);
  for (graph::ValueId id : graph.outputs) out.output_types.push_back(graph.value(id).type);
  out.batch = std::move(batch);
  return out;
}

}  // namespace

Description describe_by_importer(const onnx::ModelSource& source, const CompileOptions& options) {
  graph::Graph graph = onnx::import_model(source, options.limits, nullptr);
  apply_input_size(graph, options.input_size);
  graph::infer(graph);
  Description out = describe_graph(graph, batch_info(graph::analyze_batch(graph), graph.outputs.size()));
  out.compute_dtype = compute_dtype(graph);
  for (const graph::Value& value : graph.values)
    if (value.is_constant()) out.weight_bytes += value.constant.size_bytes();
  out.graph_text = graph::to_text(graph);
  return out;
}

Description describe_by_session(const Api& api, const Session* session, const onnx::Model& file,
                                const CompileOptions& options, const std::string& why) {
  graph::Graph graph;
  graph.inputs = add_values(api, session, input_side, file.graph.inputs, graph);
  apply_input_size(graph, options.input_size);
  graph.outputs = add_values(api, session, output_side, file.graph.outputs, graph);
  for (graph::ValueId id : graph.outputs) {
    graph::Value& value = graph.value(id);
    graph.output_names.push_back(value.name);
    if (!value.type.shape) continue;
    // A symbol in a declared output is the file's claim; nothing has shown that it is the input's.
    for (Dim& dim : *value.type.shape)
      if (!dim.is_constant()) dim = Dim::unknown();
  }
  BatchInfo batch;
  batch.input_axes.assign(graph.inputs.size(), -1);
  batch.output_axes.assign(graph.outputs.size(), -1);
  batch.reason = "Spinel cannot analyse the model: " + why;
  Description out = describe_graph(graph, std::move(batch));
  for (const auto* infos : {&out.inputs, &out.outputs})
    for (const TensorInfo& info : *infos)
      if (out.compute_dtype == DType::undefined &&
          (info.dtype == DType::float16 || info.dtype == DType::float32 || info.dtype == DType::float64 ||
           info.dtype == DType::bfloat16))
        out.compute_dtype = info.dtype;
  out.graph_text = "ONNX Runtime runs the file as it is. " + out.batch.reason + "\n";
  for (const onnx::Tensor& tensor : file.graph.initializers)
    if (is_known_dtype(tensor.data_type))
      out.weight_bytes += tensor_bytes(static_cast<DType>(tensor.data_type), tensor.dims);
  return out;
}

}  // namespace spinel::backend::ort
