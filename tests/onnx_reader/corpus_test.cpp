// Every file of the ONNX test data: our parse against libprotobuf's, and our tensors against its payloads.
#include <onnx/onnx_pb.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "base/file.hpp"
#include "corpus.hpp"
#include "onnx/tensor_data.hpp"
#include "reference.hpp"

namespace reader_test {
namespace {

template <class To, class From>
std::string narrowed(const From& values) {
  std::string out;
  for (auto value : values) {
    const To narrow = static_cast<To>(value);
    out.append(reinterpret_cast<const char*>(&narrow), sizeof(To));
  }
  return out;
}

/// The tensor's bytes from protobuf's lists, by the rules of onnx.proto; strings joined by their lengths.
std::string payload(const onnx::TensorProto& t) {
  using onnx::TensorProto;
  if (t.has_raw_data()) return t.raw_data();
  switch (t.data_type()) {
    case TensorProto::FLOAT:
    case TensorProto::COMPLEX64:
      return narrowed<float>(t.float_data());
    case TensorProto::DOUBLE:
    case TensorProto::COMPLEX128:
      return narrowed<double>(t.double_data());
    case TensorProto::INT64:
      return narrowed<int64_t>(t.int64_data());
    case TensorProto::UINT64:
      return narrowed<uint64_t>(t.uint64_data());
    case TensorProto::UINT32:
      return narrowed<uint32_t>(t.uint64_data());
    case TensorProto::INT32:
      return narrowed<int32_t>(t.int32_data());
    case TensorProto::INT16:
    case TensorProto::UINT16:
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
      return narrowed<uint16_t>(t.int32_data());
    case TensorProto::INT8:
    case TensorProto::UINT8:
    case TensorProto::BOOL:
      return narrowed<uint8_t>(t.int32_data());
    default:
      break;
  }
  std::string out;
  for (const std::string& text : t.string_data()) out += std::to_string(text.size()) + ":" + text;
  return out;
}

std::string payload(const spinel::Tensor& t) {
  if (t.dtype() != spinel::DType::string) return {static_cast<const char*>(t.raw()), t.size_bytes()};
  std::string out;
  for (const std::string& text : t.data<std::string>()) out += std::to_string(text.size()) + ":" + text;
  return out;
}

void compare_tensor(const spinel::onnx::Tensor& ours, const onnx::TensorProto& theirs,
                    const std::shared_ptr<void>& owner, size_t& compared) {
  spinel::onnx::TensorSource source;
  source.owner = owner;
  const spinel::Tensor tensor = spinel::onnx::to_tensor(ours, source);
  REQUIRE(static_cast<int>(tensor.dtype()) == theirs.data_type());
  REQUIRE(tensor.dims() == spinel::Dims(theirs.dims().begin(), theirs.dims().end()));
  REQUIRE(payload(tensor) == payload(theirs));
  ++compared;
}

void compare_tensors(const spinel::onnx::Graph& ours, const onnx::GraphProto& theirs,
                     const std::shared_ptr<void>& owner, size_t& compared) {
  for (size_t i = 0; i < ours.initializers.size(); ++i)
    compare_tensor(ours.initializers[i], theirs.initializer(static_cast<int>(i)), owner, compared);
  for (size_t n = 0; n < ours.nodes.size(); ++n) {
    for (size_t a = 0; a < ours.nodes[n].attributes.size(); ++a) {
      const auto& attribute = ours.nodes[n].attributes[a];
      const auto& reference = theirs.node(static_cast<int>(n)).attribute(static_cast<int>(a));
      if (attribute.t) compare_tensor(*attribute.t, reference.t(), owner, compared);
      if (attribute.g) compare_tensors(*attribute.g, reference.g(), owner, compared);
    }
  }
}

}  // namespace

TEST_CASE("every model of the ONNX test data reads as libprotobuf reads it") {
  size_t tensors = 0;
  const auto paths = corpus(".onnx");
  REQUIRE(paths.size() > 1000);
  for (const auto& path : paths) {
    INFO(path.string());
    const spinel::Bytes file = spinel::read_file(path, "model");
    const std::string_view bytes(reinterpret_cast<const char*>(file.data.data()), file.data.size());
    REQUIRE(disagreement(Kind::model, bytes) == "");
    const spinel::onnx::Model model = spinel::onnx::parse_model(file.data, spinel::Limits{});
    onnx::ModelProto reference;
    REQUIRE(reference.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    compare_tensors(model.graph, reference.graph(), file.owner, tensors);
  }
  CHECK(tensors > 350);
}

TEST_CASE("every tensor file of the ONNX test data reads as libprotobuf reads it") {
  size_t tensors = 0;
  size_t sequences = 0;
  const auto paths = corpus(".pb");
  REQUIRE(paths.size() > 3000);
  for (const auto& path : paths) {
    INFO(path.string());
    const spinel::Bytes file = spinel::read_file(path, "tensor");
    const std::string_view bytes(reinterpret_cast<const char*>(file.data.data()), file.data.size());
    // A file does not say which message it holds: every reading must agree.
    for (Kind kind : {Kind::tensor, Kind::sequence, Kind::optional}) REQUIRE(disagreement(kind, bytes) == "");
    onnx::TensorProto reference;
    if (reference.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
        reference.unknown_fields().empty() && (reference.has_raw_data() || reference.string_data_size() > 0))
      compare_tensor(spinel::onnx::parse_tensor(file.data, spinel::Limits{}), reference, file.owner, tensors);
    else
      ++sequences;
  }
  CHECK(tensors > 2900);
  CHECK(sequences > 20);
}

}  // namespace reader_test
