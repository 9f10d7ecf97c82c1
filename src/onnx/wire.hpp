// The protobuf wire format, read exactly as libprotobuf reads it.
//
// Only protozero's varint decoding is used: its pbf_reader refuses groups and the field numbers 19000 to
// 19999 and cuts lengths to 32 bits, where libprotobuf skips the former and refuses the latter.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <protozero/varint.hpp>

#include <spinel/limits.hpp>

#include "base/cancel.hpp"
#include "onnx/model.hpp"

namespace spinel::onnx {

/// A field number and a wire type as they stand in a tag.
constexpr uint32_t varint_field(uint32_t number) { return number << 3; }
constexpr uint32_t fixed64_field(uint32_t number) { return number << 3 | 1; }
constexpr uint32_t bytes_field(uint32_t number) { return number << 3 | 2; }
constexpr uint32_t fixed32_field(uint32_t number) { return number << 3 | 5; }

/// What all messages of one file share: where they begin, the way to the current one, and what may still be
/// spent.
class Document {
 public:
  Document(std::span<const std::byte> bytes, const Limits& limits);

  /// Throws Error(bad_model) that names the current message and the offset of `at`.
  [[noreturn]] void fail_at(const char* at, std::string_view reason) const;
  /// Counts memory of the returned structs against max_model_bytes.
  void spend(size_t struct_bytes);
  void count_node();

 private:
  friend class Level;
  struct Step {
    const char* name;
    int64_t index;
  };
  std::string path() const;

  std::span<const std::byte> bytes_;
  const Limits& limits_;
  std::vector<Step> path_;
  uint64_t struct_bytes_ = 0;
  size_t nodes_ = 0;
};

/// One level of nesting for as long as it lives; its name stands in messages. index -1: not repeated.
class Level {
 public:
  Level(Document& document, const char* at, const char* name, int64_t index);
  ~Level() { document_.path_.pop_back(); }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  Document& document_;
};

/// Walks over the fields of one message. Every function throws Error(bad_model) on bytes that libprotobuf
/// refuses.
class Cursor {
 public:
  Cursor(Document& document, const char* begin, const char* end)
      : document_(document), at_(begin), end_(end), tag_begin_(begin) {}

  /// Steps to the next field; false at the end. The field must then be read or skipped.
  bool next();
  /// Field number and wire type, comparable with varint_field(n) and its siblings.
  uint32_t field() const { return tag_; }
  void skip() { skip_value(tag_); }
  /// skip() that records the field's bytes, tag included.
  void keep(OtherFields& to);

  uint64_t read_varint();
  int64_t read_int64() { return static_cast<int64_t>(read_varint()); }
  int32_t read_int32() { return static_cast<int32_t>(read_varint()); }
  template <class T>
  T read_fixed() {
    require(sizeof(T));
    T value;
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  std::string_view read_bytes();

  void append_bytes(std::vector<std::string_view>& to);
  void append_varint(std::vector<int64_t>& to);
  void append_packed_varints(std::vector<int64_t>& to);
  void append_fixed(std::vector<float>& to);
  void append_packed_fixed(std::vector<float>& to);
  /// Record the current field's values without decoding them.
  void note_varint(WireValues& to);
  void note_packed_varints(WireValues& to);
  void note_fixed(WireValues& to, size_t value_bytes);
  void note_packed_fixed(WireValues& to, size_t value_bytes);

  /// Reads the current field as a message into `into`, merging with what it holds.
  template <class T>
  void merge(const char* name, T& into, int64_t index = -1) {
    const std::string_view body = read_bytes();
    const Level level(document_, body.data(), name, index);
    read(Cursor(document_, body.data(), body.data() + body.size()), into);
  }
  /// Appends the current field to a list of messages.
  template <class T>
  void append(const char* name, std::vector<T>& to) {
    document_.spend(sizeof(T));
    if constexpr (std::is_same_v<T, Node>) document_.count_node();
    const auto index = static_cast<int64_t>(to.size());
    merge(name, to.emplace_back(), index);
  }
  /// Merges the current field into an optional message, which is created if absent.
  template <class Holder>
  void merge_optional(const char* name, Holder& holder) {
    using T = std::remove_reference_t<decltype(*holder)>;
    if (!holder) {
      if constexpr (std::is_same_v<Holder, std::unique_ptr<T>>) {
        document_.spend(sizeof(T));
        holder = std::make_unique<T>();
      } else {
        holder.emplace();
      }
    }
    merge(name, *holder);
  }

 private:
  void require(size_t wanted) const;
  void skip_value(uint32_t tag);
  void skip_group(uint32_t number);
  uint32_t read_tag();
  void note(WireValues& to, const char* begin, size_t count, bool packed);

  Document& document_;
  const char* at_;
  const char* end_;
  const char* tag_begin_;
  uint32_t tag_ = 0;
};

// The messages; the first part is in read_graph.cpp, the tensors in read_tensor.cpp, the types in
// read_type.cpp.
void read(Cursor in, Model& model);
void read(Cursor in, Graph& graph);
void read(Cursor in, Node& node);
void read(Cursor in, Attribute& attribute);
void read(Cursor in, Function& function);
void read(Cursor in, OpsetImport& import);
void read(Cursor in, StringPair& pair);
void read(Cursor in, TrainingInfo& info);
void read(Cursor in, QuantizationAnnotation& annotation);
void read(Cursor in, Tensor& tensor);
void read(Cursor in, SparseTensor& tensor);
void read(Cursor in, Segment& segment);
void read(Cursor in, Sequence& sequence);
void read(Cursor in, Map& map);
void read(Cursor in, Optional& optional);
void read(Cursor in, ValueInfo& info);
void read(Cursor in, Type& type);
void read(Cursor in, std::vector<Dim>& shape);
void read(Cursor in, Dim& dim);

/// Calls fn(uint64_t) for every value of a varint field. The values are known to be well formed.
template <class Fn>
void for_each_varint(const WireValues& values, Fn&& fn) {
  constexpr size_t piece = size_t{1} << 18;  // Values before a cancelled load is noticed.
  size_t done = 0;
  for (const WireRun& run : values.runs) {
    const char* at = reinterpret_cast<const char*>(run.bytes.data());
    const char* const end = at + run.bytes.size();
    while (at != end) {
      if (++done % piece == 0) check_load_cancelled();
      if (!run.packed) protozero::decode_varint(&at, end);
      fn(protozero::decode_varint(&at, end));
    }
  }
}

/// Copies every value of a fixed-size field, in order, to `to`, which has room for values.count().
template <class T>
void copy_fixed(const WireValues& values, T* to) {
  for (const WireRun& run : values.runs) {
    const char* at = reinterpret_cast<const char*>(run.bytes.data());
    const char* const end = at + run.bytes.size();
    if (run.packed) {
      copy_bytes(to, at, run.bytes.size());
      to += run.count;
      continue;
    }
    while (at != end) {
      protozero::decode_varint(&at, end);
      std::memcpy(to++, at, sizeof(T));
      at += sizeof(T);
    }
  }
}

}  // namespace spinel::onnx
