// oneDNN 2.6's C API for Swift, the macros Swift cannot import, and the two OpenMP symbols the engine needs.
#ifndef APUS_CONEDNN_SHIM_H
#define APUS_CONEDNN_SHIM_H
#include <dnnl.h>

// libgomp's thread setting is per calling thread; omp.h lies in gcc's own folder, so the functions are declared here.
void omp_set_num_threads(int count);
int omp_get_max_threads(void);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
// libgomp's entry for `#pragma omp parallel`: runs `body(data)` on `count` threads of the pool oneDNN also uses.
void GOMP_parallel(void (*body)(void *), void *data, unsigned count, unsigned flags);

static void *const apus_dnnl_memory_allocate = DNNL_MEMORY_ALLOCATE;
static void *const apus_dnnl_memory_none = DNNL_MEMORY_NONE;

static inline int apus_dnnl_arg_post_op(int index, int argument) {
  return DNNL_ARG_ATTR_MULTIPLE_POST_OP(index) | argument;
}
#endif
