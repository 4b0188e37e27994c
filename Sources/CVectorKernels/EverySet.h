// Compiles the file that LOOPS names once for each instruction set, each in a namespace of its own, and KERNEL calls the
// one for the set in use. All give the same bytes: sums are not fused, and their order is fixed.
#ifndef APUS_EVERY_SET_H
#define APUS_EVERY_SET_H

#include <stdint.h>

#include "CVectorKernels.h"

#pragma STDC FP_CONTRACT OFF

namespace baseline {
#include LOOPS
}

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
namespace avx2 {
#include LOOPS
}
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
namespace avx512 {
#include LOOPS
}
#pragma clang attribute pop

/// `name` behind its C declaration: `KERNEL(float, sum, (const float *x, int64_t count), (x, count))`.
#define KERNEL(result, name, parameters, arguments)                      \
  result apus_##name parameters {                                        \
    switch (apus_vector_loops()) {                                       \
      case APUS_SSE4_2: return baseline::name arguments;                 \
      case APUS_AVX2: return avx2::name arguments;                       \
      default: return avx512::name arguments;                            \
    }                                                                    \
  }
#else
#define KERNEL(result, name, parameters, arguments) \
  result apus_##name parameters { return baseline::name arguments; }
#endif

#endif
