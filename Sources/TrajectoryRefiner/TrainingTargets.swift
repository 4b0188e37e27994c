import Geometry
import NeuralEngine
import Scenes

/// What a refiner is trained towards, for one agent with a known future.
///
/// The mode whose anchor lies nearest to the future is the right one: it regresses the future, and it is the class of the
/// modes' logits. Noise is put on the proposals (`DiffusionSchedule.noised`), at a level drawn from the truncation.
/// - Source: Liao et al. (DiffusionDrive), arXiv 2411.15139, section 3.3, equation 5.
public struct TrainingTarget: Sendable, Hashable {
  /// The right mode.
  public var mode: Int
  /// The future `[24]` in the network's units.
  public var trajectory: [Float]

  /// The target of a future.
  ///
  /// - Parameters:
  ///   - future: twelve positions in the agent's frame, in metres.
  ///   - scale: `TrajectoryAnchors.scale`, `[kind, 24]`.
  public init(future: [SIMD2<Double>], kind: AgentKind, anchors: TrajectoryAnchors, scale: TensorValue) {
    precondition(future.count == TrajectoryAnchors.steps, "a future of \(future.count) steps")
    mode = Self.nearestAnchor(to: future, kind: kind, anchors: anchors)
    trajectory = Self.normalized(future, kind: kind, scale: scale)
  }

  /// The anchor with the least mean distance to a future (the first of equals).
  public static func nearestAnchor(
    to future: [SIMD2<Double>], kind: AgentKind, anchors: TrajectoryAnchors
  ) -> Int {
    let distances = anchors.modes[kind.rawValue].map { TrajectoryAnchors.meanDistance($0, future) }
    return distances.indices.min { (distances[$0], $0) < (distances[$1], $1) } ?? 0
  }

  /// Positions in metres as `[24]` in the network's units: x and y of each step in turn.
  public static func normalized(
    _ path: [SIMD2<Double>], kind: AgentKind, scale: TensorValue
  ) -> [Float] {
    let units = scale.floats ?? [], start = kind.rawValue * RefinerNetwork.elements
    var result: [Float] = []
    result.reserveCapacity(2 * path.count)
    for (k, p) in path.enumerated() {
      result.append(Float(p.x / Double(units[start + 2 * k])))
      result.append(Float(p.y / Double(units[start + 2 * k + 1])))
    }
    return result
  }

  /// The positions in metres of a trajectory in the network's units.
  public static func metres(
    _ trajectory: [Float], kind: AgentKind, scale: TensorValue
  ) -> [SIMD2<Double>] {
    let units = scale.floats ?? [], start = kind.rawValue * RefinerNetwork.elements
    return (0..<trajectory.count / 2).map { k -> SIMD2<Double> in
      let x = Double(trajectory[2 * k]) * Double(units[start + 2 * k])
      let y = Double(trajectory[2 * k + 1]) * Double(units[start + 2 * k + 1])
      return SIMD2(x, y)
    }
  }
}
