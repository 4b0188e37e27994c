// A C interface over the parts of PCL 1.13 that Apus uses. Points are packed x, y, z triples in metres, all finite.
// Every function returns 0, or a negative status where PCL threw; none keeps a pointer after it returns.
#ifndef APUS_CPCL_H
#define APUS_CPCL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define APUS_PCL_OK 0
#define APUS_PCL_FAILED (-1)

/// RANSAC plane whose normal lies within `maximum_tilt` radians of z. `coefficients` are a, b, c, d of
/// ax + by + cz + d = 0 with c > 0; `inliers` (one byte a point) may be null. A plane that is not found has all four 0.
int32_t apus_pcl_ground_plane(const float *points, int32_t count, float distance, float maximum_tilt,
                              int32_t iterations, float coefficients[4], uint8_t *inliers);

#ifdef __cplusplus
}
#endif
#endif
