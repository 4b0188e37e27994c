#include "CPCLBoost.h"

#include <pcl/filters/voxel_grid.h>
#include <pcl/point_cloud.h>
#include <pcl/point_types.h>
#include <pcl/registration/icp.h>
#include <pcl/registration/ndt.h>
#include <pcl/search/kdtree.h>
#include <pcl/segmentation/extract_clusters.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <vector>

#include "CPCLPeers.h"

namespace {

using Cloud = pcl::PointCloud<pcl::PointXYZ>;

Cloud::Ptr cloud_of(const float *points, int32_t count) {
  Cloud::Ptr cloud(new Cloud);
  cloud->resize(static_cast<std::size_t>(count));
  for (int32_t k = 0; k < count; ++k) {
    (*cloud)[k] = pcl::PointXYZ(points[3 * k], points[3 * k + 1], points[3 * k + 2]);
  }
  return cloud;
}

// PCL's VoxelGrid copies its input where the leaves would overflow its index; that is refused here beforehand.
bool leaves_fit(const float *points, int32_t count, float leaf) {
  double cells = 1;
  for (int axis = 0; axis < 3; ++axis) {
    float low = std::numeric_limits<float>::infinity(), high = -low;
    for (int32_t k = 0; k < count; ++k) {
      low = std::min(low, points[3 * k + axis]);
      high = std::max(high, points[3 * k + axis]);
    }
    cells *= std::floor((static_cast<double>(high) - low) / leaf) + 2;
  }
  return cells < static_cast<double>(std::numeric_limits<int32_t>::max());
}

template <typename Registration>
int32_t align(Registration &registration, const float *source, int32_t source_count, const float *target,
              int32_t target_count, double transform[16], double *fitness, int32_t *converged) {
  registration.setInputSource(cloud_of(source, source_count));
  registration.setInputTarget(cloud_of(target, target_count));
  Eigen::Matrix4f guess;
  for (int k = 0; k < 16; ++k) guess(k / 4, k % 4) = static_cast<float>(transform[k]);
  Cloud moved;
  registration.align(moved, guess);
  const Eigen::Matrix4f result = registration.getFinalTransformation();
  for (int k = 0; k < 16; ++k) transform[k] = result(k / 4, k % 4);
  *fitness = registration.getFitnessScore();
  *converged = registration.hasConverged() ? 1 : 0;
  return APUS_PCL_OK;
}

}  // namespace

extern "C" {

int32_t apus_pcl_clusters(const float *points, int32_t count, float tolerance, int32_t minimum, int32_t maximum,
                          int32_t *labels, int32_t *cluster_count) {
  std::fill(labels, labels + count, -1);
  *cluster_count = 0;
  if (count < 1) return APUS_PCL_OK;
  try {
    const auto cloud = cloud_of(points, count);
    pcl::search::KdTree<pcl::PointXYZ>::Ptr tree(new pcl::search::KdTree<pcl::PointXYZ>);
    tree->setInputCloud(cloud);
    pcl::EuclideanClusterExtraction<pcl::PointXYZ> extraction;
    extraction.setClusterTolerance(tolerance);
    extraction.setMinClusterSize(minimum);
    extraction.setMaxClusterSize(maximum);
    extraction.setSearchMethod(tree);
    extraction.setInputCloud(cloud);
    std::vector<pcl::PointIndices> clusters;
    extraction.extract(clusters);
    // PCL's own order among clusters of one size is not said: the first point settles it.
    for (auto &cluster : clusters) std::sort(cluster.indices.begin(), cluster.indices.end());
    std::sort(clusters.begin(), clusters.end(), [](const auto &a, const auto &b) {
      if (a.indices.size() != b.indices.size()) return a.indices.size() > b.indices.size();
      return a.indices.front() < b.indices.front();
    });
    for (std::size_t c = 0; c < clusters.size(); ++c) {
      for (const auto k : clusters[c].indices) labels[k] = static_cast<int32_t>(c);
    }
    *cluster_count = static_cast<int32_t>(clusters.size());
    return APUS_PCL_OK;
  } catch (...) {
    return APUS_PCL_FAILED;
  }
}

int32_t apus_pcl_voxel_grid(const float *points, int32_t count, float leaf, float *centroids,
                            int32_t *centroid_count) {
  *centroid_count = 0;
  if (count < 1) return APUS_PCL_OK;
  if (!leaves_fit(points, count, leaf)) return APUS_PCL_FAILED;
  try {
    pcl::VoxelGrid<pcl::PointXYZ> grid;
    grid.setLeafSize(leaf, leaf, leaf);
    grid.setInputCloud(cloud_of(points, count));
    Cloud thinned;
    grid.filter(thinned);
    for (std::size_t k = 0; k < thinned.size(); ++k) {
      centroids[3 * k] = thinned[k].x;
      centroids[3 * k + 1] = thinned[k].y;
      centroids[3 * k + 2] = thinned[k].z;
    }
    *centroid_count = static_cast<int32_t>(thinned.size());
    return APUS_PCL_OK;
  } catch (...) {
    return APUS_PCL_FAILED;
  }
}

int32_t apus_pcl_voxel_grid_timed(const float *points, int32_t count, float leaf, int32_t repeat,
                                  double *milliseconds, int32_t *centroid_count) {
  *centroid_count = 0;
  if (count < 1 || !leaves_fit(points, count, leaf)) return APUS_PCL_FAILED;
  try {
    const auto cloud = cloud_of(points, count);
    pcl::VoxelGrid<pcl::PointXYZ> grid;
    grid.setLeafSize(leaf, leaf, leaf);
    grid.setInputCloud(cloud);
    Cloud thinned;
    for (int32_t k = 0; k < repeat; ++k) {
      const auto start = std::chrono::steady_clock::now();
      grid.filter(thinned);
      const auto end = std::chrono::steady_clock::now();
      milliseconds[k] = std::chrono::duration<double, std::milli>(end - start).count();
    }
    *centroid_count = static_cast<int32_t>(thinned.size());
    return APUS_PCL_OK;
  } catch (...) {
    return APUS_PCL_FAILED;
  }
}

int32_t apus_pcl_icp(const float *source, int32_t source_count, const float *target, int32_t target_count,
                     float maximum_distance, int32_t iterations, double transform[16], double *fitness,
                     int32_t *converged) {
  try {
    pcl::IterativeClosestPoint<pcl::PointXYZ, pcl::PointXYZ> registration;
    registration.setMaxCorrespondenceDistance(maximum_distance);
    registration.setMaximumIterations(iterations);
    registration.setTransformationEpsilon(1e-10);
    return align(registration, source, source_count, target, target_count, transform, fitness, converged);
  } catch (...) {
    return APUS_PCL_FAILED;
  }
}

int32_t apus_pcl_ndt(const float *source, int32_t source_count, const float *target, int32_t target_count,
                     float resolution, int32_t iterations, double transform[16], double *fitness,
                     int32_t *converged) {
  try {
    pcl::NormalDistributionsTransform<pcl::PointXYZ, pcl::PointXYZ> registration;
    registration.setResolution(resolution);
    registration.setMaximumIterations(iterations);
    registration.setStepSize(0.1);
    registration.setTransformationEpsilon(1e-4);
    return align(registration, source, source_count, target, target_count, transform, fitness, converged);
  } catch (...) {
    return APUS_PCL_FAILED;
  }
}

}  // extern "C"
