// Compiled once for each instruction set (EverySet.h): no include guard.
#include "Vectors.h"

typedef uint32_t Bits16 __attribute__((vector_size(64)));

/// x = exp(x), within 2e-7 of it, for x of -86 to 86 alone; NaN stays.
INLINED void exponential(Vector16 &x) {
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

static void normalize_rows(
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

static void scale_rows(
    float *target, const float *source, const float *factors, int64_t first, int64_t count, int64_t columns) {
  for (int64_t row = first; row < first + count; row++) {
    const float *x = source + row * columns;
    float *y = target + row * columns;
    const float factor = factors[row];
    for (int64_t c = 0; c < columns; c++) y[c] = x[c] * factor;
  }
}

static void gelu_tanh(float *target, const float *source, int64_t count) {
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
    const Vector16 low = Vector16{} - 86.0f, high = Vector16{} + 86.0f;
    e = e < low ? low : e;
    e = e > high ? high : e;
    exponential(e);
    const Vector16 y = x / (e + 1.0f);
    if (lanes == 16) {
      STORE(y, target + k);
    } else {
      for (int64_t i = 0; i < lanes; i++) target[k + i] = y[i];
    }
  }
}

// Attention. Queries come in blocks of 16, 32, 48 or 64: `vectors` of 16. Their elements, scores and shares lie with the
// query fastest, `16 * vectors` floats a row.

/// turned[d][i] = queries[i][d]; the last query stands for those that are none.
template <int vectors>
INLINED void turn(const ApusAttention *a, float *turned) {
  constexpr int64_t stride = 16 * vectors;
  const int64_t last = a->queryCount - 1;
  for (int64_t i = 0; i < stride; i += 8) {
    const float *rows[8];
    for (int64_t k = 0; k < 8; k++) rows[k] = a->queries + (i + k < last ? i + k : last) * a->queryStride;
    int64_t d = 0;
    for (; d + 8 <= a->size; d += 8) {
      transposeEight(rows, turned + d * stride + i, stride);
      for (int64_t k = 0; k < 8; k++) rows[k] += 8;
    }
    for (int64_t rest = 0; d + rest < a->size; rest++) {
      for (int64_t k = 0; k < 8; k++) turned[(d + rest) * stride + i + k] = rows[k][rest];
    }
  }
}

/// scores[j][i] = scale * sum over d of keys[seen[j]][d] * turned[d][i], for `count` keys from `j` on.
template <int count, int vectors>
INLINED void score(const ApusAttention *a, const float *turned, float *scores, int64_t j) {
  constexpr int64_t stride = 16 * vectors;
  const float *keys[count];
  for (int k = 0; k < count; k++) keys[k] = a->keys + a->seen[j + k] * a->keyStride;
  Vector16 sums[count][vectors] = {};
  for (int64_t d = 0; d < a->size; d++) {
    Vector16 query[vectors];
    for (int v = 0; v < vectors; v++) query[v] = LOAD(turned + d * stride + 16 * v);
    for (int k = 0; k < count; k++) {
      for (int v = 0; v < vectors; v++) sums[k][v] += query[v] * keys[k][d];
    }
  }
  for (int k = 0; k < count; k++) {
    for (int v = 0; v < vectors; v++) STORE(sums[k][v] * a->scale, scores + (j + k) * stride + 16 * v);
  }
}

/// Minus infinity for the scores that the mask or causality forbids.
INLINED void forbid(const ApusAttention *a, float *scores, int64_t stride) {
  for (int64_t j = 0; j < a->seenCount; j++) {
    for (int64_t i = 0; i < a->queryCount; i++) {
      const bool future = a->causal && a->seen[j] > a->firstQuery + i;
      const bool masked = a->mask && !a->mask[i * a->maskStride + a->seen[j]];
      if (future || masked) scores[j * stride + i] = -__builtin_inff();
    }
  }
}

/// Scores to exponentials, with their sum's inverse, for 16 queries; all 0 where every score is minus infinity.
INLINED void share(float *scores, int64_t count, int64_t stride, float *inverse) {
  const Vector16 nothing = Vector16{} - __builtin_inff(), low = Vector16{} - 86.0f, zero = {};
  Vector16 largest = nothing, sum = {};
  for (int64_t j = 0; j < count; j++) {
    const Vector16 s = LOAD(scores + j * stride);
    largest = s > largest ? s : largest;
  }
  largest = largest > nothing ? largest : zero;
  for (int64_t j = 0; j < count; j++) {
    const Vector16 difference = LOAD(scores + j * stride) - largest;
    Vector16 e = difference;
    exponential(e);
    e = difference < low ? zero : e;
    sum += e;
    STORE(e, scores + j * stride);
  }
  STORE(sum == zero ? zero : 1.0f / sum, inverse);
}

/// target[i][c ...] = inverse[i] * sum over j of shares[j][i] * values[seen[j]][c ...] for `rows` queries, 16 * `width` elements.
template <int rows, int width>
INLINED void weigh(
    const ApusAttention *a, const float *shares, const float *inverse, int64_t stride, int64_t i, int64_t c) {
  Vector16 sums[rows][width] = {};
  for (int64_t j = 0; j < a->seenCount; j++) {
    const float *value = a->values + a->seen[j] * a->valueStride + c;
    Vector16 x[width];
    for (int v = 0; v < width; v++) x[v] = LOAD(value + 16 * v);
    for (int r = 0; r < rows; r++) {
      for (int v = 0; v < width; v++) sums[r][v] += x[v] * shares[j * stride + i + r];
    }
  }
  for (int r = 0; r < rows; r++) {
    float *y = a->target + (i + r) * a->targetStride + c;
    for (int v = 0; v < width; v++) STORE(sums[r][v] * inverse[i + r], y + 16 * v);
  }
}

/// All elements of `rows` queries' results.
template <int rows>
INLINED void weighAll(
    const ApusAttention *a, const float *shares, const float *inverse, int64_t stride, int64_t i) {
  int64_t c = 0;
  for (; c + 64 <= a->valueSize; c += 64) weigh<rows, 4>(a, shares, inverse, stride, i, c);
  for (; c + 32 <= a->valueSize; c += 32) weigh<rows, 2>(a, shares, inverse, stride, i, c);
  for (; c + 16 <= a->valueSize; c += 16) weigh<rows, 1>(a, shares, inverse, stride, i, c);
  for (; c < a->valueSize; c++) {
    for (int64_t r = i; r < i + rows; r++) {
      float sum = 0;
      for (int64_t j = 0; j < a->seenCount; j++) {
        sum += a->values[a->seen[j] * a->valueStride + c] * shares[j * stride + r];
      }
      a->target[r * a->targetStride + c] = sum * inverse[r];
    }
  }
}

template <int vectors>
INLINED void attend(const ApusAttention *a, float *scratch) {
  constexpr int64_t stride = 16 * vectors;
  constexpr int together = vectors == 1 ? 8 : 4;
  float *turned = scratch, *scores = scratch + a->size * stride;
  turn<vectors>(a, turned);
  int64_t j = 0;
  for (; j + together <= a->seenCount; j += together) score<together, vectors>(a, turned, scores, j);
  for (; j < a->seenCount; j++) score<1, vectors>(a, turned, scores, j);
  if (a->mask || a->causal) forbid(a, scores, stride);
  float inverse[stride];
  for (int v = 0; v < vectors; v++) share(scores + 16 * v, a->seenCount, stride, inverse + 16 * v);
  int64_t i = 0;
  for (; i + 4 <= a->queryCount; i += 4) weighAll<4>(a, scores, inverse, stride, i);
  for (; i < a->queryCount; i++) weighAll<1>(a, scores, inverse, stride, i);
}

static void attend(const ApusAttention *a, float *scratch) {
  switch ((a->queryCount + 15) / 16) {
    case 1: return attend<1>(a, scratch);
    case 2: return attend<2>(a, scratch);
    case 3: return attend<3>(a, scratch);
    default: return attend<4>(a, scratch);
  }
}
