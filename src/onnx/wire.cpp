#include "onnx/wire.hpp"

#include <bit>

#include <protozero/exception.hpp>

#include "base/text.hpp"

namespace spinel::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "the wire format is copied as it stands");

// libprotobuf's bounds: nesting (CodedInputStream's default) and the size of one field (parse_context's
// ReadSize).
constexpr size_t protobuf_max_nesting = 100;
constexpr uint64_t protobuf_max_length = 0x7fffffff - 16;
constexpr ptrdiff_t max_tag_bytes = 5;
constexpr ptrdiff_t max_length_bytes = 5;
constexpr ptrdiff_t max_varint_bytes = 10;

}  // namespace

Document::Document(std::span<const std::byte> bytes, const Limits& limits) : bytes_(bytes), limits_(limits) {
  if (limits.max_model_bytes != 0 && bytes.size() > limits.max_model_bytes)
    fail(ErrorCode::limit_exceeded, "the model has {} bytes; the limit (max_model_bytes) is {}", bytes.size(),
         limits.max_model_bytes);
}

std::string Document::path() const {
  std::string text;
  for (const Step& step : path_) {
    if (!text.empty()) text += '.';
    text += step.name;
    if (step.index >= 0) text += fmt::format("[{}]", step.index);
  }
  return text.empty() ? "the outermost message" : text;
}

void Document::fail_at(const char* at, std::string_view reason) const {
  fail(ErrorCode::bad_model, "damaged ONNX file: in {}, at byte {}: {}", path(),
       at - reinterpret_cast<const char*>(bytes_.data()), reason);
}

void Document::spend(size_t struct_bytes) {
  struct_bytes_ += struct_bytes;
  if (limits_.max_model_bytes != 0 && struct_bytes_ > limits_.max_model_bytes)
    fail(ErrorCode::limit_exceeded,
         "in {}: the model's description takes more than {} bytes of memory (max_model_bytes)", path(),
         limits_.max_model_bytes);
}

void Document::count_node() {
  if (++nodes_ > limits_.max_nodes && limits_.max_nodes != 0)
    fail(ErrorCode::limit_exceeded, "in {}: the model has more than {} nodes (max_nodes)", path(),
         limits_.max_nodes);
}

Level::Level(Document& document, const char* at, const char* name, int64_t index) : document_(document) {
  const size_t depth = document.path_.size() + 1;
  const size_t limit = document.limits_.max_nesting;
  if (depth > protobuf_max_nesting) document.fail_at(at, "messages are nested more than 100 deep");
  if (limit != 0 && depth > limit)
    fail(ErrorCode::limit_exceeded, "in {}: messages are nested more than {} deep (max_nesting)",
         document.path(), limit);
  document.path_.push_back({name, index});
}

void Cursor::require(size_t wanted) const {
  if (static_cast<size_t>(end_ - at_) < wanted)
    document_.fail_at(at_,
                      fmt::format("field {} needs {} bytes, {} are left", tag_ >> 3, wanted, end_ - at_));
}

uint64_t Cursor::read_varint() {
  try {
    return protozero::decode_varint(&at_, end_);
  } catch (const protozero::varint_too_long_exception&) {
    document_.fail_at(at_, "a number is longer than 10 bytes");
  } catch (const protozero::end_of_buffer_exception&) {
    document_.fail_at(at_, "the message ends within a number");
  }
}

uint32_t Cursor::read_tag() {
  const char* const begin = at_;
  const auto tag = static_cast<uint32_t>(read_varint());  // libprotobuf drops the bits above 32 too.
  if (at_ - begin > max_tag_bytes) document_.fail_at(begin, "a field's tag is longer than 5 bytes");
  if (tag >> 3 == 0) document_.fail_at(begin, "a field has the number 0");
  return tag;
}

bool Cursor::next() {
  if (at_ == end_) return false;
  tag_begin_ = at_;
  tag_ = read_tag();
  if ((tag_ & 7) == 4) document_.fail_at(tag_begin_, "a group ends that never began");
  return true;
}

std::string_view Cursor::read_bytes() {
  const char* const begin = at_;
  const uint64_t length = read_varint();
  if (at_ - begin > max_length_bytes || length > protobuf_max_length)
    document_.fail_at(begin, fmt::format("field {} claims 2 GiB or more", tag_ >> 3));
  require(static_cast<size_t>(length));
  const std::string_view bytes(at_, static_cast<size_t>(length));
  at_ += length;
  return bytes;
}

void Cursor::skip_value(uint32_t tag) {
  switch (tag & 7) {
    case 0:
      read_varint();
      return;
    case 1:
      read_fixed<uint64_t>();
      return;
    case 2:
      read_bytes();
      return;
    case 3:
      skip_group(tag >> 3);
      return;
    case 5:
      read_fixed<uint32_t>();
      return;
    default:
      document_.fail_at(tag_begin_, fmt::format("field {} has the unknown wire type {}", tag >> 3, tag & 7));
  }
}

void Cursor::keep(OtherFields& to) {
  const char* const begin = tag_begin_;
  skip();
  const std::string_view field(begin, static_cast<size_t>(at_ - begin));
  if (!to.empty() && to.back().data() + to.back().size() == begin) {
    to.back() = {to.back().data(), to.back().size() + field.size()};
    return;
  }
  document_.spend(sizeof(std::string_view));
  to.push_back(field);
}

void Cursor::skip_group(uint32_t number) {
  const Level level(document_, at_, "group", number);
  while (at_ != end_) {
    tag_begin_ = at_;
    tag_ = read_tag();
    if ((tag_ & 7) != 4)
      skip_value(tag_);
    else if (tag_ >> 3 == number)
      return;
    else
      document_.fail_at(tag_begin_,
                        fmt::format("group {} ends with the mark of group {}", number, tag_ >> 3));
  }
  document_.fail_at(at_, fmt::format("group {} does not end", number));
}

void Cursor::append_bytes(std::vector<std::string_view>& to) {
  document_.spend(sizeof(std::string_view));
  to.push_back(read_bytes());
}

void Cursor::append_varint(std::vector<int64_t>& to) {
  document_.spend(sizeof(int64_t));
  to.push_back(read_int64());
}

void Cursor::append_packed_varints(std::vector<int64_t>& to) {
  const std::string_view body = read_bytes();
  Cursor values(document_, body.data(), body.data() + body.size());
  while (values.at_ != values.end_) values.append_varint(to);
}

void Cursor::append_fixed(std::vector<float>& to) {
  document_.spend(sizeof(float));
  to.push_back(read_fixed<float>());
}

void Cursor::append_packed_fixed(std::vector<float>& to) {
  const std::string_view body = read_bytes();
  if (body.size() % sizeof(float) != 0) document_.fail_at(body.data(), "packed floats end within a number");
  document_.spend(body.size());
  const size_t before = to.size();
  to.resize(before + body.size() / sizeof(float));
  if (!body.empty()) std::memcpy(to.data() + before, body.data(), body.size());
}

void Cursor::note(WireValues& to, const char* begin, size_t count, bool packed) {
  const auto* const first = reinterpret_cast<const std::byte*>(begin);
  const auto bytes = static_cast<size_t>(at_ - begin);
  if (!packed && !to.runs.empty()) {
    WireRun& last = to.runs.back();
    if (!last.packed && last.bytes.data() + last.bytes.size() == first) {
      last.bytes = {last.bytes.data(), last.bytes.size() + bytes};
      last.count += count;
      return;
    }
  }
  document_.spend(sizeof(WireRun));
  to.runs.push_back({{first, bytes}, count, packed});
}

void Cursor::note_varint(WireValues& to) {
  read_varint();
  note(to, tag_begin_, 1, false);
}

void Cursor::note_packed_varints(WireValues& to) {
  const std::string_view body = read_bytes();
  size_t count = 0;
  ptrdiff_t length = 0;
  for (const char& byte : body) {
    if (++length > max_varint_bytes) document_.fail_at(&byte, "a number is longer than 10 bytes");
    if ((static_cast<unsigned char>(byte) & 0x80u) != 0) continue;
    ++count;
    length = 0;
  }
  if (length != 0) document_.fail_at(at_, "packed numbers end within a number");
  if (count != 0) note(to, body.data(), count, true);
}

void Cursor::note_fixed(WireValues& to, size_t value_bytes) {
  require(value_bytes);
  at_ += value_bytes;
  note(to, tag_begin_, 1, false);
}

void Cursor::note_packed_fixed(WireValues& to, size_t value_bytes) {
  const std::string_view body = read_bytes();
  if (body.size() % value_bytes != 0) document_.fail_at(body.data(), "packed numbers end within a number");
  if (!body.empty()) note(to, body.data(), body.size() / value_bytes, true);
}

}  // namespace spinel::onnx
