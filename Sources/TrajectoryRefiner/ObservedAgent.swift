import Foundation
import Geometry
import Scenes

/// An agent as it is seen at one moment, on the plane of the global frame.
public struct ObservedAgent: Sendable, Hashable {
  /// The identity, the same through the scene.
  public var id: String
  /// How it moves.
  public var kind: AgentKind
  /// What it is; nil for the ego and what is none of the ten classes.
  public var name: DetectionClass?
  /// In metres.
  public var position: SIMD2<Double>
  /// In radians.
  public var heading: Double
  /// Width, length and height in metres.
  public var size: SIMD3<Double>

  /// The agent with these properties.
  public init(
    id: String, kind: AgentKind, name: DetectionClass?, position: SIMD2<Double>, heading: Double,
    size: SIMD3<Double>
  ) {
    self.id = id
    self.kind = kind
    self.name = name
    self.position = position
    self.heading = heading
    self.size = size
  }

  /// A track.
  public init(_ track: Track) {
    let detection = track.detection
    self.init(
      id: track.id, kind: AgentKind(detection.name), name: detection.name,
      position: detection.box.center.xy, heading: detection.box.yaw, size: detection.box.size)
  }

  /// An annotated vehicle, person or animal; nil for what does not move by itself.
  public init?(_ annotation: Annotation) {
    guard ["vehicle.", "human.", "animal"].contains(where: annotation.category.hasPrefix) else { return nil }
    let name = DetectionClass(category: annotation.category)
    let walks = !annotation.category.hasPrefix("vehicle.")
    self.init(
      id: annotation.instanceToken, kind: walks ? .vulnerable : AgentKind(name), name: name,
      position: annotation.box.center.xy, heading: annotation.box.yaw, size: annotation.box.size)
  }

  /// The recording vehicle: its rear axle is its place, and its size that of nuScenes' (1.73 x 4.08 x 1.56 m).
  public static func ego(
    _ globalFromEgo: RigidTransform, size: SIMD3<Double> = SIMD3(1.73, 4.08, 1.56)
  ) -> ObservedAgent {
    ObservedAgent(
      id: "ego", kind: .ego, name: nil, position: globalFromEgo.translation.xy,
      heading: globalFromEgo.rotation.yaw, size: size)
  }
}

/// Where each agent was in the last seconds.
///
/// `observe` is called once a frame, in order of time; what has not been seen for longer than is kept is forgotten.
public struct AgentHistories: Sendable {
  /// A place and heading at a moment.
  public struct Sample: Sendable, Hashable {
    /// The moment.
    public var timestampMicroseconds: Int64
    /// In the global frame, in metres.
    public var position: SIMD2<Double>
    /// In radians.
    public var heading: Double

    /// The sample with these values.
    public init(timestampMicroseconds: Int64, position: SIMD2<Double>, heading: Double) {
      self.timestampMicroseconds = timestampMicroseconds
      self.position = position
      self.heading = heading
    }
  }

  /// Microseconds that samples are kept; those a little beyond serve interpolation.
  private let kept: Int64
  private var samples: [String: [Sample]] = [:]

  /// No histories yet.
  /// - Parameter seconds: how far back they will be asked for.
  public init(seconds: Double) { kept = Int64((seconds + 0.6) * 1e6) }

  /// Notes where agents are now. A second sample of a moment, or an earlier one, is left out.
  public mutating func observe(_ agents: [ObservedAgent], at timestampMicroseconds: Int64) {
    for agent in agents {
      let sample = Sample(
        timestampMicroseconds: timestampMicroseconds, position: agent.position, heading: agent.heading)
      var past = samples[agent.id] ?? []
      if let last = past.last, last.timestampMicroseconds >= timestampMicroseconds { continue }
      past.removeAll { $0.timestampMicroseconds < timestampMicroseconds - kept }
      past.append(sample)
      samples[agent.id] = past
    }
    samples = samples.filter {
      ($0.value.last?.timestampMicroseconds ?? .min) >= timestampMicroseconds - kept
    }
  }

  /// An agent's samples in order of time.
  public subscript(_ id: String) -> [Sample] { samples[id] ?? [] }

  /// Where something was at a moment, between two samples at most 1.1 s apart or at one at most 0.12 s away; nil where it
  /// was not seen then.
  ///
  /// The same serves futures in training. Headings go the shorter way round.
  /// - Parameter samples: in order of time.
  public static func sample(of samples: [Sample], at time: Int64) -> Sample? {
    guard let after = samples.firstIndex(where: { $0.timestampMicroseconds >= time }) else {
      return samples.last.flatMap { time - $0.timestampMicroseconds <= 120_000 ? $0 : nil }
    }
    let b = samples[after]
    if b.timestampMicroseconds == time { return b }
    guard after > 0, b.timestampMicroseconds - samples[after - 1].timestampMicroseconds <= 1_100_000 else {
      return b.timestampMicroseconds - time <= 120_000 ? b : nil
    }
    let a = samples[after - 1]
    let fraction =
      Double(time - a.timestampMicroseconds) / Double(b.timestampMicroseconds - a.timestampMicroseconds)
    return Sample(
      timestampMicroseconds: time, position: a.position + (b.position - a.position) * fraction,
      heading: wrapAngle(a.heading + wrapAngle(b.heading - a.heading) * fraction))
  }
}
