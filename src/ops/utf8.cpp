#include "ops/utf8.hpp"

namespace spinel::ops {
namespace {

/// Capitals `first` to `last`, every `step`th code point; the small letter is `offset` further.
struct CaseRange {
  char32_t first, last;
  int32_t step, offset;
};

constexpr CaseRange ranges[] = {
    {'A', 'Z', 1, 32},       {0x00C0, 0x00D6, 1, 32}, {0x00D8, 0x00DE, 1, 32}, {0x0100, 0x012E, 2, 1},
    {0x0132, 0x0136, 2, 1},  {0x0139, 0x0147, 2, 1},  {0x014A, 0x0176, 2, 1},  {0x0178, 0x0178, 1, -121},
    {0x0179, 0x017D, 2, 1},  {0x01CD, 0x01DB, 2, 1},  {0x01DE, 0x01EE, 2, 1},  {0x01F8, 0x021E, 2, 1},
    {0x0222, 0x0232, 2, 1},  {0x0386, 0x0386, 1, 38}, {0x0388, 0x038A, 1, 37}, {0x038C, 0x038C, 1, 64},
    {0x038E, 0x038F, 1, 63}, {0x0391, 0x03A1, 1, 32}, {0x03A3, 0x03AB, 1, 32}, {0x0400, 0x040F, 1, 80},
    {0x0410, 0x042F, 1, 32}, {0x0460, 0x0480, 2, 1},  {0x048A, 0x04BE, 2, 1},  {0x04C0, 0x04C0, 1, 15},
    {0x04C1, 0x04CD, 2, 1},  {0x04D0, 0x052E, 2, 1},  {0x0531, 0x0556, 1, 48}, {0x1E00, 0x1E94, 2, 1},
    {0x1EA0, 0x1EFE, 2, 1},  {0x2160, 0x216F, 1, 16}, {0x24B6, 0x24CF, 1, 26}, {0xFF21, 0xFF3A, 1, 32},
};

constexpr char32_t no_text = 0xDC00;

template <class Map>
std::string mapped(std::string_view text, Map map) {
  std::string out;
  for (size_t at = 0; at < text.size();) append_utf8(out, map(next_code_point(text, at)));
  return out;
}

}  // namespace

char32_t next_code_point(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return text[at++] & 0x7F;
  const size_t length = lead >= 0xF0 && lead < 0xF5   ? 4
                        : lead >= 0xE0 && lead < 0xF0 ? 3
                        : lead >= 0xC2 && lead < 0xE0 ? 2
                                                      : 0;
  if (length == 0 || at + length > text.size()) return no_text + byte(at++);
  char32_t c = lead & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return no_text + byte(at++);
    c = (c << 6) | (byte(at + i) & 0x3F);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (c < least[length] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return no_text + byte(at++);
  at += length;
  return c;
}

void append_utf8(std::string& text, char32_t c) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (c >= no_text && c < no_text + 256) return put(c - no_text);
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | (c >> 6));
  } else {
    if (c < 0x10000) {
      put(0xE0 | (c >> 12));
    } else {
      put(0xF0 | (c >> 18));
      put(0x80 | ((c >> 12) & 0x3F));
    }
    put(0x80 | ((c >> 6) & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

std::u32string code_points(std::string_view text) {
  std::u32string out;
  for (size_t at = 0; at < text.size();) out += next_code_point(text, at);
  return out;
}

char32_t lower_case(char32_t c) {
  if (c == 0x0130) return 'i';
  for (const CaseRange& r : ranges)
    if (c >= r.first && c <= r.last && (c - r.first) % static_cast<char32_t>(r.step) == 0)
      return static_cast<char32_t>(static_cast<int32_t>(c) + r.offset);
  return c;
}

char32_t upper_case(char32_t c) {
  if (c == 0x0131) return 'I';
  if (c == 0x03C2) return 0x03A3;  // The final sigma.
  for (const CaseRange& r : ranges) {
    const auto capital = static_cast<char32_t>(static_cast<int32_t>(c) - r.offset);
    if (capital >= r.first && capital <= r.last && (capital - r.first) % static_cast<char32_t>(r.step) == 0)
      return capital;
  }
  return c;
}

std::string lower_case(std::string_view text) {
  return mapped(text, [](char32_t c) { return lower_case(c); });
}
std::string upper_case(std::string_view text) {
  return mapped(text, [](char32_t c) { return upper_case(c); });
}

}  // namespace spinel::ops
