#ifndef APUS_CPCL_H
#define APUS_CPCL_H
#ifdef __cplusplus
extern "C" {
#endif
int apus_pcl_version(void);
#ifdef __cplusplus
}
#endif
#endif
