#include "onnx/model_file.hpp"

#include <algorithm>
#include <new>

#include "base/allocate.hpp"

namespace spinel::onnx {
namespace {

/// Smaller payloads are read with what stands around them.
constexpr uint64_t least_left_out = uint64_t{64} << 10;
/// What is read at least, so that the fields between payloads do not cost a call each.
constexpr uint64_t window_bytes = 4096;
/// Of messages within messages.
constexpr int max_depth = 64;

constexpr uint64_t no_field = UINT64_MAX;

enum WireType : uint64_t { varint = 0, fixed64 = 1, length_delimited = 2, fixed32 = 5 };

}  // namespace

/// The fields of onnx.proto that lead to payloads; where each leads.
struct ModelFile::Message {
  struct Field {
    uint64_t number;
    const Message* message;  ///< nullptr: the payload.
  };
  Field fields[2];

  static const Message model, graph, node, attribute, tensor;
};
constinit const ModelFile::Message ModelFile::Message::tensor{
    {{9, nullptr}, {no_field, nullptr}}};                                                       // raw_data
constinit const ModelFile::Message ModelFile::Message::attribute{{{5, &tensor}, {6, &graph}}};  // t, g
constinit const ModelFile::Message ModelFile::Message::node{{{5, &attribute}, {no_field, nullptr}}};
constinit const ModelFile::Message ModelFile::Message::graph{
    {{1, &node}, {5, &tensor}}};  // node, initializer
constinit const ModelFile::Message ModelFile::Message::model{{{7, &graph}, {no_field, nullptr}}};

ModelFile::ModelFile(const std::filesystem::path& path, const Limits& limits)
    : file_(path, "model", limits.max_model_bytes, "max_model_bytes") {
  const uint64_t size = file_.size();
  if (size == 0) return;
  bytes_.owner = map_sparse_block(static_cast<size_t>(size));
  if (bytes_.owner == nullptr) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(bytes_.owner.get());
  bytes_.data = {memory_, static_cast<size_t>(size)};
  // What is wrong with the file the parser says, which finds all that was not understood here in memory.
  scan(Message::model, 0, size, 0);
  fill(size);
}

/// Reads the file up to `end`, parts that are left out excepted.
void ModelFile::fill(uint64_t end) {
  if (end <= filled_) return;
  end = std::min(std::max(end, filled_ + window_bytes), file_.size());
  prefer_huge_pages(memory_ + filled_, static_cast<size_t>(end - filled_));
  file_.read(filled_, {memory_ + filled_, static_cast<size_t>(end - filled_)});
  filled_ = end;
}

bool ModelFile::read_varint(uint64_t& at, uint64_t end, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && at < end; shift += 7) {
    fill(at + 1);
    const auto byte = std::to_integer<uint64_t>(memory_[at++]);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

/// Notes the payloads of a message that lies in [at, end); false if it is damaged.
bool ModelFile::scan(const Message& message, uint64_t at, uint64_t end, int depth) {
  if (depth == max_depth) return true;
  while (at < end) {
    uint64_t tag = 0;
    uint64_t length = 0;
    if (!read_varint(at, end, tag)) return false;
    switch (tag & 7) {
      case varint:
        if (!read_varint(at, end, length)) return false;
        continue;
      case fixed64:
        length = 8;
        break;
      case fixed32:
        length = 4;
        break;
      case length_delimited:
        if (!read_varint(at, end, length)) return false;
        break;
      default:
        return false;
    }
    if (length > end - at) return false;
    const auto field = std::ranges::find(message.fields, tag >> 3, &Message::Field::number);
    if ((tag & 7) == length_delimited && field != std::end(message.fields)) {
      if (field->message != nullptr) {
        if (!scan(*field->message, at, at + length, depth + 1)) return false;
      } else if (length >= least_left_out) {
        left_out_.emplace(at, at + length);
        filled_ = std::max(filled_, at + length);
      }
    }
    at += length;
  }
  return true;
}

bool ModelFile::leaves_out(std::span<const std::byte> part) const {
  if (part.empty() || part.data() < memory_ || part.data() >= memory_ + bytes_.data.size()) return false;
  const auto begin = static_cast<uint64_t>(part.data() - memory_);
  const auto after = left_out_.upper_bound(begin);
  if (after != left_out_.end() && after->first < begin + part.size()) return true;
  return after != left_out_.begin() && std::prev(after)->second > begin;
}

void ModelFile::read(std::span<const std::byte> part, std::span<std::byte> to) const {
  file_.read(static_cast<uint64_t>(part.data() - memory_), to);
}

}  // namespace spinel::onnx
