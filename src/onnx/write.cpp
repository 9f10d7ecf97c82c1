#include "onnx/write.hpp"

#include "base/text.hpp"
#include "onnx/encode.hpp"

namespace spinel::onnx {

std::string external_data_name(const std::string& name) { return name + ".data"; }

Written write_model(const Model& model, StagedFiles& files, const std::string& name,
                    const WriteOptions& options) {
  Written written;
  if (!options.external_data) {
    const Encoded encoded = encode(model);
    written.model_bytes = encoded.size_bytes();
    if (written.model_bytes <= options.max_file_bytes) {
      files.write(name, encoded.parts());
      return written;
    }
  }
  ExternalData external(external_data_name(name), options.min_external_bytes);
  const Encoded encoded = encode(model, &external);
  written.model_bytes = encoded.size_bytes();
  written.data_bytes = external.size_bytes();
  if (written.model_bytes > options.max_file_bytes)
    fail(ErrorCode::limit_exceeded,
         "the model has {} bytes beside its external data; an ONNX file may have {}", written.model_bytes,
         options.max_file_bytes);
  if (written.data_bytes > 0) {
    written.data_name = external.location();
    files.write(written.data_name, external.parts());
  }
  files.write(name, encoded.parts());
  return written;
}

}  // namespace spinel::onnx
