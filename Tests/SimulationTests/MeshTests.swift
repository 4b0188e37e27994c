import Algorithms
import Geometry
import Simulation
import Testing

@Suite struct MeshTests {
  static let shapes: [(name: String, size: SIMD3<Float>, mesh: TriangleMesh)] = {
    var list: [(name: String, size: SIMD3<Float>, mesh: TriangleMesh)] = []
    for seed: UInt64 in 1...6 {
      let s = Float(seed) * 0.05
      list.append(
        ("car", SIMD3(1.9, 4.6 + s, 1.5 + s), CarMesh.make(size: SIMD3(1.9, 4.6 + s, 1.5 + s), seed: seed)))
      for (name, size) in [
        ("bus", SIMD3<Float>(2.9, 11 + s, 3.5)), ("truck", SIMD3(2.5, 7 + s, 3)),
        ("trailer", SIMD3(2.3, 10, 3.6 + s)),
        ("construction", SIMD3(2.8, 6, 3 + s)),
      ] {
        let mesh =
          switch name {
          case "bus": LargeVehicleMeshes.bus(size: size, seed: seed)
          case "truck": LargeVehicleMeshes.truck(size: size, seed: seed)
          case "trailer": LargeVehicleMeshes.trailer(size: size, seed: seed)
          default: LargeVehicleMeshes.construction(size: size, seed: seed)
          }
        list.append((name, size, mesh))
      }
      let cycle = SIMD3<Float>(0.7, 1.8 + s, 1.7)
      for isMotor in [true, false] {
        list.append(
          (
            "cycle", cycle,
            PersonMeshes.cycle(size: cycle, seed: seed, isMotor: isMotor, hasRider: seed % 2 == 0, phase: 1)
          ))
      }
      let cone = SIMD3<Float>(0.4, 0.4, 0.8 + s)
      list.append(("cone", cone, RoadObjectMeshes.cone(size: cone, seed: seed)))
      let barrier = SIMD3<Float>(2, 0.6, 1 + s)
      list.append(("barrier", barrier, RoadObjectMeshes.barrier(size: barrier, seed: seed)))
    }
    return list
  }()

  @Test func meshFillsItsBox() {
    for (name, size, mesh) in Self.shapes {
      let (low, high) = mesh.bounds
      let half = SIMD3(size.y, size.x, size.z) / 2
      // Float32 over metres: a tenth of a millimetre.
      let gap = max((low + half).length, (high - half).length)
      #expect(gap < 1e-4, "\(name): \(low) to \(high) for \(size)")
      #expect(mesh.count > 20 && mesh.count == mesh.materials.count && mesh.count == mesh.colors.count)
    }
  }

  @Test func pedestrianStaysInItsBoxAtEveryPhase() {
    let size = SIMD3<Float>(0.7, 0.8, 1.75)
    for phase in 0..<12 {
      let mesh = PersonMeshes.pedestrian(
        size: size, seed: 3, category: "human.pedestrian.adult", phase: Float(phase) * .pi / 6, sits: false)
      let (low, high) = mesh.bounds
      let extent = high - low
      #expect(extent.x <= size.y + 1e-4 && extent.y <= size.x + 1e-4, "\(extent)")
      #expect(abs(extent.z - size.z) < 1e-4 && abs(low.z + high.z) < 1e-4, "\(low) to \(high)")
    }
  }

  @Test func lookVariesWithItsSeed() {
    let paints = Set(
      (0..<40).map { CarMesh.make(size: SIMD3(1.9, 4.6, 1.5), seed: $0).colors[6].debugDescription })
    #expect(paints.count > 5, "\(paints.count) paints in 40 cars")
  }

  @Test func hierarchyFindsWhatEveryTriangleFinds() {
    let tree = PlantMeshes.tree(size: SIMD3(4, 4, 7), seed: 5, leaves: 700)
    for (name, mesh) in [("car", Self.shapes[0].mesh), ("bus", Self.shapes[1].mesh), ("tree", tree)] {
      let hierarchy = BoundingVolumeHierarchy(mesh)
      let (low, high) = mesh.bounds
      var random = CounterRandom(99)
      var hits = 0
      for k in 0..<400 {
        let origin = SIMD3<Float>(random.uniform(-9, 9), random.uniform(-9, 9), random.uniform(-1, 6))
        let share = SIMD3<Float>(random.uniform(), random.uniform(), random.uniform())
        let target = low + (high - low) * share
        let direction = (target - origin).unit
        let found = hierarchy.nearestHit(origin: origin, direction: direction, from: 0, to: 50)
        let truth = Self.bruteForce(mesh, origin, direction, limit: 50)
        if found != nil { hits += 1 }
        // The same arithmetic on both sides: the distances are equal to the bit.
        #expect(
          found?.distance == truth,
          "\(name), ray \(k) of seed 99: \(String(describing: found)) for \(truth ?? -1)")
      }
      #expect(hits > 100, "only \(hits) rays met the \(name)")
    }
  }

  @Test func emptyMeshIsNeverMet() {
    let hierarchy = BoundingVolumeHierarchy(TriangleMesh())
    #expect(hierarchy.nearestHit(origin: .zero, direction: SIMD3(1, 0, 0), from: 0, to: 10) == nil)
  }

  @Test func randomNumbersAreUniformNormalAndKeyed() {
    var (sum, squares) = (0.0, 0.0)
    var counts = [Int](repeating: 0, count: 10)
    for k in 0..<20_000 {
      var random = CounterRandom(7, UInt64(k), 3)
      let normal = Double(random.normal())
      sum += normal
      squares += normal * normal
      counts[random.index(10)] += 1
    }
    // 20,000 draws: the mean's deviation is 0.007, the variance's 0.008 (kurtosis is below 3), a count's 42.
    #expect(abs(sum / 20_000) < 0.03 && abs(squares / 20_000 - 1) < 0.04)
    #expect(counts.allSatisfy { abs($0 - 2000) < 200 }, "\(counts)")
    var (a, b, c) = (CounterRandom(1, 2, 3), CounterRandom(1, 2, 3), CounterRandom(1, 3, 2))
    let first = a.next()
    #expect(first == b.next() && first != c.next())
  }

  private static func bruteForce(
    _ mesh: TriangleMesh, _ origin: SIMD3<Float>, _ d: SIMD3<Float>, limit: Float
  ) -> Float? {
    var best: Float?
    for k in 0..<mesh.count {
      let (a, b, c) = mesh.triangle(k)
      let (e1, e2) = (b - a, c - a)
      let p = d.cross(e2)
      let determinant = e1.dot(p)
      if abs(determinant) < 1e-12 { continue }
      let inverse = 1 / determinant
      let s = origin - a
      let u = s.dot(p) * inverse
      let q = s.cross(e1)
      let v = d.dot(q) * inverse
      let t = e2.dot(q) * inverse
      if u >= 0, u <= 1, v >= 0, u + v <= 1, t > 0, t < min(best ?? limit, limit) { best = t }
    }
    return best
  }
}
