// Elements that only change their place.
#include "cpu/kernels/move.hpp"

#include "cpu/kernels/turn.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

template <class T>
struct Matrix {
  const T* from;
  int64_t from_stride;
  T* to;
  int64_t to_stride;
};

template <class T>
void turn_tile(const Matrix<T>& m, int64_t row, int64_t column, int64_t rows, int64_t columns) {
  const T* from = m.from + row * m.from_stride + column;
  T* to = m.to + column * m.to_stride + row;
  Vec tile[vector_floats];
  if (columns == vector_floats && rows == vector_floats) {
    for (int i = 0; i < vector_floats; ++i) tile[i] = load_bits(from + i * m.from_stride);
    turn_over(tile);
    for (int i = 0; i < vector_floats; ++i) store_bits(to + i * m.to_stride, tile[i]);
    return;
  }
  for (int i = 0; i < vector_floats; ++i)
    tile[i] = i < rows ? load_bits(from + i * m.from_stride, columns) : Vec{};
  turn_over(tile);
  for (int i = 0; i < vector_floats; ++i)
    if (i < columns) store_bits(to + i * m.to_stride, tile[i], rows);
}

/// Few rows that become the elements of short contiguous rows: planes of an image to pixels.
template <int Rows, class T>
void interleave(const Matrix<T>& m, int64_t columns) {
  for (int64_t n = 0; n < columns; ++n)
    for (int i = 0; i < Rows; ++i) m.to[n * Rows + i] = m.from[i * m.from_stride + n];
}
/// The other way round: pixels to planes.
template <int Columns, class T>
void separate(const Matrix<T>& m, int64_t rows) {
  for (int64_t n = 0; n < rows; ++n)
    for (int i = 0; i < Columns; ++i) m.to[i * m.to_stride + n] = m.from[n * Columns + i];
}

#if defined(__AVX512F__)
/// Which elements of 3 vectors of planes make the 3 vectors of pixels, as indices for two-source permutes:
/// first of planes 0 and 1, then of that and plane 2.
void interleave3(const Matrix<float>& m, int64_t columns) {
  alignas(64) int32_t first[3][16];
  alignas(64) int32_t second[3][16];
  for (int v = 0; v < 3; ++v)
    for (int lane = 0; lane < 16; ++lane) {
      const int at = v * 16 + lane;
      const int pixel = at / 3;
      first[v][lane] = at % 3 == 1 ? 16 + pixel : pixel;
      second[v][lane] = at % 3 == 2 ? 16 + pixel : lane;
    }
  __m512i a[3];
  __m512i b[3];
  for (int v = 0; v < 3; ++v) {
    a[v] = _mm512_load_si512(first[v]);
    b[v] = _mm512_load_si512(second[v]);
  }
  int64_t n = 0;
  for (; n + 16 <= columns; n += 16) {
    const Vec x = load(m.from + n);
    const Vec y = load(m.from + m.from_stride + n);
    const Vec z = load(m.from + 2 * m.from_stride + n);
    for (int v = 0; v < 3; ++v)
      store(m.to + 3 * n + 16 * v, _mm512_permutex2var_ps(_mm512_permutex2var_ps(x, a[v], y), b[v], z));
  }
  interleave<3>(Matrix<float>{m.from + n, m.from_stride, m.to + 3 * n, m.to_stride}, columns - n);
}

void separate3(const Matrix<float>& m, int64_t rows) {
  alignas(64) int32_t first[3][16];
  alignas(64) int32_t second[3][16];
  for (int i = 0; i < 3; ++i)
    for (int lane = 0; lane < 16; ++lane) {
      const int at = 3 * lane + i;  // In the 48 elements of 16 pixels.
      first[i][lane] = at < 32 ? at : 0;
      second[i][lane] = at < 32 ? lane : 16 + at - 32;
    }
  __m512i a[3];
  __m512i b[3];
  for (int i = 0; i < 3; ++i) {
    a[i] = _mm512_load_si512(first[i]);
    b[i] = _mm512_load_si512(second[i]);
  }
  int64_t n = 0;
  for (; n + 16 <= rows; n += 16) {
    const Vec x = load(m.from + 3 * n);
    const Vec y = load(m.from + 3 * n + 16);
    const Vec z = load(m.from + 3 * n + 32);
    for (int i = 0; i < 3; ++i)
      store(m.to + i * m.to_stride + n, _mm512_permutex2var_ps(_mm512_permutex2var_ps(x, a[i], y), b[i], z));
  }
  separate<3>(Matrix<float>{m.from + 3 * n, m.from_stride, m.to + n, m.to_stride}, rows - n);
}
#else
void interleave3(const Matrix<float>& m, int64_t columns) { interleave<3>(m, columns); }
void separate3(const Matrix<float>& m, int64_t rows) { separate<3>(m, rows); }
#endif
void interleave3(const Matrix<uint8_t>& m, int64_t columns) { interleave<3>(m, columns); }
void separate3(const Matrix<uint8_t>& m, int64_t rows) { separate<3>(m, rows); }
void interleave3(const Matrix<uint16_t>& m, int64_t columns) { interleave<3>(m, columns); }
void separate3(const Matrix<uint16_t>& m, int64_t rows) { separate<3>(m, rows); }

template <class T>
void transpose_of(const TransposeBlock& t) {
  const Matrix<T> m{static_cast<const T*>(t.from), t.from_stride, static_cast<T*>(t.to), t.to_stride};
  if (t.rows == 3 && t.to_stride == 3) return interleave3(m, t.columns);
  if (t.columns == 3 && t.from_stride == 3) return separate3(m, t.rows);
  // A few tiles along each row before the next rows: whole cache lines are read one after another.
  constexpr int64_t group = 64;
  for (int64_t begin = 0; begin < t.columns; begin += group) {
    const int64_t end = t.columns - begin < group ? t.columns : begin + group;
    for (int64_t row = 0; row < t.rows; row += vector_floats) {
      const int64_t rows = t.rows - row < vector_floats ? t.rows - row : vector_floats;
      for (int64_t column = begin; column < end; column += vector_floats)
        turn_tile(m, row, column, rows, end - column < vector_floats ? end - column : vector_floats);
    }
  }
}

/// Four bytes at a time, which may be two float16 at any address of theirs.
void copy_words(const char* from, char* to, int64_t bytes) {
  typedef Vec AnyVec __attribute__((aligned(1), may_alias));
  constexpr int64_t width = static_cast<int64_t>(sizeof(Vec));
  int64_t n = 0;
  for (; n + width <= bytes; n += width)
    *reinterpret_cast<AnyVec*>(to + n) = *reinterpret_cast<const AnyVec*>(from + n);
#if defined(__AVX2__)
  if (const int64_t rest = (bytes - n) / 4; rest > 0)
    store_partial(reinterpret_cast<float*>(to + n),
                  load_partial(reinterpret_cast<const float*>(from + n), rest), rest);
#else
  for (; n < bytes; n += 4) __builtin_memcpy(to + n, from + n, 4);
#endif
}

}  // namespace

void transpose(const TransposeBlock& block) {
  if (block.element_bytes == 1) return transpose_of<uint8_t>(block);
  block.element_bytes == 2 ? transpose_of<uint16_t>(block) : transpose_of<float>(block);
}

void copy_rows(const void* from, int64_t from_stride, void* to, int64_t to_stride, int64_t rows,
               int64_t row_bytes) {
  constexpr int64_t short_row = 1024;  // Longer ones are the C library's.
  const char* source = static_cast<const char*>(from);
  char* target = static_cast<char*>(to);
  const bool in_words = row_bytes % 4 == 0 && row_bytes <= short_row;
  for (; rows > 0; --rows, source += from_stride, target += to_stride) {
    if (in_words)
      copy_words(source, target, row_bytes);
    else
      __builtin_memcpy(target, source, static_cast<size_t>(row_bytes));
  }
}

}  // namespace spinel::cpu::SPINEL_ISA
