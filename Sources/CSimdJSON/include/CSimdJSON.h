#ifndef APUS_CSIMDJSON_H
#define APUS_CSIMDJSON_H
#ifdef __cplusplus
extern "C" {
#endif
int apus_simdjson_version_major(void);
#ifdef __cplusplus
}
#endif
#endif
