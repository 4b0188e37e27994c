internal import CPCLPeers
import Geometry
import PointClouds
import Scenes

/// Groups of points, each within a tolerance of the next.
public struct EuclideanClusters: Sendable, Equatable {
  /// Each point's cluster, or -1 for a point in none.
  public let labels: [Int32]
  /// The number of clusters; they are numbered by falling size, then by first point.
  public let count: Int

  /// PCL's Euclidean clusters of a cloud's finite points.
  /// - Throws: where the tolerance is not above 0 or PCL fails.
  /// - Complexity: O(points log points) for bounded density.
  public init(of cloud: PointCloud, tolerance: Float, sizes: ClosedRange<Int> = 1...Int(Int32.max)) throws {
    guard tolerance.isFinite, tolerance > 0 else {
      throw PointCloudsError(
        stage: "clusters", field: "tolerance", found: "\(tolerance)", expected: "metres above 0")
    }
    let points = try PackedPoints(cloud, stage: "clusters")
    var packed = [Int32](repeating: -1, count: points.places.count)
    var clusters: Int32 = 0
    let status = apus_pcl_clusters(
      points.xyz, points.count, tolerance, Int32(clamping: sizes.lowerBound),
      Int32(clamping: sizes.upperBound), &packed, &clusters)
    guard status == APUS_PCL_OK else { throw PointCloudsError.failed("clusters") }
    var labels = [Int32](repeating: -1, count: cloud.count)
    for (k, place) in points.places.enumerated() { labels[place] = packed[k] }
    self.labels = labels
    count = Int(clusters)
  }
}

/// How one cloud lies in another's frame.
public struct CloudRegistration: Sendable, Hashable {
  /// The way to find it.
  public enum Method: Sendable, Hashable {
    /// Iterative closest point: pairs no farther apart than this, in metres.
    case closestPoints(maximumDistance: Float)
    /// The normal distributions transform with cells of this size in metres.
    case normalDistributions(resolution: Float)
  }

  /// From the source's frame to the target's.
  public let targetFromSource: RigidTransform
  /// The mean squared distance of moved source points from their nearest target points, in square metres.
  public let fitness: Double
  /// Whether the method says that it converged.
  public let converged: Bool

  /// Aligns `source` with `target` by PCL, from a guess.
  /// - Throws: where a cloud has fewer than 20 finite points or PCL fails.
  public init(
    source: PointCloud, target: PointCloud, guess: RigidTransform = .identity, method: Method,
    iterations: Int = 50
  ) throws {
    let from = try PackedPoints(source, stage: "registration")
    let to = try PackedPoints(target, stage: "registration")
    guard from.count >= 20, to.count >= 20 else {
      throw PointCloudsError(
        stage: "registration", field: "finite points", found: "\(from.count) and \(to.count)",
        expected: "at least 20 each")
    }
    let m = guess.rotation.matrix
    let t = guess.translation
    var transform = [
      m.0.x, m.0.y, m.0.z, t.x, m.1.x, m.1.y, m.1.z, t.y, m.2.x, m.2.y, m.2.z, t.z, 0, 0, 0, 1,
    ]
    var fitness = 0.0
    var converged: Int32 = 0
    let steps = Int32(clamping: iterations)
    let status =
      switch method {
      case .closestPoints(let distance):
        apus_pcl_icp(
          from.xyz, from.count, to.xyz, to.count, distance, steps, &transform, &fitness, &converged)
      case .normalDistributions(let resolution):
        apus_pcl_ndt(
          from.xyz, from.count, to.xyz, to.count, resolution, steps, &transform, &fitness, &converged)
      }
    guard status == APUS_PCL_OK, transform.allSatisfy(\.isFinite) else {
      throw PointCloudsError.failed("registration")
    }
    let rotation = Quaternion(
      rows: (
        SIMD3(transform[0], transform[1], transform[2]), SIMD3(transform[4], transform[5], transform[6]),
        SIMD3(transform[8], transform[9], transform[10])
      ))
    targetFromSource = RigidTransform(
      rotation: rotation, translation: SIMD3(transform[3], transform[7], transform[11]))
    self.fitness = fitness
    self.converged = converged != 0
  }
}

/// PCL's own voxel grid, for comparison.
public enum LibraryVoxelGrid {
  /// PCL's centroids of a cloud's finite points in cubes of `leaf` metres, x, y and z only.
  /// - Throws: where PCL's index would overflow.
  public static func thinned(_ cloud: PointCloud, leaf: Float) throws -> [SIMD3<Float>] {
    let points = try PackedPoints(cloud, stage: "PCL voxel grid")
    var centroids = [Float](repeating: 0, count: points.xyz.count)
    var count: Int32 = 0
    let status = apus_pcl_voxel_grid(points.xyz, points.count, leaf, &centroids, &count)
    guard status == APUS_PCL_OK else { throw PointCloudsError.failed("PCL voxel grid") }
    return (0..<Int(count)).map { SIMD3(centroids[3 * $0], centroids[3 * $0 + 1], centroids[3 * $0 + 2]) }
  }

  /// Milliseconds of each of `repeats` runs of PCL's filter alone, on a cloud already in PCL's memory.
  public static func milliseconds(_ cloud: PointCloud, leaf: Float, repeats: Int) throws -> [Double] {
    let points = try PackedPoints(cloud, stage: "PCL voxel grid")
    var times = [Double](repeating: 0, count: repeats)
    var count: Int32 = 0
    let status = apus_pcl_voxel_grid_timed(
      points.xyz, points.count, leaf, Int32(clamping: repeats), &times, &count)
    guard status == APUS_PCL_OK else { throw PointCloudsError.failed("PCL voxel grid") }
    return times
  }
}
