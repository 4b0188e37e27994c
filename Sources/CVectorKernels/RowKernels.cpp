#define LOOPS "RowLoops.h"
#include "EverySet.h"

KERNEL(
    void, add_rows,
    (float *row, const float *source, const int64_t *places, const float *factors, int64_t count, int64_t stride,
     int32_t fresh),
    (row, source, places, factors, count, stride, fresh))

KERNEL(
    void, encode_pillar,
    (float *row, const float *points, int64_t count, int64_t features, const float *shared, int64_t shared_features,
     const float *packed, int64_t stride),
    (row, points, count, features, shared, shared_features, packed, stride))

KERNEL(
    void, find_cells,
    (int32_t *cells, const float *x, const float *y, const float *z, int64_t count, const struct apus_lattice *lattice),
    (cells, x, y, z, count, lattice))

KERNEL(
    void, transpose_groups,
    (float *target, int64_t plane, const float *tile, int64_t stride, int64_t channels, const int32_t *first,
     int64_t groups),
    (target, plane, tile, stride, channels, first, groups))

KERNEL(
    float, dot_and_add, (float *row, const float *gradient, const float *features, float factor, int64_t count),
    (row, gradient, features, factor, count))

KERNEL(
    void, mix_float_rows, (float *line, const float *a, const float *b, float weight, int64_t count),
    (line, a, b, weight, count))

KERNEL(
    void, mix_rows, (uint16_t *line, const uint8_t *a, const uint8_t *b, uint16_t weight, int64_t count),
    (line, a, b, weight, count))

KERNEL(
    void, mix_columns, (uint8_t *target, const uint16_t *a, const uint16_t *b, uint32_t weight, int64_t count),
    (target, a, b, weight, count))
