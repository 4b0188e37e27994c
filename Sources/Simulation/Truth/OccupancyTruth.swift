import Files
import Geometry
import Scenes

/// Occ3D labels of a keyframe: what fills each voxel, and which voxels LiDAR and cameras can see.
///
/// Surfaces are sampled every 0.3 m or denser; a voxel that holds several classes takes the actor's, else the standing
/// thing's, else the ground's.
/// - Source: Tian et al., "Occ3D", NeurIPS 2023 (layout and classes; `mask_lidar`: crossed or hit by a beam;
///   `mask_camera`: seen by a camera before the first filled voxel).
struct OccupancyTruth: Sendable {
  private static let shape = OccupancyVolume.shape
  private static let cell = 0.4
  private static let low = SIMD3(-40.0, -40, -1)

  private let geometry: SceneGeometry
  private let ground: [UInt8]
  private let elevations: [Float]
  private let grid: BEVGrid
  /// Samples of standing things in the geometry's local frame, in columns: so that a keyframe reads its surroundings alone.
  private let samples: [[(point: SIMD3<Float>, label: UInt8)]]
  private let tiles: BEVGrid

  /// Prepares a scene's surroundings.
  init(_ geometry: SceneGeometry) {
    self.geometry = geometry
    let scene = geometry.scene
    let places = scene.ego.poses.map { $0.translation.xy }
    let space = FreeSpace(around: places, margin: 64)
    grid = BEVGrid(
      minimumX: space.grid.minimumX, minimumY: space.grid.minimumY, cellSize: 0.2,
      countX: Int((space.grid.maximumX - space.grid.minimumX) / 0.2),
      countY: Int((space.grid.maximumY - space.grid.minimumY) / 0.2))
    var labels = [Self.label(LidarsegClass.terrain)]
    var heights: [Float] = [0]
    for area in scene.ground.areas {
      labels.append(Self.label(area.material.lidarsegIndex))
      heights.append(Float(area.elevation))
    }
    let indices = scene.ground.areaIndices(over: grid)
    ground = indices.map { labels[Int($0)] }
    elevations = indices.map { heights[Int($0)] }
    tiles = BEVGrid(
      minimumX: grid.minimumX - geometry.origin.x, minimumY: grid.minimumY - geometry.origin.y, cellSize: 8,
      countX: Int((grid.maximumX - grid.minimumX) / 8) + 1,
      countY: Int((grid.maximumY - grid.minimumY) / 8) + 1)
    var samples: [[(point: SIMD3<Float>, label: UInt8)]] = Array(repeating: [], count: tiles.count)
    // What is far above or below the ego's way is in no volume.
    let lowest = Float((scene.ego.poses.map { $0.translation.z }.min() ?? 0) - geometry.origin.z - 4)
    let highest = Float((scene.ego.poses.map { $0.translation.z }.max() ?? 0) - geometry.origin.z + 9)
    for fixture in geometry.fixtures {
      let label = Self.label(fixture.lidarseg)
      Self.sample(fixture.levels[fixture.castLevel]) { [tiles] p in
        guard p.z > lowest, p.z < highest, let cell = tiles.cell(x: Double(p.x), y: Double(p.y)) else {
          return
        }
        samples[tiles.index(cell.i, cell.j)].append((p, label))
      }
    }
    self.samples = samples
  }

  /// Occ3D's class of a lidarseg class: 0 other, 1 to 16 as lidarseg's challenge.
  static func label(_ lidarseg: UInt8) -> UInt8 {
    switch lidarseg {
    case 9: 1  // barrier
    case 14: 2  // bicycle
    case 15, 16: 3  // bus
    case 17: 4  // car
    case 18: 5  // construction vehicle
    case 21: 6  // motorcycle
    case 2, 3, 4, 6: 7  // pedestrian
    case 12: 8  // traffic cone
    case 22: 9  // trailer
    case 23: 10  // truck
    case 24: 11  // driveable surface
    case 25: 12  // other flat
    case 26: 13  // sidewalk
    case 27: 14  // terrain
    case 28: 15  // manmade
    case 30: 16  // vegetation
    default: 0
    }
  }

  /// Points on a mesh's triangles, at most 0.3 m apart along its edges.
  @inline(__always)
  private static func sample(_ mesh: TriangleMesh, _ use: (SIMD3<Float>) -> Void) {
    for k in 0..<mesh.count {
      let (a, b, c) = mesh.triangle(k)
      let ab = b - a
      let ac = c - a
      let bc = c - b
      let squared = max((ab * ab).sum(), max((ac * ac).sum(), (bc * bc).sum()))
      let n = min(400, max(1, Int((squared.squareRoot() / 0.3).rounded(.up))))
      if n == 1 {
        use(a + (ab + ac) / 3)
        continue
      }
      for i in 0...n {
        for j in 0...(n - i) { use(a + ab * (Float(i) / Float(n)) + ac * (Float(j) / Float(n))) }
      }
    }
  }

  /// The volume's classes, `[i, j, k]`, in the frame of this ego pose.
  func semantics(globalFromEgo: RigidTransform, at timestampMicroseconds: Int64) -> [UInt8] {
    var volume = [UInt8](repeating: OccupancyVolume.free, count: Self.shape.x * Self.shape.y * Self.shape.z)
    fillGround(&volume, globalFromEgo)
    var egoFromGlobal = globalFromEgo.inverse
    egoFromGlobal.translation += egoFromGlobal.rotation.rotate(geometry.origin)
    let egoFromLocal = egoFromGlobal.affine
    let middle = globalFromEgo.translation - geometry.origin
    for i in 0..<tiles.countX {
      for j in 0..<tiles.countY where (tiles.center(i, j) - middle.xy).length < 64 {
        for s in samples[tiles.index(i, j)] {
          let p = egoFromLocal.apply(s.point.x, s.point.y, s.point.z)
          if let k = Self.voxel(p) { volume[k] = s.label }
        }
      }
    }
    for shape in geometry.actors {
      let actor = geometry.scene.actors[shape.actor]
      guard let box = actor.box(at: timestampMicroseconds),
        (box.center - globalFromEgo.translation).xy.length < 66
      else { continue }
      let label = Self.label(actor.lidarsegIndex)
      let egoFromBox = (globalFromEgo.inverse * box.ownerFromBox).affine
      Self.sample(shape.phases[geometry.phase(of: shape, at: timestampMicroseconds)]) { q in
        let p = egoFromBox.apply(q.x, q.y, q.z)
        if let k = Self.voxel(p) { volume[k] = label }
      }
    }
    return volume
  }

  private func fillGround(_ volume: inout [UInt8], _ globalFromEgo: RigidTransform) {
    let egoFromGlobal = globalFromEgo.inverse
    for a in 0..<(2 * Self.shape.x) {
      for b in 0..<(2 * Self.shape.y) {
        let flat = SIMD3(Self.low.x + (Double(a) + 0.5) * 0.2, Self.low.y + (Double(b) + 0.5) * 0.2, 0)
        let place = (globalFromEgo * flat).xy
        guard let cell = grid.cell(x: place.x, y: place.y) else { continue }
        let k = grid.index(cell.i, cell.j)
        let z = geometry.scene.ground.heights.height(place) + Double(elevations[k])
        let p = egoFromGlobal * SIMD3(place.x, place.y, z)
        if let v = Self.voxel(SIMD3(Float(flat.x), Float(flat.y), Float(p.z))) { volume[v] = ground[k] }
      }
    }
  }

  @inline(__always)
  private static func voxel(_ p: SIMD3<Float>) -> Int? {
    let q = ((p - SIMD3<Float>(-40, -40, -1)) / 0.4).rounded(.down)
    guard q.x >= 0, q.y >= 0, q.z >= 0, q.x < 200, q.y < 200, q.z < 16 else { return nil }
    return (Int(q.x) * 200 + Int(q.y)) * 16 + Int(q.z)
  }
}
