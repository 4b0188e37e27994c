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

/// Euclidean clusters: `labels` gets the cluster of each point, numbered by falling size, or -1.
int32_t apus_pcl_clusters(const float *points, int32_t count, float tolerance, int32_t minimum, int32_t maximum,
                          int32_t *labels, int32_t *cluster_count);

/// VoxelGrid: centroids of the occupied leaves, packed, into `centroids` (room for `count` points).
/// Where the leaves are too many for PCL's 32-bit index the status is APUS_PCL_FAILED.
int32_t apus_pcl_voxel_grid(const float *points, int32_t count, float leaf, float *centroids,
                            int32_t *centroid_count);

/// Milliseconds that VoxelGrid::filter alone takes on a cloud that already lies in PCL's memory, `repeat` times.
int32_t apus_pcl_voxel_grid_timed(const float *points, int32_t count, float leaf, int32_t repeat,
                                  double *milliseconds, int32_t *centroid_count);

/// Registration: `transform` is row-major 4 x 4 (targetFromSource): the guess on entry, the result on return.
/// `fitness` is the mean squared distance from moved source points to their nearest target points.
int32_t apus_pcl_icp(const float *source, int32_t source_count, const float *target, int32_t target_count,
                     float maximum_distance, int32_t iterations, double transform[16], double *fitness,
                     int32_t *converged);

/// As apus_pcl_icp, by the normal distributions transform with cells of `resolution` metres.
int32_t apus_pcl_ndt(const float *source, int32_t source_count, const float *target, int32_t target_count,
                     float resolution, int32_t iterations, double transform[16], double *fitness,
                     int32_t *converged);

#ifdef __cplusplus
}
#endif
#endif
