import Files
import Geometry
import Scenes

/// A line of `trajectories/<scene>.jsonl` as it was written: where the ego and the agents may go from one keyframe on.
public struct TrajectoryFrame: Sendable {
  /// The keyframe.
  public var keyframe: Keyframe
  /// The ego's pose then.
  public var globalFromEgo: RigidTransform
  /// Where the ego may go, in the global frame; without modes where they were not finite.
  public var ego: Trajectories
  /// Where the agents may go.
  public var agents: [AgentTrajectories]

  /// Reads a scene's lines, in order.
  /// - Throws: `ResultsError` naming the line and the field; `FileError`.
  public static func read(_ path: String) throws -> [TrajectoryFrame] {
    try JSONLines.read(path) { try TrajectoryFrame($0) }
  }

  private init(_ line: JSONFields) throws {
    keyframe = Keyframe(
      token: try line.text("sample"), timestampMicroseconds: Int64(try line.integer("timestamp")))
    let own = try line.object("ego")
    globalFromEgo = try own.pose()
    ego = try own.trajectories()
    agents = try line.objects("agents").map { agent in
      let name = try agent.text("name")
      guard let known = DetectionClass(rawValue: name) else {
        throw agent.fault("name", found: name, expected: "one of the ten classes")
      }
      let pose = try agent.pose(), size = try agent.numbers("size", 3),
        velocity = try agent.numbers("velocity", 2)
      let box = Box3D(
        center: pose.translation, size: SIMD3(size[0], size[1], size[2]), rotation: pose.rotation)
      let detection = Detection(name: known, box: box, velocity: SIMD2(velocity[0], velocity[1]), score: 0)
      return AgentTrajectories(
        track: Track(id: try agent.text("tracking_id"), detection: detection),
        trajectories: try agent.trajectories())
    }
  }
}

/// A line of `lanes/<scene>.jsonl`: the map's lines as perceived at one keyframe, a layer each, in the global frame.
public struct LaneFrame: Sendable {
  /// The keyframe's token.
  public var sample: String
  /// The layers in the order of their first lines.
  public var layers: [MapLayer]

  /// Reads a scene's lines, in order.
  /// - Throws: `ResultsError` naming the line and the field; `FileError`.
  public static func read(_ path: String) throws -> [LaneFrame] {
    try JSONLines.read(path) { try LaneFrame($0) }
  }

  private init(_ line: JSONFields) throws {
    sample = try line.text("sample")
    layers = []
    for item in try line.objects("lines") {
      let name = try item.text("layer"), points = try item.points("points")
      if let k = layers.firstIndex(where: { $0.name == name }) {
        layers[k].lines.append(points)
      } else {
        layers.append(MapLayer(name: name, lines: [points]))
      }
    }
  }
}

extension JSONFields {
  fileprivate func pose() throws -> RigidTransform {
    let p = try numbers("translation", 3), q = try numbers("rotation", 4)
    return RigidTransform(
      rotation: Quaternion(w: q[0], x: q[1], y: q[2], z: q[3]), translation: SIMD3(p[0], p[1], p[2]))
  }

  fileprivate func trajectories() throws -> Trajectories {
    let modes = try paths("pred_traj"), probabilities = try numbers("pred_prob", modes.count)
    guard modes.allSatisfy({ $0.count == Trajectories.stepCount }) else {
      throw fault(
        "pred_traj", found: "a mode of another length", expected: "\(Trajectories.stepCount) steps each")
    }
    return Trajectories(modes: modes, probabilities: probabilities)
  }
}
