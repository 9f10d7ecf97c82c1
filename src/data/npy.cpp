// The .npy format as numpy's documentation describes it (numpy.lib.format).
#include "data/npy.hpp"

#include <algorithm>
#include <cstring>

#include "base/file.hpp"
#include "base/text.hpp"

namespace spinel {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr size_t alignment_bytes = 64;

struct NumpyType {
  DType dtype;
  std::string_view code;  ///< Kind and bytes.
};
constexpr NumpyType numpy_types[] = {
    {DType::boolean, "b1"},   {DType::int8, "i1"},        {DType::int16, "i2"},   {DType::int32, "i4"},
    {DType::int64, "i8"},     {DType::uint8, "u1"},       {DType::uint16, "u2"},  {DType::uint32, "u4"},
    {DType::uint64, "u8"},    {DType::float16, "f2"},     {DType::float32, "f4"}, {DType::float64, "f8"},
    {DType::complex64, "c8"}, {DType::complex128, "c16"},
};

struct Header {
  std::string descr;
  bool fortran_order = false;
  Dims shape;
};

/// Reads the header's Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  Header parse() {
    Header header;
    bool seen[3] = {};
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr") {
        if (peek() == '[')
          fail(ErrorCode::unsupported,
               "npy '{}' holds records (a structured dtype); only plain numbers can be read", name_);
        header.descr = quoted();
        seen[0] = true;
      } else if (key == "fortran_order") {
        header.fortran_order = boolean();
        seen[1] = true;
      } else if (key == "shape") {
        header.shape = tuple();
        seen[2] = true;
      } else {
        bad(fmt::format("key '{}' is not known", key));
      }
      if (!accept(',') && peek() != '}') bad("a comma is missing");
    }
    if (peek() != '\0') bad("text after the dictionary");
    for (size_t i = 0; i < 3; ++i)
      if (!seen[i]) bad("one of descr, fortran_order and shape is missing");
    return header;
  }

 private:
  [[noreturn]] void bad(std::string_view what) const {
    fail(ErrorCode::bad_data, "npy '{}' is damaged: its header is wrong: {}", name_, what);
  }
  /// The next character that is no space; '\0' at the end.
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char wanted) {
    if (peek() != wanted || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) bad(fmt::format("'{}' is missing", wanted));
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') bad("a text in quotes is missing");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) bad("a quote is not closed");
    const std::string out(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return out;
  }
  bool boolean() {
    peek();
    for (const std::string_view word : {"True", "False"})
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return word == "True";
      }
    bad("fortran_order is neither True nor False");
  }
  Dims tuple() {
    Dims dims;
    expect('(');
    while (!accept(')')) {
      dims.push_back(number());
      if (!accept(',') && peek() != ')') bad("a comma is missing in shape");
      if (dims.size() > 64) bad("more than 64 dims");
    }
    return dims;
  }
  int64_t number() {
    peek();
    int64_t value = 0;
    const size_t begin = at_;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      if (__builtin_mul_overflow(value, int64_t{10}, &value) ||
          __builtin_add_overflow(value, int64_t{text_[at_] - '0'}, &value))
        bad("a dim is larger than 64 bits hold");
    if (at_ == begin) bad("a dim is not a whole number");
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote long integers so.
    return value;
  }

  std::string_view text_;
  std::string_view name_;
  size_t at_ = 0;
};

DType numpy_dtype(std::string_view descr, std::string_view name, bool& big_endian) {
  std::string_view code = descr;
  if (!code.empty() && std::string_view("<>|=").find(code.front()) != std::string_view::npos) {
    big_endian = code.front() == '>';
    code.remove_prefix(1);
  }
  for (const NumpyType& type : numpy_types)
    if (type.code == code) return type.dtype;
  const char kind = code.empty() ? '?' : code.front();
  const std::string_view what = kind == 'U' || kind == 'S' || kind == 'a' ? "text"
                                : kind == 'O'                             ? "Python objects"
                                : kind == 'M' || kind == 'm'              ? "dates or times"
                                                                          : "elements of another type";
  fail(ErrorCode::unsupported,
       "npy '{}' holds {} (dtype '{}'); only bool, integers, floats and complex numbers can be read", name,
       what, descr);
}

/// Reverses each `size`-byte number.
void swap_bytes(std::span<std::byte> data, size_t size) {
  for (size_t at = 0; at + size <= data.size(); at += size)
    std::reverse(data.begin() + static_cast<std::ptrdiff_t>(at),
                 data.begin() + static_cast<std::ptrdiff_t>(at + size));
}

/// Copies elements from Fortran (first index fastest) to C order.
void copy_from_fortran(const std::byte* from, std::byte* to, const Dims& dims, size_t element_bytes) {
  std::vector<int64_t> index(dims.size(), 0);
  std::vector<int64_t> strides(dims.size(), 1);
  for (size_t i = 1; i < dims.size(); ++i) strides[i] = strides[i - 1] * dims[i - 1];
  const int64_t count = element_count(dims);
  int64_t source = 0;
  for (int64_t n = 0; n < count; ++n) {
    std::memcpy(to + static_cast<size_t>(n) * element_bytes,
                from + static_cast<size_t>(source) * element_bytes, element_bytes);
    for (size_t axis = dims.size(); axis-- > 0;) {
      source += strides[axis];
      if (++index[axis] < dims[axis]) break;
      source -= strides[axis] * dims[axis];
      index[axis] = 0;
    }
  }
}

std::string_view header_text(std::span<const std::byte> bytes, std::string_view name, size_t& data_at) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(magic))
    fail(ErrorCode::bad_data, "'{}' is not an .npy file: it does not begin with numpy's signature", name);
  if (text.size() < 12) fail(ErrorCode::bad_data, "npy '{}' is truncated within its header", name);
  const auto byte = [&](size_t at) { return std::to_integer<size_t>(bytes[at]); };
  const size_t version = byte(6);
  if (version < 1 || version > 3)
    fail(ErrorCode::unsupported, "npy '{}' is of format version {}; 1 to 3 can be read", name, version);
  size_t length = byte(8) | byte(9) << 8;
  if (version > 1) length |= byte(10) << 16 | byte(11) << 24;
  const size_t begin = version == 1 ? 10 : 12;
  if (length > text.size() - begin)
    fail(ErrorCode::bad_data, "npy '{}' is truncated within its header", name);
  data_at = begin + length;
  return text.substr(begin, length);
}

}  // namespace

Tensor parse_npy(std::span<const std::byte> bytes, std::string_view name, const Limits& limits) {
  size_t data_at = 0;
  const Header header = HeaderParser(header_text(bytes, name, data_at), name).parse();
  bool big_endian = false;
  const DType dtype = numpy_dtype(header.descr, name, big_endian);
  size_t size = 0;
  try {
    size = tensor_bytes(dtype, header.shape);
  } catch (const Error& error) {
    fail(ErrorCode::bad_data, "npy '{}' is damaged: {}", name, error.what());
  }
  if (limits.max_tensor_bytes != 0 && size > limits.max_tensor_bytes)
    fail(ErrorCode::limit_exceeded, "npy '{}' holds {} bytes; the limit max_tensor_bytes is {}", name, size,
         limits.max_tensor_bytes);
  if (size > bytes.size() - data_at)
    fail(ErrorCode::bad_data, "npy '{}' is truncated: {}{} needs {} bytes, {} are there", name,
         dtype_name(dtype), dims_text(header.shape), size, bytes.size() - data_at);

  Tensor out = Tensor::uninitialized(dtype, header.shape);
  auto* target = static_cast<std::byte*>(out.raw());
  const size_t element_bytes = static_cast<size_t>(dtype_bits(dtype)) / 8;
  if (header.fortran_order)
    copy_from_fortran(bytes.data() + data_at, target, header.shape, element_bytes);
  else if (size > 0)
    std::memcpy(target, bytes.data() + data_at, size);
  const bool complex = dtype == DType::complex64 || dtype == DType::complex128;
  if (big_endian) swap_bytes({target, size}, complex ? element_bytes / 2 : element_bytes);
  // A bool of another value than 0 and 1 is undefined behaviour.
  if (dtype == DType::boolean)
    for (size_t i = 0; i < size; ++i) target[i] = std::byte{target[i] != std::byte{0}};
  return out;
}

Tensor read_npy(const std::filesystem::path& path, const Limits& limits) {
  constexpr uint64_t header_room = uint64_t{1} << 20;
  const uint64_t most = limits.max_tensor_bytes;
  const Bytes bytes =
      read_file(path, "npy", most == 0 || most > UINT64_MAX - header_room ? 0 : most + header_room);
  return parse_npy(bytes.data, path.string(), limits);
}

std::string npy_header(const Tensor& tensor) {
  const auto* type = std::ranges::find(numpy_types, tensor.dtype(), &NumpyType::dtype);
  if (type == std::end(numpy_types))
    fail(ErrorCode::unsupported,
         "{} cannot be written as .npy: numpy has no such type; convert it to float32 first",
         describe(tensor));
  const bool one_byte = dtype_bits(tensor.dtype()) == 8;
  std::string shape;
  for (const int64_t dim : tensor.dims()) shape += fmt::format("{}, ", dim);
  if (tensor.rank() > 1)
    shape.resize(shape.size() - 2);
  else if (tensor.rank() == 1)
    shape.resize(shape.size() - 1);
  std::string dictionary = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                                       one_byte ? '|' : '<', type->code, shape);
  const size_t prefix = magic.size() + 4;
  const size_t total =
      (prefix + dictionary.size() + 1 + alignment_bytes - 1) / alignment_bytes * alignment_bytes;
  dictionary.resize(total - prefix - 1, ' ');
  dictionary += '\n';
  std::string header(magic);
  header += '\1';
  header += '\0';
  header += static_cast<char>(dictionary.size() & 0xffu);
  header += static_cast<char>(dictionary.size() >> 8);
  return header + dictionary;
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  const std::string header = npy_header(tensor);
  write_file(path, std::as_bytes(std::span(header)),
             {static_cast<const std::byte*>(tensor.raw()), tensor.size_bytes()});
}

}  // namespace spinel
