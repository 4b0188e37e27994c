import Geometry
import Scenes

/// Counts points in boxes, as the devkit does: borders count.
package enum PointCount {
  /// Points of a cloud inside each box; boxes and points in the same frame.
  /// - Complexity: O(boxes × points), with the cloud's bounds and a sphere's test first.
  package static func inside(_ boxes: [Box3D], _ cloud: PointCloud) -> [Int] {
    var low = SIMD3<Float>(repeating: .infinity)
    var high = SIMD3<Float>(repeating: -.infinity)
    for k in 0..<cloud.count {
      low = low.lesser(cloud.position(k))
      high = high.greater(cloud.position(k))
    }
    return boxes.map { box in
      let center = SIMD3<Float>(Float(box.center.x), Float(box.center.y), Float(box.center.z))
      let reach = Float(SIMD3(box.width, box.length, box.height).length / 2 + 0.01)
      let squared = reach * reach
      guard all(center .>= low - reach), all(center .<= high + reach) else { return 0 }
      var count = 0
      for k in 0..<cloud.count {
        let p = cloud.position(k)
        let d = p - center
        if (d * d).sum() <= squared, box.contains(SIMD3(Double(p.x), Double(p.y), Double(p.z))) { count += 1 }
      }
      return count
    }
  }
}
