#include "CPCLBoost.h"

#include <pcl/point_cloud.h>
#include <pcl/point_types.h>
#include <pcl/sample_consensus/ransac.h>
#include <pcl/sample_consensus/sac_model_perpendicular_plane.h>

#include <algorithm>

#include "CPCL.h"

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

}  // namespace

extern "C" {

int32_t apus_pcl_ground_plane(const float *points, int32_t count, float distance, float maximum_tilt,
                              int32_t iterations, float coefficients[4], uint8_t *inliers) {
  std::fill(coefficients, coefficients + 4, 0.0f);
  if (inliers) std::fill(inliers, inliers + count, uint8_t{0});
  if (count < 3) return APUS_PCL_OK;
  try {
    // What PCL's SACSegmentation does, without the library around it, whose loading takes longer than this.
    const auto model = pcl::make_shared<pcl::SampleConsensusModelPerpendicularPlane<pcl::PointXYZ>>(
        cloud_of(points, count), false);  // false: the generator's seed is fixed
    model->setAxis(Eigen::Vector3f::UnitZ());
    model->setEpsAngle(maximum_tilt);
    pcl::RandomSampleConsensus<pcl::PointXYZ> consensus(model, distance);
    consensus.setMaxIterations(iterations);
    if (!consensus.computeModel(0)) return APUS_PCL_OK;
    pcl::Indices indices;
    consensus.getInliers(indices);
    Eigen::VectorXf found, plane;
    consensus.getModelCoefficients(found);
    model->optimizeModelCoefficients(indices, found, plane);
    model->selectWithinDistance(plane, distance, indices);
    if (plane.size() != 4 || indices.empty()) return APUS_PCL_OK;
    const float sign = plane[2] < 0 ? -1.0f : 1.0f;
    for (int k = 0; k < 4; ++k) coefficients[k] = sign * plane[k];
    if (inliers) {
      for (const auto k : indices) inliers[k] = 1;
    }
    return APUS_PCL_OK;
  } catch (...) {
    return APUS_PCL_FAILED;
  }
}

}  // extern "C"
