#ifndef C_VECTOR_KERNELS_H
#define C_VECTOR_KERNELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// row[c] = Σ factors[k] · source[places[k] + c] over k, in their order; added to what the row holds unless `fresh`.
/// `stride` floats, a multiple of 16.
void apus_add_rows(
    float *row, const float *source, const int64_t *places, const float *factors, int64_t count, int64_t stride,
    int32_t fresh);

/// row[o] = max(0, bias[o] + Σ_g weight[o][features + g] · shared[g] + max over p of Σ_f weight[o][f] · points[p][f]), for
/// `count` >= 1 points. `packed` is weight [stride / 16][features + shared_features][16], o = 16 · block + lane, and bias
/// [stride]; `stride` is a multiple of 16. NaN never wins.
void apus_encode_pillar(
    float *row, const float *points, int64_t count, int64_t features, const float *shared, int64_t shared_features,
    const float *packed, int64_t stride);

/// A lattice of count[0] x count[1] cells, one high; doubt is how far from a border a quotient is sure, in cells.
struct apus_lattice {
  float low[3], inverse[3], count[2], doubt[3];
};

/// The cell i · count[1] + j of each point, -1 outside and where it is not finite, -2 where single precision cannot tell.
/// Counts are below 2^15.
void apus_find_cells(
    int32_t *cells, const float *x, const float *y, const float *z, int64_t count, const struct apus_lattice *lattice);

/// target[c][cell] = tile[cell][c] for `groups` groups of eight cells that begin at `first[g]`; rows of the tile lie
/// `stride` floats apart, planes of the target `plane`; `channels` is any number.
void apus_transpose_groups(
    float *target, int64_t plane, const float *tile, int64_t stride, int64_t channels, const int32_t *first,
    int64_t groups);

/// row[k] += factor · gradient[k] and the sum of gradient[k] · features[k], over `count` floats, a multiple of 16.
float apus_dot_and_add(
    float *row, const float *gradient, const float *features, float factor, int64_t count);

/// line[k] = a[k] · (256 - weight) + b[k] · weight, for `weight` of 0 to 256.
void apus_mix_rows(uint16_t *line, const uint8_t *a, const uint8_t *b, uint16_t weight, int64_t count);

/// target[k] = (a[k] · (65535 - weight) / 65536 + b[k] · weight / 65536 + 129) / 256, each quotient rounded down, for
/// `weight` of 0 to 65535.
void apus_mix_columns(uint8_t *target, const uint16_t *a, const uint16_t *b, uint32_t weight, int64_t count);

/// Rows of `columns` floats brought to mean 0 (unless `centers` is 0, as in RMS normalisation) and variance 1, times a
/// scale, plus a shift, where these are not null: `target[r] = (source[r] - mean) / sqrt(variance + epsilon) ·
/// scale[r / rowsPerScale] + shift[r / rowsPerShift]`, for `count` rows from `first` on.
void apus_normalize_rows(
    float *target, const float *source, int64_t first, int64_t count, int64_t columns, float epsilon,
    int32_t centers, const float *scale, int64_t rowsPerScale, const float *shift, int64_t rowsPerShift);

/// target[r][c] = source[r][c] · factors[r], for `count` rows from `first` on. The target may be the source.
void apus_scale_rows(
    float *target, const float *source, const float *factors, int64_t first, int64_t count, int64_t columns);

/// target[k] = x / 2 · (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³))) of source[k]. The target may be the source.
/// Source: Hendrycks & Gimpel, arXiv 1606.08415, section 2.
void apus_gelu_tanh(float *target, const float *source, int64_t count);

/// One head's attention of up to 64 queries. Strides are floats from one row to the next.
typedef struct {
  const float *queries, *keys, *values;
  float *target;
  int64_t queryStride, keyStride, valueStride, targetStride;
  /// Queries (1 to 64), the first one's place in its sequence, floats of a query and key, and of a value.
  int64_t queryCount, firstQuery, size, valueSize;
  /// Factor of the products.
  float scale;
  /// Whether query i sees keys up to i alone.
  int32_t causal;
  /// The keys that some query may see, rising.
  const int32_t *seen;
  int64_t seenCount;
  /// mask[query · maskStride + key]: 0 where the query may not see the key; null: it sees all of `seen`.
  const uint8_t *mask;
  int64_t maskStride;
} ApusAttention;

/// target = softmax(scale · queries keysᵀ) values; 0 for a query that sees no key. `scratch` has room for
/// 64 · (size + seenCount) floats. Source: Vaswani et al., arXiv 1706.03762, equation 1.
void apus_attend(const ApusAttention *attention, float *scratch);

#ifdef __cplusplus
}
#endif

#endif
