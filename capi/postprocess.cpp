#include <spinel/postprocess.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

#include <spinel/labels.hpp>

#include "strings.hpp"
#include "tensors.hpp"

using namespace spinel;
using namespace spinel::capi;

int32_t spinel_top_k(const spinel_tensor* scores, int32_t apply_softmax, size_t k, int64_t* indices,
                     float* values, size_t capacity, size_t* per_row, spinel_error** error) {
  return guard(__func__, error, [&] {
    const Tensor tensor = read_input(struct_array(&require(scores, "scores"), 1, "scores")[0], "scores");
    require(indices, "indices");
    require(per_row, "per_row");
    if (k == 0) misuse("k is 0; it must be at least 1");
    PostprocessOptions options;
    options.apply_softmax = require_flag(apply_softmax, "apply_softmax");
    options.top_k = static_cast<int64_t>(std::min<uint64_t>(k, std::numeric_limits<int64_t>::max()));
    const auto rows = Postprocessor(std::move(options))(tensor);
    const size_t found = rows.empty() ? 0 : rows[0].size();
    if (rows.size() * found > capacity)
      misuse("capacity is {}, but {} rows of {} answers take {}", capacity, rows.size(), found,
             rows.size() * found);
    size_t place = 0;
    for (const auto& row : rows)
      for (const Classification& answer : row) {
        indices[place] = answer.index;
        if (values != nullptr) values[place] = answer.score;
        ++place;
      }
    *per_row = found;
  });
}

int32_t spinel_softmax(const spinel_tensor* logits, spinel_tensor* probabilities, spinel_error** error) {
  return guard(__func__, error, [&] {
    const Tensor from = read_input(struct_array(&require(logits, "logits"), 1, "logits")[0], "logits");
    const auto target = struct_array(&require(probabilities, "probabilities"), 1, "probabilities");
    std::optional<Tensor> view = read_output(target[0], "probabilities");
    if (view && (view->dims() != from.dims() || view->dtype() != DType::float32))
      misuse("probabilities is {}; float32{} is needed", describe(*view), dims_text(from.dims()));
    const Tensor out = softmax(from);
    if (view) std::memcpy(view->raw(), out.raw(), out.size_bytes());
    deliver(target, {&out, 1});
  });
}

int32_t spinel_labels_load(const char* path, size_t classes, spinel_strings** labels, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(labels, "labels");
    const std::filesystem::path file = require_text(path, "path");
    if (classes > static_cast<size_t>(std::numeric_limits<int64_t>::max()))
      misuse("classes is {}, which no file can hold", classes);
    *labels = new spinel_strings{load_labels(file, static_cast<int64_t>(classes))};
  });
}
