#define LOOPS "TransformerLoops.h"
#include "EverySet.h"

KERNEL(
    void, normalize_rows,
    (float *target, const float *source, int64_t first, int64_t count, int64_t columns, float epsilon, int32_t centers,
     const float *scale, int64_t rowsPerScale, const float *shift, int64_t rowsPerShift),
    (target, source, first, count, columns, epsilon, centers, scale, rowsPerScale, shift, rowsPerShift))

KERNEL(
    void, scale_rows,
    (float *target, const float *source, const float *factors, int64_t first, int64_t count, int64_t columns),
    (target, source, factors, first, count, columns))

KERNEL(void, gelu_tanh, (float *target, const float *source, int64_t count), (target, source, count))

KERNEL(void, attend, (const ApusAttention *attention, float *scratch), (attention, scratch))
