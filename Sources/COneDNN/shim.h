// oneDNN 2.6's C API for Swift, and the macros Swift cannot import.
#ifndef APUS_CONEDNN_SHIM_H
#define APUS_CONEDNN_SHIM_H
#include <dnnl.h>

static void *const apus_dnnl_memory_allocate = DNNL_MEMORY_ALLOCATE;
static void *const apus_dnnl_memory_none = DNNL_MEMORY_NONE;

static inline int apus_dnnl_arg_post_op(int index, int argument) {
  return DNNL_ARG_ATTR_MULTIPLE_POST_OP(index) | argument;
}
#endif
