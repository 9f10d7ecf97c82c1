// Operators that the host brings along: docs/custom_operators.md.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <spinel/error.hpp>
#include <spinel/tensor.hpp>

namespace spinel {

namespace graph {
class Dim;
}

/// A dim before running: a number, an expression over the model's symbols such as "2*batch + 1", or unknown.
/// Immutable; copies are cheap.
class SymbolicDim {
 public:
  SymbolicDim(int64_t value = 0) : value_(value) {}
  explicit SymbolicDim(std::shared_ptr<const graph::Dim> expression);
  /// A size that only running tells.
  static SymbolicDim unknown();

  bool is_unknown() const noexcept;
  /// The number, if it is one.
  std::optional<int64_t> constant() const noexcept;
  /// "3", "batch", "?"
  std::string text() const;
  graph::Dim expression() const;

  friend SymbolicDim operator+(const SymbolicDim& a, const SymbolicDim& b);
  friend SymbolicDim operator-(const SymbolicDim& a, const SymbolicDim& b);
  friend SymbolicDim operator*(const SymbolicDim& a, const SymbolicDim& b);
  /// Rounded towards minus infinity; unknown for a divisor of 0.
  friend SymbolicDim floor_div(const SymbolicDim& a, const SymbolicDim& b);
  /// Whether both are proven to be the same number in every run.
  friend bool equal(const SymbolicDim& a, const SymbolicDim& b);

 private:
  int64_t value_ = 0;
  std::shared_ptr<const graph::Dim> expression_;  ///< nullptr: value_.
};

using SymbolicShape = std::vector<SymbolicDim>;

/// The attributes of one node, of the types that the operator declares. Getters throw Error(invalid_argument)
/// for a name that the operator does not declare with that type.
class CustomAttributes {
 public:
  virtual ~CustomAttributes() = default;
  virtual bool has(std::string_view name) const = 0;
  virtual float get_float(std::string_view name, float fallback = 0) const = 0;
  virtual int64_t get_int(std::string_view name, int64_t fallback = 0) const = 0;
  virtual std::string get_string(std::string_view name, std::string fallback = {}) const = 0;
  virtual std::vector<float> get_floats(std::string_view name, std::vector<float> fallback = {}) const = 0;
  virtual std::vector<int64_t> get_ints(std::string_view name, std::vector<int64_t> fallback = {}) const = 0;
  virtual std::vector<std::string> get_strings(std::string_view name,
                                               std::vector<std::string> fallback = {}) const = 0;
  /// An undefined tensor if the node lacks it.
  virtual Tensor get_tensor(std::string_view name) const = 0;
};

/// What a shape rule sees of a node.
class CustomShapes {
 public:
  virtual ~CustomShapes() = default;
  virtual const CustomAttributes& attributes() const = 0;
  /// As many as the node lists; optional ones may be left out at the end, and in between.
  virtual size_t input_count() const = 0;
  virtual size_t output_count() const = 0;
  virtual bool has_input(size_t index) const = 0;
  virtual DType dtype(size_t input) const = 0;
  /// Empty while even the rank is unknown, and for an input that is left out.
  virtual std::optional<SymbolicShape> shape(size_t input) const = 0;
  /// The input's elements if they are known now; nullptr otherwise.
  virtual const Tensor* constant(size_t input) const = 0;
  /// The elements of an int64 or int32 input of rank 0 or 1 as far as they are known, symbols included.
  virtual std::optional<SymbolicShape> elements(size_t input) const = 0;
  /// States dims and, where it is not undefined, the element type of an output, instead of what the
  /// operator's CustomOutput says. Throws Error(invalid_argument) at a negative dim.
  virtual void set_output(size_t index, SymbolicShape shape, DType dtype = DType::undefined) = 0;
  /// The same for an output of which even the rank is known only by running.
  virtual void set_output_unknown(size_t index, DType dtype = DType::undefined) = 0;
};

/// What a kernel sees of one run of a node. It belongs to the thread that runs the node, but for tasks of
/// parallel_for, which may read what they captured.
class CustomRun {
 public:
  virtual ~CustomRun() = default;
  virtual size_t input_count() const = 0;
  virtual size_t output_count() const = 0;
  virtual bool has_input(size_t index) const = 0;
  /// Read only. Throws Error(invalid_argument) if the input is left out.
  virtual const Tensor& input(size_t index) const = 0;
  /// Whether anybody reads the output; one that nobody wants need not be computed.
  virtual bool wants_output(size_t index) const = 0;
  /// The output's buffer, uninitialised, to be filled; every output that is wanted must be asked for. The
  /// element type is the one that the rules gave. Throws Error(invalid_argument) if dims contradict them.
  virtual Tensor& output(size_t index, const Dims& dims) = 0;
  /// Runs task(0) ... task(count - 1), in any order and possibly at once, on the engine's threads or the
  /// host's; returns when all are done. Tasks must not call it.
  virtual void parallel_for(int64_t count, const std::function<void(int64_t task)>& task) = 0;
  /// How many tasks may run at once, at least 1. It may decide how work is cut, never the order of a sum.
  virtual int concurrency() const = 0;
  /// Throws Error(cancelled) if the run was cancelled; long kernels call it every few milliseconds.
  virtual void check_cancelled() const = 0;
  /// The same without throwing. Tasks of parallel_for may ask, too.
  bool cancelled() const;
};

/// The state of one node of a loaded model, made once by CustomOp::create. SPAs and concurrent runs share it.
class CustomKernel {
 public:
  virtual ~CustomKernel() = default;
  /// Computes the outputs. Called from several threads at once, each with a run of its own: what it changes
  /// in the kernel it must guard itself. Equal inputs must give equal outputs (CustomOp::deterministic). What
  /// it throws ends the run; the error names the node and the operator.
  virtual void compute(CustomRun& run) const = 0;
};

/// Element types of one attribute.
enum class AttributeType { real, integer, string, reals, integers, strings, tensor };

struct CustomAttribute {
  std::string name;
  AttributeType type = AttributeType::integer;
  bool required = false;
};

struct CustomInput {
  std::string name;
  std::vector<DType> dtypes = {};  ///< Those that it takes; empty: every one.
  bool optional = false;           ///< The node may leave it out.
  bool whole = false;              ///< CustomOp::rows_independent: every row may depend on all of it.
};

struct CustomOutput {
  std::string name;
  DType dtype = DType::undefined;  ///< The element type; undefined: that of input `same_as`.
  size_t same_as = 0;
  bool optional = false;  ///< The node may leave it out.
};

/// A custom operator. The functions are called while a model is loaded, by the thread that loads it; several
/// loads may do so at once.
struct CustomOp {
  std::string domain;  ///< As in the model; empty: ONNX's own.
  std::string name;
  /// The oldest opset version of the domain that this is for; the newest of equal name that is not above the
  /// model's is taken. An operator takes the place of Spinel's own of the same name.
  int since_version = 1;
  std::vector<CustomInput> inputs;
  bool variadic = false;  ///< The last input may be given any number of times.
  std::vector<CustomOutput> outputs;
  std::vector<CustomAttribute> attributes;
  /// Sets the outputs' dims, and types beyond what `outputs` says. Optional: without it, and for outputs that
  /// it leaves alone, only running tells dims. Throws Error for inputs that cannot be right.
  std::function<void(CustomShapes& shapes)> shapes;
  /// That a batch may be cut: row i along axis 0 of every output depends on row i along axis 0 of each input
  /// that is not declared `whole`, and on the others as they are.
  bool rows_independent = false;
  /// That it computes in float16 where a model is converted to float16. Otherwise it stays in float32 with
  /// casts around it.
  bool float16 = false;
  /// False if equal inputs may give different outputs: it is then not computed before running, nor shared.
  bool deterministic = true;
  /// Makes a node's state. Required.
  std::function<std::shared_ptr<const CustomKernel>(const CustomAttributes& attributes)> create;

  /// "custom::Add"; "ai.onnx::Add" for an empty domain. Errors and passes call the operator so.
  std::string full_name() const;
};

/// A custom operator without state: `compute` instead of `create`.
std::function<std::shared_ptr<const CustomKernel>(const CustomAttributes&)> stateless(
    std::function<void(CustomRun& run)> compute);

/// Loads a shared library that exports `spinel_custom_ops` (capi/spinel.h) and returns its operators, which
/// keep it loaded. The path is that of a file; nothing is searched for. Loading runs the library's code with
/// all rights of the process. Throws Error: not_found, io, unsupported for another version of the interface,
/// and whatever the library reports.
std::vector<CustomOp> load_custom_ops(const std::string& path);

}  // namespace spinel
