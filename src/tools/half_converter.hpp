// A model's float32 values as float16.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include <spinel/model_tools.hpp>

#include "tools/analysis.hpp"

namespace spinel::tools {

/// Changes the messages of a model without functions. Each float32 value is one of three: half from now on,
/// `full` (results of nodes that are kept, inputs that are), or a literal (initializer, Constant), which may
/// be wanted in both forms and then is there twice. Casts stand where readers want the other form.
class HalfConverter {
 public:
  HalfConverter(onnx::EditableModel& model, Analysis& analysis, const ConvertOptions& options,
                ConvertReport& report)
      : model_(model), analysis_(analysis), options_(options), report_(report) {}

  /// Throws Error; the model is then in pieces.
  void run();

 private:
  /// A graph that is being rewritten.
  struct Level {
    Level* parent;
    onnx::Graph& graph;
    Scope& scope;
    std::map<std::pair<const Fact*, bool>, std::string_view> casts;
    std::vector<onnx::Node> nodes;
  };

  void check_names();
  bool is_kept(const onnx::Node& node) const;
  bool wants_half(const onnx::Node& node, size_t input) const;
  static bool is_float32(const Fact* fact) {
    return fact != nullptr && fact->type.is_tensor() && fact->type.dtype == DType::float32;
  }

  void survey(onnx::Graph& graph, Scope& scope, bool is_main);
  void want(const Fact* fact, bool half) { (half ? half_ : float32_).insert(fact); }
  void rewrite(onnx::Graph& graph, Scope& scope, Level* parent);
  void rewrite_outputs(Level& level);
  void rewrite_literals(Level& level);
  void rewrite_constant(Level& level, onnx::Node node);
  void convert_attributes(onnx::Node& node);
  std::string_view read(Level& level, std::string_view name, bool half);
  void add_cast(Level& level, std::string_view from, std::string_view to, bool half);
  bool is_half(const Fact* fact) const { return is_float32(fact) && !full_.contains(fact); }
  void convert_type(onnx::ValueInfo& info, const Fact* fact) const;
  Tensor converted(std::string_view name, const Tensor& tensor);
  std::string_view twin(const Fact* fact, std::string_view name);

  onnx::EditableModel& model_;
  Analysis& analysis_;
  const ConvertOptions& options_;
  ConvertReport& report_;
  std::set<const Fact*> full_;
  std::set<const Fact*> literals_;
  std::set<const Fact*> half_;                       ///< Literals that somebody wants as float16.
  std::set<const Fact*> float32_;                    ///< Literals that somebody wants as float32.
  std::map<const Fact*, std::string_view> twins_;    ///< Names of literals' float32 forms.
  std::map<const Fact*, std::string_view> renamed_;  ///< Values whose name a converted output took.
};

}  // namespace spinel::tools
