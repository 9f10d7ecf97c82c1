// The rows of A under a register tile.
#pragma once

// Calls row(m, address) for m = 0 ... 13 with where row m stands, given pointers a0, a5 and a10 to rows 0, 5
// and 10, the distance `stride` of two rows in bytes, and stride3 three times that. From a base pointer every
// five rows the others are base + {1, 2, 3, 4} * stride, which are addressing modes of x86: more pointers
// would not fit into the registers.
#define SPINEL_FOR_EACH_ROW(row)                                                                          \
  row(0, a0) row(1, a0 + stride) row(2, a0 + 2 * stride) row(3, a0 + stride3) row(4, a0 + 4 * stride)     \
      row(5, a5) row(6, a5 + stride) row(7, a5 + 2 * stride) row(8, a5 + stride3) row(9, a5 + 4 * stride) \
          row(10, a10) row(11, a10 + stride) row(12, a10 + 2 * stride) row(13, a10 + stride3)
