#include "cli/operator_probe.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <set>
#include <sstream>
#include <string_view>

#include <spinel/engine.hpp>

#include "base/text.hpp"
#include "onnx/encode.hpp"
#include "onnx/model.hpp"

namespace spinel::cli {
namespace {

EngineOptions engine_options() {
  EngineOptions options;
  options.spas = 1;
  // So that the same is found on every machine.
  options.isa = "portable";
  return options;
}

/// A model of one node, and the values of its inputs.
class SampleModel {
 public:
  explicit SampleModel(std::string_view op, int opset) {
    const size_t colons = op.find("::");
    node_.op_type = op.substr(colons == std::string_view::npos ? 0 : colons + 2);
    if (colons != std::string_view::npos) {
      node_.domain = op.substr(0, colons);
      model_.opset_imports.push_back({node_.domain, opset});
    }
    model_.opset_imports.push_back({"", colons == std::string_view::npos ? opset : 17});
    model_.ir_version = 10;
    model_.has_graph = true;
  }

  void add_attribute(onnx::Attribute attribute) { node_.attributes.push_back(std::move(attribute)); }
  void skip_input() { node_.inputs.emplace_back(); }
  void add_input(Value value, DType dtype) {
    const std::string_view name = next_name("x");
    auto type = std::make_unique<onnx::Type>();
    type->kind = onnx::Type::Kind::tensor;
    type->elem_type = static_cast<int32_t>(dtype);
    if (value.is_sequence()) {
      onnx::Type sequence;
      sequence.kind = onnx::Type::Kind::sequence;
      sequence.element = std::move(type);
      declare(model_.graph.inputs, name).type = std::move(sequence);
    } else {
      type->shape.emplace();
      for (int64_t size : value.tensor().dims()) {
        onnx::Dim dim;
        dim.kind = onnx::Dim::Kind::value;
        dim.value = size;
        type->shape->push_back(std::move(dim));
      }
      declare(model_.graph.inputs, name).type = std::move(*type);
    }
    node_.inputs.push_back(name);
    values_.push_back(std::move(value));
  }
  void add_constant(const Tensor& tensor) {
    model_.graph.initializers.push_back(message(next_name("c"), tensor));
    node_.inputs.push_back(model_.graph.initializers.back().name);
  }
  onnx::Tensor message(std::string_view name, const Tensor& tensor) {
    onnx::Tensor out;
    out.name = name;
    out.dims = tensor.dims();
    out.data_type = static_cast<int32_t>(tensor.dtype());
    tensors_.push_back(tensor);
    const Tensor& kept = tensors_.back();
    if (kept.dtype() == DType::string)
      for (const std::string& each : kept.data<std::string>()) out.string_data.push_back(each);
    else
      out.raw_data = {static_cast<const std::byte*>(kept.raw()), kept.size_bytes()};
    return out;
  }

  InferEngine load(int outputs) {
    for (int i = 0; i < outputs; ++i) {
      const std::string_view name = next_name("y");
      node_.outputs.push_back(name);
      declare(model_.graph.outputs, name);
    }
    model_.graph.name = "sample";
    model_.graph.nodes.push_back(std::move(node_));
    const std::string bytes = onnx::encode(model_).text();
    return InferEngine::from_memory(std::as_bytes(std::span(bytes)), engine_options());
  }
  const std::vector<Value>& values() const { return values_; }

 private:
  static onnx::ValueInfo& declare(std::vector<onnx::ValueInfo>& infos, std::string_view name) {
    infos.emplace_back().name = name;
    return infos.back();
  }
  std::string_view next_name(const char* prefix) {
    names_.push_back(fmt::format("{}{}", prefix, names_.size()));
    return names_.back();
  }

  std::deque<std::string> names_;
  std::deque<Tensor> tensors_;
  onnx::Model model_;
  onnx::Node node_;
  std::vector<Value> values_;
};

/// The numbers as this type. What convert() does not know is left to Cast, as whose input they are whole.
Tensor make_tensor(DType dtype, Dims dims, const std::vector<double>& numbers) {
  const bool is_complex = dtype == DType::complex64 || dtype == DType::complex128;
  if (dtype == DType::string || is_complex) {
    Tensor out(dtype, std::move(dims));
    for (size_t i = 0; i < numbers.size(); ++i)
      if (dtype == DType::string)
        out.data<std::string>()[i] = fmt::format("{}", numbers[i]);
      else if (dtype == DType::complex64)
        static_cast<float*>(out.raw())[2 * i] = static_cast<float>(numbers[i]);
      else
        static_cast<double*>(out.raw())[2 * i] = numbers[i];
    return out;
  }
  Tensor doubles = Tensor::from<double>(std::move(dims), numbers);
  try {
    return convert(doubles, dtype);
  } catch (const Error&) {
    SampleModel cast("Cast", 25);
    onnx::Attribute to;
    to.name = "to";
    to.type = onnx::AttributeType::int_value;
    to.i = static_cast<int64_t>(dtype);
    cast.add_attribute(std::move(to));
    cast.add_input(convert(doubles, DType::float32), DType::float32);
    return cast.load(1).run_values(cast.values())[0].tensor();
  }
}

template <class T>
std::vector<T> numbers_in(std::string_view text) {
  std::vector<T> numbers;
  std::istringstream stream{std::string(text)};
  for (std::string each; std::getline(stream, each, ',');) numbers.push_back(static_cast<T>(std::stod(each)));
  return numbers;
}

DType sample_dtype(std::string_view name, DType tried) {
  static const std::map<std::string_view, DType> names = {
      {"f32", DType::float32}, {"u8", DType::uint8},  {"i8", DType::int8},
      {"i32", DType::int32},   {"i64", DType::int64}, {"bool", DType::boolean},
  };
  const auto found = names.find(name);
  if (found != names.end()) return found->second;
  if (name != "T" && name != "S") fail(ErrorCode::internal, "sample of an operator: type '{}'", name);
  return tried;
}

/// "!T[2,3]:1,2", see OperatorSample.
void add_input(SampleModel& model, std::string_view text, DType tried) {
  if (text == "-") return model.skip_input();
  const bool constant = text.starts_with('!');
  if (constant) text.remove_prefix(1);
  const size_t type_end = std::min(text.find_first_of("[:"), text.size());
  const std::string_view type = text.substr(0, type_end);
  const DType dtype = sample_dtype(type, tried);
  text.remove_prefix(type_end);
  std::optional<Dims> dims;
  if (text.starts_with('[')) {
    dims = numbers_in<int64_t>(text.substr(1, text.find(']') - 1));
    text.remove_prefix(text.find(']') + 1);
  }
  std::vector<double> numbers;
  if (text.starts_with(':')) numbers = numbers_in<double>(text.substr(1));
  const auto count = dims ? static_cast<size_t>(element_count(*dims)) : numbers.size();
  for (size_t i = numbers.size(); i < count; ++i) numbers.push_back(static_cast<double>(1 + i % 3));
  const Tensor tensor = make_tensor(dtype, dims.value_or(Dims{static_cast<int64_t>(count)}), numbers);
  if (constant)
    model.add_constant(tensor);
  else if (type == "S")
    model.add_input(Sequence{tensor, tensor}, dtype);
  else
    model.add_input(tensor, dtype);
}

/// "axis=1", see OperatorSample.
void add_attribute(SampleModel& model, std::string_view text, DType tried) {
  onnx::Attribute attribute;
  attribute.name = text.substr(0, text.find('='));
  const std::string_view value = text.substr(attribute.name.size() + 1);
  using Type = onnx::AttributeType;
  if (value == "@T" && attribute.name == "value") {
    attribute.type = Type::tensor;
    attribute.t = std::make_unique<onnx::Tensor>(model.message("value", make_tensor(tried, {1}, {1})));
  } else if (value == "@T") {
    attribute.type = Type::int_value;
    attribute.i = static_cast<int64_t>(tried);
  } else if (value.starts_with('\'')) {
    attribute.type = Type::string;
    attribute.s = value.substr(1, value.size() - 2);
  } else if (value.starts_with('[')) {
    attribute.type = Type::strings;
    attribute.strings = {value.substr(2, value.size() - 4)};
  } else if (value.find(',') != std::string_view::npos) {
    attribute.type = Type::ints;
    attribute.ints = numbers_in<int64_t>(value);
  } else if (value.find('.') != std::string_view::npos) {
    attribute.type = Type::float_value;
    attribute.f = numbers_in<float>(value)[0];
  } else {
    attribute.type = Type::int_value;
    attribute.i = numbers_in<int64_t>(value)[0];
  }
  model.add_attribute(std::move(attribute));
}

template <class Fn>
void for_each_word(std::string_view text, Fn&& fn) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    fn(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// Loads and runs the sample, and the first time says which tuned kernels that took. Throws Error.
void run_with(const OperatorSample& sample, DType tried, std::vector<std::string>& kernels) {
  SampleModel model(sample.name, sample.opset);
  for_each_word(sample.attributes, [&](std::string_view each) { add_attribute(model, each, tried); });
  for_each_word(sample.inputs, [&](std::string_view each) { add_input(model, each, tried); });
  const InferEngine engine = model.load(sample.outputs);
  engine.run_values(model.values());
  if (!kernels.empty()) return;
  const auto is_tensor = [](const TensorInfo& info) { return info.kind == ValueKind::tensor; };
  if (!std::ranges::all_of(engine.inputs(), is_tensor) || !std::ranges::all_of(engine.outputs(), is_tensor))
    return;
  std::vector<Tensor> tensors;
  for (const Value& value : model.values()) tensors.push_back(value.tensor());
  for (const LayerTime& layer : engine.profile(tensors).layers)
    if (layer.kernel != "reference" && (layer.kernel != "transpose" || layer.op == sample.name)) {
      // Some kernels' names end in the instruction set's.
      const std::string name = layer.kernel.substr(0, layer.kernel.find(" portable"));
      if (std::ranges::find(kernels, name) == kernels.end()) kernels.push_back(name);
    }
}

}  // namespace

const std::vector<DType>& all_dtypes() {
  static const std::vector<DType> all = {
      DType::float16,    DType::bfloat16,     DType::float32,        DType::float64,    DType::int8,
      DType::int16,      DType::int32,        DType::int64,          DType::uint8,      DType::uint16,
      DType::uint32,     DType::uint64,       DType::boolean,        DType::string,     DType::complex64,
      DType::complex128, DType::float8e4m3fn, DType::float8e4m3fnuz, DType::float8e5m2, DType::float8e5m2fnuz,
      DType::float8e8m0, DType::float4e2m1,   DType::int4,           DType::uint4,      DType::int2,
      DType::uint2};
  return all;
}

OperatorTypes try_operator(const OperatorSample& sample, std::vector<std::string>& kernels) {
  OperatorTypes types{sample.label, {}, {}};
  // float32 first, for which most tuned kernels are.
  std::vector<DType> order = all_dtypes();
  std::ranges::stable_partition(order, [](DType dtype) { return dtype == DType::float32; });
  std::set<DType> taken;
  for (DType dtype : order) try {
      run_with(sample, dtype, kernels);
      taken.insert(dtype);
    } catch (const Error& error) {
      types.refusals.emplace_back(dtype, error.what());
    }
  for (DType dtype : all_dtypes())
    if (taken.contains(dtype)) types.dtypes.push_back(dtype);
  return types;
}

}  // namespace spinel::cli
