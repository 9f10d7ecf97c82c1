// A model file's messages, to be changed and written again.
#pragma once
#include <deque>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <spinel/limits.hpp>
#include <spinel/tensor.hpp>

#include "onnx/model.hpp"
#include "onnx/tensor_data.hpp"

namespace spinel::onnx {

/// The messages of a file together with everything that they point to: the file's bytes, its external data
/// (read at once, so that each tensor holds its values), and what edits add. Not for use by two threads.
class EditableModel {
 public:
  /// Throws Error as open_model, parse_model and to_tensor do.
  EditableModel(const std::filesystem::path& path, const Limits& limits);

  Model& model() noexcept { return model_; }
  const Model& model() const noexcept { return model_; }
  /// The graph's opset version; 0 if the model imports none.
  int opset() const;
  /// The bytes of the file and of its external data.
  uint64_t size_bytes() const noexcept { return source_.model_bytes; }
  /// The files, beneath the model's folder, that its external data was in.
  const std::set<std::string>& external_files() const noexcept { return external_files_; }
  const TensorSource& source() const noexcept { return source_; }

  /// A copy of the text that lives as long as the model.
  std::string_view text(std::string text);
  /// The tensor as an initializer. It is kept, not copied, and must not change afterwards.
  Tensor message(std::string_view name, const spinel::Tensor& tensor);
  /// The values of an initializer; perhaps a view that must not be written to.
  spinel::Tensor tensor(const Tensor& message) const { return to_tensor(message, source_); }
  /// A deep copy.
  Node copy(const Node& node);
  Attribute copy(const Attribute& attribute);
  /// "<wish>", or the first of "<wish>_1", "<wish>_2" ... that names nothing in the model yet.
  std::string_view unused_name(const std::string& wish);

 private:
  void load_external(Graph& graph);
  void load_external(std::vector<Node>& nodes);
  void load_external(Tensor& tensor);
  void collect_names(const Graph& graph);

  TensorSource source_;
  Model model_;
  std::deque<std::string> texts_;
  std::vector<spinel::Tensor> tensors_;
  std::set<std::string> external_files_;
  std::set<std::string_view> names_;
  Limits limits_;
};

/// "" for both names of the standard operators' domain.
inline std::string_view plain_domain(std::string_view domain) { return domain == "ai.onnx" ? "" : domain; }

Node make_node(std::string_view op_type, std::vector<std::string_view> inputs,
               std::vector<std::string_view> outputs, std::string_view name);
Attribute make_attribute(std::string_view name, int64_t value);
Attribute make_attribute(std::string_view name, std::vector<int64_t> values);
const Attribute* find_attribute(const Node& node, std::string_view name);
Attribute* find_attribute(Node& node, std::string_view name);

/// Calls fn(Graph&) for each graph among the node's attributes.
template <class N, class Fn>
void for_each_subgraph(N& node, Fn&& fn) {
  for (auto& attribute : node.attributes) {
    if (attribute.g) fn(*attribute.g);
    for (auto& graph : attribute.graphs) fn(graph);
  }
}

}  // namespace spinel::onnx
