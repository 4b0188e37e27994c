import Foundation
import Geometry
import NeuralEngine
import PointClouds

/// The lattice of pillars that a network was trained with.
struct PillarLattice {
  /// The lower corner, and the extents of a pillar, in metres.
  let low: SIMD3<Double>, size: SIMD3<Double>
  /// Pillars along x and y.
  let columns: Int, rows: Int
  /// Points that a pillar keeps, and pillars that there may be.
  let pointLimit: Int, pillarLimit: Int

  /// - Parameters:
  ///   - range: lower corner, upper corner.
  ///   - fields: whose errors name `key`.
  init(
    range: [Double], size: [Double], pointLimit: Int, pillarLimit: Int, _ fields: DescriptionFields, key: String
  ) throws {
    low = SIMD3(range[0], range[1], range[2])
    self.size = SIMD3(size[0], size[1], size[2])
    let counts = (0..<3).map { ((range[$0 + 3] - range[$0]) / size[$0]).rounded() }
    guard size.allSatisfy({ $0 > 0 }), counts.allSatisfy({ (1...4096).contains($0) }), counts[2] == 1 else {
      throw fields.error(key, "\(range) in steps of \(size)", "1 to 4096 pillars along x and y, 1 along z")
    }
    (columns, rows) = (Int(counts[0]), Int(counts[1]))
    (self.pointLimit, self.pillarLimit) = (pointLimit, pillarLimit)
  }

  var high: SIMD3<Double> { low + size * SIMD3(Double(columns), Double(rows), 1) }
}

/// Points of one moment in a network's frame: `[point, x y z intensity lag]`, the newest sweep's first.
struct NetworkCloud {
  static let width = 5
  var values: [Float] = []

  /// - Parameters:
  ///   - sweeps: the newest first.
  ///   - closeLimit: points of earlier sweeps nearer than this along both x and y of their own sensor are left out.
  init(
    _ sweeps: [Sweep], networkFromGlobal: RigidTransform, timestampMicroseconds: Int64, intensityScale: Double,
    closeLimit: Double
  ) {
    values.reserveCapacity(sweeps.reduce(0) { $0 + $1.points.count } * Self.width)
    for (k, sweep) in sweeps.enumerated() {
      let points = sweep.points, transform = networkFromGlobal * sweep.globalFromEgo * sweep.egoFromSensor
      let lag = Float(Double(timestampMicroseconds - sweep.timestampMicroseconds) * 1e-6)
      for i in 0..<points.count {
        let own = SIMD3(Double(points.x[i]), Double(points.y[i]), Double(points.z[i]))
        if k > 0, abs(own.x) < closeLimit, abs(own.y) < closeLimit { continue }
        let p = transform * own
        values.append(Float(p.x))
        values.append(Float(p.y))
        values.append(Float(p.z))
        values.append(Float(Double(points.intensity[i]) * intensityScale))
        values.append(lag)
      }
    }
  }
}

/// Points sorted into pillars, in the order of each pillar's first point; a pillar keeps its first points.
struct NetworkPillars {
  let lattice: PillarLattice
  /// `[pillar, point, x y z intensity lag]`; rows beyond a pillar's count are 0.
  private(set) var values: [Float] = []
  private(set) var counts: [Int] = []
  /// Column and row of each pillar.
  private(set) var places: [(column: Int, row: Int)] = []

  /// - Complexity: O(points + pillars of the lattice).
  init(_ cloud: NetworkCloud, _ lattice: PillarLattice) {
    self.lattice = lattice
    let width = NetworkCloud.width, limit = lattice.pointLimit
    var pillarOfCell = [Int32](repeating: -1, count: lattice.columns * lattice.rows)
    for i in stride(from: 0, to: cloud.values.count, by: width) {
      let p = SIMD3(Double(cloud.values[i]), Double(cloud.values[i + 1]), Double(cloud.values[i + 2]))
      let cell = (p - lattice.low) / lattice.size
      guard cell.x >= 0, cell.y >= 0, cell.z >= 0, cell.x < Double(lattice.columns),
        cell.y < Double(lattice.rows), cell.z < 1
      else { continue }
      let column = Int(cell.x), row = Int(cell.y), place = row * lattice.columns + column
      var pillar = Int(pillarOfCell[place])
      if pillar < 0 {
        guard counts.count < lattice.pillarLimit else { continue }
        pillar = counts.count
        pillarOfCell[place] = Int32(pillar)
        counts.append(0)
        places.append((column, row))
        values.append(contentsOf: repeatElement(0, count: limit * width))
      }
      guard counts[pillar] < limit else { continue }
      let target = (pillar * limit + counts[pillar]) * width
      for k in 0..<width { values[target + k] = cloud.values[i + k] }
      counts[pillar] += 1
    }
  }

  var count: Int { counts.count }

  /// `[pillar, point, channel]` of some of the points' own values.
  func raw(_ channels: [Int], padding: Int = 0) -> TensorValue {
    let limit = lattice.pointLimit, width = NetworkCloud.width
    var target = [Float](repeating: 0, count: (count + padding) * limit * channels.count)
    for point in 0..<count * limit {
      for (k, channel) in channels.enumerated() {
        target[point * channels.count + k] = values[point * width + channel]
      }
    }
    return TensorValue([count + padding, limit, channels.count], target)
  }

  /// The points' own values, then their offsets from the mean of their pillar's points and from the pillar's centre (as
  /// many of its coordinates as asked for); empty rows are 0. `[pillar, point, channel]`.
  ///
  /// - Parameter padding: pillars of zeros that follow.
  func decorated(_ channels: [Int], centerCoordinates: Int, padding: Int) -> TensorValue {
    let limit = lattice.pointLimit, width = NetworkCloud.width, features = channels.count + 3 + centerCoordinates
    var target = [Float](repeating: 0, count: (count + padding) * limit * features)
    for pillar in 0..<count {
      var mean = SIMD3<Double>.zero
      func position(_ i: Int) -> SIMD3<Double> {
        let at = (pillar * limit + i) * width
        return SIMD3(Double(values[at]), Double(values[at + 1]), Double(values[at + 2]))
      }
      for i in 0..<counts[pillar] { mean += position(i) }
      mean /= Double(counts[pillar])
      let place = places[pillar]
      let center = lattice.low + lattice.size * SIMD3(Double(place.column) + 0.5, Double(place.row) + 0.5, 0.5)
      for i in 0..<counts[pillar] {
        var at = (pillar * limit + i) * features
        for channel in channels {
          target[at] = values[(pillar * limit + i) * width + channel]
          at += 1
        }
        let p = position(i), fromMean = p - mean, fromCenter = p - center
        for k in 0..<3 { target[at + k] = Float(fromMean[k]) }
        for k in 0..<centerCoordinates { target[at + 3 + k] = Float(fromCenter[k]) }
      }
    }
    return TensorValue([count + padding, limit, features], target)
  }

  /// `[pillar, 0 z y x]` as integers, with `padding` rows of zeros behind.
  func coordinates(padding: Int = 0) -> TensorValue {
    var target: [Int64] = []
    for place in places { target += [0, 0, Int64(place.row), Int64(place.column)] }
    target += [Int64](repeating: 0, count: 4 * padding)
    return TensorValue([count + padding, 4], integers: target)
  }
}
