#include "CVectorKernels.h"

#include "Vectors.h"

typedef uint32_t Bits16 __attribute__((vector_size(64)));

/// x = exp(x) for x of -86 to 86 (beyond: the exponential of that end), within 2e-7 of it; NaN stays.
INLINED void exponential(Vector16 &x) {
  const Vector16 low = Vector16{} - 86.0f, high = Vector16{} + 86.0f;
  x = x < low ? low : x;
  x = x > high ? high : x;
  // exp(x) = 2^n exp(r) with |r| <= ln 2 / 2. Adding 1.5 * 2^23 rounds to an integer, which the last bits then hold.
  const Vector16 shifted = x * 1.44269504f + 12582912.0f;
  const Vector16 n = shifted - 12582912.0f;
  const Vector16 r = x - n * 0.693359375f + n * 2.12194440e-4f;
  // Chebyshev's polynomial for (exp(r) - 1 - r) / r^2.
  Vector16 sum = r * 0.0013926250f + 0.0083632329f;
  sum = sum * r + 0.041666552f;
  sum = sum * r + 0.16666576f;
  sum = sum * r + 0.5f;
  sum = sum * (r * r) + r + 1.0f;
  const Bits16 power = (reinterpret_cast<const Bits16 &>(shifted) << 23) + 0x3f800000u;
  x = sum * reinterpret_cast<const Vector16 &>(power);
}

/// The sum of a vector's lanes by halves, in a fixed order.
INLINED float laneSum(const Vector16 &x) {
  float lanes[16];
  STORE(x, lanes);
  for (int width = 8; width > 0; width /= 2) {
    for (int k = 0; k < width; k++) lanes[k] += lanes[k + width];
  }
  return lanes[0];
}

VARIANTS
void apus_normalize_rows(
    float *target, const float *source, int64_t first, int64_t count, int64_t columns, float epsilon,
    int32_t centers, const float *scale, int64_t rowsPerScale, const float *shift, int64_t rowsPerShift) {
  for (int64_t row = first; row < first + count; row++) {
    const float *x = source + row * columns;
    float *y = target + row * columns;
    float mean = 0;
    if (centers) {
      Vector16 sum = {};
      float rest = 0;
      int64_t c = 0;
      for (; c + 16 <= columns; c += 16) sum += LOAD(x + c);
      for (; c < columns; c++) rest += x[c];
      mean = (laneSum(sum) + rest) / static_cast<float>(columns);
    }
    Vector16 squares = {};
    float rest = 0;
    int64_t c = 0;
    for (; c + 16 <= columns; c += 16) {
      const Vector16 d = LOAD(x + c) - mean;
      squares += d * d;
    }
    for (; c < columns; c++) rest += (x[c] - mean) * (x[c] - mean);
    const float variance = (laneSum(squares) + rest) / static_cast<float>(columns);
    const float inverse = 1.0f / __builtin_sqrtf(variance + epsilon);
    const float *a = scale ? scale + row / rowsPerScale * columns : nullptr;
    const float *b = shift ? shift + row / rowsPerShift * columns : nullptr;
    for (c = 0; c + 16 <= columns; c += 16) {
      Vector16 value = (LOAD(x + c) - mean) * inverse;
      if (a) value *= LOAD(a + c);
      if (b) value += LOAD(b + c);
      STORE(value, y + c);
    }
    for (; c < columns; c++) {
      float value = (x[c] - mean) * inverse;
      if (a) value *= a[c];
      if (b) value += b[c];
      y[c] = value;
    }
  }
}

VARIANTS
void apus_scale_rows(
    float *target, const float *source, const float *factors, int64_t first, int64_t count, int64_t columns) {
  for (int64_t row = first; row < first + count; row++) {
    const float *x = source + row * columns;
    float *y = target + row * columns;
    const float factor = factors[row];
    for (int64_t c = 0; c < columns; c++) y[c] = x[c] * factor;
  }
}

VARIANTS
void apus_gelu_tanh(float *target, const float *source, int64_t count) {
  for (int64_t k = 0; k < count; k += 16) {
    Vector16 x = {};
    const int64_t lanes = count - k < 16 ? count - k : 16;
    if (lanes == 16) {
      x = LOAD(source + k);
    } else {
      for (int64_t i = 0; i < lanes; i++) x[i] = source[k + i];
    }
    // (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u)).
    Vector16 e = x * (x * x * -0.0713548163f - 1.59576912f);
    exponential(e);
    const Vector16 y = x / (e + 1.0f);
    if (lanes == 16) {
      STORE(y, target + k);
    } else {
      for (int64_t i = 0; i < lanes; i++) target[k + i] = y[i];
    }
  }
}

// Attention. Queries come in blocks of 32: their elements, scores and shares lie with the query fastest.

/// turned[d][i] = queries[i][d]; the last query stands for those that are none.
INLINED void turn(const ApusAttention *a, float *turned) {
  const int64_t last = a->queryCount - 1;
  for (int64_t i = 0; i < 32; i += 8) {
    const float *rows[8];
    int64_t d = 0;
    for (; d + 8 <= a->size; d += 8) {
      for (int64_t k = 0; k < 8; k++) rows[k] = a->queries + (i + k < last ? i + k : last) * a->queryStride + d;
      transposeEight(rows, turned + d * 32 + i, 32);
    }
    for (; d < a->size; d++) {
      for (int64_t k = i; k < i + 8; k++) {
        turned[d * 32 + k] = a->queries[(k < last ? k : last) * a->queryStride + d];
      }
    }
  }
}

/// scores[j][i] = scale * sum over d of keys[seen[j]][d] * turned[d][i], for `count` keys from `j` on.
template <int count>
INLINED void score(const ApusAttention *a, const float *turned, float *scores, int64_t j) {
  const float *keys[count];
  for (int k = 0; k < count; k++) keys[k] = a->keys + a->seen[j + k] * a->keyStride;
  Vector16 sums[count][2] = {};
  for (int64_t d = 0; d < a->size; d++) {
    const Vector16 low = LOAD(turned + d * 32), high = LOAD(turned + d * 32 + 16);
    for (int k = 0; k < count; k++) {
      sums[k][0] += low * keys[k][d];
      sums[k][1] += high * keys[k][d];
    }
  }
  for (int k = 0; k < count; k++) {
    STORE(sums[k][0] * a->scale, scores + (j + k) * 32);
    STORE(sums[k][1] * a->scale, scores + (j + k) * 32 + 16);
  }
}

/// Minus infinity for the scores that the mask or causality forbids.
INLINED void forbid(const ApusAttention *a, float *scores) {
  for (int64_t j = 0; j < a->seenCount; j++) {
    for (int64_t i = 0; i < a->queryCount; i++) {
      const bool future = a->causal && a->seen[j] > a->firstQuery + i;
      const bool masked = a->mask && !a->mask[i * a->maskStride + a->seen[j]];
      if (future || masked) scores[j * 32 + i] = -__builtin_inff();
    }
  }
}

/// Scores to shares that sum to 1 along j, for 16 queries; all 0 where every score is minus infinity.
INLINED void share(float *scores, int64_t count) {
  const Vector16 nothing = Vector16{} - __builtin_inff(), zero = {};
  Vector16 largest = nothing, sum = {};
  for (int64_t j = 0; j < count; j++) {
    const Vector16 s = LOAD(scores + j * 32);
    largest = s > largest ? s : largest;
  }
  largest = largest > nothing ? largest : zero;
  for (int64_t j = 0; j < count; j++) {
    const Vector16 s = LOAD(scores + j * 32);
    Vector16 e = s - largest;
    exponential(e);
    e = s == nothing ? zero : e;
    sum += e;
    STORE(e, scores + j * 32);
  }
  const Vector16 inverse = sum == zero ? zero : 1.0f / sum;
  for (int64_t j = 0; j < count; j++) STORE(LOAD(scores + j * 32) * inverse, scores + j * 32);
}

/// target[i][c ...] = sum over j of shares[j][i] * values[seen[j]][c ...] for `rows` queries, 16 * `vectors` elements.
template <int rows, int vectors>
INLINED void weigh(const ApusAttention *a, const float *shares, int64_t i, int64_t c) {
  Vector16 sums[rows][vectors] = {};
  for (int64_t j = 0; j < a->seenCount; j++) {
    const float *value = a->values + a->seen[j] * a->valueStride + c;
    for (int v = 0; v < vectors; v++) {
      const Vector16 x = LOAD(value + 16 * v);
      for (int r = 0; r < rows; r++) sums[r][v] += x * shares[j * 32 + i + r];
    }
  }
  for (int r = 0; r < rows; r++) {
    for (int v = 0; v < vectors; v++) STORE(sums[r][v], a->target + (i + r) * a->targetStride + c + 16 * v);
  }
}

VARIANTS
void apus_attend(const ApusAttention *a, float *scratch) {
  float *turned = scratch, *scores = scratch + a->size * 32;
  turn(a, turned);
  int64_t j = 0;
  for (; j + 4 <= a->seenCount; j += 4) score<4>(a, turned, scores, j);
  for (; j < a->seenCount; j++) score<1>(a, turned, scores, j);
  if (a->mask || a->causal) forbid(a, scores);
  share(scores, a->seenCount);
  if (a->queryCount > 16) share(scores + 16, a->seenCount);
  int64_t i = 0;
  for (; i < a->queryCount; i += i + 4 <= a->queryCount ? 4 : 1) {
    const bool four = i + 4 <= a->queryCount;
    int64_t c = 0;
    for (; c + 32 <= a->valueSize; c += 32) four ? weigh<4, 2>(a, scores, i, c) : weigh<1, 2>(a, scores, i, c);
    for (; c + 16 <= a->valueSize; c += 16) four ? weigh<4, 1>(a, scores, i, c) : weigh<1, 1>(a, scores, i, c);
    for (; c < a->valueSize; c++) {
      for (int64_t r = i; r < i + (four ? 4 : 1); r++) {
        float sum = 0;
        for (j = 0; j < a->seenCount; j++) {
          sum += a->values[a->seen[j] * a->valueStride + c] * scores[j * 32 + r];
        }
        a->target[r * a->targetStride + c] = sum;
      }
    }
  }
}
