import Algorithms
import Geometry
import PointClouds
import Scenes

/// How the points of a voxel become one value.
public enum VoxelReduction: String, Sendable, Hashable, Codable {
  /// The arithmetic mean.
  case mean
  /// The largest.
  case max
}

/// PointPillars' decorated points: nine features a point, and their reduction by pillar.
public enum PillarFeatures {
  /// The number of features of a point.
  public static let count = 9

  /// `[point, 9]` in the order of `voxels.points`: x, y, z, intensity; xc, yc, zc: the offset from the mean of the
  /// pillar's points; xp, yp: the offset from the pillar's centre. Metres, in the cloud's frame.
  ///
  /// The paper's reflectance is the recorded intensity, unscaled.
  /// - Complexity: O(points); work is split by pillar.
  /// - Source: Lang et al., PointPillars, CVPR 2019, section 2.1.
  public static func decorate(_ cloud: PointCloud, voxels: Voxels, threads: Int = 1) -> [Float] {
    [Float](unsafeUninitializedCapacity: voxels.points.count * count) { buffer, initialized in
      initialized = voxels.points.count * count
      guard initialized > 0 else { return }
      let features = SharedPointer(buffer)
      forEachStrip(of: voxels.count, threads: threads, minimumStrip: 512) { strip in
        for v in strip { decorate(pillar: v, of: voxels, cloud: cloud, into: features) }
      }
    }
  }

  @inline(__always)
  private static func decorate(
    pillar v: Int, of voxels: Voxels, cloud: PointCloud, into features: SharedPointer<Float>
  ) {
    let range = Int(voxels.starts[v])..<Int(voxels.starts[v + 1])
    let first = cloud.position(Int(voxels.points[range.lowerBound]))
    var sum = SIMD3<Float>.zero
    for k in range { sum += cloud.position(Int(voxels.points[k])) - first }
    let mean = first + sum / Float(range.count)
    let center = voxels.layout.center(voxels.cells[v])
    let middle = SIMD2(Float(center.x), Float(center.y))
    for k in range {
      let p = Int(voxels.points[k])
      let position = cloud.position(p)
      let offset = position - mean
      let out = features.base + k * count
      out[0] = position.x
      out[1] = position.y
      out[2] = position.z
      out[3] = cloud.intensity[p]
      out[4] = offset.x
      out[5] = offset.y
      out[6] = offset.z
      out[7] = position.x - middle.x
      out[8] = position.y - middle.y
    }
  }

  /// Reduces `values` `[point, channels]`, in the order of `voxels.points`, to `[voxel, channels]`.
  ///
  /// A voxel's points are taken in their order, so the sum is the same at any number of threads.
  /// - Precondition: `values.count == voxels.points.count * channels`.
  /// - Complexity: O(points x channels).
  public static func reduce(
    _ values: [Float], channels: Int, voxels: Voxels, by reduction: VoxelReduction, threads: Int = 1
  ) -> [Float] {
    precondition(
      values.count == voxels.points.count * channels,
      "\(values.count) values for \(voxels.points.count) points of \(channels) channels")
    return [Float](unsafeUninitializedCapacity: voxels.count * channels) { buffer, initialized in
      initialized = voxels.count * channels
      guard initialized > 0 else { return }
      let output = SharedPointer(buffer)
      forEachStrip(of: voxels.count, threads: threads, minimumStrip: 512) { strip in
        for v in strip {
          let range = Int(voxels.starts[v])..<Int(voxels.starts[v + 1])
          for c in 0..<channels {
            var result = values[range.lowerBound * channels + c]
            for k in range.dropFirst() {
              let value = values[k * channels + c]
              result = reduction == .mean ? result + value : Swift.max(result, value)
            }
            output[v * channels + c] = reduction == .mean ? result / Float(range.count) : result
          }
        }
      }
    }
  }
}
