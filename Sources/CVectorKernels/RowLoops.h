// Compiled once for each instruction set (EverySet.h): no include guard.
#include "Vectors.h"

static void add_rows(
    float *row, const float *source, const int64_t *places, const float *factors, int64_t count, int64_t stride,
    int32_t fresh) {
  int64_t c = 0;
  for (; c + 64 <= stride; c += 64) {
    Vector16 a = {}, b = {}, d = {}, e = {};
    if (!fresh) {
      a = LOAD(row + c);
      b = LOAD(row + c + 16);
      d = LOAD(row + c + 32);
      e = LOAD(row + c + 48);
    }
    for (int64_t k = 0; k < count; k++) {
      const float *from = source + places[k] + c;
      const float factor = factors[k];
      a += LOAD(from) * factor;
      b += LOAD(from + 16) * factor;
      d += LOAD(from + 32) * factor;
      e += LOAD(from + 48) * factor;
    }
    STORE(a, row + c);
    STORE(b, row + c + 16);
    STORE(d, row + c + 32);
    STORE(e, row + c + 48);
  }
  for (; c < stride; c += 16) {
    Vector16 a = {};
    if (!fresh) a = LOAD(row + c);
    for (int64_t k = 0; k < count; k++) a += LOAD(source + places[k] + c) * factors[k];
    STORE(a, row + c);
  }
}

static void encode_pillar(
    float *row, const float *points, int64_t count, int64_t features, const float *shared, int64_t shared_features,
    const float *packed, int64_t stride) {
  const int64_t depth = features + shared_features;
  const float *bias = packed + stride * depth;
  for (int64_t block = 0; block < stride; block += 16) {
    const float *weights = packed + block * depth;
    Vector16 best = Vector16{} - __builtin_inff();
    // Four points at a time; behind the last it stands again, which changes no maximum.
    for (int64_t p = 0; p < count; p += 4) {
      const int64_t left = count - 1 - p;
      const float *x = points + p * features;
      const float *y = x + (left < 1 ? left : 1) * features;
      const float *z = x + (left < 2 ? left : 2) * features;
      const float *t = x + (left < 3 ? left : 3) * features;
      Vector16 a = {}, b = {}, c = {}, d = {};
      for (int64_t f = 0; f < features; f++) {
        const Vector16 w = LOAD(weights + f * 16);
        a += w * x[f];
        b += w * y[f];
        c += w * z[f];
        d += w * t[f];
      }
      best = a > best ? a : best;
      best = b > best ? b : best;
      best = c > best ? c : best;
      best = d > best ? d : best;
    }
    Vector16 rest = LOAD(bias + block);
    for (int64_t f = 0; f < shared_features; f++) rest += LOAD(weights + (features + f) * 16) * shared[f];
    best += rest;
    const Vector16 zero = {};
    STORE(best > zero ? best : zero, row + block);
  }
}

static void find_cells(
    int32_t *cells, const float *x, const float *y, const float *z, int64_t count, const struct apus_lattice *lattice) {
  const struct apus_lattice l = *lattice;
  const int32_t rows = static_cast<int32_t>(l.count[0]), columns = static_cast<int32_t>(l.count[1]);
  for (int64_t p = 0; p < count; p++) {
    float a = (x[p] - l.low[0]) * l.inverse[0];
    float b = (y[p] - l.low[1]) * l.inverse[1];
    float c = (z[p] - l.low[2]) * l.inverse[2];
    // Written so that NaN fails: only then are the conversions safe.
    const bool near = (a > -1) & (b > -1) & (c > -1) & (a < l.count[0] + 1) & (b < l.count[1] + 1) & (c < 2);
    a = near ? a + 1 : 0;
    b = near ? b + 1 : 0;
    c = near ? c + 1 : 0;
    const int32_t i = static_cast<int32_t>(a), j = static_cast<int32_t>(b), k = static_cast<int32_t>(c);
    a -= static_cast<float>(i);
    b -= static_cast<float>(j);
    c -= static_cast<float>(k);
    const bool sure = (a > l.doubt[0]) & (1 - a > l.doubt[0]) & (b > l.doubt[1]) & (1 - b > l.doubt[1]) &
                      (c > l.doubt[2]) & (1 - c > l.doubt[2]);
    const bool inside = (i > 0) & (i <= rows) & (j > 0) & (j <= columns) & (k == 1);
    const int32_t cell = inside ? (i - 1) * columns + j - 1 : -1;
    cells[p] = near ? (sure ? cell : -2) : -1;
  }
}

static void transpose_groups(
    float *target, int64_t plane, const float *tile, int64_t stride, int64_t channels, const int32_t *first,
    int64_t groups) {
  int64_t c = 0;
  for (; c + 8 <= channels; c += 8) {
    for (int64_t g = 0; g < groups; g++) {
      const float *rows[8];
      for (int k = 0; k < 8; k++) rows[k] = tile + (first[g] + k) * stride + c;
      transposeEight(rows, target + c * plane + first[g], plane);
    }
  }
  for (; c < channels; c++) {
    for (int64_t g = 0; g < groups; g++) {
      for (int k = 0; k < 8; k++) target[c * plane + first[g] + k] = tile[(first[g] + k) * stride + c];
    }
  }
}

static float dot_and_add(
    float *row, const float *gradient, const float *features, float factor, int64_t count) {
  Vector16 product = {};
  for (int64_t k = 0; k < count; k += 16) {
    const Vector16 g = LOAD(gradient + k);
    product += g * LOAD(features + k);
    STORE(LOAD(row + k) + g * factor, row + k);
  }
  return laneSum(product);
}

static void mix_float_rows(float *line, const float *a, const float *b, float weight, int64_t count) {
  int64_t k = 0;
  for (; k + 16 <= count; k += 16) {
    const Vector16 x = LOAD(a + k);
    STORE(x + (LOAD(b + k) - x) * weight, line + k);
  }
  for (; k < count; k++) line[k] = a[k] + (b[k] - a[k]) * weight;
}

static void mix_rows(uint16_t *line, const uint8_t *a, const uint8_t *b, uint16_t weight, int64_t count) {
  const uint16_t rest = 256 - weight;
  for (int64_t k = 0; k < count; k++) line[k] = static_cast<uint16_t>(a[k] * rest + b[k] * weight);
}

static void mix_columns(uint8_t *target, const uint16_t *a, const uint16_t *b, uint32_t weight, int64_t count) {
  const uint16_t other = static_cast<uint16_t>(weight), rest = static_cast<uint16_t>(65535 - weight);
  for (int64_t k = 0; k < count; k++) {
    const uint16_t high = static_cast<uint16_t>((static_cast<uint32_t>(a[k]) * rest) >> 16);
    const uint16_t low = static_cast<uint16_t>((static_cast<uint32_t>(b[k]) * other) >> 16);
    target[k] = static_cast<uint8_t>(static_cast<uint16_t>(high + low + 129) >> 8);
  }
}
