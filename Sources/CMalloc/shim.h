// One header for Swift, found on the compiler's own path.
#include <malloc.h>
