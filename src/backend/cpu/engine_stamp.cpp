#include "backend/cpu/engine_stamp.hpp"

#include "base/file.hpp"
#include "base/text.hpp"

namespace spinel::backend {
namespace {

/// A configuration of passes is written by hand; nothing longer is read.
constexpr uint64_t max_pass_bytes = uint64_t{16} << 20;

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) {
  fail(ErrorCode::unsupported,
       "the engine file {}; leave the option out, or build what is wanted: spinel build",
       fmt::format(text, std::forward<Args>(args)...));
}

std::string precision_text(DType dtype, bool keep_io_types) {
  return fmt::format("{}{}", dtype == DType::undefined ? "the model's own types" : dtype_name(dtype),
                     keep_io_types ? " with keep_io_types" : "");
}

}  // namespace

engine_file::Stamp make_stamp(const CompileOptions& options, const cpu::Isa& isa, std::string passes,
                              uint64_t model_bytes) {
  engine_file::Stamp stamp;
  stamp.isa = isa.name;
  stamp.dtype = options.dtype;
  stamp.keep_io_types = options.keep_io_types;
  stamp.tuned = options.tune;
  stamp.input_size = options.input_size;
  stamp.passes = std::move(passes);
  stamp.model_bytes = model_bytes;
  return stamp;
}

std::string pass_text(const CompileOptions& options) {
  if (options.pass_path.empty()) return options.pass_json;
  const Bytes bytes = read_file(options.pass_path, "pass file", max_pass_bytes);
  return {reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size()};
}

void check_stamp(const engine_file::Stamp& stamp, const CompileOptions& options) {
  const bool other_dtype = options.dtype != DType::undefined &&
                           (options.dtype != stamp.dtype || options.keep_io_types != stamp.keep_io_types);
  if (other_dtype || (options.keep_io_types && !stamp.keep_io_types))
    refuse("was built for {}, {} is asked for", precision_text(stamp.dtype, stamp.keep_io_types),
           precision_text(options.dtype, options.keep_io_types));
  if (options.tune && !stamp.tuned) refuse("was built without timing its kernels (tune)");
  if (const std::string passes = pass_text(options); !passes.empty() && passes != stamp.passes)
    refuse("was built with another configuration of the passes (pass_path)");
  if (options.model_bytes != 0 && options.model_bytes != stamp.model_bytes)
    refuse("was built from a model of {} bytes, not from this one of {}", stamp.model_bytes,
           options.model_bytes);
}

}  // namespace spinel::backend
