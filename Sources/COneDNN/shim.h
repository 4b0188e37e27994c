// oneDNN 2.6's C API for Swift.
#include <dnnl.h>
