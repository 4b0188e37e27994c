#include <stdlib.h>
#include <string.h>

#include <atomic>

#include "CVectorKernels.h"

namespace {

const char *const names[] = {"sse4.2", "avx2", "avx512", "avx512_vnni", "avx512_bf16"};

int32_t widestOfMachine() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return APUS_SSE4_2;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    return APUS_AVX2;
  }
  if (!__builtin_cpu_supports("avx512vnni")) return APUS_AVX512;
  return __builtin_cpu_supports("avx512bf16") ? APUS_AVX512_BF16 : APUS_AVX512_VNNI;
#else
  return APUS_SSE4_2;
#endif
}

int32_t setOfEnvironment() {
  const char *wanted = getenv("APUS_ISA");
  if (!wanted || !*wanted) return apus_machine_set();
  for (int32_t k = 0; k <= APUS_AVX512_BF16; k++) {
    if (strcmp(wanted, names[k]) == 0) return k;
  }
  return -1;
}

int32_t setOfLoops() {
  const int32_t wanted = setOfEnvironment(), widest = apus_machine_set();
  return wanted < 0 || wanted > widest ? widest : wanted;
}

std::atomic<int32_t> loops{setOfLoops()};

}  // namespace

int32_t apus_machine_set(void) {
  static const int32_t widest = widestOfMachine();
  return widest;
}

int32_t apus_wanted_set(void) { return setOfEnvironment(); }

const char *apus_set_name(int32_t set) { return set < 0 || set > APUS_AVX512_BF16 ? nullptr : names[set]; }

int32_t apus_vector_loops(void) { return loops.load(std::memory_order_relaxed); }

int32_t apus_hold_vector_loops(int32_t set) {
  if (set < 0 || set > apus_machine_set()) return -1;
  loops.store(set, std::memory_order_relaxed);
  return 0;
}
