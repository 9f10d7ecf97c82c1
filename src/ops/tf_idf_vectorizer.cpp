// TfIdfVectorizer: how often each known n-gram stands in a row.
#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

/// The known n-grams and where each is counted.
struct Vocabulary {
  enum class Mode { tf, idf, tf_idf } mode = Mode::tf;
  /// Tokens of text by number; whole numbers are tokens themselves.
  std::map<std::string, int64_t, std::less<>> words;
  bool of_text = false;
  std::map<std::vector<int64_t>, size_t> grams;  ///< Numbered as `columns`.
  std::vector<int64_t> columns;
  std::vector<float> weights;  ///< One a column of the output; 1 where none is given.
  int64_t width = 0;
  int64_t shortest = 1, longest = 1, most_skips = 0;
};

/// X [C] or [N, C] of strings, int32 or int64; Y [width] or [N, width].
class TfIdfVectorizer final : public Op {
 public:
  explicit TfIdfVectorizer(Vocabulary vocabulary) : v_(std::move(vocabulary)) {}
  std::string_view name() const override { return "TfIdfVectorizer"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    const DType dtype = context.dtype(0);
    if (dtype != DType::undefined)
      if (v_.of_text ? dtype != DType::string : dtype != DType::int32 && dtype != DType::int64)
        fail(ErrorCode::bad_model, "the input is {}, but the n-grams are {}", dtype_name(dtype),
             v_.of_text ? "text" : "whole numbers");
    std::optional<Shape> shape = context.input(0).shape;
    if (shape) {
      if (shape->empty() || shape->size() > 2)
        fail(ErrorCode::bad_model, "the input {} is neither [C] nor [N, C]", shape_text(*shape));
      shape->back() = Dim(v_.width);
    }
    context.set_tensor(0, DType::float32, std::move(shape));
  }

  void batch(BatchContext& context) const override {
    if (!context.has_rank(0) || context.rank(0) != 2 || !context.input(0).is_batched() ||
        context.input(0).axis != 0)
      return context.block("the batch is not axis 0 of two");
    context.set_output(0, BatchState::batched(0));
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    if (x.rank() != 1 && x.rank() != 2)
      fail(ErrorCode::invalid_argument, "the input {} is neither [C] nor [N, C]", describe(x));
    const std::vector<int64_t> tokens = numbers(x);
    const int64_t length = x.dim(-1);
    Dims dims = x.dims();
    dims.back() = v_.width;
    Tensor& y = context.output(0, DType::float32, dims);
    std::ranges::fill(y.data<float>(), 0.0F);
    const int64_t rows = x.rank() == 1 ? 1 : x.dim(0);
    context.parallel_for(rows, [&](int64_t row) {
      float* const out = y.data<float>().data() + row * v_.width;
      count(tokens.data() + row * length, length, out);
      for (int64_t i = 0; i < v_.width; ++i) {
        const float weight = v_.weights[static_cast<size_t>(i)];
        if (v_.mode == Vocabulary::Mode::idf) out[i] = out[i] > 0 ? weight : 0;
        if (v_.mode == Vocabulary::Mode::tf_idf) out[i] *= weight;
      }
    });
  }

 private:
  /// Tokens as numbers; a word that no n-gram has is one that none has either.
  std::vector<int64_t> numbers(const Tensor& x) const {
    if (!v_.of_text) return to_int64s(x);
    std::vector<int64_t> out;
    for (const std::string& word : x.data<std::string>()) {
      const auto found = v_.words.find(word);
      out.push_back(found == v_.words.end() ? -1 : found->second);
    }
    return out;
  }

  void count(const int64_t* tokens, int64_t length, float* out) const {
    std::vector<int64_t> gram;
    for (int64_t size = v_.shortest; size <= v_.longest; ++size)
      // Skips make no difference to single tokens.
      for (int64_t step = 1; step <= (size == 1 ? 1 : v_.most_skips + 1); ++step) {
        if ((length - 1) / step < size - 1) break;
        for (int64_t first = 0; first + (size - 1) * step < length; ++first) {
          gram.clear();
          for (int64_t i = 0; i < size; ++i) gram.push_back(tokens[first + i * step]);
          if (const auto found = v_.grams.find(gram); found != v_.grams.end())
            out[v_.columns[found->second]] += 1;
        }
      }
  }

  Vocabulary v_;
};

/// The pool as numbers.
std::vector<int64_t> read_pool(const OpArgs& args, Vocabulary& v) {
  v.of_text = args.has("pool_strings");
  if (v.of_text == args.has("pool_int64s"))
    fail(ErrorCode::bad_model, "exactly one of pool_strings and pool_int64s must be given");
  if (!v.of_text) return args.get_ints("pool_int64s");
  std::vector<int64_t> out;
  for (const std::string& word : args.get_strings("pool_strings"))
    out.push_back(v.words.emplace(word, static_cast<int64_t>(v.words.size())).first->second);
  return out;
}

}  // namespace

OpPtr make_tf_idf_vectorizer(const OpArgs& args) {
  for (const char* each :
       {"mode", "ngram_counts", "ngram_indexes", "max_skip_count", "min_gram_length", "max_gram_length"})
    args.require(each);
  Vocabulary v;
  const std::string mode = args.get_string("mode", "");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    fail(ErrorCode::bad_model, "mode is '{}'; it is TF, IDF or TFIDF", mode);
  v.mode = mode == "TF"    ? Vocabulary::Mode::tf
           : mode == "IDF" ? Vocabulary::Mode::idf
                           : Vocabulary::Mode::tf_idf;
  v.shortest = args.get_int("min_gram_length", 1);
  v.longest = args.get_int("max_gram_length", 1);
  v.most_skips = args.get_int("max_skip_count", 0);
  v.columns = args.get_ints("ngram_indexes");
  const std::vector<int64_t> starts = args.get_ints("ngram_counts");
  const std::vector<int64_t> pool = read_pool(args, v);
  const std::vector<float> weights = args.get_floats("weights");
  if (v.shortest < 1 || v.longest < v.shortest || v.longest > std::ssize(starts) || v.most_skips < 0 ||
      v.most_skips >= int64_t{1} << 32)
    fail(ErrorCode::bad_model,
         "n-grams of {} to {} tokens with {} skips cannot be found: ngram_counts knows {}", v.shortest,
         v.longest, v.most_skips, starts.size());
  size_t number = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t end = i + 1 < starts.size() ? starts[i + 1] : std::ssize(pool);
    const auto size = static_cast<int64_t>(i) + 1;
    if (starts[i] < 0 || end < starts[i] || end > std::ssize(pool) || (end - starts[i]) % size != 0)
      fail(ErrorCode::bad_model, "the {}-grams cannot lie at [{}, {}) of a pool of {}", size, starts[i], end,
           pool.size());
    for (int64_t at = starts[i]; at < end; at += size, ++number)
      v.grams.emplace(std::vector<int64_t>(pool.begin() + at, pool.begin() + at + size), number);
  }
  if (v.columns.size() != number || (!weights.empty() && weights.size() != number))
    fail(ErrorCode::bad_model, "there are {} n-grams, but {} ngram_indexes and {} weights", number,
         v.columns.size(), weights.size());
  for (const int64_t column : v.columns) {
    if (column < 0 || column >= int64_t{1} << 31)
      fail(ErrorCode::bad_model, "ngram_indexes holds {}, which is no place in a row", column);
    v.width = std::max(v.width, column + 1);
  }
  // The specification has one weight an n-gram; ONNX Runtime and the reference read them by column.
  v.weights.assign(static_cast<size_t>(v.width), 1.0F);
  std::copy_n(weights.begin(), std::min(weights.size(), v.weights.size()), v.weights.begin());
  return std::make_shared<TfIdfVectorizer>(std::move(v));
}

}  // namespace spinel::ops
