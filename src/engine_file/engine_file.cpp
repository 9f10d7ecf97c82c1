#include "engine_file/engine_file.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/cancel.hpp"
#include "base/text.hpp"
#include "engine_file/checksum.hpp"

namespace spinel::engine_file {
namespace {

constexpr uint64_t page = 4096;
constexpr uint32_t format_version = 1;
constexpr unsigned char magic[8] = {0x89, 'S', 'P', 'N', 'L', '\r', '\n', 0x1A};

/// The first bytes of a file; numbers lowest byte first.
struct Header {
  unsigned char magic[8];
  uint32_t format;
  uint32_t reserved;
  uint64_t file_bytes;
  uint64_t program_bytes;   ///< They follow the header.
  uint64_t weights_offset;  ///< The next multiple of a page.
  uint64_t weights_bytes;   ///< To the end of the file.
  uint64_t weights_checksum;
  uint64_t checksum;  ///< Of the header up to here and of the program.
};
static_assert(sizeof(Header) == 64 && std::endian::native == std::endian::little);

uint64_t aligned(uint64_t offset, uint64_t to) { return (offset + to - 1) / to * to; }

uint64_t checksum_of(const Header& header, std::span<const std::byte> program) {
  Checksum sum;
  sum.add(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, checksum)));
  sum.add(program);
  return sum.value();
}

/// Adds weights, of which there may be much: a cancelled load is noticed on the way.
void add_checked(Checksum& sum, std::span<const std::byte> bytes) {
  constexpr size_t piece_bytes = size_t{1} << 20;
  for (size_t at = 0; at < bytes.size(); at += piece_bytes) {
    check_load_cancelled();
    sum.add(bytes.subspan(at, std::min(piece_bytes, bytes.size() - at)));
  }
}

constexpr const char* rebuild = "build it again: spinel build MODEL -o FILE.spinel";

[[noreturn]] void damaged(std::string_view why) {
  fail(ErrorCode::bad_model, "the engine file is damaged: {}; {}", why, rebuild);
}

Header read_header(const OpenFile& file) {
  Header header{};
  if (file.size() < sizeof header)
    fail(ErrorCode::bad_model, "this is no engine file: it has {} bytes; {}", file.size(), rebuild);
  const Bytes bytes = file.read(0, sizeof header);
  std::memcpy(&header, bytes.data.data(), sizeof header);
  if (std::memcmp(header.magic, magic, sizeof magic) != 0)
    fail(ErrorCode::bad_model, "this is no engine file; {}", rebuild);
  if (header.format != format_version)
    fail(ErrorCode::unsupported, "the engine file has format {}, this version of Spinel reads {}; {}",
         header.format, format_version, rebuild);
  if (header.file_bytes != file.size())
    damaged(fmt::format("it has {} bytes instead of {}", file.size(), header.file_bytes));
  // Sizes first, so that no sum below overflows.
  if (header.program_bytes > file.size() - sizeof header || header.weights_bytes > file.size() ||
      header.weights_offset != aligned(sizeof header + header.program_bytes, page) ||
      header.weights_offset + header.weights_bytes != file.size() || header.reserved != 0)
    damaged("its sections do not fit into it");
  return header;
}

void check_stamp(const Stamp& stamp, const cpu::Isa& isa) {
  if (stamp.version != library_version() || stamp.fingerprint != build_fingerprint)
    fail(ErrorCode::unsupported,
         "the engine file was built by Spinel {} (build {:016x}), this is {} (build {:016x}); {}",
         stamp.version, stamp.fingerprint, library_version(), build_fingerprint, rebuild);
  if (stamp.isa != isa.name)
    fail(ErrorCode::unsupported,
         "the engine file was built for the instruction set '{}', this engine runs on '{}'; {} --isa {}",
         stamp.isa, isa.name, rebuild, isa.name);
}

}  // namespace

bool is_engine_file(const std::filesystem::path& path) {
  const OpenFile file(path, "engine file");
  if (file.size() < sizeof magic) return false;
  return std::memcmp(file.read(0, sizeof magic).data.data(), magic, sizeof magic) == 0;
}

void save(const std::filesystem::path& path, const graph::Graph& graph, const Stamp& stamp) {
  const EncodedProgram encoded = encode_program(graph, stamp);
  const auto program = std::as_bytes(std::span(encoded.program));
  static constexpr std::byte zeros[page] = {};
  std::vector<std::span<const std::byte>> weights;
  for (const Tensor& tensor : encoded.weights) {
    weights.emplace_back(static_cast<const std::byte*>(tensor.raw()), tensor.size_bytes());
    const uint64_t padding = aligned(tensor.size_bytes(), weight_alignment) - tensor.size_bytes();
    weights.push_back(std::span(zeros).first(padding));
  }
  Header header{};
  std::memcpy(header.magic, magic, sizeof magic);
  header.format = format_version;
  header.program_bytes = program.size();
  header.weights_offset = aligned(sizeof header + program.size(), page);
  header.weights_bytes = encoded.weight_bytes;
  header.file_bytes = header.weights_offset + header.weights_bytes;
  Checksum sum;
  for (const auto& part : weights) add_checked(sum, part);
  header.weights_checksum = sum.value();
  header.checksum = checksum_of(header, program);

  std::vector<std::span<const std::byte>> parts{std::as_bytes(std::span(&header, 1)), program};
  parts.push_back(std::span(zeros).first(header.weights_offset - sizeof header - program.size()));
  parts.insert(parts.end(), weights.begin(), weights.end());
  write_file(path, parts);
}

Loaded load(const std::filesystem::path& path, const LoadOptions& options,
            FunctionRef<void(const Stamp& stamp)> accept) {
  const OpenFile file(path, "engine file", options.limits.max_model_bytes, "max_model_bytes");
  const Header header = read_header(file);
  const Bytes program = file.read(sizeof header, header.program_bytes);
  if (checksum_of(header, program.data) != header.checksum) damaged("the checksum of its program differs");
  Loaded loaded;
  loaded.stamp = decode_stamp(program.data);
  check_stamp(loaded.stamp, *options.isa);
  accept(loaded.stamp);
  const Bytes weights = file.map(header.weights_offset, header.weights_bytes);
  if (options.verify_weights) {
    Checksum sum;
    add_checked(sum, weights.data);
    if (sum.value() != header.weights_checksum) damaged("the checksum of its weights differs");
  }
  loaded.graph = decode_program(program.data, weights, *options.isa, options.limits, options.custom_ops);
  return loaded;
}

}  // namespace spinel::engine_file
