import Foundation
import Geometry
import NeuralEngine
import Scenes

/// The trajectories that diffusion starts from: for each kind of agent as many as there are modes, in the agent's frame.
public struct TrajectoryAnchors: Sendable, Hashable {
  /// Steps of half a second.
  public static let steps = Trajectories.stepCount

  /// `[kind][mode][step]`: metres in the agent's frame (x along its heading, y to its left), from 0.5 s on.
  public let modes: [[[SIMD2<Double>]]]

  /// Modes a kind.
  public var count: Int { modes[0].count }

  /// The anchors with these modes.
  /// - Throws: `RefinerError` where kinds, modes or steps are missing or a number is not finite.
  public init(modes: [[[SIMD2<Double>]]], file: String = "anchors") throws {
    func fail(_ found: String, _ expected: String) -> RefinerError {
      RefinerError(file: file, field: "anchors", found: found, expected: expected)
    }
    let kinds = AgentKind.allCases.count
    guard modes.count == kinds else { throw fail("\(modes.count) kinds", "\(kinds)") }
    for anchors in modes {
      guard !anchors.isEmpty, anchors.count == modes[0].count else {
        throw fail("\(anchors.count) modes", "\(modes[0].count), at least 1")
      }
      for mode in anchors {
        guard mode.count == Self.steps, mode.allSatisfy({ $0.x.isFinite && $0.y.isFinite }) else {
          throw fail("a mode of \(mode.count) steps", "\(Self.steps) finite positions")
        }
      }
    }
    self.modes = modes
  }

  /// The anchors of a table `[kind][mode][step][x, y]` in millimetres, flat.
  /// - Precondition: as many numbers as whole modes of every kind need.
  init(millimetres table: [Int]) {
    let kinds = AgentKind.allCases.count, width = 2 * Self.steps
    let count = table.count / kinds / width
    precondition(count > 0 && count * kinds * width == table.count, "\(table.count) numbers in a table")
    modes = (0..<kinds).map { kind in
      (0..<count).map { mode in
        let start = (kind * count + mode) * width
        return (0..<Self.steps).map {
          SIMD2(Double(table[start + 2 * $0]) / 1000, Double(table[start + 2 * $0 + 1]) / 1000)
        }
      }
    }
  }

  /// Clusters recorded futures: standing still first, then k-means of the futures that move, ordered by how far they go,
  /// each within the kind's kinematic limits.
  ///
  /// - Parameters:
  ///   - futures: `[kind][future][step]` in the agent's frame.
  ///   - count: modes a kind.
  /// - Throws: `RefinerError` where a kind has fewer moving futures than modes.
  public static func clustered(
    _ futures: [[[SIMD2<Double>]]], count: Int, seed: UInt64
  ) throws -> TrajectoryAnchors {
    let modes = try AgentKind.allCases.map { kind -> [[SIMD2<Double>]] in
      let moving = futures[kind.rawValue].filter { ($0.last ?? .zero).length > 1 }
      guard moving.count >= count else {
        throw RefinerError(
          file: "futures", field: "\(kind)", found: "\(moving.count) that move", expected: "\(count) or more")
      }
      let still = [SIMD2<Double>](repeating: .zero, count: steps)
      guard count > 1 else { return [still] }
      let centers = KMeans(moving.map { $0.flatMap { [$0.x, $0.y] } }, count: count - 1, seed: seed).centers
      let paths = centers.map { center in
        within(KinematicLimits(kind), (0..<steps).map { SIMD2(center[2 * $0], center[2 * $0 + 1]) })
      }
      return [still] + paths.sorted { length($0) < length($1) }
    }
    return try TrajectoryAnchors(modes: modes, file: "futures")
  }

  /// A path to the millimetre that the limits allow, also in single precision.
  private static func within(_ limits: KinematicLimits, _ path: [SIMD2<Double>]) -> [SIMD2<Double>] {
    var result = path
    // Rounding may break a limit that is met exactly: then tighter ones are tried.
    for factor in [1, 0.98, 0.95, 0.9, 0.8, 0.65, 0.5, 0.3] {
      var corrections = KinematicCorrections()
      result = limits.scaled(factor).limited(path, startSpeed: nil, corrections: &corrections)
        .map { SIMD2(millimetres($0.x), millimetres($0.y)) }
      let single = result.map { SIMD2(Double(Float($0.x)), Double(Float($0.y))) }
      if limits.allows(result, startSpeed: nil), limits.allows(single, startSpeed: nil) { break }
    }
    return result
  }

  private static func millimetres(_ x: Double) -> Double {
    let rounded = (x * 1000).rounded() / 1000
    return rounded == 0 ? 0 : rounded
  }

  /// The first so many of a spread-out order: each further anchor is the one farthest from those before.
  /// - Throws: `RefinerError` where more are wanted than there are.
  public func reduced(to count: Int) throws -> TrajectoryAnchors {
    guard count >= 1, count <= self.count else {
      throw RefinerError(file: "anchors", field: "modes", found: "\(count)", expected: "1 to \(self.count)")
    }
    guard count < self.count else { return self }
    return try TrajectoryAnchors(
      modes: modes.map { anchors in
        var chosen = [0]
        while chosen.count < count {
          let next = anchors.indices.max { a, b in
            Self.separation(a, chosen, anchors) < Self.separation(b, chosen, anchors)
          }
          chosen.append(next ?? 0)
        }
        return chosen.sorted().map { anchors[$0] }
      })
  }

  private static func separation(_ a: Int, _ chosen: [Int], _ anchors: [[SIMD2<Double>]]) -> Double {
    chosen.map { meanDistance(anchors[a], anchors[$0]) }.min() ?? 0
  }

  private static func length(_ path: [SIMD2<Double>]) -> Double {
    zip(path, [.zero] + path).reduce(0) { $0 + ($1.0 - $1.1).length }
  }

  /// How far apart two modes are: the mean distance over the steps, in metres.
  public static func meanDistance(_ a: [SIMD2<Double>], _ b: [SIMD2<Double>]) -> Double {
    zip(a, b).reduce(0) { $0 + ($1.0 - $1.1).length } / Double(max(a.count, 1))
  }

  // MARK: As tensors

  /// `[kind, mode, 24]`: x and y of each step in turn, in metres.
  public var tensor: TensorValue {
    TensorValue(
      [modes.count, count, 2 * Self.steps],
      modes.flatMap { $0.flatMap { $0.flatMap { [Float($0.x), Float($0.y)] } } })
  }

  /// The anchors of a tensor `[kind, mode, 24]`.
  /// - Throws: `RefinerError` where the shape is another.
  public init(tensor: TensorValue, file: String = "weights") throws {
    let shape = tensor.shape, width = 2 * Self.steps
    guard let x = tensor.floats, shape.count == 3, shape[0] == AgentKind.allCases.count, shape[2] == width,
      shape[1] > 0
    else {
      throw RefinerError(
        file: file, field: RefinerNetwork.anchorsName, found: "\(tensor.type)",
        expected: "float32[\(AgentKind.allCases.count), modes, \(width)]")
    }
    try self.init(
      modes: (0..<shape[0]).map { kind in
        (0..<shape[1]).map { mode in
          let start = (kind * shape[1] + mode) * width
          return (0..<Self.steps).map {
            SIMD2(Double(x[start + 2 * $0]), Double(x[start + 2 * $0 + 1]))
          }
        }
      }, file: file)
  }

  /// `[kind, 24]`: the unit of each step and axis in metres: the root mean square over the kind's anchors, and not below
  /// 0.5 m. The network computes in these units, so noise is small near the agent and large far from it.
  public var scale: TensorValue {
    let values = modes.flatMap { anchors in
      (0..<Self.steps).flatMap { step in
        [\SIMD2<Double>.x, \SIMD2<Double>.y].map { axis in
          let sum = anchors.reduce(0) { $0 + $1[step][keyPath: axis] * $1[step][keyPath: axis] }
          return Float(max((sum / Double(anchors.count)).squareRoot(), 0.5))
        }
      }
    }
    return TensorValue([modes.count, 2 * Self.steps], values)
  }
}
