#include "CSimdJSON.h"
#include <simdjson.h>
extern "C" int apus_simdjson_version_major(void) { return simdjson::SIMDJSON_VERSION_MAJOR; }
