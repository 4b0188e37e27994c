import Algorithms
import Foundation
import Geometry

/// Dresses a map with what stands beside its roads: buildings, trees, lights, signs, fences and small things.
///
/// Works from rasters alone, so that procedural and recorded maps are dressed alike. Nothing stands on a road, on a
/// building, or where somebody passes during the scene.
struct PropPlacement {
  private var space: FreeSpace
  private let distance: [Float]
  private let near: [Int]
  private let base: (SIMD2<Double>) -> Double
  private var random: RandomSource
  private(set) var props: [Prop] = []
  private var spots: [Prop.Kind: [SIMD2<Double>]] = [:]

  /// - Parameters:
  ///   - centres: the ego's way; only its surroundings are dressed.
  ///   - base: the height of the ground (sidewalks included).
  init(
    space: FreeSpace, centres: [SIMD2<Double>], reach: Double, seed: UInt64,
    base: @escaping (SIMD2<Double>) -> Double
  ) {
    self.space = space
    self.base = base
    distance = space.distanceToRoad(limit: 60)
    random = RandomSource(seed: seed, stream: 7)
    let grid = space.grid
    near = (0..<grid.count).filter { k in
      let p = grid.center(k / grid.countY, k % grid.countY)
      return centres.contains { ($0 - p).dot($0 - p) < reach * reach }
    }
  }

  /// Places everything, the large things first.
  mutating func placeAll() {
    guard !near.isEmpty else { return }
    let density = random.uniform(0.35, 1)
    let tall = random.uniform(0.15, 1)
    let green = random.uniform(0.25, 1)
    let thousands = Double(near.count) / 4000  // of square metres
    let lights = random.uniform(24, 34)
    line(.streetLight, at: 0.6...1.4, spacing: lights, attempts: Int(90 * thousands)) {
      SIMD3(0.3, 0.3, $0.uniform(7, 10))
    }
    buildings(attempts: Int(40 * density * thousands), tall: tall)
    fences(attempts: Int(8 * thousands))
    line(.tree, at: 1.0...2.6, spacing: random.uniform(7, 12), attempts: Int(50 * green * thousands)) {
      let h = $0.uniform(4.5, 9)
      return SIMD3(h * 0.65, h * 0.65, h)
    }
    line(.tree, at: 4...55, spacing: 4.5, attempts: Int(30 * green * thousands)) {
      let h = $0.uniform(4, 13)
      return SIMD3(h * 0.7, h * 0.7, h)
    }
    line(.bush, at: 3...40, spacing: 2, attempts: Int(22 * green * thousands)) {
      let w = $0.uniform(0.8, 2.4)
      return SIMD3(w, w, $0.uniform(0.6, 1.8))
    }
    line(.sign, at: 0.5...1.2, spacing: 18, attempts: Int(8 * thousands)) {
      SIMD3(0.7, 0.1, $0.uniform(2.2, 3))
    }
    line(.pole, at: 0.6...2.2, spacing: 20, attempts: Int(5 * thousands)) {
      SIMD3(0.25, 0.25, $0.uniform(4, 9))
    }
    line(.hydrant, at: 0.5...1.2, spacing: 40, attempts: Int(2 * thousands)) { _ in SIMD3(0.35, 0.35, 0.8) }
    line(.bin, at: 0.6...2.5, spacing: 20, attempts: Int(3 * thousands)) { _ in SIMD3(0.6, 0.6, 1.1) }
    line(.bench, at: 1.5...3, spacing: 25, attempts: Int(2 * thousands)) { _ in SIMD3(0.6, 1.6, 0.9) }
    line(.busShelter, at: 1.4...2.4, spacing: 90, attempts: Int(3 * thousands)) { _ in SIMD3(1.4, 4, 2.5) }
  }

  /// Places one thing where it is asked to stand, if there is room.
  mutating func place(_ kind: Prop.Kind, at pose: PlanarPose, size: SIMD3<Double>) {
    let foot = footprint(kind, size)
    guard space.isFree(pose, length: foot.length, width: foot.width, onWalk: true) else { return }
    add(kind, pose, size)
  }

  private func footprint(_ kind: Prop.Kind, _ size: SIMD3<Double>) -> (length: Double, width: Double) {
    switch kind {
    case .tree: (0.9, 0.9)
    case .streetLight, .pole, .trafficLight, .sign: (0.4, 0.4)
    default: (size.y, size.x)
    }
  }

  private mutating func add(_ kind: Prop.Kind, _ pose: PlanarPose, _ size: SIMD3<Double>) {
    let foot = footprint(kind, size)
    space.occupy(pose, length: foot.length, width: foot.width)
    spots[kind, default: []].append(pose.position)
    let z = base(pose.position)
    props.append(
      Prop(
        kind: kind, seed: random.next(), size: size,
        globalFromProp: RigidTransform(
          rotation: Quaternion(yaw: pose.heading),
          translation: SIMD3(pose.position.x, pose.position.y, z))))
  }

  /// A random cell around the ego's way, as a pose whose y axis points away from the nearest road.
  private mutating func candidate() -> (pose: PlanarPose, distance: Double)? {
    let k = near[random.integer(0...(near.count - 1))]
    let n = space.grid.countY
    let i = k / n
    let j = k % n
    guard i > 1, j > 1, i < space.grid.countX - 2, j < n - 2, distance[k] > 0, distance[k] < 59 else {
      return nil
    }
    let gx = Double(distance[k + 2 * n] - distance[k - 2 * n])
    let gy = Double(distance[k + 2] - distance[k - 2])
    guard gx * gx + gy * gy > 0.2 else { return nil }
    let away = atan2(gy, gx)
    return (PlanarPose(position: space.grid.center(i, j), heading: away - .pi / 2), Double(distance[k]))
  }

  private mutating func line(
    _ kind: Prop.Kind, at range: ClosedRange<Double>, spacing: Double, attempts: Int,
    size: (inout RandomSource) -> SIMD3<Double>
  ) {
    for _ in 0..<attempts {
      guard var (pose, d) = candidate(), range.contains(d) else { continue }
      if kind == .tree || kind == .bush { pose.heading = random.uniform(0, 2 * .pi) }
      let others = spots[kind] ?? []
      if others.contains(where: { ($0 - pose.position).length < spacing }) { continue }
      let s = size(&random)
      let foot = footprint(kind, s)
      guard space.isFree(pose, length: foot.length, width: foot.width, onWalk: true) else { continue }
      d = 0
      add(kind, pose, s)
    }
  }

  private mutating func buildings(attempts: Int, tall: Double) {
    for _ in 0..<attempts {
      guard let (pose, d) = candidate(), d > 4 else { continue }
      let length = random.uniform(9, 30)
      let depth = random.uniform(8, 17)
      let storeys = 1 + Int(random.uniform() * random.uniform() * (2 + 14 * tall))
      let setback = random.chance(0.75) ? random.uniform(0.3, 6) : random.uniform(10, 34)
      // The front stands behind the sidewalk, which is at most four metres wide.
      let wanted = 4.2 + setback + depth / 2
      let moved = PlanarPose(position: pose.point(ahead: 0, aside: wanted - d), heading: pose.heading)
      guard space.isFree(moved, length: length + 1, width: depth + 1, onWalk: false) else { continue }
      add(.building, moved, SIMD3(depth, length, 1 + 3.2 * Double(storeys)))
    }
  }

  private mutating func fences(attempts: Int) {
    for _ in 0..<attempts {
      guard let (pose, d) = candidate(), d > 3, d < 12 else { continue }
      let length = random.uniform(4, 14)
      guard space.isFree(pose, length: length, width: 0.6, onWalk: false) else { continue }
      let isWall = random.chance(0.35)
      add(isWall ? .wall : .fence, pose, SIMD3(isWall ? 0.25 : 0.08, length, random.uniform(0.9, 2.2)))
    }
  }
}
