// One header for Swift: libzip as it is.
#include <zip.h>
