import Geometry
import PointClouds
import Scenes

/// Fills Occ3D's volume from what one frame shows: points by what they belong to, and the insides of sure boxes.
struct SemanticVolume: Sendable {
  /// lidarseg's classes as Occ3D numbers them.
  private static let driveableSurface: UInt8 = 11, manmade: UInt8 = 15

  /// The Occ3D class of a detection class.
  static func label(_ name: DetectionClass) -> UInt8 {
    switch name {
    case .barrier: 1
    case .bicycle: 2
    case .bus: 3
    case .car: 4
    case .constructionVehicle: 5
    case .motorcycle: 6
    case .pedestrian: 7
    case .trafficCone: 8
    case .trailer: 9
    case .truck: 10
    }
  }

  private var semantics = [UInt8](
    repeating: OccupancyVolume.free,
    count: OccupancyVolume.shape.x * OccupancyVolume.shape.y * OccupancyVolume.shape.z)

  /// The volume of a frame.
  /// - Parameters:
  ///   - ranges: the parts of the cloud to take.
  ///   - boxes: objects in the ego frame, by falling score.
  mutating func fill(
    _ cloud: PointCloud, ranges: [Range<Int>], heights: [Float], boxes: [(box: Box3D, name: DetectionClass)]
  ) -> OccupancyVolume {
    for c in semantics.indices { semantics[c] = OccupancyVolume.free }
    for range in ranges {
      for p in range {
        guard let cell = Self.cell(cloud.position(p)) else { continue }
        if heights[p] > 0.25 {
          semantics[cell] = Self.manmade
        } else if semantics[cell] != Self.manmade, heights[p] > -0.3 {
          semantics[cell] = Self.driveableSurface
        }
      }
    }
    for (box, name) in boxes.reversed() { fill(box, Self.label(name)) }
    return OccupancyVolume(semantics: semantics)
  }

  @inline(__always)
  private static func cell(_ p: SIMD3<Float>) -> Int? {
    guard p.x >= -40, p.x < 40, p.y >= -40, p.y < 40, p.z >= -1, p.z < 5.4 else { return nil }
    let i = min(Int((p.x + 40) * 2.5), 199)
    let j = min(Int((p.y + 40) * 2.5), 199)
    let k = min(Int((p.z + 1) * 2.5), 15)
    return (i * 200 + j) * 16 + k
  }

  /// Marks the cells whose centres lie within a box.
  private mutating func fill(_ box: Box3D, _ label: UInt8) {
    let corners = box.corners
    func span(_ axis: Int, _ origin: Double, _ count: Int) -> Range<Int> {
      let values = corners.map { ($0[axis] - origin) / 0.4 }
      let low = min(max(values.min() ?? 0, 0), Double(count))
      let high = min(max(values.max() ?? 0, 0), Double(count))
      return Int(low)..<min(Int(high) + 1, count)
    }
    for i in span(0, -40, 200) {
      for j in span(1, -40, 200) {
        for k in span(2, -1, 16) {
          let center = SIMD3(Double(i) * 0.4 - 39.8, Double(j) * 0.4 - 39.8, Double(k) * 0.4 - 0.8)
          if box.contains(center) { semantics[(i * 200 + j) * 16 + k] = label }
        }
      }
    }
  }
}
