// Vectors of floats for loops that are compiled once for each instruction set (EverySet.h): no include guard.

// Part of every function that calls it. Vectors come by reference, as by value they cannot pass between instruction sets.
#define INLINED static inline __attribute__((always_inline))

typedef float Vector16 __attribute__((vector_size(64)));
typedef float Vector8 __attribute__((vector_size(32)));

// A vector at any address of a float.
typedef float Unaligned16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef float Unaligned8 __attribute__((vector_size(32), aligned(4), may_alias));
#define LOAD(from) (*reinterpret_cast<const Unaligned16 *>(from))
#define STORE(value, to) (*reinterpret_cast<Unaligned16 *>(to) = (value))

/// The sum of a vector's lanes by halves, in a fixed order.
INLINED float laneSum(const Vector16 &x) {
  float lanes[16];
  STORE(x, lanes);
  for (int width = 8; width > 0; width /= 2) {
    for (int k = 0; k < width; k++) lanes[k] += lanes[k + width];
  }
  return lanes[0];
}

/// to[c * stride + k] = rows[k][c] for eight rows of eight floats.
INLINED void transposeEight(const float *const *rows, float *to, int64_t stride) {
  Vector8 r[8], s[8], t[8];
  for (int k = 0; k < 8; k++) r[k] = *reinterpret_cast<const Unaligned8 *>(rows[k]);
  // Pairs of rows interleaved within halves, then pairs of pairs, then the halves exchanged.
  for (int k = 0; k < 8; k += 2) {
    s[k] = __builtin_shufflevector(r[k], r[k + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    s[k + 1] = __builtin_shufflevector(r[k], r[k + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int k = 0; k < 8; k += 4) {
    t[k] = __builtin_shufflevector(s[k], s[k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    t[k + 1] = __builtin_shufflevector(s[k], s[k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    t[k + 2] = __builtin_shufflevector(s[k + 1], s[k + 3], 0, 1, 8, 9, 4, 5, 12, 13);
    t[k + 3] = __builtin_shufflevector(s[k + 1], s[k + 3], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (int k = 0; k < 4; k++) {
    const Vector8 low = __builtin_shufflevector(t[k], t[k + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    const Vector8 high = __builtin_shufflevector(t[k], t[k + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    *reinterpret_cast<Unaligned8 *>(to + k * stride) = low;
    *reinterpret_cast<Unaligned8 *>(to + (k + 4) * stride) = high;
  }
}
