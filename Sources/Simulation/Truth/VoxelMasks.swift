import Geometry
import Scenes

/// Which voxels of an Occ3D volume beams and pixels see. Ego frame.
package struct VoxelMasks: Sendable {
  /// Ends of a camera's rays, 70 m away: one every third of a degree or so, 0.25 m at 40 m.
  private let rays: [(origin: SIMD3<Float>, ends: [SIMD3<Float>])]
  private let views: [(model: CameraModel, cameraFromEgo: RigidTransform)]
  private static let voxelCount = OccupancyVolume.shape.x * OccupancyVolume.shape.y * OccupancyVolume.shape.z

  /// - Parameter cameras: each camera's model and `egoFromCamera`.
  package init(_ cameras: [(model: CameraModel, egoFromCamera: RigidTransform)]) {
    views = cameras.map { ($0.model, $0.egoFromCamera.inverse) }
    rays = cameras.map { camera in
      let columns = max(1, min(camera.model.width, 224))
      let rows = max(1, min(camera.model.height, 126))
      let place = camera.egoFromCamera
      var ends: [SIMD3<Float>] = []
      ends.reserveCapacity(columns * rows)
      for row in 0..<rows {
        for column in 0..<columns {
          let pixel = SIMD2(
            (Double(column) + 0.5) / Double(columns) * Double(camera.model.width) - 0.5,
            (Double(row) + 0.5) / Double(rows) * Double(camera.model.height) - 0.5)
          guard let direction = camera.model.unproject(pixel) else { continue }
          let end = place.translation + place.rotation.rotate(direction) * 70
          ends.append(SIMD3(Float(end.x), Float(end.y), Float(end.z)))
        }
      }
      let origin = place.translation
      return (SIMD3(Float(origin.x), Float(origin.y), Float(origin.z)), ends)
    }
  }

  /// Voxels that beams cross or hit: 1, others 0.
  /// - Parameter ends: where beams end.
  package func lidar(origin: SIMD3<Double>, ends: [SIMD3<Float>]) -> [UInt8] {
    var mask = [UInt8](repeating: 0, count: Self.voxelCount)
    let start = SIMD3<Float>(Float(origin.x), Float(origin.y), Float(origin.z))
    mask.withUnsafeMutableBufferPointer { mask in
      for end in ends {
        Self.walk(from: start, to: end) { k in
          mask[k] = 1
          return true
        }
      }
    }
    return mask
  }

  /// Voxels that a camera sees, up to and with the first filled one: 1, others 0.
  ///
  /// Free space is seen by a grid of rays; a filled voxel by a ray to its middle or to the middle of its upper face
  /// (the ground far away is seen at angles that a grid of rays would miss).
  package func cameras(semantics: [UInt8]) -> [UInt8] {
    var mask = freeSpace(semantics: semantics)
    semantics.withUnsafeBufferPointer { semantics in
      for k in semantics.indices where semantics[k] != OccupancyVolume.free && mask[k] == 0 {
        let low = SIMD3(Double(k / 3200), Double(k / 16 % 200), Double(k % 16))
        for height in [0.5, 0.999] where mask[k] == 0 {
          let p = (low + SIMD3(0.5, 0.5, height)) * 0.4 + SIMD3(-40, -40, -1)
          if isSeen(p, voxel: k, semantics: semantics) { mask[k] = 1 }
        }
      }
    }
    return mask
  }

  /// Whether a camera's line of sight to a place in a filled voxel meets no other filled one.
  ///
  /// Walked from the place to the camera: most hidden voxels have a filled neighbour in front of them.
  private func isSeen(_ p: SIMD3<Double>, voxel: Int, semantics: UnsafeBufferPointer<UInt8>) -> Bool {
    let place = SIMD3<Float>(Float(p.x), Float(p.y), Float(p.z))
    for (camera, view) in zip(rays, views) {
      guard let pixel = view.model.project(view.cameraFromEgo * p), view.model.contains(pixel) else {
        continue
      }
      var isClear = true
      Self.walk(from: place, to: camera.origin) { k in
        isClear = k == voxel || semantics[k] == OccupancyVolume.free
        return isClear
      }
      if isClear { return true }
    }
    return false
  }

  private func freeSpace(semantics: [UInt8]) -> [UInt8] {
    var mask = [UInt8](repeating: 0, count: Self.voxelCount)
    mask.withUnsafeMutableBufferPointer { mask in
      semantics.withUnsafeBufferPointer { semantics in
        for camera in rays {
          for end in camera.ends {
            Self.walk(from: camera.origin, to: end) { k in
              mask[k] = 1
              return semantics[k] == OccupancyVolume.free
            }
          }
        }
      }
    }
    return mask
  }

  /// Visits the voxels from one place to another until `visit` says no, the place is reached, or the volume is left.
  /// - Precondition: the first place lies over the volume's ground area.
  /// - Source: Amanatides and Woo, "A fast voxel traversal algorithm", Eurographics 1987.
  @inline(__always)
  private static func walk(from a: SIMD3<Float>, to b: SIMD3<Float>, visit: (Int) -> Bool) {
    let start = (a - SIMD3<Float>(-40, -40, -1)) / 0.4
    let d = (b - a) / 0.4
    let length = abs(d.x) + abs(d.y) + abs(d.z)
    guard length > 1e-6, length < 1e6 else { return }
    var x = Int(start.x.rounded(.down))
    var y = Int(start.y.rounded(.down))
    var z = Int(start.z.rounded(.down))
    let (stepX, stepY, stepZ) = (d.x < 0 ? -1 : 1, d.y < 0 ? -1 : 1, d.z < 0 ? -1 : 1)
    let deltaX = abs(d.x) > 1e-9 ? 1 / abs(d.x) : .infinity
    let deltaY = abs(d.y) > 1e-9 ? 1 / abs(d.y) : .infinity
    let deltaZ = abs(d.z) > 1e-9 ? 1 / abs(d.z) : .infinity
    func first(_ at: Float, _ cell: Int, _ step: Int, _ delta: Float) -> Float {
      delta.isFinite ? (step > 0 ? Float(cell + 1) - at : at - Float(cell)) * delta : .infinity
    }
    var nextX = first(start.x, x, stepX, deltaX)
    var nextY = first(start.y, y, stepY, deltaY)
    var nextZ = first(start.z, z, stepZ, deltaZ)
    let (strideX, strideY) = (stepX * 3200, stepY * 16)
    var k = (x * 200 + y) * 16 + z
    while true {
      guard UInt(bitPattern: x) < 200, UInt(bitPattern: y) < 200 else { return }
      if UInt(bitPattern: z) < 16 {
        if !visit(k) { return }
      } else if (z < 0) == (stepZ < 0) {
        return
      }
      if nextX <= nextY, nextX <= nextZ {
        if nextX > 1 { return }
        x += stepX
        k += strideX
        nextX += deltaX
      } else if nextY <= nextZ {
        if nextY > 1 { return }
        y += stepY
        k += strideY
        nextY += deltaY
      } else {
        if nextZ > 1 { return }
        z += stepZ
        k += stepZ
        nextZ += deltaZ
      }
    }
  }
}
