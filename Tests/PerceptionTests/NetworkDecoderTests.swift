import Foundation
import Geometry
import NeuralEngine
import Perception
import Scenes
import Testing

/// Decoders by hand-worked examples, and what is drawn for training read back.
struct NetworkDecoderTests {
  private static let grid = BEVGrid.standard
  private static let pose = RigidTransform(
    rotation: Quaternion(yaw: 2.1), translation: SIMD3(1012.5, 631.25, 3))

  /// Outputs of a perfect network for targets: heat maps' logits, and the planes as they are.
  private func outputs(of targets: DetectionTargets) throws -> [String: TensorValue] {
    var values = targets.tensors
    let heat = try #require(values[NetworkTensors.heatmap])
    let logits = try #require(heat.floats).map { p in
      let p = Double(min(max(p, 1e-6), 1 - 1e-6))
      return Float(log(p / (1 - p)))
    }
    values[NetworkTensors.heatmap] = TensorValue(heat.shape, logits)
    return values
  }

  private func decode(
    _ values: [String: TensorValue], _ head: NetworkConfiguration.Detection, grid: BEVGrid,
    globalFromEgo: RigidTransform = .identity
  ) throws -> [Detection] {
    var decoder = DetectionDecoder(head, grid: grid)
    return try NetworkGoldens.withViews(values) {
      decoder.decode(DetectionDecoder.Outputs($0), globalFromEgo: globalFromEgo)
    }
  }

  @Test func boxesDrawnForTrainingAreReadBack() throws {
    let grid = NetworkConfiguration().grid
    let objects = DetectionClass.allCases.enumerated().map { k, name in
      let attributes = DetectionAttributes.indices(of: name)
      return Detection(
        name: name,
        box: Box3D(
          center: SIMD3(Double(k) * 9.13 - 44, Double(k * 7 % 10) * 8.7 - 40, 0.3 * Double(k)),
          size: SIMD3(0.5 + 0.2 * Double(k), 0.6 + Double(k), 1 + 0.1 * Double(k)),
          rotation: Quaternion(yaw: 0.61 * Double(k) - 3)
        ).transformed(by: Self.pose),
        velocity: SIMD2(Double(k) - 3, 0.5 * Double(k)), score: 1,
        attribute: attributes.isEmpty ? "" : DetectionAttributes.names[attributes.upperBound - 1])
    }
    let head = NetworkConfiguration.Detection()
    let targets = DetectionTargets(objects, globalFromEgo: Self.pose, head: head, grid: grid)
    var strict = head
    strict.minimumScore = 0.9
    let found = try decode(try outputs(of: targets), strict, grid: grid, globalFromEgo: Self.pose)
    #expect(found.count == objects.count)
    for object in objects {
      let twin = try #require(found.first { $0.name == object.name })
      #expect((twin.box.center - object.box.center).length < 1e-4)
      #expect((twin.box.size - object.box.size).length < 1e-5)
      #expect(abs(wrapped(twin.box.yaw - object.box.yaw)) < 1e-6)
      #expect((twin.velocity - object.velocity).length < 1e-5)
      #expect(twin.attribute == object.attribute)
    }
    // A decoder that takes i for j must fail this.
    let values = try outputs(of: targets)
    var swapped = values
    let offset = try #require(values[NetworkTensors.offset]?.floats)
    swapped[NetworkTensors.offset] = TensorValue(
      [1, 2, 128, 128], Array(offset.suffix(128 * 128) + offset.prefix(128 * 128)))
    let wrong = try decode(swapped, strict, grid: grid, globalFromEgo: Self.pose)
    let isSame = wrong.allSatisfy { box in
      objects.contains { (box.box.center - $0.box.center).length < 1e-2 }
    }
    #expect(!isSame)
  }

  private func wrapped(_ angle: Double) -> Double { atan2(sin(angle), cos(angle)) }

  /// Two cars 1.5 m apart in line, and one 1.5 m beside; a better one first.
  private func neighbours() throws -> (values: [String: TensorValue], head: NetworkConfiguration.Detection) {
    var head = NetworkConfiguration.Detection()
    head.classes = [.car, .pedestrian]
    let cells = 32 * 32
    var heat = [Float](repeating: -9, count: 2 * cells)
    var values: [String: TensorValue] = [:]
    func plane(_ name: String, _ channels: [Float]) {
      values[name] = TensorValue(
        [1, channels.count, 32, 32], channels.flatMap { [Float](repeating: $0, count: cells) })
    }
    plane(NetworkTensors.offset, [0.5, 0.5])
    plane(NetworkTensors.height, [1])
    plane(NetworkTensors.size, [log(2), log(4), log(1.5)])
    plane(NetworkTensors.rotation, [0, 1])
    plane(NetworkTensors.velocity, [0, 0])
    plane(NetworkTensors.attribute, [9, 9, 9, 9, 9, 0, 2, 1])
    // A cell is 0.75 m: two cells along x, two along y; the pedestrian at the first car's place.
    for (i, j, logit) in [(10, 10, Float(2)), (12, 10, 1), (10, 13, 0), (20, 20, .nan), (25, 25, .infinity)] {
      heat[i * 32 + j] = logit
    }
    heat[cells + 10 * 32 + 10] = 1.5
    values[NetworkTensors.heatmap] = TensorValue([1, 2, 32, 32], heat)
    return (values, head)
  }

  @Test func suppressionKeepsOneBoxAnObject() throws {
    let grid = BEVGrid(minimumX: -12, minimumY: -12, cellSize: 0.75, countX: 32, countY: 32)
    var (values, head) = try neighbours()
    func names(_ suppression: NetworkConfiguration.Suppression) throws -> [String] {
      head.suppression = suppression
      return try decode(values, head, grid: grid).map { detection in
        let cell = detection.box.center / 0.75 + 16
        return "\(detection.name.rawValue) \(Int(cell.x)) \(Int(cell.y))"
      }
    }
    #expect(try names(.none) == ["car 10 10", "pedestrian 10 10", "car 12 10", "car 10 13"])
    // The car's radius is 2 m: 1.5 m ahead is the same car, 2.25 m beside is another one.
    #expect(try names(.circle) == ["car 10 10", "pedestrian 10 10", "car 10 13"])
    // Of 4 m by 2 m, 1.5 m ahead overlaps by 2.5 / 5.5; 2.25 m beside not at all.
    #expect(try names(.rotated) == ["car 10 10", "pedestrian 10 10", "car 10 13"])
    head.maximumOverlap = 0.5
    #expect(try names(.rotated).count == 4)
    head.maximumCount = 2
    #expect(try names(.none) == ["car 10 10", "pedestrian 10 10"])
  }

  @Test func attributesAreThoseOfTheClass() throws {
    let grid = BEVGrid(minimumX: -12, minimumY: -12, cellSize: 0.75, countX: 32, countY: 32)
    let (values, head) = try neighbours()
    let found = try decode(values, head, grid: grid)
    // Cycles' and pedestrians' logits are higher, but a car is moving, parked or stopped.
    #expect(found[0].attribute == "vehicle.parked" && found[1].attribute == "pedestrian.moving")
    #expect(DetectionAttributes.indices(of: .barrier).isEmpty)
  }

  @Test func whatIsNotANumberIsNoBox() throws {
    let grid = BEVGrid(minimumX: -12, minimumY: -12, cellSize: 0.75, countX: 32, countY: 32)
    var (values, head) = try neighbours()
    head.suppression = .none
    for name in [
      NetworkTensors.offset, NetworkTensors.size, NetworkTensors.velocity, NetworkTensors.rotation,
    ] {
      for bad in [Float.nan, .infinity, 1e30] {
        var broken = values
        let shape = try #require(values[name]).shape
        broken[name] = TensorValue(shape, [Float](repeating: bad, count: shape.reduce(1, *)))
        for box in try decode(broken, head, grid: grid) {
          #expect(
            box.box.center.isFinite && box.box.size.isFinite && box.velocity.x.isFinite, "\(name) \(bad)")
        }
      }
    }
    values[NetworkTensors.heatmap] = TensorValue([1, 2, 32, 32], [Float](repeating: 0, count: 2048))
    #expect(try decode(values, head, grid: grid).count == 300)
  }

  // MARK: Map

  @Test func probabilitiesBecomeBytes() throws {
    var head = NetworkConfiguration.Map()
    head.layers = [.drivableArea]
    let grid = BEVGrid(minimumX: 0, minimumY: 0, cellSize: 1, countX: 2, countY: 3)
    let logits = TensorValue([1, 1, 2, 3], [0, -100, 100, Float(log(3.0)), .nan, -2])
    let layers = try NetworkGoldens.withViews(["x": logits]) {
      MapDecoder(head, grid: grid).layers($0("x"), threads: 2)
    }
    #expect(layers.count == 1 && layers[0].name == "drivable_area")
    #expect(layers[0].values == [128, 0, 255, 191, 0, 30])
  }

  /// A picture's line as it is traced.
  private func traced(_ line: [[SIMD2<Double>]], width: Double = 1.2) throws -> [[SIMD2<Double>]] {
    var head = NetworkConfiguration.Map()
    head.layers = [.laneDivider]
    head.lineWidth = width
    let map = [MapLayer(name: "lane_divider", lines: line)]
    let picture = MapTargets.draw(map, globalFromEgo: .identity, head: head, grid: Self.grid)
    let logits = TensorValue([1, 1, 256, 256], try #require(picture.floats).map { 8 * $0 - 4 })
    var decoder = MapDecoder(head, grid: Self.grid)
    let layers = try NetworkGoldens.withViews(["x": logits]) {
      decoder.lines($0("x"), globalFromEgo: .identity)
    }
    return layers.flatMap(\.lines)
  }

  private func distance(_ p: SIMD2<Double>, _ line: [SIMD2<Double>]) -> Double {
    var least = Double.infinity
    for (a, b) in zip(line, line.dropFirst()) {
      let edge = b - a
      let t = min(max((p - a).dot(edge) / edge.dot(edge), 0), 1)
      least = min(least, (p - a - edge * t).length)
    }
    return least
  }

  private func length(_ line: [SIMD2<Double>]) -> Double {
    zip(line, line.dropFirst()).reduce(0) { $0 + ($1.1 - $1.0).length }
  }

  @Test func aDrawnLineIsTracedBack() throws {
    for line in [
      [SIMD2(-30.0, -12.0), SIMD2(33.0, 9.5)], [SIMD2(4.2, -40), SIMD2(4.2, 40)],
      [SIMD2(-30, 5), SIMD2(0, 8), SIMD2(20, 20), SIMD2(28, 36)],
    ] {
      let found = try traced([line])
      try #require(found.count == 1, "\(found.count) lines")
      for p in found[0] { #expect(distance(p, line) < 0.4, "\(p) is \(distance(p, line)) m off") }
      for p in line { #expect(distance(p, found[0]) < 1.2, "\(p) is missed by \(distance(p, found[0])) m") }
      #expect(abs(length(found[0]) / length(line) - 1) < 0.06)
      #expect(found[0].count <= 10, "\(found[0].count) points")
    }
  }

  @Test func aForkHasThreeLinesAndARingIsClosed() throws {
    let fork = try traced([
      [SIMD2(-30, 0), SIMD2(0, 0), SIMD2(30, 15)], [SIMD2(0, 0), SIMD2(30, -15)],
    ])
    #expect(fork.count == 3, "\(fork.map(length))")
    let circle: [SIMD2<Double>] = (0...60).map { SIMD2(15, 0).rotated(by: Double($0) * Double.pi / 30) }
    let ring = try traced([circle])
    try #require(ring.count == 1)
    #expect(ring[0].first == ring[0].last)
    #expect(abs(length(ring[0]) / length(circle) - 1) < 0.05)
  }

  @Test func tracingEndsOnAnyPicture() throws {
    var tracer = LineTracer(grid: Self.grid, tolerance: 0.2, minimumLength: 0)
    for threshold in [Float(-1), 0, 0.5, 0.9, 2] {
      let noise = NetworkGoldens.units("noise", 256 * 256).map { 2 * $0 - 1 }
      let lines = noise.withUnsafeBufferPointer { values in
        values.baseAddress.map { tracer.lines($0, least: threshold) } ?? []
      }
      #expect(lines.allSatisfy { $0.count >= 2 && $0.allSatisfy { $0.x.isFinite && $0.y.isFinite } })
      #expect(threshold < 1 || lines.isEmpty)
    }
  }

  // MARK: Occupancy and volume

  @Test func theLikeliestClassIsFoundAtAnyThreadCount() throws {
    let grid = NetworkConfiguration().grid
    var head = NetworkConfiguration.Volume()
    head.columnsPerCell = 2
    var decoder = try VolumeDecoder(head, grid: grid)
    #expect(decoder.shape == [10000, 18, 64])
    let labels = NetworkGoldens.units("labels", 640_000).map { UInt8($0 * 18) }
    let volume = OccupancyVolume(semantics: labels)
    let classes = try #require(decoder.targets(volume).integers)
    var logits = [Float](repeating: 0, count: 10000 * 18 * 64)
    for cell in 0..<10000 {
      for voxel in 0..<64 {
        let label = Int(classes[cell * 64 + voxel])
        logits[(cell * 18 + label) * 64 + voxel] = 1
      }
    }
    let value = TensorValue([10000, 18, 64], logits)
    for threads in [1, 2, 3] {
      let found = try NetworkGoldens.withViews(["x": value]) { decoder.decode($0("x"), threads: threads) }
      #expect(found == volume, "\(threads) threads")
    }
    // Voxel (57, 103, 9) by hand: cell (28, 51) of 100 x 100, half cell (1, 1), height 9.
    #expect(classes[(28 * 100 + 51) * 64 + 3 * 16 + 9] == Int64(labels[(57 * 200 + 103) * 16 + 9]))
  }

  @Test func aColumnThatStandsForFourIsWhatMostOfThemAre() throws {
    var decoder = try VolumeDecoder(grid: NetworkConfiguration().grid)
    #expect(decoder.shape == [10000, 18, 16])
    var labels = [UInt8](repeating: 17, count: 640_000)
    func set(_ i: Int, _ j: Int, _ k: Int, _ label: UInt8) { labels[(i * 200 + j) * 16 + k] = label }
    // Cell (3, 4), height 5: two cars, a truck and one free; height 6: one car alone.
    set(6, 8, 5, 4)
    set(7, 9, 5, 4)
    set(6, 9, 5, 10)
    set(7, 8, 6, 4)
    // Cell (3, 5), height 5: a car and a cone.
    set(6, 10, 5, 8)
    set(7, 11, 5, 4)
    let classes = try #require(decoder.targets(OccupancyVolume(semantics: labels)).integers)
    #expect(classes[(3 * 100 + 4) * 16 + 5] == 4 && classes[(3 * 100 + 4) * 16 + 6] == 17)
    #expect(classes[(3 * 100 + 5) * 16 + 5] == 4)
    var logits = [Float](repeating: 0, count: 10000 * 18 * 16)
    for place in classes.indices {
      logits[(place / 16 * 18 + Int(classes[place])) * 16 + place % 16] = 1
    }
    let found = try NetworkGoldens.withViews(["x": TensorValue([10000, 18, 16], logits)]) {
      decoder.decode($0("x"), threads: 2)
    }
    for (i, j) in [(6, 8), (6, 9), (7, 8), (7, 9)] {
      #expect(found.semantics[(i * 200 + j) * 16 + 5] == 4 && found.semantics[(i * 200 + j) * 16 + 6] == 17)
    }
    #expect(found.semantics.filter { $0 != 17 }.count == 8)
  }

  @Test func occupancyIsSmoothedOverTimeAndMovesWithTheEgo() throws {
    let grid = BEVGrid(minimumX: -8, minimumY: -8, cellSize: 1, countX: 16, countY: 16)
    var map = OccupancyMap(grid: grid)
    let wall = grid.index(12, 8), empty = grid.index(4, 8), unseen = grid.index(1, 1)
    var occupied = [Float](repeating: -1, count: grid.count)
    var seen = [Float](repeating: 3, count: grid.count)
    occupied[wall] = 9
    occupied[grid.index(2, 2)] = .nan
    seen[unseen] = -3
    func add(_ x: Double, _ time: Int64) {
      map.update(
        occupied: occupied, seen: seen, evidence: 2,
        globalFromEgo: RigidTransform(rotation: .identity, translation: SIMD3(x, 0, 0)),
        timestampMicroseconds: time)
    }
    add(0, 1_000_000)
    #expect(map.logOdds[wall] == 2 && map.logOdds[empty] == -1)
    #expect(map.observed[unseen] == 0 && map.layers().occupancy[unseen] == 127)
    #expect(map.logOdds[grid.index(2, 2)] == 0)
    // The same frame again says nothing new; half a second later evidence adds up to its bound.
    add(0, 1_000_000)
    #expect(map.logOdds[wall] == 2)
    add(0, 1_500_000)
    #expect(map.logOdds[wall] == 3.5 && map.logOdds[empty] < -1.5)
    // Four metres on, the wall stands four cells nearer.
    seen = [Float](repeating: -1, count: grid.count)
    add(4, 1_600_000)
    #expect(map.logOdds[grid.index(8, 8)] > 3 && map.logOdds[wall] <= 0)
    let targets = OccupancyTargets.draw(map.layers())
    let floats = try #require(targets.floats)
    #expect(
      targets.shape == [1, 2, 16, 16] && floats[grid.index(8, 8)] == 1 && floats[grid.index(2, 8)] == 0)
    #expect(floats[256 + grid.index(15, 8)] == 0 && floats[256 + grid.index(8, 8)] == 1)
  }
}
