import Geometry

/// A place and heading on the plane of the global frame at a moment.
public struct MotionSample: Sendable, Hashable {
  /// The moment.
  public var timestampMicroseconds: Int64
  /// In metres.
  public var position: SIMD2<Double>
  /// In radians.
  public var heading: Double

  /// The sample with these values.
  public init(timestampMicroseconds: Int64, position: SIMD2<Double>, heading: Double) {
    self.timestampMicroseconds = timestampMicroseconds
    self.position = position
    self.heading = heading
  }

  /// A pose's place and heading.
  public init(_ timestampMicroseconds: Int64, _ pose: RigidTransform) {
    self.init(
      timestampMicroseconds: timestampMicroseconds, position: pose.translation.xy, heading: pose.rotation.yaw)
  }
}

/// Where each agent was in the last seconds.
///
/// `observe` is called once a frame, in order of time; what has not been seen for longer than is kept is forgotten.
public struct AgentHistories: Sendable {
  /// Microseconds that samples are kept; those a little beyond serve interpolation.
  private let kept: Int64
  private var samples: [String: [MotionSample]] = [:]

  /// No histories yet.
  /// - Parameter seconds: how far back they will be asked for.
  public init(seconds: Double) { kept = Int64((seconds + 0.6) * 1e6) }

  /// Notes where agents are now. A second sample of a moment, or an earlier one, is left out.
  public mutating func observe(
    _ agents: [(id: String, position: SIMD2<Double>, heading: Double)], at timestampMicroseconds: Int64
  ) {
    for agent in agents {
      let sample = MotionSample(
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
  public subscript(_ id: String) -> [MotionSample] { samples[id] ?? [] }

  /// Where something was at a moment, between two samples at most 1.1 s apart or at one at most 0.12 s away; nil where it
  /// was not seen then.
  ///
  /// The same serves futures in training. Headings go the shorter way round.
  /// - Parameter samples: in order of time.
  public static func sample(of samples: [MotionSample], at time: Int64) -> MotionSample? {
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
    return MotionSample(
      timestampMicroseconds: time, position: a.position + (b.position - a.position) * fraction,
      heading: wrapAngle(a.heading + wrapAngle(b.heading - a.heading) * fraction))
  }

  /// Twelve positions half a second apart after a moment, in the frame of where the agent is then; nil where one of them
  /// or the present place is not known.
  /// - Parameter samples: the agent's, in order of time.
  public static func future(
    of samples: [MotionSample], after time: Int64
  ) -> [SIMD2<Double>]? {
    guard let now = sample(of: samples, at: time) else { return nil }
    var path: [SIMD2<Double>] = []
    for step in 1...Trajectories.stepCount {
      guard let then = sample(of: samples, at: time + Int64(step) * 500_000) else {
        return nil
      }
      path.append((then.position - now.position).rotated(by: -now.heading))
    }
    return path
  }
}
