internal import CPCL
import Geometry
import Scenes

/// The finite points of a cloud as PCL takes them: packed triples, and where each came from.
package struct PackedPoints {
  package let xyz: [Float]
  package let places: [Int]

  package var count: Int32 { Int32(truncatingIfNeeded: places.count) }

  package init(_ cloud: PointCloud, stage: String) throws {
    guard cloud.count <= Int(Int32.max) / 3 else {
      throw PointCloudsError(
        stage: stage, field: "points", found: "\(cloud.count)", expected: "at most \(Int32.max / 3)")
    }
    let places = (0..<cloud.count).filter {
      // PCL squares coordinates in Float32: beyond 1e15 m nothing is left of them.
      abs(cloud.x[$0]) < 1e15 && abs(cloud.y[$0]) < 1e15 && abs(cloud.z[$0]) < 1e15
    }
    xyz = places.flatMap { [cloud.x[$0], cloud.y[$0], cloud.z[$0]] }
    self.places = places
  }
}

/// A plane `normal · p + offset = 0` with a unit normal that points up, metres.
public struct GroundPlane: Sendable, Hashable {
  /// The unit normal; z is above 0.
  public let normal: SIMD3<Float>
  /// The plane's distance term in metres.
  public let offset: Float

  /// The signed distance of a point from the plane in metres, above it positive.
  public func distance(_ p: SIMD3<Float>) -> Float {
    normal.x * p.x + normal.y * p.y + normal.z * p.z + offset
  }

  /// PCL's RANSAC with a fixed seed, for a plane within `maximumTilt` radians of the horizontal; nil where none is
  /// found. Points that are not finite take no part.
  public static func fit(
    _ cloud: PointCloud, distance: Float, maximumTilt: Float, iterations: Int
  ) throws -> GroundPlane? {
    let points = try PackedPoints(cloud, stage: "ground plane")
    var coefficients: [Float] = [0, 0, 0, 0]
    let status = apus_pcl_ground_plane(
      points.xyz, points.count, distance, maximumTilt, Int32(clamping: iterations), &coefficients, nil)
    guard status == APUS_PCL_OK else { throw PointCloudsError.failed("ground plane") }
    guard coefficients[2] > 0, coefficients.allSatisfy(\.isFinite) else { return nil }
    return GroundPlane(
      normal: SIMD3(coefficients[0], coefficients[1], coefficients[2]), offset: coefficients[3])
  }
}

extension PointCloudsError {
  package static func failed(_ stage: String) -> PointCloudsError {
    PointCloudsError(stage: stage, field: "PCL", found: "failure", expected: "a result")
  }
}
