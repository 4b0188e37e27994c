import Files
import Foundation
import Geometry
import Scenes

/// RayIoU: a semantic volume judged along rays as a LiDAR would cast them, so that thick walls earn nothing.
///
/// From each origin rays go through the true and the found volume to the first cell that is not free. A ray whose true
/// depth and found depth differ by less than 1, 2 or 4 m and whose classes agree is right at that threshold; a class's
/// figure is `right / (truth + found - right)`, counting rays of all frames that meet matter in truth. RayIoU is the mean
/// over the classes that are met, and over the three thresholds.
/// - Source: Liu et al., "Fully Sparse 3D Occupancy Prediction" (SparseOcc), ECCV 2024, section 3.4, and its code,
///   `ray_metrics.py`: 360 azimuths; inclinations -arctan(1/k) for k = 1 … 10, then on in steps of the last difference
///   while below 0.21 rad.
public struct RayMetrics: Sendable, Equatable {
  /// The thresholds in metres.
  public static let thresholds = [1.0, 2.0, 4.0]
  /// Origins further than this from the ego along x or y are not used, in metres.
  public static let originReach = 39.0
  /// The most origins of a frame.
  public static let originCount = 8

  /// The directions of the rays from one origin, of length 1.
  public static let directions: [SIMD3<Double>] = {
    var inclinations = (1...10).map { -atan(1 / Double($0)) }
    while inclinations[inclinations.count - 1] < 0.21 {
      let last = inclinations.count - 1
      inclinations.append(2 * inclinations[last] - inclinations[last - 1])
    }
    return inclinations.flatMap { inclination in
      (0..<360).map { degree in
        let azimuth = Double(degree) * .pi / 180
        return SIMD3(cos(inclination) * cos(azimuth), cos(inclination) * sin(azimuth), sin(inclination))
      }
    }
  }()

  /// Frames that were judged, and their rays that meet matter in truth.
  public private(set) var frames = 0, rays = 0
  private var truth = [Int](repeating: 0, count: VolumeMetrics.classCount)
  private var found = [Int](repeating: 0, count: VolumeMetrics.classCount + 1)
  /// `[threshold][class]`
  private var right = [[Int]](
    repeating: [Int](repeating: 0, count: VolumeMetrics.classCount), count: thresholds.count)

  /// Nothing judged yet.
  public init() {}

  /// Judges one frame from these origins in the ego frame.
  /// - Complexity: O(origins x rays x cells along a ray).
  public mutating func add(
    _ prediction: OccupancyVolume, truth labels: OccupancyVolume, origins: [SIMD3<Double>]
  ) {
    frames += 1
    for origin in origins {
      for direction in Self.directions {
        guard let real = Self.firstHit(labels, from: origin, along: direction) else { continue }
        rays += 1
        truth[Int(real.class)] += 1
        let seen = Self.firstHit(prediction, from: origin, along: direction)
        found[Int(seen?.class ?? OccupancyVolume.free)] += 1
        guard let seen, seen.class == real.class else { continue }
        for (k, threshold) in Self.thresholds.enumerated() where abs(seen.depth - real.depth) < threshold {
          right[k][Int(real.class)] += 1
        }
      }
    }
  }

  /// The origins of a frame: of the LiDAR's places through the scene, given in its ego frame, those within reach, eight at
  /// even steps at most.
  public static func origins(_ places: [SIMD3<Double>]) -> [SIMD3<Double>] {
    let near = places.filter { abs($0.x) < originReach && abs($0.y) < originReach }
    guard near.count > originCount else { return near }
    return (0..<originCount).map { k in
      near[Int((Double(k) * Double(near.count - 1) / Double(originCount - 1)).rounded())]
    }
  }

  /// The first cell along a ray that is not free, and the depth at which the ray enters it; nil where it leaves the volume.
  /// - Source: Amanatides and Woo, "A Fast Voxel Traversal Algorithm for Ray Tracing", Eurographics 1987.
  static func firstHit(
    _ volume: OccupancyVolume, from origin: SIMD3<Double>, along direction: SIMD3<Double>
  ) -> (class: UInt8, depth: Double)? {
    let shape = SIMD3(OccupancyVolume.shape.x, OccupancyVolume.shape.y, OccupancyVolume.shape.z)
    let minimum = SIMD3(BEVGrid.occ3D.minimumX, BEVGrid.occ3D.minimumY, OccupancyVolume.minimumZ)
    let size = BEVGrid.occ3D.cellSize
    let place = (origin - minimum) / size
    var cell = SIMD3<Int>(repeating: 0)
    var next = SIMD3<Double>(repeating: .infinity)
    var pace = next
    var step = cell
    for axis in 0..<3 {
      guard place[axis] >= 0, place[axis] < Double(shape[axis]) else { return nil }
      cell[axis] = Int(place[axis])
      guard direction[axis] != 0 else { continue }
      step[axis] = direction[axis] > 0 ? 1 : -1
      pace[axis] = size / abs(direction[axis])
      let border = Double(cell[axis] + (direction[axis] > 0 ? 1 : 0))
      next[axis] = (border - place[axis]) * size / direction[axis]
    }
    var depth = 0.0
    while true {
      let value = volume.semantics[(cell.x * shape.y + cell.y) * shape.z + cell.z]
      if value != OccupancyVolume.free { return (value, depth) }
      let axis = next.x < next.y ? (next.x < next.z ? 0 : 2) : (next.y < next.z ? 1 : 2)
      cell[axis] += step[axis]
      guard cell[axis] >= 0, cell[axis] < shape[axis] else { return nil }
      depth = next[axis]
      next[axis] += pace[axis]
    }
  }

  /// The mean over the classes that are met, at one threshold; nil where no class is.
  public func intersectionOverUnion(threshold k: Int) -> Double? {
    let values = (0..<VolumeMetrics.classCount).compactMap { c -> Double? in
      let union = truth[c] + found[c] - right[k][c]
      return union > 0 ? Double(right[k][c]) / Double(union) : nil
    }
    return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  /// RayIoU: the mean over the thresholds.
  public var mean: Double? {
    let values = Self.thresholds.indices.compactMap { intersectionOverUnion(threshold: $0) }
    return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  /// The figures.
  public var json: JSONValue {
    .members([
      "ray_iou": .optional(mean), "1m": .optional(intersectionOverUnion(threshold: 0)),
      "2m": .optional(intersectionOverUnion(threshold: 1)),
      "4m": .optional(intersectionOverUnion(threshold: 2)),
      "frames": .integer(frames), "rays": .integer(rays),
    ])
  }
}
