#ifndef C_VECTOR_KERNELS_H
#define C_VECTOR_KERNELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Instruction sets, each with what those before it have: SSE4.2; AVX2 with FMA; AVX-512 F, BW, DQ and VL; VNNI; bf16.
enum { APUS_SSE4_2, APUS_AVX2, APUS_AVX512, APUS_AVX512_VNNI, APUS_AVX512_BF16 };

/// The widest set of this machine (APUS_SSE4_2 also for less; the loops ask for plain x86-64 alone).
int32_t apus_machine_set(void);

/// The set that the environment variable APUS_ISA names; the machine's widest where it is absent or empty, -1 for a name
/// that is none.
int32_t apus_wanted_set(void);

/// The name of a set, as APUS_ISA takes it: `sse4.2`, `avx2`, `avx512`, `avx512_vnni`, `avx512_bf16`; null for none.
const char *apus_set_name(int32_t set);

/// The set that the loops below use: the one wanted, or the machine's widest where it lacks that.
int32_t apus_vector_loops(void);

/// Holds the loops below to another set from now on (for tests that compare them); -1 where the machine lacks it.
int32_t apus_hold_vector_loops(int32_t set);

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

/// line[k] = a[k] + (b[k] - a[k]) · weight.
void apus_mix_float_rows(float *line, const float *a, const float *b, float weight, int64_t count);

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

/// A step on a result before it is written.
typedef struct {
  /// 0: max(x, 0) + a · min(x, 0); 1: x between a and b; 2: x / (1 + exp(-a · x)); 3: x · (x + 3 between 0 and 6) / 6;
  /// 4: plus `tensor`, which lies as the target does; 5: 1 / (1 + exp(-x)).
  int32_t kind;
  float a, b;
  const float *tensor;
} ApusFusedStep;

/// Where channels lie in blocks of eight: floats from a sample, block, row and pixel to the next; a pixel of a block is
/// eight floats.
typedef struct {
  int64_t sample, block, row, pixel;
} ApusBlocks;

/// A convolution by a 3x3 kernel with stride 1, by Winograd's F(4x4, 3x3).
typedef struct {
  const float *source, *weights, *bias;
  float *target;
  ApusBlocks sourceBlocks, targetBlocks;
  /// Channels and outputs, multiples of 8; rows and columns of the source and of the target; zeros above and at left.
  int64_t channels, outputs, height, width, targetHeight, targetWidth, top, left;
  /// Outputs that are more than padding; the others are written as zeros.
  int64_t realOutputs;
  const ApusFusedStep *steps;
  int64_t stepCount;
} ApusWinograd;

/// Tiles of 4x4 results that are done together at most.
enum { APUS_WINOGRAD_TILES = 48 };

/// Floats of the weights for `apus_winograd`, and of its scratch memory.
int64_t apus_winograd_weight_count(int64_t channels, int64_t outputs);
int64_t apus_winograd_scratch_count(int64_t channels, int64_t outputs);

/// Brings weights [outputs][channels][3][3] into the form that `apus_winograd` reads; paddings are zeros.
void apus_winograd_weights(
    float *target, const float *weights, int64_t outputs, int64_t channels, int64_t paddedOutputs,
    int64_t paddedChannels);

/// Computes `count` (at most APUS_WINOGRAD_TILES) tiles from `first` on (row by row, sample by sample) for outputs
/// `firstOutput` (a multiple of 16) to `endOutput` (one too, or the last). Needs APUS_AVX2 or more.
/// Source: Lavin & Gray, arXiv 1509.09308, section 4.
void apus_winograd(
    const ApusWinograd *convolution, int64_t first, int64_t count, int64_t firstOutput, int64_t endOutput,
    float *scratch);

#ifdef __cplusplus
}
#endif

#endif
