// A C interface over parts of PCL 1.13 that the program does not use. Points are packed x, y, z triples in metres, all finite.
// Every function returns 0, or a negative status where PCL threw; none keeps a pointer after it returns.
#ifndef APUS_CPCL_PEERS_H
#define APUS_CPCL_PEERS_H

#include <stdint.h>

#include "CPCL.h"

#ifdef __cplusplus
extern "C" {
#endif

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
