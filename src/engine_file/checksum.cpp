#include "engine_file/checksum.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace spinel::engine_file {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint64_t prime1 = 0x9E3779B185EBCA87;
constexpr uint64_t prime2 = 0xC2B2AE3D27D4EB4F;
constexpr uint64_t prime3 = 0x165667B19E3779F9;
constexpr uint64_t prime4 = 0x85EBCA77C2B2AE63;
constexpr uint64_t prime5 = 0x27D4EB2F165667C5;

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

uint64_t round(uint64_t lane, uint64_t input) { return std::rotl(lane + input * prime2, 31) * prime1; }

}  // namespace

Checksum::Checksum() : lanes_{prime1 + prime2, prime2, 0, uint64_t{0} - prime1} {}

void Checksum::add(std::span<const std::byte> bytes) {
  total_ += bytes.size();
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  const auto take = [&](const std::byte* block) {
    for (size_t i = 0; i < 4; ++i) lanes_[i] = round(lanes_[i], load<uint64_t>(block + 8 * i));
  };
  if (rest_size_ > 0) {
    const size_t more = std::min(left, stripe - rest_size_);
    if (more > 0) std::memcpy(rest_ + rest_size_, at, more);
    rest_size_ += more;
    at += more;
    left -= more;
    if (rest_size_ < stripe) return;
    take(rest_);
    rest_size_ = 0;
  }
  for (; left >= stripe; at += stripe, left -= stripe) take(at);
  if (left > 0) std::memcpy(rest_, at, left);
  rest_size_ = left;
}

uint64_t Checksum::value() const {
  uint64_t hash = prime5;
  if (total_ >= stripe) {
    hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
           std::rotl(lanes_[3], 18);
    for (uint64_t lane : lanes_) hash = (hash ^ round(0, lane)) * prime1 + prime4;
  }
  hash += total_;
  const std::byte* at = rest_;
  size_t left = rest_size_;
  for (; left >= 8; at += 8, left -= 8)
    hash = std::rotl(hash ^ round(0, load<uint64_t>(at)), 27) * prime1 + prime4;
  for (; left >= 4; at += 4, left -= 4)
    hash = std::rotl(hash ^ load<uint32_t>(at) * prime1, 23) * prime2 + prime3;
  for (; left > 0; ++at, --left) hash = std::rotl(hash ^ static_cast<uint64_t>(*at) * prime5, 11) * prime1;
  hash = (hash ^ (hash >> 33)) * prime2;
  hash = (hash ^ (hash >> 29)) * prime3;
  return hash ^ (hash >> 32);
}

}  // namespace spinel::engine_file
