// Any bytes, read as each message of the ONNX reader, and every tensor of them decoded: an Error or a result.
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "onnx/tensor_data.hpp"

namespace {

using namespace spinel;

size_t touched = 0;

void decode(const onnx::Tensor& tensor, const onnx::TensorSource& source) {
  try {
    const Tensor decoded = onnx::to_tensor(tensor, source);
    if (decoded.dtype() == DType::string) {
      for (const std::string& text : decoded.data<std::string>()) touched += text.size();
    } else if (decoded.size_bytes() != 0) {
      touched += static_cast<const uint8_t*>(decoded.raw())[decoded.size_bytes() - 1];
    }
  } catch (const Error&) {
  }
}

void decode(const onnx::SparseTensor& tensor, const onnx::TensorSource& source) {
  try {
    touched += onnx::to_dense_tensor(tensor, source).size_bytes();
  } catch (const Error&) {
  }
}

void decode(const onnx::Graph& graph, const onnx::TensorSource& source) {
  for (const auto& tensor : graph.initializers) decode(tensor, source);
  for (const auto& tensor : graph.sparse_initializers) decode(tensor, source);
  for (const auto& node : graph.nodes) {
    for (const auto& attribute : node.attributes) {
      if (attribute.t) decode(*attribute.t, source);
      if (attribute.g) decode(*attribute.g, source);
      if (attribute.sparse_tensor) decode(*attribute.sparse_tensor, source);
      for (const auto& tensor : attribute.tensors) decode(tensor, source);
      for (const auto& tensor : attribute.sparse_tensors) decode(tensor, source);
      for (const auto& subgraph : attribute.graphs) decode(subgraph, source);
    }
  }
}

template <class Fn>
void attempt(Fn&& fn) {
  try {
    fn();
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A block of exactly this size, so that the sanitizer sees every byte read beyond it.
  const std::shared_ptr<uint8_t[]> block(new uint8_t[size]);
  if (size != 0) std::memcpy(block.get(), data, size);
  const auto bytes = std::as_bytes(std::span(block.get(), size));
  Limits limits;
  limits.max_model_bytes = 64 << 20;
  limits.max_tensor_bytes = 1 << 20;
  limits.max_nodes = 10'000;
  limits.max_nesting = 0;
  onnx::TensorSource source;
  source.owner = std::shared_ptr<void>(block, block.get());
  source.limits = limits;
  // No folder: external data is refused before any file is opened.
  attempt([&] {
    const onnx::Model model = onnx::parse_model_fields(bytes, limits);
    decode(model.graph, source);
    for (const auto& info : model.training_infos)
      if (info.initialization) decode(*info.initialization, source);
  });
  attempt([&] { decode(onnx::parse_tensor(bytes, limits), source); });
  attempt([&] {
    for (const auto& tensor : onnx::parse_sequence(bytes, limits).tensors) decode(tensor, source);
  });
  attempt([&] { touched += onnx::parse_optional(bytes, limits).name.size(); });
  return touched == SIZE_MAX ? 1 : 0;
}
