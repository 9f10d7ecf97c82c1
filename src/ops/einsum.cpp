// Einsum: sums of products over named axes.
#include <algorithm>
#include <cctype>
#include <map>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/elements.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

/// Axis names of one term: letters, and '.' for the axes of an ellipsis, of which the terms may have
/// different numbers (aligned at the end).
struct Equation {
  std::vector<std::string> inputs;
  std::string output;
};

std::string parse_term(std::string_view text, const std::string& equation) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (std::isalpha(static_cast<unsigned char>(text[i])) != 0) {
      out += text[i];
    } else if (text.substr(i, 3) == "..." && out.find('.') == std::string::npos) {
      out += '.';
      i += 2;
    } else {
      fail(ErrorCode::bad_model, "Einsum: equation '{}' is malformed at '{}'", equation, text.substr(i));
    }
  }
  return out;
}

Equation parse_equation(const std::string& equation) {
  std::string text = equation;
  std::erase(text, ' ');
  Equation out;
  const size_t arrow = text.find("->");
  const std::string_view left = std::string_view(text).substr(0, arrow);
  for (size_t begin = 0; begin <= left.size();) {
    const size_t comma = std::min(left.find(',', begin), left.size());
    out.inputs.push_back(parse_term(left.substr(begin, comma - begin), equation));
    begin = comma + 1;
  }
  if (arrow != std::string::npos) {
    out.output = parse_term(std::string_view(text).substr(arrow + 2), equation);
  } else {
    // Implied: the ellipsis, then the names that occur once, in order of their codes.
    std::map<char, int> counts;
    for (const std::string& term : out.inputs)
      for (char name : term) ++counts[name];
    for (const auto& [name, count] : counts)
      if (name == '.' || count == 1) out.output += name;
  }
  for (size_t i = 0; i < out.output.size(); ++i) {
    const char name = out.output[i];
    if (out.output.find(name) != i || std::ranges::none_of(out.inputs, [name](const std::string& t) {
          return t.find(name) != std::string::npos;
        }))
      fail(ErrorCode::bad_model, "Einsum: '{}' in the output of '{}' occurs twice or in no input", name,
           equation);
  }
  return out;
}

/// The names with the ellipsis written out: `rank` axes, those of the ellipsis named by negative numbers
/// from -1 (its last axis).
std::vector<int> axis_names(const std::string& term, size_t ellipsis) {
  std::vector<int> out;
  for (char name : term) {
    if (name != '.') {
      out.push_back(name);
      continue;
    }
    for (size_t i = ellipsis; i > 0; --i) out.push_back(-static_cast<int>(i));
  }
  return out;
}

class EinsumOp final : public Op {
 public:
  explicit EinsumOp(std::string equation) : text_(std::move(equation)), equation_(parse_equation(text_)) {}
  std::string_view name() const override { return "Einsum"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, context.input_count());
    const DType dtype = context.dtype(0);
    if (dtype != DType::undefined && !supported(dtype))
      fail(ErrorCode::unsupported, "inputs of type {} are not supported", dtype_name(dtype));
    if (context.input_count() != equation_.inputs.size())
      fail(ErrorCode::bad_model, "equation '{}' has {} terms, but there are {} inputs", text_,
           equation_.inputs.size(), context.input_count());
    std::map<int, Dim> sizes;
    size_t widest = 0;
    for (size_t i = 0; i < equation_.inputs.size(); ++i) {
      const Shape* shape = context.shape(i);
      if (shape == nullptr) return context.set_tensor(0, dtype);
      const std::vector<int> names = names_of(i, shape->size(), ErrorCode::bad_model);
      widest = std::max(widest, ellipsis_axes(i, shape->size()));
      for (size_t axis = 0; axis < names.size(); ++axis) {
        const Dim& dim = (*shape)[axis];
        const auto [entry, is_new] = sizes.try_emplace(names[axis], dim);
        if (is_new || dim.is_constant(1)) continue;
        const Dim& known = entry->second;
        if (dim.is_constant() && known.is_constant() && !known.is_constant(1) && !equal(dim, known))
          fail(ErrorCode::bad_model, "equation '{}': an axis is {} long in one input and {} in another",
               text_, known.text(), dim.text());
        if (!known.is_constant() || known.is_constant(1)) entry->second = dim;
      }
    }
    Shape y;
    for (int name : axis_names(equation_.output, widest)) y.push_back(sizes.at(name));
    context.set_tensor(0, dtype, std::move(y));
  }

  /// The batch's name must be the same in all inputs that have it, and be kept.
  void batch(BatchContext& context) const override {
    std::optional<int> batch;
    size_t widest = 0;
    for (size_t i = 0; i < context.input_count(); ++i) {
      if (!context.has_rank(i)) return context.block("an input's rank is not known");
      const size_t rank = static_cast<size_t>(context.rank(i));
      widest = std::max(widest, ellipsis_axes(i, rank));
      const BatchState state = context.input(i);
      if (state.is_shared()) continue;
      if (!state.is_batched()) return context.block("a value computed from the batch size is used as data");
      const int name = names_of(i, rank, ErrorCode::bad_model)[static_cast<size_t>(state.axis)];
      if (batch && *batch != name)
        return context.block("the inputs' batch axes have different names in the equation");
      batch = name;
    }
    if (!batch) return context.set_output(0, BatchState::shared());
    for (size_t i = 0; i < context.input_count(); ++i) {
      const std::vector<int> names = names_of(i, static_cast<size_t>(context.rank(i)), ErrorCode::bad_model);
      for (size_t axis = 0; axis < names.size(); ++axis) {
        if (names[axis] != *batch) continue;
        const bool is_batch =
            context.input(i).is_batched() && context.input(i).axis == static_cast<int>(axis);
        if (!is_batch && !(*context.input_shape(i))[axis].is_constant(1))
          return context.block("a tensor of fixed size is combined with the batch axis");
      }
    }
    const std::vector<int> output = axis_names(equation_.output, widest);
    const auto found = std::ranges::find(output, *batch);
    if (found == output.end()) return context.block("the equation sums over the batch");
    context.set_output(0, BatchState::batched(static_cast<int>(found - output.begin())));
  }

  void run(RunContext& context) const override {
    const size_t count = equation_.inputs.size();
    if (context.input_count() != count)
      fail(ErrorCode::invalid_argument, "equation '{}' has {} terms, but there are {} inputs", text_, count,
           context.input_count());
    const DType dtype = context.input(0).dtype();
    if (!supported(dtype))
      fail(ErrorCode::unsupported, "inputs of type {} are not supported", dtype_name(dtype));
    for (size_t i = 1; i < count; ++i)
      if (context.input(i).dtype() != dtype)
        fail(ErrorCode::invalid_argument, "inputs {} and {} must have the same type",
             describe(context.input(0)), describe(context.input(i)));
    if (is_float_dtype(dtype))
      return compute_in(dtype, [&](auto type) { run_typed<decltype(type)>(context); });
    run_typed<int64_t>(context);
  }

 private:
  static bool supported(DType dtype) {
    return is_float_dtype(dtype) || dtype == DType::int32 || dtype == DType::int64;
  }

  size_t ellipsis_axes(size_t input, size_t rank) const {
    const std::string& term = equation_.inputs[input];
    const size_t letters = static_cast<size_t>(std::ranges::count_if(term, [](char c) { return c != '.'; }));
    return term.find('.') == std::string::npos || rank < letters ? 0 : rank - letters;
  }

  std::vector<int> names_of(size_t input, size_t rank, ErrorCode code) const {
    std::vector<int> names = axis_names(equation_.inputs[input], ellipsis_axes(input, rank));
    if (names.size() != rank)
      fail(code, "term '{}' of equation '{}' does not fit an input of rank {}", equation_.inputs[input],
           text_, rank);
    return names;
  }

  template <class T>
  void run_typed(RunContext& context) const {
    const size_t count = equation_.inputs.size();
    std::map<int, int64_t> sizes;
    size_t widest = 0;
    std::vector<std::vector<int>> names(count);
    for (size_t i = 0; i < count; ++i) {
      const Dims& dims = context.input(i).dims();
      names[i] = names_of(i, dims.size(), ErrorCode::invalid_argument);
      widest = std::max(widest, ellipsis_axes(i, dims.size()));
      for (size_t axis = 0; axis < dims.size(); ++axis) {
        int64_t& size = sizes.try_emplace(names[i][axis], dims[axis]).first->second;
        if (size != dims[axis] && size != 1 && dims[axis] != 1)
          fail(ErrorCode::invalid_argument,
               "equation '{}': an axis is {} long in one input and {} in another", text_, size, dims[axis]);
        if (size == 1) size = dims[axis];
      }
    }
    // Kept axes in the output's order, then the summed ones.
    std::vector<int> order = axis_names(equation_.output, widest);
    const size_t kept = order.size();
    for (const auto& [name, size] : sizes)
      if (std::ranges::find(order, name) == order.end()) order.push_back(name);
    Dims out_dims, sum_dims;
    for (size_t i = 0; i < order.size(); ++i) (i < kept ? out_dims : sum_dims).push_back(sizes.at(order[i]));
    // How each input's offset grows along each axis of `order`; repeated names add up (a diagonal).
    std::vector<std::vector<int64_t>> strides(count, std::vector<int64_t>(order.size(), 0));
    for (size_t i = 0; i < count; ++i) {
      const std::vector<int64_t> dense = row_major_strides(context.input(i).dims());
      for (size_t axis = 0; axis < names[i].size(); ++axis) {
        if (context.input(i).dims()[axis] == 1) continue;
        const auto at = std::ranges::find(order, names[i][axis]) - order.begin();
        strides[i][static_cast<size_t>(at)] += dense[axis];
      }
    }
    multiply<T>(context, strides, out_dims, sum_dims);
  }

  template <class T>
  void multiply(RunContext& context, const std::vector<std::vector<int64_t>>& strides, const Dims& out_dims,
                const Dims& sum_dims) const {
    const size_t count = strides.size();
    const DType dtype = context.input(0).dtype();
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < count; ++i)
      inputs.push_back(dtype == dtype_of<T>::value ? context.input(i)
                                                   : convert(context.input(i), dtype_of<T>::value));
    Tensor& y = context.output(0, dtype, out_dims);
    Tensor wide = dtype == dtype_of<T>::value ? y : Tensor::uninitialized(dtype_of<T>::value, out_dims);
    const int64_t terms = element_count(sum_dims);
    const auto add_offsets = [&](int64_t index, const Dims& dims, size_t first,
                                 std::vector<int64_t>& offsets) {
      for (size_t axis = dims.size(); axis-- > 0;) {
        const int64_t position = index % dims[axis];
        index /= dims[axis];
        for (size_t i = 0; i < count; ++i) offsets[i] += position * strides[i][first + axis];
      }
    };
    // The offsets of every term of a sum, the same for all output elements.
    std::vector<int64_t> steps;
    for (int64_t term = 0; term < terms; ++term) {
      std::vector<int64_t> offsets(count, 0);
      add_offsets(term, sum_dims, out_dims.size(), offsets);
      steps.insert(steps.end(), offsets.begin(), offsets.end());
    }
    for_each_block(context, y.element_count(), [&](int64_t begin, int64_t length) {
      std::vector<int64_t> offsets(count);
      for (int64_t at = begin; at < begin + length; ++at) {
        std::ranges::fill(offsets, 0);
        add_offsets(at, out_dims, 0, offsets);
        T sum = 0;
        for (int64_t term = 0; term < terms; ++term) {
          T factor = 1;
          for (size_t i = 0; i < count; ++i) {
            const int64_t offset = offsets[i] + steps[static_cast<size_t>(term) * count + i];
            factor = multiply_wrapping(factor, storage<T>(inputs[i])[offset]);
          }
          sum = add_wrapping(sum, factor);
        }
        storage<T>(wide)[at] = sum;
      }
    });
    if (wide.dtype() != y.dtype()) {
      const Tensor rounded = convert(wide, y.dtype());
      copy_elements(rounded, y);
    }
  }

  template <class T>
  static T add_wrapping(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    else
      return a + b;
  }
  template <class T>
  static T multiply_wrapping(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    else
      return a * b;
  }

  std::string text_;
  Equation equation_;
};

}  // namespace

OpPtr make_einsum(const OpArgs& args) {
  args.require("equation");
  return std::make_shared<EinsumOp>(args.get_string("equation", ""));
}

}  // namespace spinel::ops
