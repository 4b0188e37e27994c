#include "CPCL.h"
extern "C" int apus_pcl_version(void) { return 0; }
